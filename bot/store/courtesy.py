"""What servers asked of us beyond one source: to be left alone for a while, to ask elsewhere for good.

Both outlive a round, and neither is worth a table: a row of `meta` each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.models import Move
from bot.store.connection import Connection

_MOST_HOSTS = 500


class CourtesyLedger:
    """The part of the store that keeps us polite from one round to the next."""

    db: Connection

    def pauses(self, now: datetime) -> dict[str, float]:
        """Return for how many more seconds which hosts are to be left alone."""
        until = self._told("paused")
        left = {host: float(at) - now.timestamp() for host, at in until.items()}
        # One that was written under a clock of next year holds nobody back for longer than asked.
        return {
            host: min(seconds, timedelta(days=1).total_seconds())
            for host, seconds in left.items()
            if seconds > 0
        }

    def keep_pauses(self, pauses: Mapping[str, float], now: datetime) -> None:
        """Let these hosts be left alone for so many seconds from now on.

        Others, that another round was told of meanwhile, are left alone as long as they asked for.
        """
        with self.db.transaction():
            left = self.pauses(now)
            left |= {host: max(each, left.get(host, 0.0)) for host, each in pauses.items()}
            longest = sorted(left, key=lambda host: -left[host])[:_MOST_HOSTS]
            self._tell("paused", {host: round(now.timestamp() + left[host]) for host in longest})

    def moves(self) -> dict[str, Move]:
        """Return where sources' addresses lead for good, by source."""
        return {name: Move(*told) for name, told in self._told("moved").items()}

    def set_move(self, source: str, move: Move | None) -> None:
        """Commit where a source's address leads, or with None that it leads nowhere else."""
        with self.db.transaction():
            moves = self._told("moved")
            if move is None:
                moves.pop(source, None)
            else:
                moves[source] = [move.old, move.new, move.times]
            self._tell("moved", moves)

    def rename_source(self, former: str, name: str) -> None:
        """Commit a source's new name, under which all that it showed and that is remembered goes on.

        Nothing may be remembered under the new name yet.
        """
        names = {"former": former, "name": name}
        with self.db.transaction():
            self.db.write("UPDATE source SET name = :name WHERE name = :former", names)
            self.db.write("UPDATE OR IGNORE guid SET source = :name WHERE source = :former", names)
            self.db.write(
                "UPDATE OR IGNORE sighting SET source = :name WHERE source = :former", names
            )
            moves = self._told("moved")
            if former in moves:
                self._tell("moved", {**moves, name: moves.pop(former)})

    def _told(self, key: str) -> dict[str, Any]:
        row = self.db.row("SELECT value FROM meta WHERE key = :key", {"key": key})
        told: dict[str, Any] = json.loads(row["value"]) if row else {}
        return told

    def _tell(self, key: str, told: Mapping[str, object]) -> None:
        with self.db.transaction():
            if told:
                self.db.write(
                    "INSERT INTO meta (key, value) VALUES (:key, :told) "
                    "ON CONFLICT (key) DO UPDATE SET value = :told",
                    {"key": key, "told": json.dumps(told)},
                )
            else:
                self.db.write("DELETE FROM meta WHERE key = :key", {"key": key})
