"""From a delivery's committed picks to its bytes: what `deliver` sends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from bot import tokens
from bot.config import Config, Profile
from bot.models import Delivery, Edition, Paper, Pick, Role
from bot.outputs.cards import Section
from bot.outputs.doors import opinion_address, shows_opinion_links
from bot.outputs.email import DigestMaterial
from bot.ports import Order, Unprintable


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
        self._recast: dict[tuple[int, Role], tuple[Pick, Pick]] = {}

    def print(
        self,
        orders: Sequence[Order],
        papers: Mapping[int, Paper],
        editions: Mapping[int, Edition],
    ) -> list[bytes | Unprintable]:
        """Return each order's bytes; `papers` and `editions` are those not told before."""
        self._papers.update(papers)
        for number, edition in editions.items():
            self._editions[number] = (edition, {pick.paper: pick for pick in edition.picks})
        return [self._printed(order) for order in orders]

    def _printed(self, order: Order) -> bytes | Unprintable:
        try:
            return self._press.digest(self.material(order))
        except ValueError as error:  # an address that can't be written to spoils its own mail only
            return Unprintable(str(error))

    def material(self, order: Order) -> DigestMaterial:
        """Return what a message is made of, with the addresses that are its reader's own."""
        delivery = order.delivery
        shown = self._shown(delivery, order.profiles)
        made: dict[str, list[Edition]] = {}
        for number in delivery.editions:
            edition, _ = self._editions[number]
            if edition.profile in order.profiles:
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
            unsubscribe=self._unsubscribe(delivery),
            feedback=self._feedback(delivery, {paper.id: number for number, _, paper in shown}),
        )

    def _shown(self, delivery: Delivery, only: Collection[str]) -> list[tuple[int, Pick, Paper]]:
        """Return the papers that are shown, as they were committed: (edition, pick, paper)."""
        told: set[int] = set()  # what was two papers when it was owed may be one by now
        shown = []
        led = 0  # the edition of the new paper that comes before what is folded into it
        for line in delivery.picks:
            paper = self._papers[line.paper]
            if paper.id in told:
                led = led if line.role is Role.FOLDED else 0
                continue
            number = line.edition
            if not self._shows(number, paper, only):
                # A paper that two profiles picked stands in one of them; whose reader has left that
                # one since is shown it in the other, or would never have it.
                others = (n for n in delivery.editions if self._shows(n, paper, only))
                number = next(others, 0)
            if number:
                told.add(paper.id)
                # What is folded into a paper that is not shown stands by itself.
                role = Role.NEW if line.role is Role.FOLDED and led != number else line.role
                led = number if role is not Role.UPDATE else 0
                pick = self._editions[number][1][paper.id]
                shown.append((number, pick if pick.role is role else self._as(pick, role), paper))
            elif line.role is not Role.FOLDED:
                led = 0
        return shown

    def _as(self, pick: Pick, role: Role) -> Pick:
        """Return a pick in another role; always the same one, as a press knows it by that."""
        key = (id(pick), role)
        if key not in self._recast:
            self._recast[key] = (pick, replace(pick, role=role))
        return self._recast[key][1]

    def _shows(self, number: int, paper: Paper, only: Collection[str]) -> bool:
        edition, picks = self._editions[number]
        return edition.profile in only and paper.id in picks

    def _unsubscribe(self, delivery: Delivery) -> str:
        base = self._config.bot.base_url
        if not base:
            return ""
        token = tokens.make(
            self._secret,
            tokens.Purpose.UNSUBSCRIBE,
            [delivery.subscriber],
            delivery.token_epoch,
        )
        return f"{base}/unsubscribe/{token}"

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
