"""`make smoke`: one polite request of each kind of source, for whoever has a network.

It tells whether the services still answer in the shapes that we read; PubMed takes two requests to say
what an article is. CI never runs it. Services that want a token are skipped by name without one:
`OPENREVIEW_TOKEN`, `S2_API_KEY`, `NCBI_API_KEY` in the environment are used where they are set.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from bot import sources
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.fetch import HttpFetcher
from bot.models import Document, Failure, Identifier, Paper, Parsed, Request, Scheme, SourceState
from bot.sources.enrichment import SERVICES
from bot.sources.kinds import Caller
from bot.sources.spans import Span

# What a kind needs besides its name; the public services' own addresses are the defaults.
_NEEDS: dict[str, dict[str, object]] = {
    "arxiv": {"categories": ("cs.CL",)},
    "crossref": {"issn": ("0028-0836",)},
    "pubmed": {"query": "base editing"},
    "openreview": {"venue": "ICLR.cc/2025/Conference"},
    "feed": {"url": "https://www.nature.com/nature.rss"},
}
_TOKENS = {
    "openreview": "OPENREVIEW_TOKEN",
    "pubmed": "NCBI_API_KEY",
    "semantic-scholar": "S2_API_KEY",
}
_KNOWN = Paper(
    "Deep learning", frozenset({Identifier(Scheme.DOI, "10.1038/nature14539")})
)  # the services have known it for ten years
_WITHOUT_A_TOKEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN,
                              HTTPStatus.TOO_MANY_REQUESTS})  # fmt: skip


def _token(name: str) -> str:
    return os.environ.get(_TOKENS.get(name, ""), "")


async def _ask(fetcher: HttpFetcher, source: SourceSettings, contact: str) -> str:
    """Return what a source answered, in words; raises ParseError where it is no answer."""
    now, token = datetime.now(UTC), _token(source.kind)
    span = sources.window(source, SourceState(source.name), now)
    asked = sources.request(source, SourceState(source.name), now, token=token, contact=contact)
    document = await _document(fetcher, asked, source)
    if not sources.only_pages(source.kind) or span is None:
        return _words(sources.parse(source, document, now))
    parsed, left = sources.read_page(source, span, document, now)
    if left is not None and left.listed:
        few = Span(left.since, left.until, listed=left.listed[:2])
        asked = sources.page_request(source, few, token, contact)
        document = await _document(fetcher, asked, source)
        parsed, _ = sources.read_page(source, few, document, now)
    return _words(parsed)


def _words(parsed: Parsed) -> str:
    return f"{len(parsed.sightings)} entries {parsed.quiet}".strip()


async def _document(fetcher: HttpFetcher, asked: Request, source: SourceSettings) -> Document:
    answer = await fetcher.fetch(asked)
    if isinstance(answer, Failure):
        raise _Refused(sources.explained(source, answer))
    if not isinstance(answer, Document):
        raise ParseError("answered 304 to a request without validators")
    return answer


class _Refused(Exception):  # noqa: N818 - it may be no error at all
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.problem)
        self.failure = failure


async def _enrich(fetcher: HttpFetcher, name: str, url: str, contact: str) -> str:
    service = SERVICES[name]
    asked = service.signed(service.request(url, [_KNOWN]), Caller(_token(name), contact))
    answer = await fetcher.fetch(asked)
    if isinstance(answer, Failure):
        raise _Refused(answer)
    if not isinstance(answer, Document):
        raise ParseError("answered 304 to a request without validators")
    (found,) = service.read([_KNOWN], answer)
    if found is None:
        raise ParseError(f"does not know {next(iter(_KNOWN.identifiers))}")
    return f"{found.citations} citations, abstract of {len(found.abstract)} characters"


async def smoke(
    contact: str, urls: Mapping[str, str] | None = None, fetcher: HttpFetcher | None = None
) -> AsyncIterator[tuple[str, str, str]]:
    """Ask each kind and service once; yield (`ok`, `FAIL` or `skip`, name, words).

    `urls` replace the services' own addresses, by kind or as `enrich NAME`.
    """
    urls = urls or {}
    async with fetcher or HttpFetcher(contact=contact) as asking:
        for kind in sources.KINDS:
            said = {"name": kind, "kind": kind, **_NEEDS.get(kind, {})}
            if url := urls.get(kind):
                said["url"] = url
            source = SourceSettings.model_validate(said)
            yield await _judged(kind, kind, _ask(asking, source, contact))
        for name in SERVICES:
            asked = _enrich(asking, name, urls.get(f"enrich {name}", ""), contact)
            yield await _judged(f"enrich {name}", name, asked)


async def _judged(shown: str, name: str, asked: Awaitable[str]) -> tuple[str, str, str]:
    try:
        return "ok", shown, await asked
    except _Refused as refused:
        wants = name in _TOKENS and not _token(name) and refused.failure.status in _WITHOUT_A_TOKEN
        return "skip" if wants else "FAIL", shown, str(refused)
    except ParseError as error:
        return "FAIL", shown, str(error)


async def _main(contact: str) -> int:
    well = True
    async for mark, name, words in smoke(contact):
        well = well and mark != "FAIL"
        print(f"{mark:4} {name}: {words}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1] if len(sys.argv) > 1 else "")))
