"""Summaries: a service that is asked within bounds, labelled, and never needed."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from bot.fetch import HttpFetcher
from bot.models import Document
from bot.outputs.cards import paper_card
from bot.sources.summaries import LONGEST, Asker, asked_about, cost_of, read, request
from bot.store import Store
from bot.store.summaries import SummaryLedger
from bot.workflows.compose import compose
from bot.workflows.summarise import Summaries
from support_cli import CONFIG, MORNING, desk_in, mails, text_of
from support_http import Site, in_a_thread, serving
from support_models import REFUSALS, Chat, refusing
from support_replay import replaying, sample_day
from support_round import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    WORKERS,
    a_paper,
    a_profile,
    a_source,
    absorb,
    arxiv,
    stored,
    with_profiles,
)

ABSTRACT = "Experts are many. We propose to route each token to two of them, which halves the cost."


class Desk:
    """A store with papers that are picked, and a service that says what is new in them."""

    def __init__(self, store: Store, fetcher: HttpFetcher, site: Site) -> None:
        self.store, self.fetcher, self.chat = with_profiles(store, "experts"), fetcher, Chat()
        self.site, self.asker = site, Asker(site.url("/v1"), "llama", "secret key")
        self.most, self.tokens, self.seconds = 60, 100_000, 60.0

    def came(self, *numbers: int, now=NOW, **said) -> None:
        papers = (
            a_paper(arxiv(n), title=f"Experts {n}", abstract=said.get("abstract", ABSTRACT), published=now)
            for n in numbers
        )  # fmt: skip
        absorb(self.store, *papers, now=now)

    async def make(self, now=NOW) -> Summaries:
        summaries = Summaries(
            self.asker, self.fetcher, SummaryLedger(self.store), WORKERS, now, self.most,
            self.tokens, self.seconds,
        )  # fmt: skip
        profiles = {"experts": a_profile()}
        (made,) = await compose(
            profiles, [a_source()], self.store, WORKERS, now, "UTC", summaries=summaries
        )
        assert made.new  # whatever becomes of the summaries
        return summaries

    def said(self, number: int) -> str:
        return stored(self.store, arxiv(number)).summary


@pytest.fixture
async def desk(tmp_path):
    async with serving() as site, HttpFetcher(allow_private=("127.0.0.0/8",)) as fetcher:
        with Store(tmp_path / "paperround.db") as store:
            desk = Desk(store, fetcher, site)
            desk.chat.put(site)
            yield desk


# ── What is asked, and kept ───────────────────────────────────────────────────────────────────────


async def test_what_is_picked_is_summarised_once_and_labelled(desk):
    desk.came(1, 2, now=NOW - HOUR)
    assert not (await desk.make()).problem
    assert desk.said(1) == desk.chat.said
    card = paper_card(stored(desk.store, arxiv(1)), today=TODAY)
    assert card.lead == f"{desk.chat.said} (Written by a machine, llama.)"
    assert "route each token" in card.key  # the one line is the paper's own
    asked = desk.chat.asked[0]
    assert asked["model"] == "llama"
    assert asked["max_tokens"] <= 200
    assert ABSTRACT in asked["messages"][1]["content"]
    assert desk.chat.keys == ["Bearer secret key"] * 2
    desk.came(3, now=NOW + DAY - HOUR)
    await desk.make(NOW + DAY)
    assert len(desk.chat.asked) == 3


async def test_a_revised_abstract_has_no_summary_of_the_old_one(desk):
    desk.came(1, now=NOW - HOUR)
    await desk.make()
    again = a_paper(arxiv(1), title="Experts 1", abstract="All is other now.", version=2)
    absorb(desk.store, again, now=NOW + HOUR)
    assert not desk.said(1)
    assert SummaryLedger(desk.store).spent(NOW - HOUR) == (1, 400)


async def test_what_has_no_abstract_is_not_asked_about(desk):
    desk.came(1, now=NOW - HOUR, abstract="")
    await desk.make()
    assert not desk.chat.asked
    assert asked_about(a_paper(title="Experts")) == ""


# ── Bounds ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_day_has_a_bound_on_papers(desk):
    desk.most = 3
    desk.came(*range(1, 6), now=NOW - HOUR)
    await desk.make()
    assert len(desk.chat.asked) == 3
    desk.came(*range(11, 16), now=NOW + 30 * HOUR)
    await desk.make(NOW + 2 * DAY)
    assert len(desk.chat.asked) == 6


async def test_a_day_has_a_bound_on_tokens_as_the_service_counts_them(desk):
    desk.chat.tokens = 5000
    desk.tokens = 11_000
    desk.came(*range(1, 6), now=NOW - HOUR)
    await desk.make()
    assert len(desk.chat.asked) == 3  # 10,000 are used, and a third question may take some 400


async def test_tokens_that_nobody_counted_are_reckoned(desk):
    desk.chat.tokens = None
    desk.came(1, now=NOW - HOUR)
    await desk.make()
    count, tokens = SummaryLedger(desk.store).spent(NOW - DAY)
    assert (count, tokens) == (1, cost_of(asked_about(stored(desk.store, arxiv(1)))))


async def test_a_service_that_does_not_answer_is_waited_for_no_longer_than_said(desk):
    desk.seconds = 0.3
    desk.chat.moods = ["slow"]
    desk.came(1, 2, now=NOW - HOUR)
    summaries = await desk.make()
    assert "no answer within 0 s" in summaries.problem
    assert SummaryLedger(desk.store).rest().failures == 1


# ── What fails ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "mood",
    ["500", "429", "html", "empty", "[]", '{"choices": []}', '{"choices": [{"message": {}}]}',
     '{"choices": [{"message": {"content": 7}}]}', '{"error": {"message": "no such model"}}'],
)  # fmt: skip
async def test_a_service_that_fails_rests_and_the_abstract_speaks_for_itself(desk, mood, caplog):
    desk.chat.moods = [mood]
    desk.came(1, 2, now=NOW - HOUR)
    with caplog.at_level(logging.DEBUG):
        summaries = await desk.make()
    assert "asked again after" in summaries.problem
    assert "secret" not in summaries.problem + caplog.text + repr(summaries)
    assert not desk.chat.asked  # one failure ends the run
    assert "route each token" in paper_card(stored(desk.store, arxiv(1)), today=TODAY).lead
    desk.came(3, now=NOW + timedelta(minutes=1))
    rested = SummaryLedger(desk.store).rest()
    assert rested.until is not None
    assert rested.until > NOW


@pytest.mark.parametrize(("said", "told"), REFUSALS)
@pytest.mark.parametrize("status", [404, 200])
async def test_what_a_service_says_where_it_refuses_is_told_without_our_key(
    desk, said, told, status
):
    desk.site.put_call("/v1/chat/completions", refusing(said, status))
    desk.came(1, now=NOW - HOUR)
    problem = (await desk.make()).problem
    assert told in problem
    assert ("answered HTTP 404 Not Found" in problem) == (status == 404)
    assert "secret" not in problem
    assert len(problem) < 450
    assert problem.isprintable()


async def test_a_service_that_works_again_is_asked_as_before(desk):
    desk.chat.moods = ["500"]
    desk.came(1, now=NOW - HOUR)
    await desk.make()
    desk.came(2, now=NOW + DAY - HOUR)
    assert not (await desk.make(NOW + DAY)).problem
    assert SummaryLedger(desk.store).rest().failures == 0
    assert desk.said(2)


@pytest.mark.parametrize("said", ["", "  ", "No.", "?!" * 400, "1 2 3 4 5 6 7 8 9 " * 9])
async def test_nonsense_is_no_summary_and_is_not_asked_for_again(desk, said):
    desk.chat.said = said
    desk.came(1, now=NOW - HOUR)
    assert not (await desk.make()).problem
    assert not desk.said(1)
    assert SummaryLedger(desk.store).spent(NOW - DAY) == (1, 400)


def answered(content: str) -> str:
    import json

    body = json.dumps({"choices": [{"message": {"content": content}}]})
    return read(Document("http://127.0.0.1/v1", body.encode()), "").said


def test_what_a_service_says_is_cleaned_and_bounded():
    assert answered("Summary: “Two experts a token halve the cost.”") == (
        "Two experts a token halve the cost."
    )
    assert answered("<think>Hm, what?</think>\nTwo experts a token\nhalve the cost.") == (
        "Two experts a token halve the cost."
    )
    assert answered("<think>for ever, without an end to it at all") == ""
    assert answered(
        '<script>alert(1)</script>Two experts a token <b onclick="x()">halve</b> the cost.'
    ) == ("Two experts a token halve the cost.")
    assert len(answered("Experts are routed to. " * 10_000)) <= LONGEST


def test_the_key_is_in_a_header_and_in_nothing_that_is_printed():
    asker = Asker("http://127.0.0.1:9/v1/", "llama", "secret key")
    assert "secret" not in repr(asker)
    asked = request(asker, "Title: Experts")
    assert asked.url == "http://127.0.0.1:9/v1/chat/completions"
    assert ("Authorization", "Bearer secret key") in asked.headers
    assert b"secret" not in asked.body


# ── The command ───────────────────────────────────────────────────────────────────────────────────


def test_once_mails_what_a_service_wrote_with_its_name(tmp_path, monkeypatch, capsys):
    chat = Chat()
    monkeypatch.setenv("SUMMARY_KEY", "secret key")
    with replaying(sample_day(1)) as site, in_a_thread(serving) as service:
        chat.put(service)
        told = (
            f'[summary]\nurl = "{service.url("/v1")}"\nmodel = "llama"\nkey = "env:SUMMARY_KEY"\n'
        )
        text = CONFIG.format(url=site.url) + told
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        for desk in desk_in(tmp_path, monkeypatch, capsys):
            said = desk(*MORNING, "once")
            assert said.code == 0
            assert "secret" not in said.words
            assert "Written by a machine, llama." in text_of(mails(desk.state)[0])
    assert set(chat.keys) == {"Bearer secret key"}
