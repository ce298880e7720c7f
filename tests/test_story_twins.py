"""One text under two records, from the sources to the mailbox: told once, and had for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.digest import narrowed
from bot.models import DeliveredPick, Delivery, DeliveryStatus, Edition, Pick, Role
from bot.ports import PrintOrder
from bot.workflows.compose import compose
from bot.workflows.printing import Compositor
from support_office import Office, text_of_mail
from support_round import (
    DAY,
    NOW,
    SECRET,
    TODAY,
    WORKERS,
    a_paper,
    a_source,
    absorb,
    an_edition,
    arxiv,
    doi,
)

TEXT = (
    "Sparse experts read long documents one page at a time and keep what matters. A small router asks "
    "which of the experts reads next, and learns from its own mistakes without a teacher."
)
LATER = NOW + DAY


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    absorb(
        made.store,
        a_paper(arxiv(90), title="Experts that read long documents", abstract=TEXT),
        a_paper(doi(91), title="Experts That Read Documents", abstract=f"{TEXT} It is cheap."),
        now=NOW + timedelta(hours=1),
    )
    yield made
    made.store.close()


async def _compose(office: Office, now):
    made = await compose(
        office.config.profiles, [a_source("arxiv")], office.store, WORKERS, now, "UTC"
    )
    return {each.profile: each for each in made}


async def test_both_stand_in_one_edition_as_one_pick_and_never_again(office):
    made = (await _compose(office, LATER))["experts"]
    roles = [(pick.paper, pick.role) for pick in made.edition.picks if pick.paper > 7]
    assert sorted(role for _, role in roles) == [Role.FOLDED, Role.NEW]
    assert made.new == len(made.edition.picks) - 1
    again = (await _compose(office, LATER + DAY))["experts"]
    assert not {paper for paper, _ in roles} & {pick.paper for pick in again.edition.picks}


async def test_a_mail_names_both_once_and_both_count_as_had(office):
    office.readers("ada")
    await _compose(office, LATER)
    await office.run(LATER)
    text = text_of_mail(office.mailer.sent[-1].content)
    assert text.count("And one more like it:") == 1
    assert "documents" in text
    assert "Experts That Read Documents" in text
    had = office.store.had({1: {8, 9}}, NOW - 30 * DAY)
    assert had[1].papers.keys() == {8, 9}


async def test_who_had_the_one_is_shown_the_other_by_itself(office):
    office.readers("ada", profile="others")
    an_edition(office.store, 8, profile="others", period=TODAY, now=NOW)
    await office.run(NOW)
    office.readers("ada")
    await _compose(office, LATER)
    await office.run(LATER)
    text = text_of_mail(office.mailer.sent[-1].content)
    assert "Experts That Read Documents" in text
    assert "like it:" not in text


def _material(config, lines, *profiles):
    """What a mail is made of, where the one edition folds 9 into 8, and another has 9 as new."""
    one = Edition("experts", 1, TODAY, 9, NOW, (Pick(1, 8), Pick(2, 9, Role.FOLDED)), id=1)
    other = Edition("others", 1, TODAY, 9, NOW, (Pick(1, 9),), id=2)
    papers = {n: replace(a_paper(arxiv(n), title=f"Paper {n}."), id=n) for n in (8, 9)}
    compositor = Compositor(config, SECRET, press=None)
    compositor.print([], papers, {1: one, 2: other})
    delivery = Delivery(
        1, 1, "ada@example.org", DeliveryStatus.PENDING, NOW, "<1@example.org>", lines, (1, 2)
    )
    picks, kept = narrowed(delivery, profiles, {1: one, 2: other}, {8: 8, 9: 9})
    delivery = replace(delivery, picks=picks, editions=kept)
    sections = compositor.material(PrintOrder(delivery, NOW)).sections
    return [(pick.paper, pick.role) for section in sections for pick, _ in section.picks]


def test_who_leaves_the_profile_that_folded_it_is_shown_it_where_it_is_new(office):
    lines = (DeliveredPick(1, 8), DeliveredPick(1, 9, Role.FOLDED))
    both = _material(office.config, lines, "experts", "others")
    assert both == [(8, Role.NEW), (9, Role.FOLDED)]
    assert _material(office.config, lines, "others") == [(9, Role.NEW)]


def test_what_lost_its_leader_stands_by_itself(office):
    alone = (DeliveredPick(1, 9, Role.FOLDED),)
    assert _material(office.config, alone, "experts", "others") == [(9, Role.NEW)]
