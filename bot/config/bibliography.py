"""The papers somebody has: BibTeX, RIS, a Zotero export (CSL JSON), or ids one a line.

What a profile's `library` names and what `profiles import` reads. Values keep the source's own form;
an entry that cannot be read is named and skipped, and costs no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.config.bibtex import BibtexEntry, read_bibtex
from bot.values import value_type

MOST_REFERENCES = 20_000
LARGEST_FILE = 50_000_000  # bytes
_LONGEST = 2_000
_MOST_AUTHORS = 10_000

_ARXIV = re.compile(
    r"arxiv(?:\.org/(?:abs|pdf)/|:\s*|\.)(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})",
    re.IGNORECASE,
)
_ARXIV_ID = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?", re.IGNORECASE)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_MAY_NAME = re.compile(r"(?!<).*(?:\d|://)")
_ADDRESS = re.compile(r"https?://[^\s{}\\]+")
_RIS_LINE = re.compile(r"([A-Z][A-Z0-9]) {1,2}-(?: (.*))?")
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


@value_type(frozen=True, slots=True)
class Reference:
    """One work somebody has, as its file says it.

    `name` is how to find it in the file. `identifiers` are written as `like` takes them, the one to
    show first. Authors are in the order `First Last`.
    """

    name: str
    title: str = ""
    authors: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@value_type(frozen=True, slots=True)
class Bibliography:
    """The works of one file, and a sentence for each entry that was skipped."""

    references: tuple[Reference, ...]
    problems: tuple[str, ...] = ()

    @property
    def names_works(self) -> bool:
        """Whether there is any work in it; of a list, any line that looks like an id."""
        return any(
            not work.identifiers or any(map(_MAY_NAME.match, work.identifiers))
            for work in self.references
        )


def decoded(content: bytes) -> str:
    """Return a file's text: UTF-8, what Windows' own programs write, or what reference managers did."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def read_bibliography(text: str) -> Bibliography:
    """Read any of the four kinds, told apart by how the text begins; ids are the last resort."""
    begins = text.lstrip("\ufeff \t\r\n")
    if re.match(r"(?:%[^\n]*\n|\s)*@\s*[A-Za-z]+\s*[{(]", begins) or _has_entry(text):
        found = _of_bibtex(text)
    elif re.search(r"^TY {1,2}-", begins[:100_000], re.MULTILINE):
        found = _of_ris(text)
    elif begins[:1] in ("[", "{"):
        found = _of_csl(begins)
    else:
        found = _of_list(text)
    references, problems = found
    if len(references) > MOST_REFERENCES:
        problems.append(f"only the first {MOST_REFERENCES} of {len(references)} entries were read")
    return Bibliography(tuple(references[:MOST_REFERENCES]), tuple(problems))


def _has_entry(text: str) -> bool:
    """Whether text before the first entry, which BibTeX takes for a comment, hides its kind."""
    return re.search(r"^[ \t]*@[A-Za-z]+\s*\{[^\n,]*,\s*$", text, re.MULTILINE) is not None


def _identifiers(arxiv: str, doi: str, pmid: str, *addresses: str) -> tuple[str, ...]:
    found = [
        f"arXiv:{arxiv}" if arxiv else "",
        f"doi:{match.group()}" if (match := _DOI.search(doi)) else "",
        f"pmid:{pmid.strip()}" if pmid.strip().isdecimal() else "",
    ]
    urls = [match.group() for address in addresses if (match := _ADDRESS.search(address))]
    # An address names a paper only where nothing better does: many lead to a search or a PDF.
    return tuple(dict.fromkeys(filter(None, found))) or tuple(
        url for url in dict.fromkeys(urls) if len(url) <= _LONGEST
    )


def _arxiv_in(*values: str) -> str:
    return next((match.group(1) for value in values if (match := _ARXIV.search(value))), "")


def _getter(fields: Mapping[str, Any]) -> Callable[..., str]:
    """Return a reader of the first of several fields that says anything, "" where none does."""

    def get(*names: str) -> str:
        return next((str(fields[name]) for name in names if fields.get(name)), "")

    return get


# ── BibTeX ────────────────────────────────────────────────────────────────────────────────────────


def _of_bibtex(text: str) -> tuple[list[Reference], list[str]]:
    read = read_bibtex(text)
    return [_of_entry(entry) for entry in read.entries], read.problems


def _of_entry(entry: BibtexEntry) -> Reference:
    get = _getter(entry.fields)
    eprint, kind = get("eprint"), get("archiveprefix", "eprinttype").lower()
    arxiv = ""
    if kind in ("", "arxiv") and _ARXIV_ID.fullmatch(eprint.removeprefix("arXiv:")):
        arxiv = eprint.removeprefix("arXiv:")
    fields = ("journal", "note", "url", "howpublished", "number", "doi", "volume", "eprint")
    arxiv = arxiv or _arxiv_in(*map(get, fields))
    pmid = get("pmid") or (eprint if kind == "pubmed" else "")
    category = get("primaryclass", "eprintclass")
    return Reference(
        name=entry.key or f"line {entry.line}",
        title=get("title")[:_LONGEST],
        authors=_people(get("author")),
        identifiers=_identifiers(arxiv, get("doi"), pmid, get("url"), get("howpublished")),
        categories=(category,) if re.fullmatch(r"[A-Za-z-]+(\.[A-Za-z-]+)?", category) else (),
        keywords=_listed(get("keywords", "keyword")),
    )


def _people(value: str) -> tuple[str, ...]:
    """Return the names of an author field; an `and` inside braces belongs to a name."""
    names: list[str] = []
    begin = 0
    for match in _AND.finditer(value):
        before = value[begin : match.start()]
        if before.count("{") == before.count("}"):
            names.append(before)
            begin = match.end()
    names.append(value[begin:])
    turned = (_turned(name.strip()) for name in names[:_MOST_AUTHORS])
    return tuple(name for name in turned if name and name.lower() != "others")


def _turned(name: str) -> str:
    if name.startswith("{") and name.endswith("}"):
        return name[1:-1].strip()
    parts = [part.strip() for part in name.split(",")]
    if len(parts) == 1:
        return name
    last, *middle, first = parts  # `Last, Jr, First`
    return " ".join(filter(None, (first, last, *middle)))


def _listed(value: str) -> tuple[str, ...]:
    found = (part.strip().strip("{}") for part in re.split(r"[,;]", value))
    return tuple(part for part in found if part)


# ── RIS ───────────────────────────────────────────────────────────────────────────────────────────


def _of_ris(text: str) -> tuple[list[Reference], list[str]]:
    references: list[Reference] = []
    problems: list[str] = []
    for number, (line, tags) in enumerate(_ris_entries(text), start=1):
        if "ER" not in tags:
            problems.append(
                f"entry {number} (line {line}) has no end (ER); it was read as it stands"
            )
        get = _getter({tag: values[0] for tag, values in tags.items()})
        addresses = [*tags.get("UR", ()), *tags.get("L1", ()), *tags.get("L2", ())]
        notes = [*addresses, get("DO"), get("JO", "T2", "JF"), get("M1"), get("N1"), get("VL")]
        references.append(Reference(
            name=get("ID") or f"line {line}",
            title=get("TI", "T1", "CT")[:_LONGEST],
            authors=tuple(map(_turned, [*tags.get("AU", ()), *tags.get("A1", ())][:_MOST_AUTHORS])),
            identifiers=_identifiers(_arxiv_in(*notes), get("DO", "M3"), "", *addresses),
            keywords=tuple(tags.get("KW", ())),
        ))  # fmt: skip
    return references, problems


def _ris_entries(text: str) -> Iterator[tuple[int, Mapping[str, list[str]]]]:
    """Yield (line, values by tag) for each record; a line without a tag goes on the one before."""
    tags: dict[str, list[str]] = {}
    begun, last = 0, ""
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        match = _RIS_LINE.fullmatch(line.rstrip())
        if match is None:
            if last and line.strip() and tags:
                tags[last][-1] += f" {line.strip()}"
            continue
        last, value = match.group(1), (match.group(2) or "").strip()
        if last == "TY":
            if tags:
                yield begun, tags
            tags, begun = {}, number
        if not begun:
            continue  # before the first TY
        tags.setdefault(last, []).append(value)
        if last == "ER":
            yield begun, tags
            tags, begun, last = {}, 0, ""
    if tags:
        yield begun, tags


# ── CSL JSON ──────────────────────────────────────────────────────────────────────────────────────


def _of_csl(text: str) -> tuple[list[Reference], list[str]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        return [], [f"it is no JSON{where}; nothing of it could be read"]
    if isinstance(document, dict):
        document = document.get("items", [document])
    references: list[Reference] = []
    problems: list[str] = []
    for number, work in enumerate(document if isinstance(document, list) else [document], start=1):
        if isinstance(work, dict) and (work.get("title") or work.get("DOI") or work.get("URL")):
            references.append(_of_work(work, number))
        else:
            problems.append(
                f"entry {number} is no work with a title, a DOI or a URL; it was skipped"
            )
    return references, problems


def _of_work(work: dict[str, Any], number: int) -> Reference:
    get = _getter(work)
    people = work.get("author")
    fields = ("number", "note", "archive_location", "URL", "DOI", "container-title", "publisher")
    pmid = re.search(r"PMID:\s*(\d+)", get("note"))
    return Reference(
        name=get("id") or f"entry {number}",
        title=get("title")[:_LONGEST],
        authors=tuple(
            filter(None, map(_person, (people if isinstance(people, list) else [])[:_MOST_AUTHORS]))
        ),
        identifiers=_identifiers(
            _arxiv_in(*map(get, fields)), get("DOI"), get("PMID") or (pmid.group(1) if pmid else ""),
            get("URL"),
        ),
        keywords=_listed(get("keyword")),
    )  # fmt: skip


def _person(person: object) -> str:
    if not isinstance(person, dict):
        return ""
    parts = (person.get("given"), person.get("non-dropping-particle"), person.get("family"))
    return str(person.get("literal") or " ".join(str(part) for part in parts if part)).strip()


# ── Ids ───────────────────────────────────────────────────────────────────────────────────────────


def _of_list(text: str) -> tuple[list[Reference], list[str]]:
    """Take every line for an id; whoever knows identifiers says which are none."""
    lines = ((n, line.strip()) for n, line in enumerate(text.splitlines(), 1))
    return [
        Reference(name=f"line {n}", identifiers=(line[:_LONGEST],))
        for n, line in lines
        if line and not line.startswith(("#", "%", "//"))
    ], []
