"""How all stands, as Prometheus reads it (its text exposition format, version 0.0.4). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime

from bot.models import SourceState
from bot.values import value_type

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@value_type(frozen=True, slots=True)
class Snapshot:
    """How all stands. `editions` is, by profile, when its latest was made (None: none yet).

    `waiting` counts the deliveries that are not over, by status; `room` and `database` are bytes.
    """

    version: str
    now: datetime
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    editions: Mapping[str, datetime | None] = field(default_factory=dict)
    papers: int = 0
    subscriptions: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    held: bool = False
    sent_at: datetime | None = None
    sent_in_a_day: int = 0
    reports: Mapping[str, int] = field(default_factory=dict)
    alarms: Iterable[str] = ()
    troubles: Iterable[str] = ()
    room: int = 0
    database: int = 0


@value_type(frozen=True, slots=True)
class Metric:
    """One metric: what it says, and its values by label (one label, or none: "")."""

    name: str
    says: str
    label: str
    values: tuple[tuple[str, float], ...]
    kind: str = "gauge"

    def lines(self) -> Iterator[str]:
        """Return it as lines."""
        yield f"# HELP {self.name} {_escaped(self.says)}"
        yield f"# TYPE {self.name} {self.kind}"
        for which, value in self.values:
            named = f'{{{self.label}="{_quoted(which)}"}}' if self.label else ""
            yield f"{self.name}{named} {value:.17g}"


def exposition(snapshot: Snapshot) -> str:
    """Return the whole answer to a scrape."""
    return "".join(f"{line}\n" for metric in metrics(snapshot) for line in metric.lines())


def metrics(snapshot: Snapshot) -> Iterator[Metric]:
    """Return every metric there is; a moment is in seconds since 1970, 0 for never."""
    yield _by("info", "The version that runs.", "version", {snapshot.version: 1})
    sources = snapshot.sources
    yield _by("source_failing", "1 where a source has failed since its last answer.", "source",
              {name: bool(state.failing_since) for name, state in sources.items()})  # fmt: skip
    yield _by("source_alarmed", "1 where it failed through an announcement.", "source",
              {name: bool(state.alarmed_at) for name, state in sources.items()})  # fmt: skip
    yield _by("source_failures", "How often in a row a source has failed.", "source",
              {name: state.failures for name, state in sources.items()})  # fmt: skip
    yield _by("source_answered_timestamp_seconds", "When a source last answered.", "source",
              {name: _at(state.last_ok) for name, state in sources.items()})  # fmt: skip
    yield _by("source_brought_timestamp_seconds", "When it last brought a new paper.", "source",
              {name: _at(state.last_new) for name, state in sources.items()})  # fmt: skip
    yield _by("edition_timestamp_seconds", "When a profile's latest edition was made.", "profile",
              {name: _at(made) for name, made in snapshot.editions.items()})  # fmt: skip
    yield _one("papers", "Papers that are stored.", snapshot.papers)
    yield _by("subscriptions", "Subscriptions by status.", "status", snapshot.subscriptions)
    yield _by("deliveries_waiting", "Deliveries that are not over, by status.", "status",
              snapshot.waiting)  # fmt: skip
    yield _one("sending_held", "1 where all sending is held.", snapshot.held)
    yield _one("sent_timestamp_seconds", "When a digest was last sent.", _at(snapshot.sent_at))
    yield _one("digests_sent_day", "Digests sent in the last 24 hours.", snapshot.sent_in_a_day)
    yield _by("reports_week", "Bounces, complaints and the like in seven days.", "kind",
              snapshot.reports)  # fmt: skip
    yield _by("alarm", "1 for what the owner should look at.", "about",
              dict.fromkeys(snapshot.alarms, 1))  # fmt: skip
    yield _by("trouble", "1 for a part of serve that cannot do its work.", "part",
              dict.fromkeys(snapshot.troubles, 1))  # fmt: skip
    yield _one("disk_free_bytes", "Room beside the state folder.", snapshot.room)
    yield _one("database_bytes", "Size of the database.", snapshot.database)
    yield _one("time_seconds", "Our clock.", snapshot.now.timestamp())


def _by(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    return Metric(f"paperround_{name}", says, label, tuple(sorted(values.items())))


def _one(name: str, says: str, value: float) -> Metric:
    return Metric(f"paperround_{name}", says, "", (("", value),))


def _at(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(words: str) -> str:
    return _escaped(words).replace('"', '\\"')
