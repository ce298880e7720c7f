"""Semantic Scholar: what it knows of papers that we have, up to 500 at once.

It answers in the order of the question, and `null` for what it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot import identity, text
from bot.models import Document, Enrichment, Identifier, Paper, Request, Scheme
from bot.sources.entries import LONGEST_ABSTRACT, LONGEST_NAME, host_of
from bot.sources.jsonanswers import Fields, count, fields, line, read_json, refusal
from bot.sources.kinds import Caller

BASE = "https://api.semanticscholar.org"
MOST = 500
SCHEMES = (Scheme.DOI, Scheme.ARXIV, Scheme.PMID)

_FIELDS = "externalIds,abstract,venue,citationCount,tldr"
_SPELT = {Scheme.DOI: "DOI", Scheme.ARXIV: "ARXIV", Scheme.PMID: "PMID"}
_WANTED = "list of papers"
_LONGEST_TLDR = 1000


def request(base: str, papers: Sequence[Paper]) -> Request:
    """Return the one POST that asks for all of these papers."""
    body = json.dumps({"ids": [_name(paper.identifiers) for paper in papers]}).encode()
    return Request(
        f"{base or BASE}/graph/v1/paper/batch?fields={_FIELDS}",
        headers=(("Content-Type", "application/json"),),
        body=body,
    )


def signed(asked: Request, caller: Caller) -> Request:
    """Return the request with the key, which the service takes in a header of its own."""
    key = (("x-api-key", caller.token),) if caller.token else ()
    return replace(asked, headers=(*asked.headers, *key))


def _name(identifiers: Iterable[Identifier]) -> str:
    """Return how the service names a paper; arXiv's ids are the surest."""
    known = [each for each in identifiers if each.scheme in _SPELT]
    best = identity.strongest(known)
    return f"{_SPELT[best.scheme]}:{best.value}"


def read(papers: Sequence[Paper], document: Document) -> list[Enrichment | None]:
    """Return what the service says of each paper, None where it knows nothing.

    Raises ParseError for what is no answer to that question.
    """
    host = host_of(document.url)
    answer = read_json(document, _WANTED)
    if not isinstance(answer, list):
        raise refusal(host, line(fields(answer), "error", "message"), _WANTED)
    if len(answer) != len(papers):
        raise refusal(host, f"{len(answer)} answers to a question about {len(papers)}", _WANTED)
    return [_said(told) if isinstance(told, dict) else None for told in answer]


def _said(told: Fields) -> Enrichment:
    doi = identity.doi(line(fields(told.get("externalIds")), "DOI"))
    abstract = told.get("abstract")
    return Enrichment(
        abstract=text.shorten(text.plain(abstract[: LONGEST_ABSTRACT * 4]), LONGEST_ABSTRACT)
        if isinstance(abstract, str)
        else "",
        venue=_venue(line(told, "venue")),
        doi=doi if doi and doi.scheme is Scheme.DOI else None,  # arXiv's own are arXiv ids
        citations=count(told.get("citationCount")),
        tldr=text.shorten(line(fields(told.get("tldr")), "text"), _LONGEST_TLDR),
    )


def _venue(named: str) -> str:
    """Return where it appeared; that it lies on arXiv is no venue."""
    return "" if named.lower().startswith("arxiv") else text.shorten(named, LONGEST_NAME)
