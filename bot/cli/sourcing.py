"""sources: which there are, and more of them."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from bot.app import fetching
from bot.cli import keeping
from bot.cli.adding import bytes_of, deliver_tables, known_configuration, tables_in
from bot.cli.opening import clock, configuration
from bot.cli.terminal import as_json, say_block
from bot.config import Config, SourceSettings
from bot.errors import PaperroundError, ParseError, UsageError
from bot.models import Document, Failure, NotModified, Request
from bot.sources import arxiv, logins
from bot.sources.discovery import Offer, arxiv_categories, offers, own_title
from bot.sources.opml import LARGEST_FILE, Outline, read_opml, write_opml
from bot.text.toml import array, comment, name_of, quoted
from bot.values import value_type

log = logging.getLogger("paperround")

_MOST_TOLD = 20


def sources(args: argparse.Namespace) -> int:
    """List, discover, import, export."""
    act = {
        "list": keeping.sources, "discover": _discover, "import": _import, "export": _export,
    }[args.action]  # fmt: skip
    return act(args)


@value_type(frozen=True, slots=True)
class _Found:
    """A source to be: its name, kind and address, and what to say of it."""

    name: str
    kind: str
    url: str
    categories: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    asks: tuple[tuple[str, str], ...] = ()

    def as_toml(self) -> str:
        """Return its table."""
        lines = [*(comment(each) for each in self.remarks if each), "[[sources]]"]
        lines += [f"name = {quoted(self.name)}", f"kind = {quoted(self.kind)}"]
        if self.categories:
            lines.append(f"categories = {array(self.categories)}")
        elif self.kind == "feed":
            lines.append(f"url = {quoted(self.url)}")
        lines += [f"{key} = {quoted(value)}" for key, value in self.asks]
        return "\n".join(lines) + "\n"


def _found(url: str, title: str, taken: set[str], *remarks: str) -> _Found:
    """Return the source that an address stands for, under a name of its own, which is then taken."""
    categories = arxiv_categories(url)
    host = urlsplit(url).hostname or "feed"
    hugging = host == "huggingface.co" and urlsplit(url).path.rstrip("/") == "/papers"
    service, asks = _service(url)
    kind = "arxiv" if categories else "huggingface" if hugging else service or "feed"
    better = f"arxiv {' '.join(categories)}" if categories else "huggingface" if hugging else title
    better = better or " ".join((service, *(value for _, value in asks))).strip()
    name = name_of(better or host, taken, otherwise=name_of(host))
    taken.add(name)
    return _Found(name, kind, url, categories, (title, *remarks), asks)


def _service(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the kind whose own page an address is, and what it shows there; "" for none."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    venue, term = asked.get("id", ""), asked.get("term", "")
    kind, asks = "", ("", "")
    if parts.hostname == "openreview.net" and parts.path == "/group":
        kind, asks = "openreview", ("venue", venue)
    elif parts.hostname == "pubmed.ncbi.nlm.nih.gov" and term:
        kind, asks = "pubmed", ("query", term)
    try:
        SourceSettings.model_validate({"name": "found", "kind": kind, asks[0]: asks[1]})
    except ValueError:
        return "", ()
    return kind, (asks,)


def _taken(config: Config | None, append: str | None = None) -> set[str]:
    taken = {source.name for source in config.sources} if config else set()
    there = tables_in(Path(append)).get("sources", []) if append else []
    listed = there if isinstance(there, list) else []
    return taken | {str(each.get("name")) for each in listed if isinstance(each, dict)}


# ── discover ──────────────────────────────────────────────────────────────────────────────────────


def _discover(args: argparse.Namespace) -> int:
    config = known_configuration(args)
    url = args.url if "://" in args.url else f"https://{args.url}"
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"{args.url!r} is no address that begins with https:// or http://.")
    taken = _taken(config)
    found: list[_Found] = []
    if (direct := _found(url, "", taken)).kind != "feed":
        found = [direct]  # these services have kinds of their own: nothing to ask
    else:
        taken.discard(direct.name)
        found = asyncio.run(_asked(args, config or Config(), url, taken))
    if args.json:
        as_json([
            {"name": f.name, "kind": f.kind, "url": f.url, "categories": list(f.categories),
             **dict(f.asks)}
            for f in found
        ])  # fmt: skip
    elif found:
        say_block("\n".join(each.as_toml() for each in found).rstrip())
    if not found:
        log.warning(
            "%s names no feed. If the site has one, give its own address: "
            "`paperround sources discover` tells whether it can be read.", url
        )  # fmt: skip
        return 1
    return 0


async def _asked(
    args: argparse.Namespace, config: Config, url: str, taken: set[str]
) -> list[_Found]:
    """Fetch a page and return the feeds it offers, or itself where it is one."""
    async with fetching(config) as fetcher:
        answer = await fetcher.fetch(Request(url))
    if isinstance(answer, Failure):
        raise PaperroundError(f"{url} cannot be looked at: {answer.problem}.")
    if isinstance(answer, NotModified):
        raise PaperroundError(
            f"{url} answered that nothing changed, though nothing was asked before."
        )
    title = own_title(answer, clock(args)())
    if title is not None:
        here = logins.kept(answer.url, url)
        return [_found(here, title, taken, "this is a feed itself")]
    offered = offers(answer.body, answer.url, _charset(answer))
    return [
        _found(logins.kept(each.url, url), each.title, taken, _remark(each))
        for each in offered
        if _fits(each.url)
    ]


def _remark(offer: Offer) -> str:
    return "" if offer.stated else "a link that looks like a feed: not asked"


def _charset(document: Document) -> str:
    _, _, charset = document.header("content-type").lower().partition("charset=")
    return charset.partition(";")[0].strip(" \"'")


# ── OPML ──────────────────────────────────────────────────────────────────────────────────────────


def _import(args: argparse.Namespace) -> int:
    config = known_configuration(args)
    try:
        read = read_opml(bytes_of(args.file, LARGEST_FILE))
    except ParseError as error:
        raise UsageError(f"{args.file}: {error}.") from error
    _tell(args.file, read.problems)
    unfit = [feed for feed in read.feeds if not _fits(feed.url)]
    _tell(args.file, [f"{feed.url!r} is no address" for feed in unfit])
    feeds = [feed for feed in read.feeds if feed not in unfit]
    there = _There(config.sources if config else ())
    again = [feed for feed in feeds if not there.adds(feed.url)]
    if again:
        log.warning("%s: sources already, and left out: %d.", args.file, len(again))
    taken = _taken(config, args.append)
    found = [
        _found(feed.url, feed.title, taken, " / ".join(feed.groups))
        for feed in feeds
        if feed not in again
    ]
    if not found and not again:
        raise UsageError(f"{args.file}: there is no feed in it (an outline with an xmlUrl).")
    if found:
        deliver_tables("\n".join(each.as_toml() for each in found), args.append, config)
    return 0


class _There:
    """What is read already: addresses, and what the services that have a kind are asked for."""

    def __init__(self, sources: Sequence[SourceSettings]) -> None:
        self._read: set[str] = set()
        for source in sources:
            self._read |= self._parts(source.kind, source.url, source.categories)

    def adds(self, url: str) -> bool:
        """Whether a source of this address would read anything that is not read yet; note it."""
        found = _found(url, "", set())
        parts = self._parts(found.kind, found.url, found.categories)
        new = not parts <= self._read
        self._read |= parts
        return new

    @staticmethod
    def _parts(kind: str, url: str, categories: Sequence[str]) -> set[str]:
        if kind == "arxiv":
            return {f"arxiv {category}" for category in categories}
        return {"huggingface" if kind == "huggingface" else url}


def _fits(url: str) -> bool:
    """Whether the configuration would take the address."""
    try:
        SourceSettings(name="imported", kind="feed", url=url)
    except ValueError:
        return False
    return True


def _tell(file: str, problems: Sequence[str]) -> None:
    for problem in problems[:_MOST_TOLD]:
        log.warning("%s: %s.", file, problem)
    if len(problems) > _MOST_TOLD:
        log.warning("%s: and %d more.", file, len(problems) - _MOST_TOLD)


def _export(args: argparse.Namespace) -> int:
    config = configuration(args)
    feeds = [Outline(url, source.name) for source in config.sources if (url := _address(source))]
    left = [source.name for source in config.sources if not _address(source)]
    if left:
        log.warning("%s: not read as a feed, and so left out.", ", ".join(left))
    private = [
        s.name for s in config.sources if s.kind == "feed" and logins.without(s.url) != s.url
    ]
    if private:
        log.warning("%s: the login in its address is left out.", ", ".join(private))
    say_block(write_opml(f"{config.bot.title}: sources", feeds).rstrip())
    return 0


def _address(source: SourceSettings) -> str:
    """Return the address under which another reader finds the same papers, or ""."""
    if source.kind == "feed":
        return logins.without(source.url)
    if source.kind == "arxiv" and source.categories:
        return arxiv.address(source.model_copy(update={"url": ""}))
    return ""
