"""A post office for tests: a store with an edition of three papers, readers, and a mailer."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from bot.mail import CapturingMailer
from bot.models import Attempt, Phase, Verdict
from bot.printing import printing
from bot.store import Store
from bot.workflows.deliver import deliver
from bot.workflows.desk import Post
from support_round import (
    DAY,
    HOUR,
    NOW,
    SECRET,
    TODAY,
    WORKERS,
    a_config,
    a_paper,
    a_profile,
    absorb,
    an_edition,
    arxiv,
    subscribed,
    with_profiles,
)

SENT = Attempt(Verdict.SENT, Phase.DONE, 250, "OK")


class Office:
    """A store with an edition of three papers, readers, and a mailer that answers in turn."""

    def __init__(self, folder: Path, **tables: object) -> None:
        profiles = (a_profile("experts"), a_profile("others"))
        # By SMTP, where an end may be in doubt.
        mail = {"transport": "smtp"} | tables.pop("mail", {})  # type: ignore[operator]
        tables = {"bot": {"timezone": "UTC"}, "mail": mail} | tables
        self.config = a_config(folder, *profiles, **tables)
        self.path = folder / "state" / "paperround.db"
        self.store = with_profiles(Store(self.path), "experts", "others")
        self.answers: list[Attempt] = []
        self.mailer = CapturingMailer(lambda _: self.answers.pop(0) if self.answers else SENT)
        self.tried: list[bytes] = []
        self.warnings: list[str] = []
        self.plain = False  # mails that name their delivery and nothing else, made in no time
        absorb(self.store, *(a_paper(arxiv(n), title=f"Paper {n}.") for n in range(1, 8)))
        an_edition(self.store, 1, 2, 3)

    def readers(self, *names: str, profile: str = "experts") -> Office:
        for name in names:
            subscribed(self.store, f"{name}@example.org", profile)
        return self

    def says(self, *answers: Attempt) -> Office:
        self.answers = list(answers)
        return self

    async def run(self, now=NOW, **how):
        post = Post(self.config, SECRET, self.printing, self.mailer)
        return await deliver(post, self.store, WORKERS, lambda: now, **how)

    def printing(self, due: int):
        if self.plain:
            return nullcontext([_PlainPrinter()])
        return printing(due, self.config, SECRET, WORKERS.cpu, self.warnings.append)

    def edition(self, day: int, *papers: int, profile: str = "experts", **fields: object):
        period, now = TODAY + timedelta(days=day), NOW + day * DAY - HOUR / 2
        return an_edition(self.store, *papers, profile=profile, period=period, now=now, **fields)

    def status(self, delivery: int = 1) -> str:
        return next(d.status.value for d in self.store.deliveries(100) if d.id == delivery)

    def papers(self, index: int = -1) -> list[int]:
        """The papers that a mail shows."""
        text = text_of_mail(self.mailer.sent[index].content)
        return sorted(n for n in range(1, 8) if f"Paper {n}." in text)


class _PlainPrinter:
    async def print(self, orders, _papers, _editions):
        return [b"Subject: %d\r\n\r\n" % order.delivery.id for order in orders]


def text_of_mail(content: bytes) -> str:
    """Return what a mail says to who reads it as text."""
    body = message_from_bytes(content, policy=default).get_body(("plain",))
    assert body is not None
    return body.get_content()
