"""What becomes of a paper after it came: withdrawn, published in a journal, its code released.

All of it is read off one merged paper, so it does not depend on which record came first: `facts` are
what has become of it, `told_by` what a reader of its card knows, and news is the difference. A false
"withdrawn" is worse than a missed one: only a notice about the paper itself counts, never a word about
a drug, a fluid or another paper. tests/test_lifecycle.py has the sentences of both sorts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from bot.models import Event, News, Paper, Rel, Scheme, Stamp
from bot.patterns import pattern

NEWS = (Event.WITHDRAWN, Event.PUBLISHED, Event.CODE, Event.REPLACE)
"""What is told of a paper that somebody had, the weightiest first."""

LONGEST_NOTICE = 300
_END = 160  # characters of an abstract, on either side, in which a notice says its word

# ── Withdrawn ─────────────────────────────────────────────────────────────────────────────────────

_THING = (
    r"(?:papers?|articles?|manuscripts?|submissions?|preprints?|pre-prints?|notes?|works?|drafts?)"
)
_THIS = r"(?:this|the|our|the following|the present|the current|this arxiv)"
_GONE = r"(?:withdrawn?|retracted)"  # "has been withdraw" is what many type
# From a journal or a market is not from readers.
_NOT_FROM = r"(?! from (?!(?:the )?(?:arxiv|consideration|publication|public|biorxiv|medrxiv)))"
_BE = r"(?:(?:has|have) (?:now |since )?been|is being|is|was)"
_DECIDED = r"(?:decided to |would like to |wish to )?"
_WHY = r"(?:by|due|because|for|as|since|owing|at|on|pending|in order|until|temporarily|and)"

_ABOUT_ITSELF = (
    rf"{_THIS} {_THING} {_BE} (?:\w{{2,12}}ly |hereby |now )?{_GONE}\b{_NOT_FROM}",
    rf"(?:paper|article|manuscript|submission|preprint)(?: {_BE})? {_GONE}\b{_NOT_FROM}(?!\s+\w+ed\b)",
    rf"(?:the|all|its) authors? (?:has |have |had )?{_DECIDED}{_GONE} (?:this|the|their|our) {_THING}\b",
    rf"(?:we|i) (?:hereby |have )?{_DECIDED}(?:withdrawn?|retract(?:ed)?) (?:this|our|the) {_THING}\b",
    rf"(?:bio|med)rxiv has (?:withdrawn|removed|retracted) (?:this|the) {_THING}\b",
)
_FIRST_WORD = (
    rf"{_GONE}(?: {_THING})?(?=\s*(?:$|[.,;:\])]|{_WHY}\b))|withdrawal (?:statement\b|due to\b)"
)
_LEAD_IN = r"(?:\W|abstract\b|(?:arxiv )?admin(?:istrator)?s? note\b|withdrawal statement\b)*"

_ABSTRACT = pattern(rf"{_LEAD_IN}(?:{'|'.join(_ABOUT_ITSELF)}|{_FIRST_WORD})", re.IGNORECASE)
_COMMENT = pattern(
    rf"(?:^{_LEAD_IN}(?:{_FIRST_WORD})|(?:^|[.,;:!?\[(]|--?)\s*{_LEAD_IN}(?:{'|'.join(_ABOUT_ITSELF)}))",
    re.IGNORECASE,
)
# The last sentence of an abstract, in the words that arXiv itself proposes.
_AT_END = pattern(
    rf"[.!?]\s+(this {_THING} has been {_GONE}(?: by [^.]{{3,60}})?)\.?\s*$", re.IGNORECASE
)
_TITLE = pattern(
    rf"\W*(?:{_GONE}(?: {_THING})?\s*(?:[:\]—–]|--?\s|$)"
    r"|.{3,}[(\[](?:withdrawn|retracted)(?: (?:article|paper|manuscript))?[)\]]\s*$)",
    re.IGNORECASE,
)
_SENTENCE_END = pattern(r"(?<=[a-z\d)]{4})[.!?\]](?=\s|$)", re.IGNORECASE)
_REASON = pattern(
    r"\b(?:due to|because|since|owing to|as (?!a reference)|at the request|in order to|pending|following)\b"
    r".{8,}",
    re.IGNORECASE | re.DOTALL,
)
_BY_HOUSE = pattern(r"\b(?:by )?(arxiv|biorxiv|medrxiv)(?: admin| has |\b)", re.IGNORECASE)
_BY_AUTHORS = pattern(
    r"\bby (?:(?:the|its|all|both|our) )?(?:\w+ )?authors?\b|\bauthors?(?:\(s\))? (?:has|have|had)\b"
    r"|\b(?:we|i)\b (?:hereby |have )?(?:withdr|retract)",
    re.IGNORECASE,
)
_HOUSES = {"arxiv": "arXiv", "biorxiv": "bioRxiv", "medrxiv": "medRxiv"}


def notice_in(title: str, abstract: str, comment: str = "") -> str:
    """Return the words by which a record says that its paper is withdrawn or retracted, or "".

    Plain text, on any number of lines; the notice is one sentence, at most 300 characters.
    """
    # Nearly all texts need no more than this look at where a notice would stand.
    ends = abstract if len(abstract) < 2 * _END else f"{abstract[:_END]}\n{abstract[-_END:]}"
    said = f"{title}\n{comment}\n{ends}"
    if not ("ithdraw" in said or "etracted" in said or "WITHDRAW" in said or "RETRACTED" in said):
        return ""
    comment, abstract = " ".join(comment.split()), " ".join(abstract.split())
    found = [
        comment[match.start() :] if (match := _COMMENT.search(comment)) else "",
        abstract if _ABSTRACT.match(abstract) else "",
        match.group(1) if (match := _AT_END.search(abstract)) else "",
    ]
    if said := max(map(_sentence, found), key=lambda words: (len(words), words)):
        return said
    if _TITLE.match(" ".join(title.split())):
        return "Retracted" if "retracted" in title.lower() else "Withdrawn"
    return ""


def _sentence(text: str) -> str:
    bare = re.sub(r"^[^\w(]+", "", text)
    end = _SENTENCE_END.search(bare, 20) if len(bare) > 20 else None  # noqa: PLR2004 - "Withdrawn. …"
    return bare[: end.start() if end else None][:LONGEST_NOTICE].strip(" .;:[](-")


def is_withdrawn(paper: Paper) -> bool:
    """Tell whether a paper is withdrawn; a version later than the one that said so takes it back."""
    if not paper.notice:
        return False
    said = dict(paper.stamps).get("notice", Stamp())
    return said.version == 0 or said.version >= paper.version


def withdrawal(paper: Paper) -> str:
    """Return `Withdrawn by its authors, due to an error in Lemma 1`, "" where it is not withdrawn."""
    if not is_withdrawn(paper):
        return ""
    notice = paper.notice
    said = (
        "Retracted" if re.match(r"\W*retract|.*\bretract", notice, re.IGNORECASE) else "Withdrawn"
    )
    word = re.search(r"withdr|retract", notice, re.IGNORECASE)
    reason = _REASON.search(notice, word.end() if word else 0)
    head = notice[: reason.start()] if reason else notice
    if house := _BY_HOUSE.search(head):
        said += f" by {_HOUSES[house.group(1).lower()]}"
    elif _BY_AUTHORS.search(notice):
        said += " by its authors"
    why = reason.group().strip() if reason else ""
    return f"{said}, {why[0].lower()}{why[1:]}" if why else said


# ── Published ─────────────────────────────────────────────────────────────────────────────────────

# DOIs of preprint servers and of stores of files: what has one of these is not in a journal thereby.
_NO_JOURNAL_DOI = pattern(
    r"10\.(?:1101/(?:\d{4}\.\d{2}\.\d{2}\.)?\d{5,9}|64898/|48550/|21203/|26434/|312[123]\d/|31730/"
    r"|32942/|35542/|20944/|2139/ssrn|36227/|22541/|33774/|14293/|51094/|12074/|32388/|2196/preprints"
    r"|1590/scielopreprints|7287/peerj\.preprints|5281/|6084/|17605/|5061/|7910/|13140/|57702/)",
    re.IGNORECASE,
)
_SERVER = pattern(
    r"\W*(?:arxiv(?:\.org)?|[a-z]{2,9}[ar]xiv|(?:corr|hal)$|ssrn(?: electronic journal)?"
    r"|research square|techrxiv|authorea|zenodo|figshare|osf(?: preprints)?|preprints(?:\.org)?)\b"
    r"(?!.*\b(?:journal|proceedings|trans))|.*\be?-?preprints?\b",
    re.IGNORECASE,
)
_PENDING = pattern(
    r"\b(?:submi\w+|under review|in review|accepted|to appear|to be published|in press|forthcoming"
    r"|in preparation|withdrawn|rejected|unpublished)\b",
    re.IGNORECASE,
)


def names_journal(venue: str) -> bool:
    """Tell whether a venue is where something was published: no preprint server, nothing pending."""
    return bool(venue) and not _SERVER.match(venue) and not _PENDING.search(venue)


def journal_doi(paper: Paper) -> str:
    """Return the DOI of the published article, or ""; of several always the same one."""
    dois = (i.value for i in paper.identifiers if i.scheme is Scheme.DOI)
    return min((doi for doi in dois if not _NO_JOURNAL_DOI.match(doi)), default="")


def is_published(paper: Paper) -> bool:
    """Tell whether a journal or a conference has it."""
    return bool(journal_doi(paper)) or names_journal(paper.venue)


def is_preprint(paper: Paper) -> bool:
    """Tell whether a preprint server has it, wherever else it is."""
    return any(
        i.scheme is Scheme.ARXIV or (i.scheme is Scheme.DOI and _NO_JOURNAL_DOI.match(i.value))
        for i in paper.identifiers
    )


# ── Code ──────────────────────────────────────────────────────────────────────────────────────────

_REPOSITORY = pattern(
    r"(?:https?://)?(?:www\.)?((?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)"
    r"/[\w.-]{1,80}/[\w.-]{1,120})",
    re.IGNORECASE,
)
_ANY_CODE = pattern(r"\b(?:github|gitlab|bitbucket|codeberg)\.(?:com|org)/\w", re.IGNORECASE)
_HOSTS = ("git", "bitbucket.", "codeberg.")
_PROMISED = pattern(
    r"\b(?:will|shall|to) be (?:\w+ ){0,3}(?:released?|available|open|public|shared|published|uploaded)"
    r"|\bwill (?:\w+ ){0,2}(?:release|open|publish|share|make)|\bupon (?:acceptance|publication)|\bsoon\b",
    re.IGNORECASE,
)
_AROUND = 160  # characters of a sentence that a promise may stand in, before and after the address


def code_of(paper: Paper) -> str:
    """Return where the paper's code is: a source's link, or an address in its abstract, or "".

    Code that is only promised is not there yet.
    """
    if linked := paper.link(Rel.CODE):
        return linked
    if not _names_host(paper.abstract):
        return ""
    text = paper.abstract.replace("\\_", "_")
    for found in _REPOSITORY.finditer(text):
        before = re.split(r"[.!?]\s", text[max(found.start() - _AROUND, 0) : found.start()])[-1]
        after = re.split(r"[.!?](?:\s|$)", text[found.end() : found.end() + _AROUND])[0]
        if not _PROMISED.search(before + after):
            return f"https://{found.group(1).rstrip('.-').removesuffix('.git')}"
    return ""


def _names_code(paper: Paper) -> bool:
    """Whether it points at code, were it a promise."""
    return bool(
        paper.link(Rel.CODE) or (_names_host(paper.abstract) and _ANY_CODE.search(paper.abstract))
    )


def _names_host(text: str) -> bool:
    """Whether it is worth a search, which costs a hundred times as much."""
    lowered = text.lower()
    return any(host in lowered for host in _HOSTS)


# ── All of it ─────────────────────────────────────────────────────────────────────────────────────


def facts(paper: Paper) -> tuple[Event, ...]:
    """Return what has become of a paper, by its own record."""
    found = {
        Event.WITHDRAWN: is_withdrawn(paper),
        Event.PUBLISHED: is_preprint(paper) and is_published(paper),
        Event.CODE: bool(code_of(paper)),
    }
    return ordered(event for event, holds in found.items() if holds)


def told_by(paper: Paper) -> tuple[Event, ...]:
    """Return what whoever is shown a paper needs not be told later: all its facts, and what is near.

    Who had the article is not told that its preprint was published, and a promise of code is kept.
    """
    near = {Event.PUBLISHED: is_published(paper), Event.CODE: _names_code(paper)}
    return ordered({*facts(paper), *(event for event, holds in near.items() if holds)})


def gained(known: Sequence[Paper], now: Paper) -> tuple[Event, ...]:
    """Return the facts of `now` that one of the papers it was before (`known`) had not.

    Of a paper that nobody had before, only that it is withdrawn: the rest it was born with.
    """
    if not known:
        return (Event.WITHDRAWN,) if is_withdrawn(now) else ()
    had = set.intersection(*(set(facts(before)) for before in known))
    return ordered(set(facts(now)) - had)


def standing(news: Iterable[News]) -> list[News]:
    """Return the news that still holds: what a later version took back is none any more."""
    checked = [
        (each.paper, ordered({*facts(each.paper), Event.REPLACE}.intersection(each.events)))
        for each in news
    ]
    return [News(paper, events) for paper, events in checked if events]


def ordered(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events that are told, each once, the weightiest first."""
    given: Collection[Event] = set(events)
    return tuple(event for event in NEWS if event in given)
