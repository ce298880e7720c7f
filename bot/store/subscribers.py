"""What subscribers chose, their pauses, their erasure, and the addresses we no longer write to."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from bot.errors import StateError
from bot.models import Cadence, DeliveryStatus, Origin, Subscription, SubscriptionStatus
from bot.store.connection import moment, seconds
from bot.store.mailing import MailLedger
from bot.store.rows import subscription_of
from bot.text.encoded import names
from bot.values import value_type

log = logging.getLogger("paperround")


@value_type(frozen=True, slots=True)
class Choices:
    """What an address chooses for all its subscriptions; None leaves it as it is.

    `at` "" is the profile's hour, `limit` 0 the profile's, `zone` "" the bot's; `apart` is as in
    a Subscription.
    """

    cadence: Cadence | None = None
    at: str | None = None
    zone: str | None = None
    limit: int | None = None
    apart: bool | None = None


@value_type(frozen=True, slots=True)
class Suppressed:
    """A suppressed address: only its key is kept (tokens.suppression_key), the reason, and when."""

    key: str
    reason: str
    at: datetime


class SubscriberLedger(MailLedger):
    """The part of the store that the subscribers' commands write."""

    def subscriptions_of(self, address: str) -> list[Subscription]:
        """Return every subscription that an address ever had, by profile; none for a stranger."""
        return [
            subscription_of(row)
            for row in self.db.rows(
                f"{_SUBSCRIPTIONS} WHERE r.canonical = :canonical ORDER BY s.profile",
                {"canonical": address.casefold()},
            )
        ]

    def import_subscribers(
        self, rows: Sequence[tuple[str, str, str]], now: datetime
    ) -> list[SubscriptionStatus]:
        """Subscribe many in one transaction: (address, profile, suppression key) each.

        Unlike `subscribe`, nobody who has left is brought back: a list from elsewhere does not know.
        Returns what each became, or stayed.
        """
        with self.db.transaction():
            return [
                self._subscribe(address, profile, Origin.OWNER, now, key, revive=False)
                for address, profile, key in rows
            ]

    def choose(self, address: str, choices: Choices) -> None:
        """Commit an address's choices for all its subscriptions."""
        values = {
            "canonical": address.casefold(), "zone": choices.zone, "at": choices.at,
            "limit": choices.limit, "cadence": choices.cadence and choices.cadence.value,
            "apart": choices.apart,
        }  # fmt: skip
        with self.db.transaction():
            self.db.write(
                "UPDATE subscriber SET zone = coalesce(:zone, zone), apart = coalesce(:apart, apart) "
                "WHERE canonical = :canonical",
                values,
            )
            self.db.write(_CHOOSE, values)

    def feed_epoch(self, subscriber: int) -> int | None:
        """Return the epoch of a subscriber's private feed, None for nobody."""
        row = self.db.row("SELECT feed_epoch FROM subscriber WHERE id = :id", {"id": subscriber})
        return int(row["feed_epoch"]) if row else None

    def new_feed(self, subscriber: int) -> None:
        """Give a subscriber's private feed a new address: the old one is gone."""
        with self.db.transaction():
            self.db.write(
                "UPDATE subscriber SET feed_epoch = feed_epoch + 1 WHERE id = :id",
                {"id": subscriber},
            )

    def renew(self, subscriber: int) -> None:
        """Let every link that a subscriber was ever given be void, their feed's address too."""
        with self.db.transaction():
            self.db.write(
                "UPDATE subscriber SET token_epoch = min(token_epoch + 1, 65535), "
                "feed_epoch = feed_epoch + 1 WHERE id = :id",
                {"id": subscriber},
            )

    def pause(self, address: str, until: date | None) -> int:
        """Pause an address's subscriptions, until a date where one is given; return how many rest."""
        values = {"canonical": address.casefold(), "until": until.isoformat() if until else ""}
        with self.db.transaction():
            self.db.write(
                "UPDATE subscriber SET paused_until = :until WHERE canonical = :canonical", values
            )
            self.db.write(
                f"UPDATE subscription SET status = 'paused' WHERE status = 'confirmed' AND {_ITS}",  # noqa: S608 - our own constant
                values,
            )
            row = self.db.row(
                f"SELECT count(*) AS n FROM subscription WHERE status = 'paused' AND {_ITS}",  # noqa: S608 - our own constant
                values,
            )
        return int(row["n"]) if row else 0

    def paused(self) -> list[Subscription]:
        """Return the paused subscriptions that go on by themselves one day."""
        return [
            subscription_of(row)
            for row in self.db.rows(
                f"{_SUBSCRIPTIONS} WHERE s.status = 'paused' AND r.paused_until <> '' ORDER BY s.id"
            )
        ]

    def resume(self, subscribers: Collection[int]) -> int:
        """End the pauses of these subscribers; return how many subscriptions go on."""
        values = {"ids": json.dumps(sorted(subscribers))}
        with self.db.transaction():
            self.db.write(
                "UPDATE subscriber SET paused_until = '' "
                "WHERE id IN (SELECT value FROM json_each(:ids))",
                values,
            )
            return self.db.write(
                "UPDATE subscription SET status = 'confirmed' WHERE status = 'paused' "
                "AND subscriber IN (SELECT value FROM json_each(:ids))",
                values,
            ).rowcount

    def forget(self, address: str, suppressed: str, now: datetime) -> bool:
        """Erase an address and all it had; only its suppression key stays. False for a stranger.

        The file is rewritten, since SQLite leaves what it deletes readable in free pages; where that
        cannot be now, it is due (`rewrite_if_due`). The caller holds the `deliver` lock: nothing is
        being sent.
        """
        values = {"canonical": address.casefold(), "key": suppressed, "now": seconds(now)}
        with self.db.transaction():
            self.db.write(_FORGOTTEN, values)
            row = self.db.row("SELECT id FROM subscriber WHERE canonical = :canonical", values)
            for statement in FORGET if row else ():
                self.db.write(statement, {"id": row["id"] if row else 0})
            self._forget_letters(address)
            self.db.write("INSERT OR REPLACE INTO meta (key, value) VALUES ('erased', '')")
        try:
            self.rewrite_if_due()
        except StateError:  # it says that nothing was changed: they are erased all the same
            log.warning(
                "Somebody was erased, and %s could not be written anew: what was deleted stays readable "
                "in it until there is room for that, and no other program holds it. The next rounds try "
                "again.",
                self.db.path,
            )
        return row is not None

    def rewrite_if_due(self) -> None:
        """Write the file anew where somebody was erased and that could not be done. Raises StateError."""
        if self.db.row("SELECT 1 FROM meta WHERE key = 'erased'") is None:
            return
        self.db.rewrite()
        with self.db.transaction():
            self.db.write("DELETE FROM meta WHERE key = 'erased'")

    def _forget_letters(self, address: str) -> None:
        """Delete inbound mail that names an address, however encoded, and that nobody could read."""
        for row in self.db.rows("SELECT key FROM inbox WHERE length(raw) > 0"):
            mail = self.db.row("SELECT raw FROM inbox WHERE key = :key", dict(row))
            if mail is not None and names(bytes(mail["raw"]), address):
                self.db.write("DELETE FROM inbox WHERE key = :key", dict(row))

    # ── Suppression ──

    def suppress(self, address: str, suppressed: str, reason: str, now: datetime) -> int:
        """Write to an address no more; call off what is open for it, and return how much that was.

        The first reason stays. What is under way at this moment is not among what is called off.
        """
        values = {
            "canonical": address.casefold(), "key": suppressed, "reason": reason,
            "now": seconds(now),
        }  # fmt: skip
        with self.db.transaction():
            self.db.write(_SUPPRESS, values)
            open_ones = self.db.rows(
                f"SELECT id FROM delivery WHERE {_OPEN} AND {_ITS}",  # noqa: S608 - our own constants
                values,
            )
            for row in open_ones:
                self._end(row["id"], DeliveryStatus.SKIPPED, "the address is suppressed")
        return len(open_ones)

    def unsuppress(self, suppressed: str) -> bool:
        """Write to an address again; return whether it was suppressed."""
        with self.db.transaction():
            return bool(
                self.db.write(
                    "DELETE FROM suppression WHERE address_hmac = :key", {"key": suppressed}
                ).rowcount
            )

    def suppressions(self) -> list[Suppressed]:
        """Return the suppressed addresses' keys, the latest first."""
        rows = self.db.rows("SELECT * FROM suppression ORDER BY at DESC, address_hmac")
        return [
            Suppressed(row["address_hmac"], row["reason"], at)
            for row in rows
            if (at := moment(row["at"])) is not None
        ]

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these keys are suppressed: key → reason."""
        rows = self.db.rows(
            "SELECT address_hmac, reason FROM suppression "
            "WHERE address_hmac IN (SELECT value FROM json_each(:keys))",
            {"keys": json.dumps(sorted(keys))},
        )
        return {row["address_hmac"]: row["reason"] for row in rows}


_SUBSCRIPTIONS = """
SELECT s.*, r.address, r.zone, r.paused_until, r.apart FROM subscription s
JOIN subscriber r ON r.id = s.subscriber
"""
_ITS = "subscriber = (SELECT id FROM subscriber WHERE canonical = :canonical)"
_OPEN = "status IN ('pending', 'retry', 'uncertain', 'held')"
_CHOOSE = f"""
UPDATE subscription SET hour = coalesce(:at, hour), size = coalesce(:limit, size),
    cadence = coalesce(:cadence, cadence)
WHERE {_ITS}
"""  # noqa: S608 - our own constant
_SUPPRESS = """
INSERT INTO suppression (address_hmac, reason, at) VALUES (:key, :reason, :now)
ON CONFLICT (address_hmac) DO NOTHING
"""
# An earlier reason may quote a server that names the address.
_FORGOTTEN = """
INSERT INTO suppression (address_hmac, reason, at) VALUES (:key, 'forgotten on request', :now)
ON CONFLICT (address_hmac) DO UPDATE SET reason = excluded.reason
"""
_THEIR_DELIVERIES = "(SELECT id FROM delivery WHERE subscriber = :id)"
FORGET = (
    "DELETE FROM consent WHERE subscriber = :id",
    "DELETE FROM optin WHERE subscriber = :id",
    f"DELETE FROM bounce WHERE delivery IN {_THEIR_DELIVERIES}",  # noqa: S608 - our own constant
    f"DELETE FROM attempt WHERE delivery IN {_THEIR_DELIVERIES}",  # noqa: S608 - our own constant
    f"DELETE FROM outgoing WHERE delivery IN {_THEIR_DELIVERIES}",  # noqa: S608 - our own constant
    f"DELETE FROM serving WHERE delivery IN {_THEIR_DELIVERIES}",  # noqa: S608 - our own constant
    "DELETE FROM serving WHERE subscription IN (SELECT id FROM subscription WHERE subscriber = :id)",
    "DELETE FROM delivery WHERE subscriber = :id",
    "DELETE FROM feedback WHERE subscriber = :id",
    "DELETE FROM vote WHERE subscriber = :id",
    "DELETE FROM subscription WHERE subscriber = :id",
    "DELETE FROM subscriber WHERE id = :id",
)
