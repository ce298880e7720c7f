"""preview, rank, explain, trending: what would be, and why."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot import identity, lifecycle, ranking
from bot.app import App, open_app
from bot.cli.opening import clock, configuration, opened, profile_named, tell_warnings
from bot.cli.profiling import unreachable_in_words
from bot.cli.terminal import as_json, bar, say, say_block, table
from bot.config import normal_address
from bot.errors import UsageError
from bot.identity import parse_identifier
from bot.models import Edition, Envelope, Identifier, InterestKind, Paper, Ranked, Verdict
from bot.outputs.cards import (
    Section,
    authors_line,
    legible,
    reason_text,
    reasons_in_words,
    title_of,
)
from bot.outputs.email import DigestMaterial, Press
from bot.outputs.feeds import profile_rss
from bot.outputs.news import notice_text
from bot.schedule import local_date
from bot.workflows.collect import PollOutcome
from bot.workflows.compose import (
    edition_picks,
    learnt_profile,
    ranked_now,
    ranked_papers,
    source_notes,
)
from bot.workflows.sheets import trending_papers

if TYPE_CHECKING:
    from bot.config import Config, Profile

log = logging.getLogger("paperround")

_MOST_LINES = 20_000
_MOST_VOTES = 2**31


# ── preview ───────────────────────────────────────────────────────────────────────────────────────


def preview(args: argparse.Namespace) -> int:
    """Show the next edition of a profile; nothing is stored."""
    config = configuration(args)
    profile = profile_named(config, args.profile)
    if ranking.reaches_nothing(profile):
        log.warning("%s: %s.", profile.name, unreachable_in_words(profile))
    elif ranking.asks_for_nothing(profile):
        log.warning("%s asks for nothing yet: its papers stand by votes and newness.", profile.name)
    with _something_to_read(args, config) as app:
        section, papers = asyncio.run(_next_section(app, profile, args.days))
        (coming,) = section.editions
        if not coming.considered and coming.number > 1 and not args.days:
            log.warning(
                "Nothing came in since edition %d. `paperround preview %s --days 7` shows what the last "
                "week gives.", coming.number - 1, profile.name,
            )  # fmt: skip
        if args.format == "rss":
            sys.stdout.buffer.write(_as_feed(app, section, papers))
            return 0
        recipient = _recipient(args.to or next(iter(profile.to), "") or config.bot.contact)
        material = DigestMaterial(
            recipient=recipient,
            message_id=f"<preview.{profile.name}@paperround.invalid>",
            date=app.clock(),
            sections=(section,),
        )
        if args.to:
            return asyncio.run(_send(app, material))
        return _show(app, material, args)


@contextmanager
def _something_to_read(args: argparse.Namespace, config: Config) -> Iterator[App]:
    """Open the store; where nothing is stored yet, fetch into one that is thrown away."""
    if (config.state / "paperround.db").exists():
        with opened(args) as app:
            if app.store.count_papers():
                yield app
                return
    with tempfile.TemporaryDirectory(prefix="paperround-") as folder:
        bot = config.bot.model_copy(update={"state": folder, "templates": str(config.templates)})
        elsewhere = config.model_copy(update={"bot": bot})
        with open_app(elsewhere, clock(args)) as app:
            for each in asyncio.run(app.collect()):
                if each.outcome is PollOutcome.FAILED:
                    log.warning("%s: %s", each.source, each.detail)
            yield app
            tell_warnings(app)


async def _next_section(
    app: App, profile: Profile, days: int | None
) -> tuple[Section, dict[int, Paper]]:
    now, workers = app.clock(), app.workers
    store = app.store.as_of(now)  # --now may name any past day: what came later is not seen
    since = now - timedelta(days=days) if days else None
    async with app.meanings() as meanings:
        ranked, news, considered = await ranked_now(profile, store, workers, now, since, meanings)
    last = await workers.store(store.last_edition, profile.name)
    states = await workers.store(store.source_states)
    later = (await workers.store(app.store.source_states)).keys() - states.keys()
    sources = [source for source in app.config.sources if source.name not in later]
    picks = edition_picks(profile, ranked, [] if days else news)
    edition = Edition(
        profile=profile.name,
        number=last.number + 1 if last else 1,
        period=local_date(now, app.config.bot.timezone),
        through=0,
        made_at=now,
        picks=picks,
        health=tuple(source_notes(profile, sources, states, last, now)),
        considered=considered,
    )
    papers = await workers.store(store.papers, {pick.paper for pick in picks})
    shown = tuple((pick, papers[pick.paper]) for pick in picks)
    return Section(profile=profile, picks=shown, editions=(edition,)), papers


def _as_feed(app: App, section: Section, papers: dict[int, Paper]) -> bytes:
    return profile_rss(
        bot=app.config.bot, profile=section.profile, editions=section.editions, papers=papers,
        authority=app.founding.authority,
    )  # fmt: skip


def _recipient(address: str) -> str:
    try:
        return normal_address(address) if address else "you@example.org"
    except ValueError as error:
        raise UsageError(str(error)) from error


def _press(app: App) -> Press:
    return Press(bot=app.config.bot, sender=app.config.mail.sender, render=app.renderer())


async def _send(app: App, material: DigestMaterial) -> int:
    envelope = Envelope(
        delivery=0,
        sender=app.config.mail.sender_address,
        recipient=material.recipient,
        message_id=f"<preview.{app.clock().timestamp():.0f}@paperround.invalid>",
        content=_press(app).digest(material),
    )
    async with app.mailer().session() as session:
        attempt = await session.send(envelope)
    if attempt.verdict is Verdict.SENT:
        say(f"A test mail went to {material.recipient}.")
        return 0
    say(f"The test mail was not sent: {attempt.said}")
    return 1


def _show(app: App, material: DigestMaterial, args: argparse.Namespace) -> int:
    if args.format == "eml":
        sys.stdout.buffer.write(_press(app).digest(material))
        return 0
    text, html = _press(app).parts(material)
    if args.open or args.format == "html":
        if not args.open:
            print(html)
            return 0
        import webbrowser

        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", suffix=".html", delete=False
        ) as file:
            file.write(html)
        webbrowser.open(Path(file.name).as_uri())
        say(f"Opened {file.name}")
        return 0
    say_block(text)
    return 0


# ── rank and explain ──────────────────────────────────────────────────────────────────────────────


def rank(args: argparse.Namespace) -> int:
    """Rank papers given as JSON lines; the store is not opened."""
    config = configuration(args)
    profile = profile_named(config, args.profile)
    papers = _papers_from(args.file)
    ranked = ranking.rank(papers, profile)
    if args.json:
        as_json([_told(each) for each in ranked])
    else:
        rows = [(f"{each.score:.2f}", title_of(each.paper), _because(each)) for each in ranked]
        table("", ("score", "title", "because"), rows, numbers=(0,))
    return 0


def _because(ranked: Ranked) -> str:
    return reason_text(reasons_in_words(ranked.reasons))


def _told(ranked: Ranked) -> dict[str, object]:
    paper = ranked.paper
    return {
        "id": str(paper.key or identity.strongest(paper.identifiers)), "title": paper.title,
        "score": ranked.score, "probability": ranked.probability,
        "always": ranked.always, "withdrawn": lifecycle.withdrawal(paper) or None,
        "reasons": [
            {"kind": r.kind.value, "text": r.text, "share": r.share} for r in ranked.reasons
        ],
    }  # fmt: skip


def _papers_from(file: str | None) -> list[Paper]:
    try:
        text = Path(file).read_text(encoding="utf-8") if file else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file or 'standard input'} cannot be read as UTF-8 text: {error}"
        ) from error
    # Not splitlines: JSON's strings may hold U+2028 and its like, which end a line for Python.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > _MOST_LINES:
        raise UsageError(f"at most {_MOST_LINES} papers are ranked in one go, got {len(lines)}.")
    return [_paper_from(line, number) for number, line in lines]


def _paper_from(line: str, number: int) -> Paper:
    try:
        given = json.loads(line)
        title = given["title"]
        if not isinstance(title, str):
            raise TypeError(title)  # noqa: TRY301 - told below, like all the others
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f'line {number} is no paper: expected an object such as {{"title": "…", "abstract": "…"}}'
        ) from error
    authors = tuple(
        str(a.get("name", "") if isinstance(a, dict) else a) for a in _list(given, "authors")
    )
    return Paper(
        title=title,
        identifiers=_identifiers(given)
        or frozenset({identity.title_key(title, *authors[:1] or ("",))}),
        authors=authors,
        abstract=str(given.get("abstract") or ""),
        categories=tuple(str(c) for c in _list(given, "categories")),
        published=_date(given.get("published") or given.get("date")),
        votes=_votes(given.get("votes")),
    )


def _votes(value: object) -> int | None:
    counted = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_VOTES
    return value if counted else None  # type: ignore[return-value]  # an int, as was just asked


def _list(given: dict[str, object], key: str) -> list[object]:
    value = given.get(key) or []
    if isinstance(value, str):
        return [part.strip() for part in value.replace(";", ",").split(",")]
    return list(value) if isinstance(value, list) else []


def _identifiers(given: dict[str, object]) -> frozenset[Identifier]:
    found = {
        identifier
        for key in ("id", "arxiv", "doi", "url", "link")
        if (value := given.get(key)) and (identifier := parse_identifier(str(value)))
    }
    return frozenset(found)


def _date(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def explain(args: argparse.Namespace) -> int:
    """Show every interest's share in a stored paper's score."""
    wanted = parse_identifier(args.paper)
    if wanted is None:
        raise UsageError(
            f"{args.paper!r} names no paper. Use arXiv:2401.06066, doi:… or an address."
        )
    with opened(args) as app:
        profile = profile_named(app.config, args.profile)
        found = app.store.as_of(app.clock()).lookup([wanted])
        if not found:
            raise UsageError(f"{wanted} is not stored: no source has shown it yet.")
        ranked, clause = asyncio.run(_ranked(app, profile, found))
        if args.json:
            nothing: dict[str, object] = {
                "id": str(wanted),
                "score": None,
                "reasons": [],
                "kept_out_by": clause,
            }
            as_json(_told(ranked[0]) if ranked else nothing)
        else:
            _show_explained(found[0], ranked, profile, clause)
    return 0


async def _ranked(app: App, profile: Profile, papers: Sequence[Paper]) -> tuple[list[Ranked], str]:
    """Return the papers ranked, and what keeps the first of them out, "" where nothing does."""
    past = app.store.as_of(app.clock())
    async with app.meanings() as meanings:
        ranked = await ranked_papers(papers, profile, past, app.workers, app.clock(), meanings)
    learnt = await learnt_profile(profile, past, app.workers)
    return ranked, "" if ranked else ranking.keeping_out(papers[0], learnt)


_NEARLY_CERTAIN = 0.99
# What a reason without a text is: the further examples in one sum, parts of words in common, or what
# was said without a vote.
_CALLED = {InterestKind.ABOUT: "words"}  # of keywords as of `about`, in any order: it may have none
_WORDLESS = defaultdict(
    str,
    {
        InterestKind.LIKE: "all the other papers you like",
        InterestKind.DISLIKE: "all the other papers you dislike",
        InterestKind.ABOUT: "parts of words",
        InterestKind.TRENDING: "comments, opinions or further sources",
        InterestKind.ALWAYS: "put forward by hand",
    },
)


def _show_explained(paper: Paper, ranked: list[Ranked], profile: Profile, clause: str) -> None:
    say(title_of(paper))
    say(f"{authors_line(paper.authors)} · {paper.key}")
    if notice := notice_text(paper, legible):
        say(f"{notice}. It is never offered as new.")
    say()
    if not ranked:
        kept_out = f"It is never shown: the profile has {clause}."
        louder = ", or it is more like what it dislikes" if profile.dislike else ""
        say(kept_out if clause else f"Nothing in the profile speaks for it{louder}.")
        return
    best = ranked[0]
    most = max((abs(reason.share) for reason in best.reasons), default=0.0)
    rows = [
        (
            _CALLED.get(reason.kind, reason.kind.value),
            reason.text or _WORDLESS[reason.kind],
            f"{reason.share:+.3f}",
            bar(reason.share, most),
        )
        for reason in best.reasons
    ]  # fmt: skip
    rows.append(("", "score", f"{best.score:+.3f}", ""))
    table("", ("interest", "what", "share", ""), rows, numbers=(2,))
    insisted = ", and `always` asks for it" if best.always else ""
    say(f"Wanted with a probability of {_sure(best.probability)}{insisted}.")
    if best.probability < profile.threshold and not best.always:
        say(f"That is below the profile's threshold of {profile.threshold:.0%}: it is left out.")


def _sure(probability: float) -> str:
    """Return a probability in per cent; none is called certain, nor out of the question."""
    if probability >= _NEARLY_CERTAIN:
        return f"more than {_NEARLY_CERTAIN:.0%}"
    if probability <= 1 - _NEARLY_CERTAIN:
        return f"less than {1 - _NEARLY_CERTAIN:.0%}"
    return f"{probability:.0%}"


# ── trending ──────────────────────────────────────────────────────────────────────────────────────


def trending(args: argparse.Namespace) -> int:
    """Show what the community votes for."""
    days = {"day": 1, "week": 7, "month": 30}[args.period]
    with opened(args) as app:
        papers = asyncio.run(
            trending_papers(
                app.store.as_of(app.clock()), app.workers, app.clock(), timedelta(days=days)
            )
        )
        if args.json:
            as_json([
                {"id": str(p.key), "title": p.title, "votes": p.votes, "comments": p.comments,
                 "authors": list(p.authors)}
                for p in papers
            ])  # fmt: skip
        else:
            rows = [(p.votes or 0, p.comments or "", title_of(p), str(p.key)) for p in papers]
            table("", ("votes", "comments", "title", "paper"), rows, numbers=(0, 1))
            if not papers:
                say("No source has told votes in this time.")
    return 0
