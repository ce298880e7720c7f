"""Profiles as mirrored: which there are, which retired, which were renamed; and the files' last good text."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from bot.store.connection import Connection


class ProfileLedger:
    """The part of the store that remembers the configuration's profiles."""

    db: Connection

    def profile_states(self) -> dict[str, str]:
        """Return every profile ever seen in the configuration: name → `active` or `retired`."""
        return {
            row["name"]: row["state"]
            for row in self.db.rows("SELECT name, state FROM profile WHERE state <> 'renamed'")
        }

    def retired_by_hand(self) -> set[str]:
        """Return the profiles that were retired by the command, whatever the configuration says."""
        rows = self.db.rows("SELECT name FROM profile WHERE by_hand = 1")
        return {row["name"] for row in rows}

    def mirror_profiles(
        self, fingerprints: Mapping[str, str], former: Mapping[str, str] | None = None
    ) -> None:
        """Note which profiles the configuration has now; those that vanished retire, and stay.

        `former` maps former names to present ones: what stands under a former name moves. A profile
        that was retired by hand stays so until it has been gone from the configuration once.
        """
        with self.db.transaction():
            self.db.write_many(_PUT_PROFILE, [
                {"name": name, "fingerprint": print_} for name, print_ in sorted(fingerprints.items())
            ])  # fmt: skip
            for old, new in sorted((former or {}).items()):
                if old in self.profile_states():
                    self._rename(old, new)
            self.db.write(
                "UPDATE profile SET state = 'retired', by_hand = 0 WHERE state <> 'renamed' "
                "AND name NOT IN (SELECT value FROM json_each(:names))",
                {"names": json.dumps(sorted(fingerprints))},
            )

    def _rename(self, old: str, new: str) -> None:
        """Move all that stands under a former name; nothing of it is served twice.

        Where the new name has editions already, they are numbered on from the old one's. A
        subscriber's own word on the new name holds; an order that nobody confirmed is none.
        """
        values: dict[str, object] = {"old": old, "new": new}
        for statement in (_NO_WORD, *_RENAME):
            self.db.write(statement, values)

    def retire_profile(self, name: str, move_to: str = "") -> list[str]:
        """Retire a profile by hand; return the addresses whose subscriptions moved to another.

        Who has a subscription to the other one already, or ended it, keeps that; an order of it that
        was never confirmed counts for nothing. The first digest of those that moved is the other
        profile's latest edition. Without `move_to` nothing is ended:
        the subscriptions rest.
        """
        values: dict[str, object] = {"old": name, "new": move_to, "by": "moved"}
        with self.db.transaction():
            self.db.write(
                "UPDATE profile SET state = 'retired', by_hand = 1 WHERE name = :old", values
            )
            if not move_to:
                return []
            self.db.write(_NO_WORD, values)
            moving = [row["address"] for row in self.db.rows(_MOVING, values)]
            for statement in _MOVE:
                self.db.write(statement, values)
        return moving

    def revive_profile(self, name: str) -> None:
        """Take a retirement by hand back."""
        with self.db.transaction():
            self.db.write(
                "UPDATE profile SET state = 'active', by_hand = 0 WHERE name = :name",
                {"name": name},
            )

    def resting_subscribers(self) -> dict[str, list[str]]:
        """Return who is subscribed to each retired profile that anybody is subscribed to."""
        found: dict[str, list[str]] = {}
        for row in self.db.rows(_RESTING):
            found.setdefault(row["profile"], []).append(row["address"])
        return found

    # ── The configuration's files, as they last were in order ──

    def kept_files(self) -> dict[str, str]:
        """Return the last good text of every included file and library, by its name."""
        rows = self.db.rows("SELECT name, content FROM kept_file")
        return {row["name"]: row["content"] for row in rows}

    def keep_files(self, good: Mapping[str, str], wrong: Collection[str]) -> None:
        """Keep the files that are in order; of those that are `wrong` now, what was kept stays."""
        kept = self.kept_files()
        if kept == {name: kept[name] for name in kept.keys() & set(wrong)} | dict(good):
            return
        with self.db.transaction():
            self.db.write_many(
                "INSERT INTO kept_file (name, content) VALUES (:name, :content) "
                "ON CONFLICT (name) DO UPDATE SET content = :content",
                [{"name": name, "content": text} for name, text in sorted(good.items())],
            )
            self.db.write(
                "DELETE FROM kept_file WHERE name NOT IN (SELECT value FROM json_each(:names))",
                {"names": json.dumps(sorted({*good, *wrong}))},
            )


_PUT_PROFILE = """
INSERT INTO profile (name, state, fingerprint) VALUES (:name, 'active', :fingerprint)
ON CONFLICT (name) DO UPDATE SET fingerprint = :fingerprint,
    state = CASE by_hand WHEN 1 THEN 'retired' ELSE 'active' END
"""
# Anybody may order a list for an address: where its owner said nothing to that, it stands in no way.
_NO_WORD = """
DELETE FROM subscription WHERE profile = :new AND status = 'unconfirmed' AND EXISTS (
    SELECT 1 FROM subscription o WHERE o.profile = :old AND o.subscriber = subscription.subscriber
    AND o.status IN ('confirmed', 'paused')
)
"""
_LAST_OLD = "(SELECT coalesce(max(number), 0) FROM edition WHERE profile = :old)"
_RENAME = (
    # Subscriptions first, as long as both profiles' editions still tell their numbers apart.
    f"UPDATE subscription SET cursor = cursor + {_LAST_OLD} WHERE profile = :new",  # noqa: S608 - our own constant
    """
    UPDATE subscription SET status = 'unsubscribed', ended_by = 'moved'
    WHERE profile = :old AND status <> 'unsubscribed' AND EXISTS (
        SELECT 1 FROM subscription o WHERE o.profile = :new AND o.subscriber = subscription.subscriber
    )
    """,
    """
    UPDATE subscription SET profile = :new
    WHERE profile = :old AND NOT EXISTS (
        SELECT 1 FROM subscription o WHERE o.profile = :new AND o.subscriber = subscription.subscriber
    )
    """,
    # Downwards and away from zero first: (profile, number) is unique at every row of an UPDATE.
    "UPDATE edition SET number = -number WHERE profile = :new",
    f"UPDATE edition SET number = {_LAST_OLD} - number WHERE profile = :new",  # noqa: S608 - our own constant
    # Two editions of one day: the old one's slots were served; the new one keeps the day.
    """
    UPDATE edition SET forced = 1 WHERE profile = :old AND forced = 0 AND period IN (
        SELECT period FROM edition WHERE profile = :new AND forced = 0
    )
    """,
    "UPDATE edition SET profile = :new WHERE profile = :old",
    "UPDATE OR IGNORE feedback SET profile = :new WHERE profile = :old",
    "UPDATE OR IGNORE submission SET profile = :new WHERE profile = :old",
    "UPDATE profile SET state = 'renamed', by_hand = 0 WHERE name = :old",
)
_STANDING = "('confirmed', 'paused', 'unconfirmed')"
_MOVING = f"""
SELECT r.address FROM subscription s JOIN subscriber r ON r.id = s.subscriber
WHERE s.profile = :old AND s.status IN {_STANDING} AND NOT EXISTS (
    SELECT 1 FROM subscription o WHERE o.profile = :new AND o.subscriber = s.subscriber
) ORDER BY r.address
"""  # noqa: S608 - our own constant
_MOVE = (
    # By the owner's word now: the configuration's `to` of the other profile knows nothing of them.
    f"""
    INSERT INTO subscription
        (subscriber, profile, status, origin, ended_by, cadence, hour, size, cursor, confirmed_at)
    SELECT subscriber, :new, status, CASE origin WHEN 'config' THEN 'owner' ELSE origin END, '',
        cadence, hour, size,
        (SELECT coalesce(max(number) - 1, 0) FROM edition WHERE profile = :new), confirmed_at
    FROM subscription s WHERE profile = :old AND status IN {_STANDING} AND NOT EXISTS (
        SELECT 1 FROM subscription o WHERE o.profile = :new AND o.subscriber = s.subscriber
    )
    """,  # noqa: S608 - our own constant
    f"""
    UPDATE subscription SET status = 'unsubscribed', ended_by = :by
    WHERE profile = :old AND status IN {_STANDING}
    """,  # noqa: S608 - our own constant
)
_RESTING = f"""
SELECT s.profile, r.address FROM subscription s
JOIN subscriber r ON r.id = s.subscriber JOIN profile p ON p.name = s.profile
WHERE p.state = 'retired' AND s.status IN {_STANDING} ORDER BY s.profile, r.address
"""  # noqa: S608 - our own constant
