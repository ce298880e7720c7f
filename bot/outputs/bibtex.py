"""A paper as a BibTeX entry, as reference managers take it."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC

from bot.models import Paper, Scheme
from bot.outputs.cards import legible, title_of
from bot.outputs.links import by_trust, title_href
from bot.text import inert

# BibTeX counts braces whatever stands before them, so one of a title's own is written as a word.
_PRINTED = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
       "{": r"\textbraceleft{}", "}": r"\textbraceright{}"}
)  # fmt: skip
_PLAIN = re.compile(r"[^a-z0-9]+")
_AUTHORS = 200
_SKIPPED = frozenset("a an the on of in for to and with towards toward".split())


def bibtex(paper: Paper) -> str:
    """Return a paper's entry: an article where it has a journal, else one of arXiv or of the web.

    Braces are balanced whatever the paper holds, so that it never runs into the next entry.
    """
    names = {
        identifier.scheme: identifier.value for identifier in reversed(by_trust(paper.identifiers))
    }
    on_arxiv, doi = names.get(Scheme.ARXIV, ""), names.get(Scheme.DOI, "")
    venue = legible(paper.venue)
    fields = {
        "title": f"{{{_escaped(title_of(paper))}}}",
        "author": " and ".join(_author(name) for name in paper.authors[:_AUTHORS])
        + (" and others" if len(paper.authors) > _AUTHORS else ""),
        "year": str(paper.published.astimezone(UTC).year) if paper.published else "",
        "journal": _escaped(venue),
        "eprint": _verbatim(on_arxiv),
        "archiveprefix": "arXiv" if on_arxiv else "",
        "primaryclass": _verbatim(next(iter(paper.categories), "")) if on_arxiv else "",
        "doi": _verbatim(doi),
        "url": _verbatim(title_href(paper, "")),
    }
    kind = "article" if venue else "misc"
    told = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{kind}{{{_label(paper)},\n{told}}}\n"


def _author(name: str) -> str:
    # "and" parts names; a collaboration that has it in its own is held together.
    said = _escaped(legible(name)).strip(" ,")
    return f"{{{said}}}" if re.search(r"\band\b", said, re.IGNORECASE) else said


def _label(paper: Paper) -> str:
    """Return `thistlewood2026quiet`: the first author's last name, the year, the first telling word."""
    family = legible(paper.authors[0]) if paper.authors else ""
    family = family.partition(",")[0] if "," in family else family.rpartition(" ")[2]
    words = [word for word in title_of(paper).lower().split() if word not in _SKIPPED]
    year = str(paper.published.astimezone(UTC).year) if paper.published else ""
    return f"{_ascii(family)[:30]}{year}{_ascii(words[0] if words else '')[:30]}" or "paper"


def _ascii(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    return _PLAIN.sub("", apart)


def _escaped(text: str) -> str:
    """Return text as TeX prints it."""
    return text.translate(_PRINTED)


def _verbatim(value: str) -> str:
    """Return what stands as it is, less what would break the entry."""
    return re.sub(r"[{}\\\s]", "", inert(value))
