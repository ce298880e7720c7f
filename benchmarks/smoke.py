"""`make smoke`: one polite request of each kind of source, for whoever has a network.

It tells whether the services still answer in the shapes that we read. CI never runs it.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from bot import sources
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.fetch import HttpFetcher
from bot.models import Document, Failure, SourceState

# What a kind needs besides its name; the public services' own addresses are the defaults.
_NEEDS: dict[str, dict[str, object]] = {
    "arxiv": {"categories": ("cs.CL",)},
    "feed": {"url": "https://www.nature.com/nature.rss"},
}


async def _ask(fetcher: HttpFetcher, kind: str) -> tuple[bool, str]:
    source = SourceSettings.model_validate({"name": kind, "kind": kind, **_NEEDS.get(kind, {})})
    now = datetime.now(UTC)
    answer = await fetcher.fetch(sources.request(source, SourceState(kind), now))
    if isinstance(answer, Failure):
        return False, answer.problem
    if not isinstance(answer, Document):
        return False, "answered 304 to a request without validators"
    try:
        parsed = sources.parse(source, answer, now)
    except ParseError as error:
        return False, str(error)
    return True, f"{len(parsed.sightings)} entries {parsed.quiet}".strip()


async def _main(contact: str) -> int:
    well = True
    async with HttpFetcher(contact=contact) as fetcher:
        for kind in sources.KINDS:
            ok, words = await _ask(fetcher, kind)
            well = well and ok
            print(f"{'ok  ' if ok else 'FAIL'} {kind}: {words}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1] if len(sys.argv) > 1 else "")))
