"""search and similar: the archive."""

from __future__ import annotations

import argparse
import asyncio
from datetime import date

from bot import identity, lifecycle
from bot.app import App
from bot.cli.opening import opened
from bot.cli.semantics import tier
from bot.cli.terminal import as_json, say, table
from bot.errors import EmbeddingError, UsageError
from bot.identity import parse_identifier
from bot.models import Paper
from bot.outputs.cards import authors_line, title_of
from bot.outputs.search_pages import unread_hints
from bot.text import shorten
from bot.text.query import read_query
from bot.workflows import find

_SHOWN_TERMS = 4


def search(args: argparse.Namespace) -> int:
    """Find stored papers by their words."""
    typed = " ".join(args.query).replace("−", "-")  # as typed, before `minus_kept_from_options`
    if read_query(typed).empty:
        raise UsageError(
            f"{typed!r} names nothing to look for. Type words, a \"phrase\", author:NAME, "
            "title:WORD, cat:cs.LG, since:2026-11-01, or what must not be there: -survey."
        )  # fmt: skip
    with opened(args, quickly=True) as app:
        told = asyncio.run(_found(app, typed, args))
        found = list(told.papers)
        if told.instead and not args.json:
            say(
                f"Read as {', '.join(f'{new!r} for {old!r}' for old, new in told.instead.items())}."
            )
        for hint in () if args.json else unread_hints(typed):
            say(hint)
        if args.json:
            as_json([_told(paper) | {"score": score} for paper, score in found])
        elif not found:
            _say_nothing_found(app, typed)
        else:
            rows = [
                (f"{score:.2f}" if score else "", _day(paper) or "", paper.votes or "",
                 _marked(paper), authors_line(paper.authors), str(paper.key))
                for paper, score in _readable_scores(found)
            ]  # fmt: skip
            columns = ("score", "date", "votes", "title", "authors", "paper")
            table("", columns, rows, numbers=(0, 2))
    return 0


async def _found(app: App, typed: str, args: argparse.Namespace) -> find.Found:
    if not args.semantic:
        return await find.look(typed, app.store, app.workers, args.limit)
    async with app.meanings() as meanings:
        if meanings.embedder is None:
            words = (await tier(app))["words"]
            raise UsageError(f"`--semantic` finds nothing: the semantic tier is {words}.")
        try:
            # Words and meaning together: each finds what the other misses.
            merged = await find.by_meaning(
                typed, app.store, app.workers, args.limit, meanings.nearest_to
            )
        except EmbeddingError as error:
            raise UsageError(f"`--semantic` finds nothing: {error}.") from error
    return find.Found(merged)


def _readable_scores(found: list[tuple[Paper, float]]) -> list[tuple[Paper, float]]:
    """Return the scores as shares of the best: bm25's own size means nothing to people."""
    best = max((score for _, score in found), default=0.0) or 1.0
    return [(paper, score / best) for paper, score in found]


def _say_nothing_found(app: App, typed: str) -> None:
    stored = app.store.count_papers()
    say(f"None of the {stored} stored papers fits {typed!r}.")
    if len(read_query(typed).clauses) > 1:
        say("All words must occur; fewer find more, and `transform*` finds all that begins so.")


def similar(args: argparse.Namespace) -> int:
    """Show the stored papers nearest to one."""
    with opened(args, quickly=True) as app:
        paper = stored_paper(app, args.paper)
        found = asyncio.run(find.similar(paper, app.store, app.workers, args.limit))
        if args.json:
            as_json([
                _told(each.paper) | {
                    "score": each.score,
                    "reasons": [{"text": r.text, "share": r.share} for r in each.reasons],
                }
                for each in found
            ])  # fmt: skip
            return 0
        say(f"{title_of(paper)} · {paper.key}")
        say()
        rows = [
            (f"{each.score:.0%}", _day(each.paper) or "", title_of(each.paper),
             ", ".join(f"{r.text} {r.share:.0%}" for r in each.reasons[:_SHOWN_TERMS]),
             str(each.paper.key))
            for each in found
        ]  # fmt: skip
        if rows:
            table("", ("like", "date", "title", "because", "paper"), rows, numbers=(0,))
        else:
            say("No stored paper shares a telling word with it.")
    return 0


def stored_paper(app: App, written: str) -> Paper:
    """Return the stored paper that a person names. Raises UsageError."""
    wanted = parse_identifier(written)
    if wanted is None:
        raise UsageError(
            f"{shorten(written, 80)!r} names no paper. Use arXiv:2401.06066, doi:… or an address."
        )
    found = app.store.lookup([wanted])
    if not found:
        raise UsageError(f"{wanted} is not stored: no source has shown it yet.")
    return found[0]


def _day(paper: Paper) -> date | None:
    moment = paper.published or paper.first_seen
    return moment.date() if moment else None


def _told(paper: Paper) -> dict[str, object]:
    return {
        "id": str(paper.key or identity.strongest(paper.identifiers)), "title": paper.title,
        "authors": list(paper.authors), "date": _day(paper), "votes": paper.votes,
        "citations": paper.citations, "categories": list(paper.categories),
        "withdrawn": lifecycle.withdrawal(paper) or None,
        "published": lifecycle.is_published(paper), "code": lifecycle.code_of(paper) or None,
    }  # fmt: skip


def _marked(paper: Paper) -> str:
    """Return the title, and before it what nobody should overlook."""
    title = title_of(paper)
    gone = lifecycle.is_withdrawn(paper) and not title.lower().startswith(("withdr", "retract"))
    return f"(withdrawn) {title}" if gone else title
