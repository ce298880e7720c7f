"""Services that page, over lists of records, on a Site: Crossref, PubMed, OpenReview.

`moods` are answers instead, in turn: a status ("429"), "html", "empty", or a whole body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from aiohttp import web

from support_http import Site


@dataclass
class Moody:
    """What every service here has."""

    moods: list[str] = field(default_factory=list, kw_only=True)

    def mood(self) -> web.Response | None:
        if not self.moods:
            return None
        mood = self.moods.pop(0)
        if mood.isdecimal():
            return web.Response(status=int(mood), headers={"Retry-After": "120"})
        if mood == "html":
            return web.Response(text="<!DOCTYPE html><html><title>Busy</title></html>")
        return web.Response(text="" if mood == "empty" else mood) if mood else None


# What Crossref's `/works` lets one select, as it says itself where it refuses anything else.
SELECTS = frozenset(
    "abstract URL resource member posted score created degree update-policy short-title license ISSN "
    "container-title issued update-to issue prefix approved indexed article-number "
    "clinical-trial-number accepted author group-title DOI is-referenced-by-count updated-by event "
    "chair standards-body original-title funder translator published archive published-print "
    "alternative-id subject subtitle published-online publisher-location content-domain reference "
    "title link type publisher volume references-count ISBN issn-type assertion deposited page "
    "content-created short-container-title relation editor".split()
)


@dataclass
class Crossref(Moody):
    """Crossref's `/works` over works that were created on days."""

    works: list[dict[str, object]] = field(default_factory=list)
    overstates: int = 0

    def put(self, site: Site) -> None:
        site.put_call("/works", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        if (instead := self.mood()) is not None:
            return instead
        selected = request.query["select"].split(",")
        if set(selected) - SELECTS:
            return web.Response(status=400)
        asked = dict(part.split(":", 1) for part in request.query["filter"].split(","))
        first, last = asked["from-created-date"], asked["until-created-date"]
        found = [work for work in self.works if first <= created_on(work) <= last]
        start = int(request.query["offset"])
        page = [
            {key: said for key, said in work.items() if key in selected}
            for work in found[start : start + int(request.query["rows"])]
        ]
        return web.Response(text=works_page(page, len(found) + self.overstates))


def created_on(work: dict[str, object]) -> str:
    created = work["created"]
    assert isinstance(created, dict)
    return str(created["date-time"])[:10]


def works_page(works: list[dict[str, object]], total: int) -> str:
    return json.dumps({"status": "ok", "message-type": "work-list",
                       "message": {"total-results": total, "items": works}})  # fmt: skip


def work(number: int, at: datetime, **said: object) -> dict[str, object]:
    return {
        "DOI": f"10.5555/J.{number}",
        "title": [f"Work {number}"],
        "created": {"date-time": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
        "container-title": ["Journal of Examples"],
        "author": [{"given": "Ada", "family": "Example", "sequence": "first"}],
    } | said


@dataclass
class PubMed(Moody):
    """esearch and efetch over (PMID, day) pairs; `size` bounds what one search names."""

    articles: list[tuple[int, str]] = field(default_factory=list)
    withdrawn: frozenset[int] = frozenset()

    def put(self, site: Site) -> None:
        site.put_call("/esearch.fcgi", self.search)
        site.put_call("/efetch.fcgi", self.tell)

    async def search(self, request: web.Request) -> web.Response:
        if (instead := self.mood()) is not None:
            return instead
        first, last = request.query["mindate"], request.query["maxdate"]
        found = [str(pmid) for pmid, day in self.articles if first <= day <= last]
        start = int(request.query["retstart"])
        page = found[start : start + int(request.query["retmax"])]
        result = {"count": str(len(found)), "retstart": str(start), "idlist": page}
        return web.Response(text=json.dumps({"esearchresult": result}))

    async def tell(self, request: web.Request) -> web.Response:
        if (instead := self.mood()) is not None:
            return instead
        named = [int(pmid) for pmid in request.query["id"].split(",")]
        days = dict(self.articles)
        told = "".join(article(n, days[n]) for n in named if n not in self.withdrawn)
        return web.Response(text=article_set(told))


def article_set(articles: str) -> str:
    return (
        '<?xml version="1.0" ?><!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st '
        'January 2025//EN" "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">'
        f"<PubmedArticleSet>{articles}</PubmedArticleSet>"
    )


def article(pmid: int, day: str, title: str = "", extra: str = "", more: str = "") -> str:
    year, month, number = day.split("/")
    date = f"<Year>{year}</Year><Month>{month}</Month><Day>{number}</Day>"
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article>'
        "<Journal><Title>Journal of mice</Title><JournalIssue><PubDate><Year>2027</Year>"
        f"</PubDate></JournalIssue></Journal><ArticleTitle>{title or escape(f'Mice {pmid}.')}"
        f"</ArticleTitle>{extra}</Article></MedlineCitation><PubmedData><History>"
        f'<PubMedPubDate PubStatus="entrez">{date}</PubMedPubDate></History>{more}'
        "</PubmedData></PubmedArticle>"
    )


@dataclass
class OpenReview(Moody):
    """`/notes`, the latest change first."""

    notes: list[dict[str, object]] = field(default_factory=list)
    token: str = ""
    heeds_sort: bool = True

    def put(self, site: Site) -> None:
        site.put_call("/notes", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        if (instead := self.mood()) is not None:
            return instead
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            told = {"name": "ForbiddenError", "message": "Challenge required", "status": 403}
            return web.json_response(told, status=403)
        changed = self.notes
        if self.heeds_sort:
            changed = sorted(changed, key=lambda note: -int(str(note["tmdate"])))
        start = int(request.query["offset"])
        page = changed[start : start + int(request.query["limit"])]
        return web.json_response({"notes": page, "count": len(self.notes)})


def milliseconds(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)


def note(number: int, at: datetime, **content: object) -> dict[str, object]:
    told = {
        "title": f"Submission {number}",
        "abstract": "We route.",
        "authors": ["Ada Example", "Bo Sample"],
        "keywords": ["routing"],
        "venue": "ICLR 2027 Conference Submission",
        "pdf": f"/pdf/{number:040x}.pdf",
    } | content
    return {
        "id": f"note{number:06d}",
        "forum": f"note{number:06d}",
        "cdate": milliseconds(at),
        "tcdate": milliseconds(at),
        "tmdate": milliseconds(at),
        "content": {key: {"value": value} for key, value in told.items()},
    }


@dataclass
class Scholar(Moody):
    """Semantic Scholar's batch over what it knows, by its own spelling of an id (`ARXIV:…`)."""

    known: dict[str, dict[str, object]] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def put(self, site: Site) -> None:
        site.put_call("/graph/v1/paper/batch", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        assert request.method == "POST"
        ids = (await request.json())["ids"]
        self.asked.append(ids)
        self.keys.append(request.headers.get("x-api-key", ""))
        if (instead := self.mood()) is not None:
            return instead
        return web.json_response([self.known.get(each) for each in ids])


@dataclass
class CrossrefByDoi(Moody):
    """Crossref's `/works` over works by DOI; `asked` are the DOIs of each question."""

    known: dict[str, dict[str, object]] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)

    def put(self, site: Site) -> None:
        site.put_call("/works", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        dois = [each.removeprefix("doi:") for each in request.query["filter"].split(",")]
        self.asked.append(dois)
        if (instead := self.mood()) is not None:
            return instead
        if set(request.query["select"].split(",")) - SELECTS:
            return web.Response(status=400)
        works = [self.known[doi] | {"DOI": doi.upper()} for doi in dois if doi in self.known]
        return web.Response(text=works_page(works, len(works)))
