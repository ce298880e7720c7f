"""backtest: what a profile would have picked, before anybody has to wait for it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.app import App
from bot.cli.opening import opened, profile_named
from bot.cli.terminal import as_json, bar, progress, say, table
from bot.outputs.cards import title_of
from bot.workflows.replay import THRESHOLDS, Day, replay

if TYPE_CHECKING:
    from bot.config import Profile


def backtest(args: argparse.Namespace) -> int:
    """Replay the stored past day by day; nothing is stored."""
    with opened(args) as app:
        profile = profile_named(app.config, args.profile)
        days = asyncio.run(_days(app, profile, args.days))
        if args.json:
            as_json(_document(profile, days))
        elif not days:
            say(
                f"Nothing is stored of the last {args.days} days: `paperround collect` comes first."
            )
        else:
            _show(profile, days)
    return 0


async def _days(app: App, profile: Profile, days: int) -> list[Day]:
    with progress("replay", days) as advance:
        async with app.meanings() as meanings:
            return await replay(
                profile, app.store.as_of, app.workers, app.clock(), app.config.bot.timezone, days,
                advance, meanings,
            )  # fmt: skip


def _document(profile: Profile, days: Sequence[Day]) -> dict[str, object]:
    return {
        "profile": profile.name,
        "days": [
            {
                "date": day.period, "at": day.at, "considered": day.considered,
                "picks": [
                    {"id": str(ranked.paper.key), "title": ranked.paper.title, "score": pick.score,
                     "probability": ranked.probability}
                    for pick, ranked in day.picks
                ],
                "passing": dict(zip(map(str, THRESHOLDS), day.passing, strict=True)),
            }
            for day in days
        ],
        "thresholds": [
            {"threshold": threshold, "a_day": round(mean, 2), "least": least, "most": most}
            for threshold, mean, least, most in _at_thresholds(days)
        ],
    }  # fmt: skip


def _at_thresholds(days: Sequence[Day]) -> list[tuple[float, float, int, int]]:
    """Return (threshold, mean a day, least, most) for each of THRESHOLDS; none without a day."""
    if not days:
        return []
    counts = zip(*(day.passing for day in days), strict=True)
    return [
        (threshold, sum(each) / len(each), min(each), max(each))
        for threshold, each in zip(THRESHOLDS, counts, strict=True)
    ]


def _show(profile: Profile, days: Sequence[Day]) -> None:
    most = max(len(day.picks) for day in days)
    rows: list[tuple[object, ...]] = []
    for day in days:
        titles = [title_of(ranked.paper) for _, ranked in day.picks]
        count = f"{bar(len(titles), most, 12)} {len(titles)} of {day.considered}"
        rows.append((f"{day.period:%a %d %b}", count, titles[0] if titles else ""))
        rows += [("", "", title) for title in titles[1:]]
    table("", ("day", "picked", "papers, best first"), rows)
    at_thresholds = _at_thresholds(days)
    widest = max(mean for _, mean, _, _ in at_thresholds)
    lines = [
        (f"{threshold:g}", f"{mean:.1f}", least, most_, bar(mean, widest))
        for threshold, mean, least, most_ in at_thresholds
    ]
    table("", ("threshold", "a day", "least", "most", ""), lines, numbers=(0, 1, 2, 3))
    now = f"threshold = {profile.threshold:g}" if profile.threshold else "no threshold"
    say(f"{profile.heading} has {now}, and takes at most {profile.limit} a day.")
