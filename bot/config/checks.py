"""What only the whole configuration can show, and what this version does not act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.config.values import LONGEST_NAME, NAME, RESERVED_NAMES
from bot.errors import Mistake

if TYPE_CHECKING:
    from bot.config.mistakes import Origins
    from bot.config.tables import Config, Profile, SourceSettings

# `Shazeer, Noam` is one person, and bioRxiv's categories may hold a comma; arXiv's never do.
_SEVERAL = {
    "authors": re.compile(r"[^;]+(?:;[^;]+)+"),
    "categories": re.compile(r"=?[a-z-]+\.[A-Za-z-]+(?:\s*[,;]\s*=?[a-z-]+\.[A-Za-z-]+)+"),
}
_ARXIV_CATEGORY = re.compile(r"[A-Za-z][A-Za-z.-]*")


def consistency(config: Config, sources: set[str], origins: Origins) -> list[Mistake]:
    """Return the mistakes that no table shows by itself; `sources` are the names as written."""
    found = [
        *_check_sources(config),
        *_check_profiles(config, sources),
        *_check_mail(config),
        *_check_inbound(config),
        *_check_models(config),
    ]
    return [Mistake(origins.of(each[0]), *each) for each in found]


def _check_sources(config: Config) -> Iterator[tuple[str, ...]]:
    seen: set[str] = set()
    for source in config.sources:
        table = f'sources "{source.name}"'
        if not NAME.fullmatch(source.name):
            yield table, "name", "use lower-case letters, digits and hyphens."
        if source.name in seen:
            yield table, "name", "two sources have this name.", "Choose another for one of them."
        seen.add(source.name)
        yield from _check_asked(table, source)
        for place, category in enumerate(source.categories, start=1):
            if source.kind == "arxiv" and not _ARXIV_CATEGORY.fullmatch(category):
                problem = f'expected a category such as "cs.LG" or "hep-ex"; got "{category}".'
                yield table, f"categories item {place}", problem


# What a kind must be told, and a hint; every other kind has no such key.
_ASKED = {
    ("feed", "url"): 'A feed needs its address: url = "https://…".',
    ("crossref", "issn"): 'A journal\'s number: issn = ["0028-0836"].',
    ("pubmed", "query"): 'As in its search: query = "base editing[tiab] AND mice".',
    ("openreview", "venue"): 'E.g. venue = "ICLR.cc/2026/Conference".',
}
_WITH_CATEGORIES = ("arxiv", "biorxiv", "medrxiv")


def _check_asked(table: str, source: SourceSettings) -> Iterator[tuple[str, ...]]:
    """Yield what a kind needs and is not told, and what it is told and does not know."""
    if source.kind == "arxiv" and not source.categories and not source.url:
        yield table, "categories", "is missing.", 'E.g. categories = ["cs.CL", "cs.LG"].'
    for (kind, key), hint in _ASKED.items():
        said = getattr(source, key)
        if kind == source.kind and not said:
            yield table, key, "is missing.", hint
        if kind != source.kind and said and key != "url":
            problem = f"a source of kind {source.kind} has none."
            yield table, key, problem, f"It belongs to kind {kind}."
    if source.categories and source.kind not in _WITH_CATEGORIES:
        yield table, "categories", f"a source of kind {source.kind} has no categories."


def _check_profiles(config: Config, sources: set[str]) -> Iterator[tuple[str, ...]]:
    owners: dict[str, str] = {}
    for name, profile in config.profiles.items():
        table = f"profiles.{name}"
        if name in RESERVED_NAMES:
            problem = f'"{name}" is a word of our own addresses.'
            yield table, "", problem, "Choose another name for the profile."
        elif not NAME.fullmatch(name):
            yield table, "", "use lower-case letters, digits and hyphens in a profile's name."
        elif len(name) > LONGEST_NAME:
            hint = "Its `title` may be as long as you like."
            yield table, "", f"a name has at most {LONGEST_NAME} characters.", hint
        for source in profile.sources:
            if source not in sources:
                yield table, "sources", f'there is no source "{source}".', _near(source, sources)
        for former in profile.was:
            if former in config.profiles:
                problem = f'"{former}" is a profile of its own.'
                yield table, "was", problem, "A former name must be free."
            if former in owners:
                yield table, "was", f'"{former}" is a former name of "{owners[former]}" too.'
            owners[former] = name
        yield from _check_names(table, profile)
        yield from _check_weights(table, profile)
        yield from _check_clauses(table, profile)


def _near(name: str, names: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f'Did you mean "{close[0]}"?' if close else f"There are: {', '.join(sorted(names))}."


def _check_names(table: str, profile: Profile) -> Iterator[tuple[str, ...]]:
    for key in ("authors", "categories"):
        for name in getattr(profile, key):
            text, caret, _ = name.rpartition("^")
            if not _has_a_word(text if caret else name):
                yield table, key, f'"{name}" names nothing to look for.'
            elif several := _SEVERAL[key].fullmatch(name):
                each = ", ".join(f'"{part.strip()}"' for part in re.split("[,;]", several.group()))
                yield table, key, f'"{name}" is several in one.', f"Write {key} = [{each}]."


def _check_weights(table: str, profile: Profile) -> Iterator[tuple[str, ...]]:
    for key in ("exclude", "always"):
        for clause in getattr(profile, key):
            if found := re.search(r"(?<=\w)\^\d+(?:\.\d+)?$", clause):
                hint = f'Leave "{found.group()}" out; a formula stands in dollars.'
                yield table, key, f'"{clause}": here nothing counts more than once.', hint
    for key in ("keywords", "authors", "categories"):
        for clause in getattr(profile, key):
            _, caret, weight = clause.rpartition("^")
            if caret and "$" not in weight and not re.fullmatch(r"\d+(\.\d+)?", weight.strip()):
                example = f"{clause.split('^')[0]}^2"
                hint = f'as in "{example}"'
                if any(sign in weight for sign in ")]}"):
                    formula = re.sub(r"\S*\^\S*", r"$\g<0>$", clause)
                    hint = f'which is how much it counts. A formula stands in dollars: "{formula}"'
                yield table, key, f'"{clause}": after ^ comes a number, {hint}.'


# Of `exclude` and `always`; a test holds them against those that ranking reads.
CLAUSE_FIELDS = ("abstract", "author", "cat", "category", "paper", "title")
_OF_KEYWORDS = {"author": "authors", "cat": "categories", "category": "categories"}


def _check_clauses(table: str, profile: Profile) -> Iterator[tuple[str, ...]]:
    """Yield clauses that would never match: what somebody excludes must not come all the same."""
    for key in ("exclude", "always"):
        for clause in getattr(profile, key):
            field, colon, rest = clause.partition(":")
            field = field.strip().lower()
            known = bool(colon) and field in CLAUSE_FIELDS
            near = difflib.get_close_matches(field, CLAUSE_FIELDS, n=1, cutoff=0.75)
            if not _has_a_word(rest if known else clause):
                yield table, key, f'"{clause}" has no word to look for.', 'E.g. "title:tutorial".'
            elif colon and near and not known:
                hint = f'Did you mean "{near[0]}:{rest}"?'
                yield table, key, f'"{clause}": there is no field "{field}".', hint
    for clause in profile.keywords:
        field = clause.partition(":")[0].strip().lower()
        text, caret, _ = clause.rpartition("^")
        if not _has_a_word(text if caret else clause):
            yield table, "keywords", f'"{clause}" has no word to look for.'
        elif ":" in clause and field in CLAUSE_FIELDS:
            other = _OF_KEYWORDS.get(field)
            hint = f"There is the key `{other}`." if other else f'Leave "{field}:" out.'
            yield table, "keywords", f'"{clause}": a keyword has no field.', hint


def _has_a_word(text: str) -> bool:
    return any(char.isalnum() for char in text)


def not_yet(config: Config) -> list[str]:
    """Return a sentence for each key that is set and that this version does not act on yet."""
    name = config.path.name
    unused = [key for key in ("host", "username", "password") if getattr(config.inbound, key)]
    if config.inbound.kind != "none" or not unused:
        return []
    keys = ", ".join(unused)
    return [f'{name}: [inbound] {keys}: no mailbox is read while kind = "none"; write "imap".']


def _check_models(config: Config) -> Iterator[tuple[str, ...]]:
    if config.semantic.file and config.semantic.url:
        yield "semantic", "file", "beside url it is a second way to the same.", "Name one of them."
    for table, asked in (("semantic", config.semantic), ("summary", config.summary)):
        if asked.url and not asked.model:
            yield table, "model", "is missing.", "Which of the service's models is asked?"
        if asked.model and not asked.url:
            yield table, "url", "is missing.", 'E.g. url = "http://127.0.0.1:11434/v1".'


def _check_inbound(config: Config) -> Iterator[tuple[str, ...]]:
    inbound = config.inbound
    if inbound.kind != "none" and not inbound.address:
        yield "inbound", "address", "is missing.", 'E.g. address = "papers@example.org".'
    if inbound.kind == "imap":
        for key in ("host", "username", "password"):
            if not getattr(inbound, key):
                yield "inbound", key, 'is missing, which kind = "imap" needs.'
    if inbound.kind == "lmtp" and not _is_near(inbound.host):
        hint = 'E.g. host = "127.0.0.1:8624", or the path of a socket.'
        problem = "takes mail from this machine alone: a loopback address and a port, or a path."
        yield "inbound", "host", problem, hint


def _is_near(place: str) -> bool:
    """Whether a place is a socket's path, or a loopback address with a port."""
    if place.startswith("/"):
        return True
    host, _, port = place.rpartition(":")
    return host.strip("[]") in ("127.0.0.1", "::1", "localhost") and port.isdecimal()


def _check_mail(config: Config) -> Iterator[tuple[str, ...]]:
    yield from _check_dkim(config)
    if config.mail.bounce and "{token}" not in config.mail.bounce:
        yield "mail", "bounce", 'has no {token}, e.g. "bounce+{token}@example.org".'


def _check_dkim(config: Config) -> Iterator[tuple[str, ...]]:
    """Half a signature is refused: mail that its owner believes to be signed must be."""
    dkim = config.mail.dkim
    sender = config.mail.sender_domain
    if dkim.domain and not dkim.selector:
        hint = f'E.g. selector = "papers" for a key published at papers._domainkey.{dkim.domain}.'
        yield "mail.dkim", "selector", "is missing.", hint
    if dkim.selector and not dkim.domain:
        hint = f'Write domain = "{sender}", or take the selector out.'
        yield "mail.dkim", "domain", "is missing, so nothing would be signed.", hint
    if dkim.domain and not dkim.key:
        yield "mail.dkim", "key", "is missing.", 'E.g. key = "file:dkim.pem".'
    if dkim.domain and not aligned(dkim.domain, sender):
        problem = f'"{dkim.domain}" is not the domain that [mail] from writes as ("{sender}").'
        hint = "A signature counts only for its own domain (RFC 7489, section 3.1.1): sign as that."
        yield "mail.dkim", "domain", problem, hint


def aligned(domain: str, other: str) -> bool:
    """Whether two domains are one organisation's: "relaxed" alignment (RFC 7489 §3.1.1)."""
    return _organisation(domain) == _organisation(other)


def _organisation(domain: str) -> str:
    """Return the organisational domain by rule of thumb: `example.org`, `example.co.uk`.

    The list of public suffixes that browsers have would be exact, and out of date every month.
    """
    labels = domain.lower().rstrip(".").split(".")
    second = len(labels) > 1 and len(labels[-1]) == _COUNTRY and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if second else labels[-2:])


_COUNTRY = 2
_SECOND_LEVEL = frozenset(
    {"ac", "co", "com", "edu", "gen", "go", "gob", "gov", "gouv", "gv", "ind", "lg", "ltd", "me",
     "mil", "ne", "net", "nhs", "nom", "or", "org", "plc", "res", "sch"}
)  # fmt: skip
