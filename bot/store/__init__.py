"""The only SQL. `Store` is one SQLite file behind plain functions, each one transaction.

It is synchronous: whoever lives on an event loop calls it through a worker of one thread
(`ports.Workers.store`), which is also what keeps its one connection to one thread at a time.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.store.absorbing import AbsorbLedger
from bot.store.bounces import BounceLedger
from bot.store.connection import Connection
from bot.store.consent import ConsentLedger
from bot.store.courtesy import CourtesyLedger
from bot.store.examples import ExampleLedger
from bot.store.feedback import FeedbackLedger
from bot.store.inbox import InboxLedger
from bot.store.marks import MarkLedger
from bot.store.outbox import OutboxLedger
from bot.store.past import Past
from bot.store.profiles import ProfileLedger
from bot.store.search import SearchLedger
from bot.store.votes import VoteLedger
from bot.store.watching import WatchLedger
from bot.values import value_type


@value_type(frozen=True, slots=True)
class Founding:
    """What is fixed at the first run and kept in every backup (DESIGN.md, Feeds, Tokens).

    `secret` signs tokens, `authority` is the `tag:` URIs' (`example.org,2026`), so that a new
    address changes no guid.
    """

    secret: bytes
    authority: str


class Store(
    ConsentLedger,
    OutboxLedger,
    FeedbackLedger,
    ExampleLedger,
    InboxLedger,
    BounceLedger,
    ProfileLedger,
    SearchLedger,
    AbsorbLedger,
    CourtesyLedger,
    VoteLedger,
    WatchLedger,
    MarkLedger,
):
    """The database of one state folder."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises StateError (locked, unwritable, damaged, too new)."""
        self.db = Connection(path)

    def as_of(self, until: datetime) -> Past:
        """Return this store as it stood at a moment (aware), for reading."""
        return Past(self, until)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def found(self, authority: str, secret: bytes | None = None) -> Founding:
        """Return what the first run fixed; at the first run, fix it. `secret` None draws one."""
        rows = {row["key"]: row["value"] for row in self.db.rows("SELECT key, value FROM meta")}
        if "secret" not in rows:
            with self.db.transaction():
                # INSERT OR IGNORE: of two first starters at once, one founds and both agree.
                self.db.write_many(
                    "INSERT OR IGNORE INTO meta (key, value) VALUES (:key, :value)",
                    [
                        {"key": "secret", "value": (secret or secrets.token_bytes(32)).hex()},
                        {"key": "authority", "value": authority},
                    ],
                )
            rows = {row["key"]: row["value"] for row in self.db.rows("SELECT key, value FROM meta")}
        return Founding(secret=bytes.fromhex(rows["secret"]), authority=rows["authority"])
