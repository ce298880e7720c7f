"""profiles: which there are, what they look for, new ones from papers somebody has, and their end."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot import ranking
from bot.app import App, open_app
from bot.cli.adding import bytes_of, deliver_tables, known_configuration, tables_in
from bot.cli.opening import clock, opened, profile_named
from bot.cli.terminal import as_json, say, table
from bot.config import (
    RESERVED_NAMES,
    decoded,
    keys_of,
    read_bibliography,
)
from bot.errors import UsageError
from bot.identity import parse_identifier
from bot.models import Feedback, Identifier, Opinion, Paper, Subscription, SubscriptionStatus
from bot.outputs.cards import title_of
from bot.outputs.wording import counted
from bot.ranking import Suggestion, suggested
from bot.schedule import next_edition
from bot.text import shorten
from bot.text.toml import array, comment, name_of, quoted

if TYPE_CHECKING:
    from bot.config import (
        Config,
        Profile,
        Reference,
    )

log = logging.getLogger("paperround")

_LARGEST = 50_000_000  # bytes
_MOST_LIKES = 2_000
_UNKNOWN_NAMED = 5
_MOST_TOLD = 20
_INTERESTS = ("about", "keywords", "authors", "categories", "like", "dislike", "always", "exclude")


def profiles(args: argparse.Namespace) -> int:
    """List, show, import, retire."""
    act = {"list": _list, "show": _show, "import": _import, "retire": _retire}[args.action]
    return act(args)


# ── list ──────────────────────────────────────────────────────────────────────────────────────────


def _list(args: argparse.Namespace) -> int:
    with opened(args) as app:
        asyncio.run(app.mirror())
        told = [
            _line(app, name, state) for name, state in sorted(app.store.profile_states().items())
        ]
        if args.json:
            as_json(told)
        else:
            rows = [
                (t["name"], t["title"], t["state"], t["editions"], t["subscribers"],
                 f"{t['next_edition']:%Y-%m-%d %H:%M} UTC" if t["next_edition"] else "never")
                for t in told
            ]  # fmt: skip
            columns = ("profile", "title", "state", "editions", "subscribers", "next edition")
            table("", columns, rows, numbers=(3, 4))
            if not rows:
                say("There is no profile yet: write one, or see `paperround profiles import`.")
    return 0


def _line(app: App, name: str, state: str) -> dict[str, object]:
    profile = app.config.profiles.get(name)
    last = app.store.last_edition(name)
    due = None
    if profile is not None and state == "active":
        period = app.store.last_period(name)
        due = next_edition(profile, period, app.clock(), app.config.bot.timezone)
    subscribed = [s for s in _subscriptions(app, name) if s.status is SubscriptionStatus.CONFIRMED]
    return {
        "name": name, "title": profile.title if profile else "", "state": state,
        "editions": last.number if last else 0, "subscribers": len(subscribed),
        "next_edition": due,
    }  # fmt: skip


def _subscriptions(app: App, name: str) -> list[Subscription]:
    return [s for s in app.store.all_subscriptions() if s.profile == name]


# ── show ──────────────────────────────────────────────────────────────────────────────────────────


def _show(args: argparse.Namespace) -> int:
    with opened(args) as app:
        asyncio.run(app.mirror())
        profile = profile_named(app.config, args.name)
        state = app.store.profile_states()[profile.name]
        interests = [*_written(app, profile), *_learnt(app, profile)]
        settings = _settings(profile)
        readers = _readers_opinions(app, profile)
        unknown = unknown_examples(app, profile)
        if args.json:
            as_json({
                "name": profile.name, "state": state, "file": app.config.file_of(profile.name),
                "interests": interests, "settings": settings,
                "readers_opinions": readers, "unknown": list(unknown),
            })  # fmt: skip
            return 0
        line = _line(app, profile.name, state)
        say(f"{profile.heading} · [profiles.{profile.name}] in {app.config.file_of(profile.name)}")
        editions, subscribers = int(str(line["editions"])), int(str(line["subscribers"]))
        say(f"{state}, {counted(editions, 'edition')}, {counted(subscribers, 'subscriber')}")
        if any(readers.values()):
            say(
                f"readers: {readers['like']} × more like this, {readers['dislike']} × less like this"
            )
        if unknown:
            say(unknown_in_words(unknown))
        if unreadable := ranking.unreadable_examples(profile):
            say(unreadable_in_words(unreadable))
        say()
        rows = [(i["kind"], shorten(str(i["text"]), 90), i["origin"]) for i in interests]
        table("", ("interest", "what", "from"), rows)
        table("", ("key", "value"), [(k, _plain(v)) for k, v in settings.items()])
    return 0


def _written(app: App, profile: Profile) -> Iterator[dict[str, object]]:
    """Yield what the profile's own table, and its library, say."""
    origin = app.config.file_of(profile.name)
    for key in _INTERESTS:
        value = getattr(profile, key)
        for each in (value,) if isinstance(value, str) else value:
            if each:
                yield {"kind": key, "text": each, "origin": origin}
    for each in profile.shelf:
        yield {"kind": "like", "text": each, "origin": f"library {profile.library}"}


def _learnt(app: App, profile: Profile) -> Iterator[dict[str, object]]:
    """Yield what was said of papers, and what curators put forward, whether or not it counts."""
    listening = {"none": 'not learnt: learn = "none"', "owner": "", "all": ""}[profile.learn]
    for said in app.store.feedback_of(profile.name):
        deaf = profile.learn == "owner" and said.subscriber != 0
        why = listening or ('not learnt: learn = "owner"' if deaf else "learnt")
        yield {
            "kind": said.opinion.value, "text": f"{_name(said.paper)} {title_of(said.paper)}",
            "origin": f"{_who(said)}, {said.at:%Y-%m-%d} ({why})",
        }  # fmt: skip
    for paper in app.store.submitted(profile.name):
        yield {"kind": "always", "text": f"{_name(paper)} {title_of(paper)}", "origin": "submitted"}


def unknown_examples(app: App, profile: Profile) -> list[str]:
    """Return the papers that a profile names and nobody has shown yet, by their identifiers."""
    return [str(each) for each in app.store.unknown(ranking.example_identifiers(profile))]


def unknown_in_words(unknown: Sequence[str]) -> str:
    """Return `3 of its papers are not known yet: arXiv:…, doi:…`, at most five of them named."""
    named, rest = unknown[:_UNKNOWN_NAMED], len(unknown) - _UNKNOWN_NAMED
    more = f" and {rest:,} more" if rest > 0 else ""
    be = "is" if len(unknown) == 1 else "are"
    return f"{len(unknown):,} of its papers {be} not known yet: {', '.join(named)}{more}"


def unreachable_in_words(profile: Profile) -> str:
    """Return why nothing comes in a profile whose threshold no paper reaches, and what to do."""
    return (
        f"nothing says what is wanted, so no paper reaches its threshold of {profile.threshold:.1%}: "
        "give it keywords or a description, or take the threshold out. Only what is put forward by hand comes"
    )


def unreadable_in_words(unreadable: Sequence[str]) -> str:
    """Return `"foo" names no paper`, of at most five, and how a paper is named."""
    told = ", ".join(f'"{shorten(each, 60)}"' for each in unreadable[:_UNKNOWN_NAMED])
    rest = len(unreadable) - _UNKNOWN_NAMED
    more = f" and {rest:,} more" if rest > 0 else ""
    verb = "names" if len(unreadable) == 1 else "name"
    return f"{told}{more} {verb} no paper: write arXiv:2401.06066, doi:… or an address"


def _readers_opinions(app: App, profile: Profile) -> dict[str, int]:
    """Return how many opinions readers gave by the links of a digest, by what they say."""
    said = [each.opinion for each in app.store.feedback_of(profile.name) if each.subscriber]
    return {opinion.value: said.count(opinion) for opinion in Opinion}


def _name(paper: Paper) -> str:
    return str(paper.key)


def _who(said: Feedback) -> str:
    return f"reader {said.subscriber}" if said.subscriber else "owner"


def _settings(profile: Profile) -> dict[str, object]:
    """Return the keys that say no interest, and that are not at their defaults."""
    return {
        key: value
        for key, default in keys_of("profiles").items()
        if key not in _INTERESTS and (value := getattr(profile, key)) != default
    }


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


# ── import ────────────────────────────────────────────────────────────────────────────────────────


def _import(args: argparse.Namespace) -> int:
    config = known_configuration(args)
    found = read_bibliography(decoded(bytes_of(args.file, _LARGEST)))
    problems = [*found.problems]
    named = [one for each in found.references if (one := _identified(each, problems))]
    references = _each_once(named)
    for problem in problems[:_MOST_TOLD]:
        log.warning("%s: %s.", Path(args.file).name, problem)
    if len(problems) > _MOST_TOLD:
        log.warning("%s: and %d more.", Path(args.file).name, len(problems) - _MOST_TOLD)
    if not references:
        raise UsageError(
            f"nothing in {args.file} names a paper. It may be BibTeX, RIS, a Zotero export (CSL JSON), "
            "or a list of ids such as arXiv:2401.06066, one a line."
        )
    name = _free_name(args, config)
    known = _stored(args, config, references)
    complete = [_completed(one, known) for one in references]
    toml = _as_toml(
        name, Path(args.file).name, complete, suggested(complete), len(found.references)
    )
    deliver_tables(toml, args.append, config)
    return 0


def _identified(reference: Reference, problems: list[str]) -> Reference | None:
    """Return the reference with the identifiers that are some; without any, say so."""
    names = tuple(each for each in reference.identifiers if parse_identifier(each))
    if names:
        return replace(reference, identifiers=names)
    written = next(iter(reference.identifiers), "")
    if written and not reference.title:
        problems.append(
            f"{reference.name}: {shorten(written, 60)!r} names no paper; it was skipped"
        )
    else:
        problems.append(f'"{reference.name}" names no DOI, arXiv id or address; it was skipped')
    return None


def _each_once(references: Iterable[Reference]) -> list[Reference]:
    """Return one reference a paper, the first: else its authors and words would count twice."""
    names: set[Identifier | None] = set()
    first = []
    for reference in references:
        own = {parse_identifier(each) for each in reference.identifiers}
        if names.isdisjoint(own):
            first.append(reference)
        names |= own
    return first


def _free_name(args: argparse.Namespace, config: Config | None) -> str:
    """Return the new profile's name. Raises UsageError where it is taken."""
    name = name_of(args.name or Path(args.file).stem, otherwise="papers")
    if args.name and name != args.name:
        raise UsageError(f"{args.name!r}: use lower-case letters, digits and hyphens, as {name!r}.")
    taken = set(config.profiles) if config else set()
    taken |= (
        {old for profile in config.profiles.values() for old in profile.was} if config else set()
    )
    there = tables_in(Path(args.append)).get("profiles") if args.append else None
    taken |= set(there) if isinstance(there, dict) else set()
    if name not in taken | RESERVED_NAMES:
        return name
    sentence = f"there is a profile {name!r} already, or the name is one of our own words"
    if args.append:
        raise UsageError(f"{sentence}; nothing was changed. Choose another with --name.")
    log.warning("%s: choose another with --name.", sentence)
    return name


def _stored(
    args: argparse.Namespace, config: Config | None, references: Sequence[Reference]
) -> dict[str, Paper]:
    """Return what the store knows of these papers, by their names as written; it may know nothing."""
    if config is None or not (config.state / "paperround.db").is_file():
        return {}
    wanted = {
        each: identifier
        for one in references
        for each in one.identifiers
        if (identifier := parse_identifier(each))
    }
    with open_app(config, clock(args)) as app:
        papers = app.store.lookup(set(wanted.values()))
    by_identifier = {identifier: paper for paper in papers for identifier in paper.identifiers}
    return {
        each: by_identifier[identifier]
        for each, identifier in wanted.items()
        if identifier in by_identifier
    }


def _completed(reference: Reference, known: dict[str, Paper]) -> Reference:
    paper = next((known[each] for each in reference.identifiers if each in known), None)
    if paper is None:
        return reference
    return replace(
        reference,
        title=reference.title or paper.title,
        authors=reference.authors or paper.authors,
        categories=reference.categories or paper.categories,
    )


def _as_toml(
    name: str, file: str, references: Sequence[Reference], suggestion: Suggestion, entries: int
) -> str:
    likes = {one.identifiers[0]: one for one in references}
    shown = list(likes.values())[:_MOST_LIKES]
    lines = [
        comment(f"{counted(len(likes), 'paper')} of {file}, which has {entries:,} in all"),
        f"[profiles.{name}]",
        "like = [",
        *(f"    {quoted(one.identifiers[0])},{_titled(one)}" for one in shown),
        "]",
    ]
    if len(likes) > len(shown):
        lines.insert(
            1, f"# Only {len(shown)} of them: for so many, write library = {quoted(file)}."
        )
    for key, found in (
        ("authors", suggestion.authors),
        ("categories", suggestion.categories),
        ("keywords", suggestion.keywords),
    ):
        if found:
            lines.append(f"# suggested, with the number of papers: {_counted(found)}")
            lines.append(f"{key} = {array(each for each, _ in found)}")
    return "\n".join(lines) + "\n"


def _titled(reference: Reference) -> str:
    return f"  {comment(reference.title)}" if reference.title else ""


def _counted(found: Sequence[tuple[str, int]]) -> str:
    return comment(", ".join(f"{each} {n}" for each, n in found)).removeprefix("# ")


# ── retire ────────────────────────────────────────────────────────────────────────────────────────


def _retire(args: argparse.Namespace) -> int:
    with opened(args) as app:
        asyncio.run(app.mirror())
        states = app.store.profile_states()
        if args.name not in states:
            profile_named(app.config, args.name)
        if args.undo:
            return _undo(app, args)
        other = args.move_to or ""
        if other:
            profile_named(app.config, other)
            if states[other] != "active":
                raise UsageError(f"{other!r} is retired itself; nothing was changed.")
            if other == args.name:
                raise UsageError("a profile cannot take its own subscribers; nothing was changed.")
        moved = app.store.retire_profile(args.name, other)
        resting = app.store.resting_subscribers().get(args.name, [])
        if args.json:
            as_json({"name": args.name, "moved": moved, "resting": resting})
            return 0
        say(f"{args.name} is retired: no more editions, no more mail. Its archive stays.")
        if moved:
            say(f"Moved to {other}: {', '.join(moved)}")
        if resting:
            say(f"Still subscribed, and getting nothing: {', '.join(resting)}")
        if args.name in app.config.profiles:
            say(
                f"Delete [profiles.{args.name}] from {app.config.file_of(args.name)} when you like; "
                f"until then `profiles retire {args.name} --undo` takes this back."
            )
    return 0


def _undo(app: App, args: argparse.Namespace) -> int:
    if args.name not in app.config.profiles:
        raise UsageError(
            f"{args.name!r} is in no configuration file any more: write its table again, and it "
            "goes on where it stopped."
        )
    app.store.revive_profile(args.name)
    if args.json:
        as_json({"name": args.name, "state": "active"})
    else:
        say(f"{args.name} is active again. Subscribers who were moved stay where they are.")
    return 0
