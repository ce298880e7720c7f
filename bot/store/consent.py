"""Asking an address whether it wants what was ordered for it, and the proof that it said yes."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from bot.models import DeliveryStatus, Door, Note, OptIn, Question
from bot.store.connection import moment, seconds
from bot.store.mailing import CURSOR, INSERT_DELIVERY, INSERT_SUBSCRIBER
from bot.store.subscribers import FORGET, SubscriberLedger
from bot.values import value_type

NETWORKS_KEPT = timedelta(days=30)  # long enough to look into an abuse, and no longer
_UNASKED_KEPT = timedelta(days=3)  # whoever could not even be asked is kept no longer than others


@value_type(frozen=True, slots=True)
class Ordered:
    """Who an order is for: their number, their epoch, and which of the profiles they have already."""

    subscriber: int
    epoch: int
    confirmed: frozenset[str]
    asked_lately: int


@value_type(frozen=True, slots=True)
class Consent:
    """When, how and to which words somebody agreed to a profile."""

    profile: str
    at: datetime
    door: str
    wording: str
    network: str = ""


class ConsentLedger(SubscriberLedger):
    """The part of the store that opting in reads and writes."""

    def order(
        self,
        address: str,
        profiles: Collection[str],
        suppressed: str,
        now: datetime,
        day: timedelta,
    ) -> Ordered | None:
        """Note that profiles were ordered for an address, unconfirmed; None where it is suppressed.

        What it has, or paused, stays as it is. `asked_lately` is how often it was asked in the last
        `day`.
        """
        values: dict[str, object] = {
            "address": address, "canonical": address.casefold(), "now": seconds(now),
            "since": seconds(now - day), "profiles": json.dumps(sorted(profiles)),
        }  # fmt: skip
        with self.db.transaction():
            if self.suppressed([suppressed]):
                return None
            self.db.write(INSERT_SUBSCRIBER, values)
            row = self.db.row(
                "SELECT id, token_epoch FROM subscriber WHERE canonical = :canonical", values
            )
            assert row is not None  # noqa: S101 - just inserted, or there before
            values["id"] = row["id"]
            self.db.write(_INSERT_UNCONFIRMED, values)
            confirmed = self.db.rows(
                "SELECT profile FROM subscription WHERE subscriber = :id "
                "AND status IN ('confirmed', 'paused') "
                "AND profile IN (SELECT value FROM json_each(:profiles))",
                values,
            )
            asked = self.db.row(
                "SELECT count(*) AS n FROM delivery WHERE subscriber = :id AND kind <> 'digest' "
                "AND created_at > :since",
                values,
            )
        return Ordered(
            row["id"], row["token_epoch"], frozenset(each["profile"] for each in confirmed),
            asked["n"] if asked else 0,
        )  # fmt: skip

    def replies_since(self, since: datetime) -> int:
        """Return how many mails were answered since then, among the latest thousand deliveries."""
        row = self.db.row(
            "SELECT count(*) AS n FROM (SELECT kind, created_at FROM delivery ORDER BY id DESC "
            "LIMIT 1000) WHERE kind = 'reply' AND created_at > :since",
            {"since": seconds(since)},
        )
        return int(row["n"]) if row else 0

    def ask(self, question: Question, note: Note, now: datetime) -> None:
        """Commit a question with the mail that asks it, in one transaction."""
        with self.db.transaction():
            self.db.write(
                "INSERT INTO optin (token_sha, subscriber, profiles, door, wording, network, at, "
                "expires) VALUES (:sha, :subscriber, :profiles, :door, :wording, :network, :now, "
                ":expires)",
                {
                    "sha": question.token_sha, "subscriber": question.subscriber,
                    "profiles": json.dumps(question.profiles), "door": question.door.value,
                    "wording": question.wording, "network": question.network,
                    "now": seconds(now), "expires": seconds(question.expires),
                },
            )  # fmt: skip
            self.post(question.subscriber, note, question.expires, now)

    def post(self, subscriber: int, note: Note, stale_at: datetime, now: datetime) -> None:
        """Commit a note to be sent, with its bytes."""
        with self.db.transaction():
            delivery = self.db.write(
                INSERT_DELIVERY,
                {
                    "subscriber": subscriber, "kind": note.kind.value,
                    "status": DeliveryStatus.PENDING.value, "due": seconds(now),
                    "stale_at": seconds(stale_at), "message_id": note.message_id, "said": "",
                    "editions": "[]", "picks": b"", "overflow": 0, "now": seconds(now),
                    "subscription": 0,
                },
            ).lastrowid  # fmt: skip
            self.db.write(
                "INSERT INTO outgoing (delivery, content) VALUES (:delivery, :content)",
                {"delivery": delivery, "content": note.content},
            )

    def opt_in(self, token_sha: str) -> OptIn | None:
        """Return what a token asks, None for one that is not known."""
        row = self.db.row(
            "SELECT o.*, r.address, r.token_epoch FROM optin o "
            "JOIN subscriber r ON r.id = o.subscriber WHERE o.token_sha = :sha",
            {"sha": token_sha},
        )
        expires = moment(row["expires"]) if row else None
        if row is None or expires is None:
            return None
        return OptIn(
            row["subscriber"], row["address"], row["token_epoch"],
            tuple(json.loads(row["profiles"])), expires, moment(row["used_at"]),
        )  # fmt: skip

    def confirm(self, token_sha: str, suppressed: str, now: datetime) -> bool:
        """Confirm what a token asks, once; False where it was used, has expired, or is suppressed.

        Of profiles that retired since, nothing is confirmed. The proof is kept with it.
        """
        values: dict[str, object] = {"sha": token_sha, "now": seconds(now)}
        with self.db.transaction():
            if self.suppressed([suppressed]):
                return False
            used = self.db.write(
                "UPDATE optin SET used_at = :now "
                "WHERE token_sha = :sha AND used_at IS NULL AND expires >= :now",
                values,
            ).rowcount
            if not used:
                return False
            row = self.db.row(
                "SELECT subscriber, profiles FROM optin WHERE token_sha = :sha", values
            )
            assert row is not None  # noqa: S101 - just updated
            values |= {"id": row["subscriber"], "profiles": row["profiles"]}
            self.db.write(_INSERT_UNCONFIRMED, values)
            self.db.write(_INSERT_CONSENT, values)
            self.db.write(_CONFIRM, values)
        return True

    def note_consent(
        self, subscriber: int, profile: str, door: Door, wording: str, now: datetime
    ) -> None:
        """Commit the proof that somebody who had proved to be a subscriber ordered one more profile."""
        with self.db.transaction():
            self.db.write(
                "INSERT OR REPLACE INTO consent (subscriber, profile, at, door, wording, network) "
                "VALUES (:subscriber, :profile, :now, :door, :wording, '')",
                {
                    "subscriber": subscriber, "profile": profile, "now": seconds(now),
                    "door": door.value, "wording": wording,
                },
            )  # fmt: skip

    def consents(self, subscriber: int) -> list[Consent]:
        """Return the proofs of a subscriber's consent, the latest first."""
        rows = self.db.rows(
            "SELECT * FROM consent WHERE subscriber = :id ORDER BY at DESC, profile",
            {"id": subscriber},
        )
        return [
            Consent(row["profile"], at, row["door"], row["wording"], row["network"])
            for row in rows
            if (at := moment(row["at"])) is not None
        ]

    def forget_strangers(self, now: datetime) -> None:
        """Erase who never answered, and what questions and networks are left of a month ago.

        The proof of a yes stays; it is no question.
        """
        self.forget_networks(now - NETWORKS_KEPT)
        self.forget_unconfirmed(now)
        with self.db.transaction():
            self.db.write(
                "DELETE FROM optin WHERE expires < :cutoff",
                {"cutoff": seconds(now - NETWORKS_KEPT)},
            )

    def forget_networks(self, cutoff: datetime) -> None:
        """Take the network addresses out of what is older than `cutoff`."""
        values = {"cutoff": seconds(cutoff)}
        with self.db.transaction():
            for table in ("optin", "consent"):
                self.db.write(
                    f"UPDATE {table} SET network = '' WHERE at < :cutoff AND network <> ''",  # noqa: S608 - our own names
                    values,
                )

    def forget_unconfirmed(self, cutoff: datetime) -> int:
        """Erase who was asked and never answered, once every question expired before `cutoff`.

        Nothing else is known of them, and nothing is kept. Returns how many they were.
        """
        with self.db.transaction():
            strangers = self.db.rows(
                _NEVER_ANSWERED,
                {"cutoff": seconds(cutoff), "unasked": seconds(cutoff - _UNASKED_KEPT)},
            )
            for row in strangers:
                for statement in FORGET:
                    self.db.write(statement, {"id": row["id"]})
        return len(strangers)


_INSERT_UNCONFIRMED = f"""
INSERT INTO subscription
    (subscriber, profile, status, origin, ended_by, cadence, hour, size, cursor, confirmed_at)
SELECT :id, p.name, 'unconfirmed', 'self', '', coalesce(o.cadence, ''), coalesce(o.hour, ''),
    coalesce(o.size, 0), {CURSOR.replace(":profile", "p.name")}, NULL
FROM json_each(:profiles) j JOIN profile p ON p.name = j.value AND p.state = 'active'
LEFT JOIN subscription o ON o.id = (
    SELECT min(id) FROM subscription WHERE subscriber = :id AND status <> 'unsubscribed'
) WHERE true ON CONFLICT (subscriber, profile) DO NOTHING
"""  # noqa: S608 - our own constant
_WANTED = """
subscriber = :id AND status IN ('unconfirmed', 'unsubscribed')
AND profile IN (SELECT value FROM json_each(:profiles))
AND profile IN (SELECT name FROM profile WHERE state = 'active')
"""
_INSERT_CONSENT = f"""
INSERT OR REPLACE INTO consent (subscriber, profile, at, door, wording, network)
SELECT :id, s.profile, :now, o.door, o.wording, o.network
FROM subscription s JOIN optin o ON o.token_sha = :sha
WHERE {_WANTED.replace("subscriber", "s.subscriber").replace("AND profile", "AND s.profile")}
"""  # noqa: S608 - our own constant
# Somebody who pauses and orders one more profile goes on pausing.
_CONFIRM = f"""
UPDATE subscription SET origin = 'self', ended_by = '', confirmed_at = :now,
    status = CASE WHEN EXISTS (
        SELECT 1 FROM subscription o WHERE o.subscriber = :id AND o.status = 'paused'
    ) THEN 'paused' ELSE 'confirmed' END,
    cursor = max(cursor, {CURSOR.replace(":profile", "subscription.profile")})
WHERE {_WANTED}
"""  # noqa: S608 - our own constant
_NEVER_ANSWERED = """
SELECT r.id FROM subscriber r WHERE NOT EXISTS (
    SELECT 1 FROM subscription WHERE subscriber = r.id AND status <> 'unconfirmed'
) AND EXISTS (SELECT 1 FROM subscription WHERE subscriber = r.id)
AND (r.created_at < :unasked OR EXISTS (SELECT 1 FROM optin WHERE subscriber = r.id))
AND NOT EXISTS (SELECT 1 FROM optin WHERE subscriber = r.id AND expires >= :cutoff)
AND NOT EXISTS (
    SELECT 1 FROM delivery WHERE subscriber = r.id AND status IN ('pending', 'sending', 'retry')
) LIMIT 1000
"""
