"""opinions: what a reader says of a paper by the links of a digest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.models import Edition, Opinion, Paper
from bot.outputs.doors import is_owners
from bot.ports import Workers
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

_OWNER = 0


@value_type(frozen=True, slots=True)
class PaperAsked:
    """Which paper a link asks about, for which profile, and what its reader (0: the owner) said.

    `reader` is the subscriber whose link it is, `epoch` their token epoch.
    """

    paper: Paper
    profile: str
    subscriber: int
    opinion: Opinion | None
    reader: int
    epoch: int

    @property
    def owner(self) -> bool:
        """Whether the reader is the owner."""
        return self.subscriber == _OWNER


class OpinionStore(Protocol):
    """What opinions read and write."""

    def subscriber(self, number: int) -> tuple[str, int, tuple[str, ...]] | None:
        """Return (address, token epoch, profiles it is subscribed to), None for nobody."""
        ...

    def editions_by_id(self, ids: Collection[int]) -> Mapping[int, Edition]:
        """Return editions with picks, by id."""
        ...

    def papers(self, ids: Collection[int]) -> Mapping[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def opinion_of(self, profile: str, paper: int, subscriber: int = 0) -> Opinion | None:
        """Return what somebody (0: the owner) last said of a paper for a profile."""
        ...

    def put_feedback(
        self,
        profiles: Collection[str],
        paper: int,
        opinion: Opinion | None,
        now: datetime,
        subscriber: int = 0,
    ) -> None:
        """Commit an opinion of a paper for these profiles; None takes back what was said."""
        ...


async def show_opinion(
    token: str, store: OpinionStore, workers: Workers, secret: bytes, config: Config
) -> PaperAsked | None:
    """Return what the token asks about; nothing is changed.

    None for a token that is not ours or was revoked, for a paper, an edition or a profile that is
    gone, and for somebody who has left the profile: theirs are not the opinions it should follow.
    """
    read = tokens.read(secret, tokens.Purpose.FEEDBACK, token)
    if read is None or len(read[0]) != 3:  # noqa: PLR2004 - subscriber, edition, paper
        return None
    return await workers.store(_asked, *read[0], read[1], store, config)


def _asked(
    number: int, edition_id: int, paper_id: int, epoch: int, store: OpinionStore, config: Config
) -> PaperAsked | None:
    reader = store.subscriber(number)
    edition = store.editions_by_id({edition_id}).get(edition_id)
    if reader is None or reader[1] != epoch or edition is None:
        return None
    if edition.profile not in reader[2] or edition.profile not in config.profiles:
        return None
    paper = store.papers({paper_id}).get(paper_id)
    if paper is None or all(pick.paper != paper.id for pick in edition.picks):
        return None
    # The owner says the same thing here and by `like`: one voice, not two.
    subscriber = _OWNER if is_owners(reader[0], config.bot) else number
    opinion = store.opinion_of(edition.profile, paper.id, subscriber)
    return PaperAsked(paper, edition.profile, subscriber, opinion, number, epoch)


async def give_opinion(
    token: str,
    opinion: Opinion | None,
    store: OpinionStore,
    workers: Workers,
    secret: bytes,
    config: Config,
    now: datetime,
) -> PaperAsked | None:
    """Commit an opinion, or take it back with None; as often as asked, with the same answer."""
    asked = await show_opinion(token, store, workers, secret, config)
    if asked is None:
        return None
    await workers.store(
        store.put_feedback, [asked.profile], asked.paper.id, opinion, now, asked.subscriber
    )
    return replace(asked, opinion=opinion)
