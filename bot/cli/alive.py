"""status --alive: whether `serve` answers, for a container's health check; no curl is needed.

A knock at our own door, not a source that is fetched: so it is in no need of `fetch` and its manners,
and starts within a fraction of the time (decision 125). It comes every minute, so what shows the whole
status is loaded where that is asked for.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.cli.terminal import as_json, say
from bot.cli.typed import configuration_path
from bot.config import kept_config, load_quickly
from bot.errors import StateError
from bot.loading import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from bot.config import Config

_SECONDS = 10.0  # a loop that is silent for so long does nothing for readers either
_LONGEST = 65_536  # bytes of an answer
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not bound


def status(args: argparse.Namespace) -> int:
    """Show what a person asks first, or with --alive only whether `serve` answers."""
    if not args.alive:
        shown: int = load("bot.cli.keeping").status(args)
        return shown
    config = load_quickly(configuration_path(args), _kept_files, kept_config)
    return alive(config, as_document=args.json)


def _kept_files(state: Path) -> Mapping[str, str] | None:
    from bot.app import kept_files  # where an included file is wrong

    return kept_files(state)


def alive(config: Config, *, as_document: bool) -> int:
    """Tell what a running `serve` says of itself; 0 where it answers, whatever it is worried about.

    A source that fails is no reason to start a container anew. Raises StateError where none answers.
    """
    host, port = _door(config.web.listen)
    path = f"{urlsplit(config.bot.base_url).path.rstrip('/')}/health"
    answer = _asked(host, port, path)
    if as_document:
        as_json(answer)
        return 0
    worries = [
        *_listed(answer, "troubles"),
        *(f"source {name}" for name in _listed(answer, "alarms")),
    ]
    say(
        f"serve answers at {config.web.listen}; "
        + (f"worried: {', '.join(worries)}" if worries else "all is well")
    )
    return 0


def _door(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    return _EVERYWHERE.get(host, host), int(port)


def _asked(host: str, port: int, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read(_LONGEST))
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise StateError(
            f"No `paperround serve` answers at {host}:{port} ({reason}). It does not run, listens "
            "elsewhere, or is stuck: its log tells."
        ) from error
    finally:
        connection.close()
    if not isinstance(answer, dict) or "ok" not in answer:
        raise StateError(
            f"What answers at {host}:{port} is no `paperround serve`. Give one of the two another address."
        )
    return answer


def _listed(answer: dict[str, object], name: str) -> list[str]:
    found = answer.get(name)
    return [str(each) for each in found] if isinstance(found, list) else []
