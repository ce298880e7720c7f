"""From a delivery's committed picks to its bytes: what `deliver` sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.config import Profile
from bot.models import DeliveredPick, Delivery, Edition, Event, Paper, Pick, Role
from bot.outputs.cards import Section
from bot.outputs.doors import opinion_address, shows_opinion_links
from bot.outputs.email import DigestMaterial
from bot.ports import PrintOrder, Unprintable
from bot.subscriptions import unsubscribe_address

if TYPE_CHECKING:
    from bot.config import Config


class Press(Protocol):
    """Turns a digest's material into a message (`outputs.email.Press`)."""

    def digest(self, material: DigestMaterial) -> bytes:
        """Return the whole message. Raises TemplateError where our own template breaks."""
        ...


class Compositor:
    """Sets messages from deliveries; the papers and editions that many share are told to it once."""

    def __init__(self, config: Config, secret: bytes, press: Press) -> None:
        self._config, self._secret, self._press = config, secret, press
        self._papers: dict[int, Paper] = {}
        self._editions: dict[int, tuple[Edition, dict[int, Pick]]] = {}
        self._retold: dict[tuple[int, int, Role, tuple[Event, ...]], Pick] = {}

    def print(
        self,
        orders: Sequence[PrintOrder],
        papers: Mapping[int, Paper],
        editions: Mapping[int, Edition],
    ) -> list[bytes | Unprintable]:
        """Return each order's bytes; `papers` and `editions` are those not told before."""
        self._papers.update(papers)
        for number, edition in editions.items():
            self._editions[number] = (edition, {pick.paper: pick for pick in edition.picks})
        return [self._printed(order) for order in orders]

    def _printed(self, order: PrintOrder) -> bytes | Unprintable:
        try:
            return self._press.digest(self.material(order))
        except ValueError as error:  # an address that can't be written to spoils its own mail only
            return Unprintable(str(error))

    def material(self, order: PrintOrder) -> DigestMaterial:
        """Return what a message is made of, with the addresses that are its reader's own."""
        delivery = order.delivery
        shown = self._shown(delivery)
        made: dict[str, list[Edition]] = {}
        for number in delivery.editions:
            edition, _ = self._editions[number]
            made.setdefault(edition.profile, []).append(edition)
        picks: dict[str, list[tuple[Pick, Paper]]] = {name: [] for name in made}
        for number, pick, paper in shown:
            picks[self._editions[number][0].profile].append((pick, paper))
        return DigestMaterial(
            recipient=delivery.address,
            message_id=delivery.message_id,
            date=order.date,
            sections=tuple(
                Section(self._profile(name), tuple(picks[name]), tuple(editions))
                for name, editions in made.items()
            ),
            overflow=delivery.overflow,
            unsubscribe=self._door(
                "unsubscribe", tokens.Purpose.UNSUBSCRIBE, _ends(delivery), delivery.token_epoch
            ),
            unsubscribe_mail=self._unsubscribe_mail(delivery),
            manage=self._door(
                "manage", tokens.Purpose.MANAGE, [delivery.subscriber], delivery.token_epoch
            ),
            feedback=self._feedback(delivery, {paper.id: number for number, _, paper in shown}),
        )

    def _shown(self, delivery: Delivery) -> list[tuple[int, Pick, Paper]]:
        """Return the papers that are shown, as they were committed: (edition, pick, paper)."""
        told: set[int] = set()  # what was two papers when it was owed may be one by now
        shown = []
        led = 0  # the edition of the new paper that comes before what is folded into it
        for line in delivery.picks:
            paper = self._papers[line.paper]
            if paper.id in told:
                led = led if line.role is Role.FOLDED else 0
                continue
            told.add(paper.id)
            # What is folded into a paper that stands elsewhere by now stands by itself.
            role = Role.NEW if line.role is Role.FOLDED and led != line.edition else line.role
            led = line.edition if role is not Role.UPDATE else 0
            line = line if role is line.role else replace(line, role=role)  # noqa: PLW2901 - as it is told
            shown.append((line.edition, self._told(line, paper), paper))
        return shown

    def _told(self, line: DeliveredPick, paper: Paper) -> Pick:
        """Return an edition's pick as this reader is told it: what they know already is left out."""
        pick = self._pick(line, paper)
        if pick.role is line.role and (line.role is not Role.UPDATE or pick.told == line.told):
            return pick
        # The same pick for all who are told the same: it is printed once.
        key = (line.edition, paper.id, line.role, line.told)
        if key not in self._retold:
            self._retold[key] = replace(pick, role=line.role, told=line.told)
        return self._retold[key]

    def _pick(self, line: DeliveredPick, paper: Paper) -> Pick:
        picks = self._editions[line.edition][1]
        found = picks.get(paper.id) or picks.get(line.paper)
        # Two papers can become one between the reading of an edition and of its papers: then what
        # the edition said is not found, and the paper goes without its reasons rather than not.
        return found or Pick(0, paper.id, line.role, paper.version, told=line.told)

    def _door(self, path: str, purpose: tokens.Purpose, ids: Sequence[int], epoch: int) -> str:
        """Return the address of a door that is the reader's own, "" where there is no web."""
        base = self._config.bot.base_url
        if not base:
            return ""
        return f"{base}/{path}/{tokens.make(self._secret, purpose, ids, epoch)}"

    def _unsubscribe_mail(self, delivery: Delivery) -> str:
        if not self._config.inbound.address:
            return ""
        token = tokens.make_for_mail(
            self._secret, tokens.Purpose.UNSUBSCRIBE, _ends(delivery), delivery.token_epoch
        )
        return unsubscribe_address(self._config.inbound, token)

    def _feedback(
        self, delivery: Delivery, edition_of: Mapping[int, int]
    ) -> Callable[[int], str] | None:
        """Return what gives a paper's address for opinions, "" where they would teach nothing."""
        bot = self._config.bot
        if not any(
            shows_opinion_links(
                self._profile(self._editions[number][0].profile), delivery.address, bot
            )
            for number in delivery.editions
        ):
            return None

        def address(paper: int) -> str:
            edition = edition_of[paper]
            profile = self._profile(self._editions[edition][0].profile)
            if not shows_opinion_links(profile, delivery.address, bot):
                return ""
            return opinion_address(
                bot.base_url, self._secret, delivery.subscriber, edition, paper,
                delivery.token_epoch,
            )  # fmt: skip

        return address

    def _profile(self, name: str) -> Profile:
        return self._config.profiles.get(name) or Profile().named(name)


def _ends(delivery: Delivery) -> list[int]:
    """Return what the way out of a mail ends: of one that is for a single profile, only that."""
    only = [delivery.subscription] if delivery.subscription else []
    return [delivery.subscriber, *only]
