"""The pages of what is trending: now, and by day, ISO week and month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from bot.outputs.charts import Chart, Period, Placed
from bot.outputs.contexts import LinkContext, PaperContext, ShelfContext, TrendingPage
from bot.outputs.feeds import TRENDING
from bot.outputs.site import Said, Sheet, Site, Whole, card_on, feed_context, frame_of, no_link
from bot.outputs.wording import counted, long_day, month, short_day, stretch
from bot.ports import Renderer

_MONTHS_LISTED = 60
_ABOUT = "Research papers by the votes of readers."
_NAMES = {"day": "Days", "week": "Weeks", "month": "Months"}


def trending_sheets(site: Site, render: Renderer) -> Iterator[Sheet]:
    """Yield what is trending now, and a page for each chart of the site."""
    yield Sheet(
        "trending/index.html",
        (Whole(tuple(paper.id for paper in site.trending)), site.today, site.periods),
        lambda: render("web/trending.html", _now(site)).encode(),
    )
    for chart in site.charts:
        yield Sheet(
            chart.period.path,
            (
                chart.period, chart.earlier, chart.later, chart.inside,
                Said(tuple(one.paper for one in chart.papers)),
                *((one.gained, one.votes, one.comments) for one in chart.papers),
            ),
            partial(_make, site, chart, render),
        )  # fmt: skip


def _make(site: Site, chart: Chart, render: Renderer) -> bytes:
    return render("web/trending.html", _chart(site, chart)).encode()


def _now(site: Site) -> TrendingPage:
    root = "../"
    latest = [[p for p in site.periods if p.kind == kind][-1:] for kind in _NAMES]
    months = [period for period in site.periods if period.kind == "month"]
    return TrendingPage(
        frame=frame_of(site, root, "Trending", _ABOUT, feeds=(), trending=True),
        date="",
        summary="By the votes of readers, the latest counting most",
        around=tuple(_link(period, "") for row in latest for period in row),
        feed=feed_context("Trending", TRENDING, root),
        papers=tuple(card_on(site, root, paper) for paper in site.trending),
        quiet="" if site.trending else "Nobody has voted on a paper yet.",
        inside=_shelves(months[: -_MONTHS_LISTED - 1 : -1], ""),
        earlier=no_link(),
        later=no_link(),
    )


def _chart(site: Site, chart: Chart) -> TrendingPage:
    root, up = "../../", "../"
    period = chart.period
    votes = counted(sum(one.gained for one in chart.papers), "vote")
    papers = counted(len(chart.papers), "paper")
    return TrendingPage(
        frame=frame_of(site, root, "Trending", _ABOUT, when=_long(period), feeds=(), trending=True),
        date=_long(period),
        summary=f"{votes} for {papers} {_during(period)}" if chart.papers else "",
        around=(
            *(_link(wider, up) for wider in chart.around),
            LinkContext("Trending now", f"{up}index.html"),
        ),
        feed=feed_context("Trending", TRENDING, root),
        papers=tuple(_card(site, root, one, period) for one in chart.papers),
        quiet="" if chart.papers else f"No new votes came {_during(period)}.",
        inside=_shelves(chart.inside, up),
        earlier=_link(chart.earlier, up) if chart.earlier else no_link(),
        later=_link(chart.later, up) if chart.later else no_link(),
    )


def _card(site: Site, root: str, one: Placed, period: Period) -> PaperContext:
    paper = replace(site.papers[one.paper], votes=None, comments=one.comments)
    votes = counted(one.gained, "vote")
    if one.gained != one.votes:
        votes = f"{votes} {_during(period)}, {one.votes:,} in all"
    # By its own day: a page of the past does not change with the years.
    return replace(card_on(site, root, paper, today=period.last), votes=votes)


def _during(period: Period) -> str:
    return "on this day" if period.kind == "day" else f"in this {period.kind}"


def _shelves(inside: Iterable[Period], up: str) -> tuple[ShelfContext, ...]:
    found: dict[str, list[LinkContext]] = {}
    for period in inside:
        found.setdefault(_NAMES[period.kind], []).append(_link(period, up))
    return tuple(ShelfContext(title, tuple(links)) for title, links in found.items())


def _link(period: Period, up: str) -> LinkContext:
    return LinkContext(_short(period), f"{up}{period.name}/index.html")


def _long(period: Period) -> str:
    match period.kind:
        case "day":
            return long_day(period.first)
        case "week":
            week = period.first.isocalendar().week
            return f"Week {week}, {stretch(period.first, period.last)}"
        case _:
            return month(period.first)


def _short(period: Period) -> str:
    match period.kind:
        case "day":
            return short_day(period.first)
        case "week":
            return f"Week {period.first.isocalendar().week}"
        case _:
            return month(period.first)
