"""Where a paper's links lead: only http and https, bounded, through the library's proxy if any."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlsplit

from bot.identity import strongest
from bot.models import Identifier, Paper, Rel, Scheme
from bot.outputs.contexts import LinkContext
from bot.outputs.wording import counted
from bot.text import one_line, shorten

_HREF_LIMIT = 2000
_FREE_HOSTS = ("arxiv.org", "huggingface.co", "github.com")


def key_of(paper: Paper) -> Identifier:
    """Return the identifier that a paper's guid and address are made of."""
    return paper.key or strongest(paper.identifiers)


# A card asks four times in a row.
@lru_cache(maxsize=64)
def by_trust(identifiers: frozenset[Identifier]) -> tuple[Identifier, ...]:
    """Return the identifiers, the one that a paper is best known by first."""
    if not identifiers:
        return ()
    first = strongest(identifiers)
    return (first, *sorted(identifiers - {first}))


def identifier_text(paper: Paper) -> str:
    """Return `arXiv:2401.06066` or `doi:…`, "" where a paper has only an address."""
    for identifier in by_trust(paper.identifiers):
        if identifier.scheme not in (Scheme.URL, Scheme.TITLE):
            return shorten(one_line(str(identifier)), 100)
    return ""


def home_of(identifier: Identifier) -> str:
    """Return the address that an identifier is at home at, "" where it has none."""
    value = quote(identifier.value, safe="/:;()@!$'*+,=-._~")
    match identifier.scheme:
        case Scheme.ARXIV:
            return f"https://arxiv.org/abs/{value}"
        case Scheme.DOI:
            return f"https://doi.org/{value}"
        case Scheme.PMID:
            return f"https://pubmed.ncbi.nlm.nih.gov/{value}/"
        case Scheme.OPENREVIEW:
            return f"https://openreview.net/forum?id={value}"
        case Scheme.URL:
            return web_address(identifier.value)
        case _:
            return ""


def web_address(href: str) -> str:
    """Return an address that may be linked to, "" for others (`javascript:`, overlong ones)."""
    return _safe_address(href) if href else ""  # most that are asked for are none


# A card asks three times for the publisher's.
@lru_cache(maxsize=64)
def _safe_address(href: str) -> str:
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return ""
    safe = quote(href, safe="%/:;?#[]@!$&'()*+,=-._~")
    return safe if len(safe) <= _HREF_LIMIT else ""


def title_href(paper: Paper, link_prefix: str = "") -> str:
    """Return where the publisher has the paper: the abstract's page, "" where none is known."""
    return through(link_prefix, _publishers(paper))


def publisher_link(paper: Paper, link_prefix: str = "") -> LinkContext:
    """Return the link to the publisher, by the name of its host: `arxiv.org`."""
    known = _publishers(paper)
    host = (urlsplit(known).hostname or "").removeprefix("www.")
    return LinkContext(shorten(one_line(host), 60), through(link_prefix, known))


def _publishers(paper: Paper) -> str:
    known = web_address(paper.link(Rel.ABSTRACT))
    if known:
        return known
    homes = (home_of(identifier) for identifier in by_trust(paper.identifiers))
    return next((home for home in homes if home), "")


def through(prefix: str, href: str) -> str:
    """Lead a publisher's address through the library's proxy; what is free needs none."""
    if not prefix or not href:
        return href
    host = urlsplit(href).hostname or ""
    if any(host == free or host.endswith(f".{free}") for free in _FREE_HOSTS):
        return href
    # EZproxy takes the address as it is after `url=` and percent-encoded after `qurl=`.
    return f"{prefix}{quote(href, safe='') if prefix.endswith('qurl=') else href}"


def paper_links(paper: Paper, discussion: str, prefix: str) -> tuple[LinkContext, ...]:
    """Return the links beside a paper's title: PDF, code, project, discussion."""
    said = counted(paper.comments, "comment") if paper.comments else "Discussion"
    links = (
        LinkContext("PDF", through(prefix, web_address(paper.link(Rel.PDF)))),
        LinkContext("Code", web_address(paper.link(Rel.CODE))),
        LinkContext("Project", web_address(paper.link(Rel.PROJECT))),
        LinkContext(said, discussion),
    )
    return tuple(link for link in links if link.href)
