"""Which records are one paper, and what the one paper then says.

Two laws hold, and tests/test_identity.py tries to break them: which records belong together, and
the merged fields, do not depend on the order of arrival; merging again changes nothing. Grouping is
therefore plain connectedness over shared identifiers, and every merged field is a maximum under a
total order (`Stamp`, then the value itself). Only the *key* remembers who came first, and it never
changes again: what turns out to be the same paper later becomes an alias. And of two papers on arXiv
that name one DOI, which are never one by it, the first has it (decision 142).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress
from operator import attrgetter
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from bot import lifecycle
from bot.models import Identifier, Paper, Scheme, Stamp
from bot.patterns import pattern
from bot.values import value_type

# ── Reading identifiers ───────────────────────────────────────────────────────────────────────────

_ARCHIVES = (
    "acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas "
    "cond-mat cs dg-ga funct-an gr-qc hep-ex hep-lat hep-ph hep-th math-ph math mtrl-th nlin "
    "nucl-ex nucl-th patt-sol physics plasm-ph q-alg q-bio quant-ph solv-int supr-con"
)
_ARXIV_NEW = r"\d{4}\.\d{4,5}(?!\d)"
_ARXIV_OLD = rf"(?:{_ARCHIVES.replace(' ', '|')})(?:\.[A-Z]{{2}})?/\d{{7}}(?!\d)"
_ARXIV = pattern(rf"(?P<id>{_ARXIV_NEW}|{_ARXIV_OLD})(?:v(?P<version>\d{{1,3}}))?", re.IGNORECASE)
_ARXIV_PATH = pattern(
    rf"^/(?:abs|pdf|html|format|ps|e-print)/(?P<rest>{_ARXIV_NEW}|{_ARXIV_OLD})", re.IGNORECASE
)
_ARXIV_HEAD = pattern(r"^(?:oai:)?arxiv(?:\.org)?:\s*", re.IGNORECASE)
_DOI_HEAD = pattern(r"^doi:\s*", re.IGNORECASE)
_DOI_ADDRESS = pattern(r"https?://(?:dx\.|www\.)?doi\.org/([^?#]*)", re.IGNORECASE)
_DOI = pattern(r"10\.\d{4,9}/\S+")
_DOI_SHAPE = pattern(r"10\.\d{4,9}/.+")
_ARXIV_DOI = pattern(rf"10\.48550/arxiv\.({_ARXIV_NEW}|{_ARXIV_OLD})(?:v\d{{1,3}})?", re.IGNORECASE)
# bioRxiv and medRxiv name versions in the tail; the DOI without it is the paper.
_PREPRINT_HEADS = ("10.1101/", "10.64898/")
_PREPRINT_DOI = pattern(
    r"(10\.(?:1101|64898)/(?:\d{4}\.\d{2}\.\d{2}\.)?\d{5,9})(?:v\d+)?(?:\.(?:full|abstract).*)?$"
)
_TRACKING = pattern(
    r"^(?:utm_\w+|rss|fbclid|gclid|mc_cid|mc_eid|af|ref|source"
    r"|phpsessid|jsessionid|aspsessionid\w*|cfid|cftoken)$",  # drawn anew for every visitor
    re.IGNORECASE,
)
_SESSION = pattern(r";jsessionid=[^/;]*", re.IGNORECASE)
_QUOTED = pattern(r"[\w.~/:@!$&'()*+,;=-]*", re.ASCII)
# Behind a DOI the addresses of Oxford, MIT Press and others on the same platform have the article's number
# there, and words of its title. Oxford's own DOIs have two parts behind the slash.
_NUMBER_BEHIND = pattern(
    r"(/[a-z-]*article[a-z-]*/doi/(?:10\.1093/[^/]+/[^/]+|10\.(?!1093/)\d{4,9}/[^/]+))/\d{5,}(?:/.*)?$"
)
# Most addresses, which need not be taken apart with more care than this.
_USUAL_ADDRESS = pattern(
    r"https?://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::(\d{1,4}))?(/[\w~:@!$&'()*+,;=%./-]*)?"
    r"(?:\?([\w~:@!$&'()*+,;=%./?-]*))?",
    re.ASCII,
)
_WWW = pattern(r"^(?:www\d?|m)\.")
_HOST_AND_PATH = pattern(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}/", re.IGNORECASE)
_LONGEST_ADDRESS = 2_000


def arxiv(value: str) -> Identifier | None:
    """Read an arXiv id (`2401.06066`, `arXiv:2401.06066v2`, `oai:arXiv.org:…`), without version."""
    bare = value.strip()
    if not bare[-1:].isdigit():
        return None
    bare = _ARXIV_HEAD.sub("", bare)
    if match := _ARXIV.fullmatch(bare):
        return Identifier(Scheme.ARXIV, _arxiv_case(match.group("id")))
    return None


def _arxiv_case(value: str) -> str:
    """`MATH.GT/0309136` and `math.GT/0309136` are one; the subject class is no part of the id."""
    archive, slash, number = value.partition("/")
    return f"{archive.split('.')[0].lower()}/{number}" if slash else value


def arxiv_version(value: str) -> int:
    """Return the version an arXiv id names (`2401.06066v2` → 2), 0 where it names none."""
    match = re.search(rf"(?:{_ARXIV_NEW}|{_ARXIV_OLD})v(\d{{1,3}})$", value.strip(), re.IGNORECASE)
    return int(match.group(1)) if match else 0


def doi(value: str) -> Identifier | None:
    """Read a DOI in any spelling. arXiv's own DOIs become arXiv ids; case does not matter."""
    if "10." not in value and "%" not in value:
        return None
    bare = value.strip()
    if not bare.startswith("10."):
        bare = _DOI_HEAD.sub("", bare, count=1) if bare[:1] in "dD" else bare
        if bare[:1] in "hH" and (match := _DOI_ADDRESS.match(bare)):
            bare = unquote(match.group(1))
    bare = bare.rstrip(".,;").lower()
    if not _DOI_SHAPE.fullmatch(bare) or len(bare.split(None, 1)) != 1:
        return None
    if bare.startswith("10.48550") and (match := _ARXIV_DOI.fullmatch(bare)):
        return Identifier(Scheme.ARXIV, _arxiv_case(match.group(1)))
    if bare.startswith(_PREPRINT_HEADS) and (match := _PREPRINT_DOI.fullmatch(bare)):
        bare = match.group(1)
    return Identifier(Scheme.DOI, bare) if len(bare) <= 300 else None  # noqa: PLR2004 - bounded


def from_url(url: str) -> Identifier | None:
    """Return what an address names: an arXiv id, a DOI, a PMID, an OpenReview forum, or itself."""
    if usual := _USUAL_ADDRESS.fullmatch(url):
        hostname, number, path, query = usual.groups("")
        return _named(hostname.lower(), int(number) if number else None, path, query, "")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        return None
    return _named(parts.hostname, port, parts.path, parts.query, parts.fragment)


def _named(
    hostname: str, port: int | None, path: str, query: str, fragment: str
) -> Identifier | None:
    host = _WWW.sub("", hostname, count=1) if hostname[0] in "wm" else hostname
    path = unquote(path) if "%" in path else path
    site = f"[{host}]" if ":" in host else host
    if port not in (None, 80, 443):
        site = f"{site}:{port}"
    return _of_known_host(host, path, query) or _of_address(site, path, query, fragment)


def _of_known_host(host: str, path: str, query: str) -> Identifier | None:
    arxiv_like = ("arxiv.org", "alphaxiv.org", "ar5iv.org", "huggingface.co")
    if host in arxiv_like or host.endswith(".arxiv.org"):
        if match := _ARXIV_PATH.match(path.replace("/papers/", "/abs/", 1)):
            return arxiv(match.group("rest"))
    elif host in ("doi.org", "dx.doi.org"):
        return doi(path.lstrip("/"))
    elif host == "pubmed.ncbi.nlm.nih.gov" and path.strip("/").isdigit():
        return Identifier(Scheme.PMID, path.strip("/"))
    elif host in ("openreview.net", "api2.openreview.net"):
        forum = dict(parse_qsl(query)).get("id", "")
        return Identifier(Scheme.OPENREVIEW, forum) if forum else None
    elif host == "nature.com" and (match := re.match(r"^/articles/([sdn]\w[\w.-]+)", path)):
        return doi(f"10.1038/{match.group(1).removesuffix('.pdf')}")
    if "/doi/10." in path:
        path = _NUMBER_BEHIND.sub(r"\1", path, count=1)
    if "10." in path and (match := _DOI.search(path)):
        return doi(
            re.sub(
                r"(?:/(?:full|abstract|pdf|epdf|meta|html)|\.(?:full|abstract|pdf))+$",
                "",
                match.group(0),
            )
        )
    return None


def _of_address(site: str, path: str, query: str, fragment: str) -> Identifier | None:
    pairs = parse_qsl(query, keep_blank_values=True) if query else []
    kept = sorted((k, v) for k, v in pairs if not _TRACKING.match(k))
    # A page of many entries tells them apart by a numbered anchor; `#comments` is no other paper.
    numbered = fragment and re.search(r"\d", fragment)
    anchor = fragment if numbered and not fragment.startswith(("utm_", "xtor=")) else ""
    trimmed = (_SESSION.sub("", path) if ";" in path else path).rstrip("/")
    if not _QUOTED.fullmatch(trimmed):
        trimmed = quote(trimmed, safe="/:@!$&'()*+,;=~")
    if not trimmed and not kept and not anchor:
        return None  # a site's front page is no paper's address
    address = f"https://{site}{trimmed}"
    if kept or anchor or not trimmed.startswith("/") or trimmed.startswith("//"):
        address = urlunsplit(("https", site, trimmed, urlencode(kept), anchor))
    return Identifier(Scheme.URL, address) if len(address) <= _LONGEST_ADDRESS else None


def parse_identifier(value: str) -> Identifier | None:
    """Read what a person types: `arXiv:…`, `doi:…`, `pmid:…`, a bare DOI or arXiv id, an address."""
    value = value.strip()
    prefix, _, rest = value.partition(":")
    rest = rest.strip()
    match prefix.lower():
        case "pmid":
            return Identifier(Scheme.PMID, rest) if rest.isdecimal() else None
        case "openreview":
            return Identifier(Scheme.OPENREVIEW, rest) if rest else None
        case "title":
            return Identifier(Scheme.TITLE, rest) if rest else None
        case "url":
            return from_url(rest)
    # A host and a path without a scheme is what an address bar gives.
    address = f"https://{value}" if _HOST_AND_PATH.match(value) else value
    return arxiv(value) or doi(value) or from_url(address)


def title_key(title: str, first_author: str) -> Identifier:
    """Return the last resort: a digest of the bare title and the first author's last name."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", title).casefold() if c.isalnum())
    bare = bare or title.strip()  # a title may be all signs; two of those are not the same
    words = unicodedata.normalize("NFKD", first_author).casefold().split()
    digest = hashlib.sha256(f"{bare}\n{words[-1] if words else ''}".encode()).hexdigest()
    return Identifier(Scheme.TITLE, digest[:24])


def strongest(identifiers: Iterable[Identifier]) -> Identifier:
    """Return the identifier a paper is best known by. Raises ValueError where there is none."""
    named = tuple(identifiers)
    if len(named) == 1:
        return named[0]
    return min(named, key=lambda identifier: (_KNOWN_BY[identifier.scheme], identifier.value))


# The arXiv id first: it is short, and free to read.
_KNOWN_BY = {scheme: place for place, scheme in enumerate(Scheme)} | {Scheme.ARXIV: -1}


# ── Merging ───────────────────────────────────────────────────────────────────────────────────────

# Fields of which the greatest (stamp, value) wins; an empty value never competes.
STAMPED = ("title", "authors", "abstract", "categories", "venue", "notice")
_stamped_values = attrgetter(*STAMPED)


def stamped(paper: Paper, stamp: Stamp) -> Paper:
    """Return a source's record with `stamp` on every field that it fills.

    Where it says of itself that it is withdrawn, that is its notice.
    """
    if not paper.notice and (notice := lifecycle.notice_in(paper.title, paper.abstract)):
        paper = replace(paper, notice=notice)
    filled = tuple([name for name in STAMPED if getattr(paper, name)])
    return replace(paper, stamps=stamps(filled, stamp))


@lru_cache(maxsize=1024)
def stamps(filled: tuple[str, ...], stamp: Stamp) -> tuple[tuple[str, Stamp], ...]:
    """Return the same stamp on each of these fields, of those that are merged."""
    return tuple([(name, stamp) for name in STAMPED if name in filled])


def merge(papers: Sequence[Paper]) -> Paper:
    """Return the one paper that these records of it make; the result does not depend on order.

    `id`, `key` and `first_seen` are taken from the record that the store saw first (the smallest
    id above 0); votes and comments are a series kept beside and are the largest known here.
    """
    fields: dict[str, object] = {}
    stamps: list[tuple[str, Stamp]] = []
    for name in STAMPED:
        best = max(
            (
                (_precedence(name, p), _stamp_of(p, name), getattr(p, name))
                for p in papers
                if getattr(p, name)
            ),
            default=None,
        )
        if best is not None:
            stamps.append((name, best[1]))
            fields[name] = best[2]
    stored = [paper for paper in papers if paper.id]
    eldest = min(stored, key=lambda paper: paper.id) if stored else papers[0]
    dates = [paper.published for paper in papers if paper.published]
    return replace(
        eldest,
        **fields,  # type: ignore[arg-type]  # names and values come from Paper itself, above
        stamps=tuple(stamps),
        identifiers=frozenset().union(*(paper.identifiers for paper in papers)),
        links=frozenset().union(*(paper.links for paper in papers)),
        version=max(paper.version for paper in papers),
        published=min(dates, default=None),
        votes=max((p.votes for p in papers if p.votes is not None), default=None),
        comments=max((p.comments for p in papers if p.comments is not None), default=None),
    )


def alone(record: Paper) -> Paper:
    """Return the paper that one record makes by itself: `merge([record])`."""
    filled = [*compress(STAMPED, _stamped_values(record))]
    return record if filled == [name for name, _ in record.stamps] else merge([record])


def _precedence(name: str, paper: Paper) -> bool:
    """Whether a value goes before others whatever their stamps: a journal before a preprint server."""
    return name == "venue" and lifecycle.names_journal(paper.venue)


def _stamp_of(paper: Paper, name: str) -> Stamp:
    return dict(paper.stamps).get(name, Stamp())


# ── Diffing ───────────────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class Group:
    """Records that are one paper: the merged paper, which records, and what the store had of it.

    `known` are the stored papers it joins, eldest first: none for a new paper, several where
    records showed that papers stored apart are one. `records` index the sequence that was diffed.
    """

    paper: Paper
    records: tuple[int, ...]
    known: tuple[Paper, ...] = ()
    changed: bool = True

    @property
    def is_new(self) -> bool:
        """Whether the store had nothing of it."""
        return not self.known


@dataclass(slots=True)
class _Forest:
    """Union-find over identifiers, of which a tree holds arXiv ids of one paper at most.

    A name that would tie two such trees stays with the one that has it.
    """

    parent: dict[Identifier, Identifier] = field(default_factory=dict)
    on_arxiv: set[Identifier] = field(default_factory=set)  # roots of trees that hold an arXiv id
    disputed: bool = False

    def find(self, identifier: Identifier) -> Identifier:
        root = identifier
        while (above := self.parent.setdefault(root, root)) != root:
            root = above
        while self.parent[identifier] != root:
            self.parent[identifier], identifier = root, self.parent[identifier]
        return root

    def join(self, identifiers: frozenset[Identifier]) -> Identifier:
        """Tie a record's names together; return one that is in the tree where the record belongs.

        Without an arXiv id, between trees of several, that is the strongest name's.
        """
        numbers = [name for name in identifiers if name.scheme is Scheme.ARXIV]
        if numbers:
            home = numbers[0]
        elif len(identifiers) == 1:
            return next(iter(identifiers))
        else:
            owned = [name for name in identifiers if self.find(name) in self.on_arxiv]
            home = strongest(owned or identifiers)
        root = self.find(home)
        for number in numbers:
            self.parent[self.find(number)] = root
        if numbers:
            self.on_arxiv.add(root)
        for name in identifiers:
            other = self.find(name)
            if other == root:
                continue
            if other in self.on_arxiv:
                self.disputed = True
            else:
                self.parent[other] = root
        return home


def diff(records: Sequence[Paper], known: Iterable[Paper]) -> list[Group]:
    """Group `records` with each other and with the stored papers that share an identifier.

    `known` must hold every stored paper that has an identifier of a record. Groups come in the
    order of their first record. A new paper's key is the strongest identifier of that record.
    """
    forest = _Forest()
    stored = sorted({paper.id: paper for paper in known}.values(), key=lambda paper: paper.id)
    shelves = [forest.join(paper.identifiers) for paper in stored]
    homes = [forest.join(record.identifiers) for record in records]
    members: dict[Identifier, list[int]] = {}
    for index, home in enumerate(homes):
        members.setdefault(forest.find(home), []).append(index)
    olds: dict[Identifier, list[Paper]] = {}
    for paper, home in zip(stored, shelves, strict=True):
        olds.setdefault(forest.find(home), []).append(paper)
    groups = [_group(records, indexes, olds.get(root, [])) for root, indexes in members.items()]
    if not forest.disputed:
        return groups
    return [_less(group, root, forest) for root, group in zip(members, groups, strict=True)]


def _less(group: Group, root: Identifier, forest: _Forest) -> Group:
    """Return a group less the names that another paper has."""
    names = frozenset(name for name in group.paper.identifiers if forest.find(name) == root)
    paper = replace(group.paper, identifiers=names)
    return replace(group, paper=paper, changed=_is_changed(paper, group.known))


def _group(records: Sequence[Paper], indexes: list[int], old: list[Paper]) -> Group:
    merged = merge([*old, *(records[index] for index in indexes)])
    if merged.key is None:
        merged = replace(merged, key=strongest(records[indexes[0]].identifiers))
    changed = _is_changed(merged, old)
    return Group(paper=merged, records=tuple(indexes), known=tuple(old), changed=changed)


def _is_changed(merged: Paper, old: Sequence[Paper]) -> bool:
    return len(old) != 1 or _content(merged) != _content(old[0])


def _content(paper: Paper) -> Paper:
    """Return the paper less its votes, which are a series beside it."""
    return replace(paper, votes=None, comments=None)


# ── What a source's own ids tell ──────────────────────────────────────────────────────────────────


def same_title(one: str, other: str) -> bool:
    """Tell whether two titles are one, or one is the other corrected: half of their words agree."""
    words, others = _words(one), _words(other)
    if not words or not others:
        return one.strip() == other.strip()
    return 2 * len(words & others) >= len(words | others)


def _words(title: str) -> frozenset[str]:
    folded = unicodedata.normalize("NFKD", title).casefold()
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    return frozenset(re.findall(r"\w+", bare))


def can_be_one(one: Paper, other: Paper) -> bool:
    """Tell whether somebody else's word that two stored papers are one may be believed.

    Their titles agree, and arXiv does not count them as two.
    """
    numbers, others = (
        {each for each in paper.identifiers if each.scheme is Scheme.ARXIV}
        for paper in (one, other)
    )
    two = numbers and others and numbers.isdisjoint(others)
    return not two and same_title(one.title, other.title)


def under_guid(record: Paper, stored: Paper) -> Paper:
    """Return a record whose guid stood for `stored`, with that paper's key where it is that paper.

    An entry that lost its link or was given another DOI is still that paper. But some feeds number
    their entries by place: where the title is another too, the guid has moved on, and says nothing.
    """
    if stored.key is None or not same_title(record.title, stored.title):
        return record
    return replace(record, identifiers=record.identifiers | {stored.key})


def relinked(
    records: Sequence[Paper], shown: Mapping[Identifier, Identifier]
) -> Mapping[int, Identifier]:
    """Return which records, by index, a source showed before, with that paper's key.

    `records` came under guids we don't know. `shown` has the keys of the papers that the source
    showed, by each of their identifiers and by the key of title and first author. A title that
    several records share tells nothing.
    """
    titles = [title_key(record.title, next(iter(record.authors), "")) for record in records]
    records_of = Counter(titles)
    found: dict[int, Identifier] = {}
    for index, (record, title) in enumerate(zip(records, titles, strict=True)):
        names = sorted(record.identifiers) + ([title] if records_of[title] == 1 else [])
        if key := next((shown[name] for name in names if name in shown), None):
            found[index] = key
    return found


def known_by(papers: Iterable[Paper]) -> Mapping[Identifier, Paper]:
    """Return the papers by each of their identifiers."""
    return {identifier: paper for paper in papers for identifier in paper.identifiers}
