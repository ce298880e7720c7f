"""Every command, as text and as JSON, on a desk where one morning has passed."""

from __future__ import annotations

import io
import json
import shutil
import sys
from email import message_from_bytes
from email.policy import default
from io import BytesIO

import feedparser
import pytest

from bot.cli import looking
from support_cli import CONFIG, MORNING, NEXT, Desk, desk_in, mails, run, text_of, walk_a_morning
from support_replay import Answer, replaying, sample_day


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture(scope="module")
def morning(tmp_path_factory, site):
    """A folder in which `once` ran on the first morning."""
    site.show(sample_day(1))  # another test may have come first, and broken a source
    return walk_a_morning(tmp_path_factory.mktemp("morning"), site.url)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, morning):
    """A copy of it."""
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


@pytest.fixture
def fresh(tmp_path, monkeypatch, capsys, site) -> Desk:
    """A desk where nothing ran yet."""
    site.show(sample_day(1))
    (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url))
    yield from desk_in(tmp_path, monkeypatch, capsys)


# ── once, and its four parts ──────────────────────────────────────────────────────────────────────


def test_the_four_parts_do_together_what_once_does(fresh):
    collected = fresh(*MORNING, "collect", "--json").document["collected"]
    assert {c["source"]: c["outcome"] for c in collected} == {
        "arxiv": "read", "hf": "read", "journal": "read",
    }  # fmt: skip
    assert sum(c["new"] for c in collected) == 30
    composed = fresh(*MORNING, "compose", "--json").document["composed"]
    assert [(c["profile"], c["edition"], c["period"]) for c in composed] == [
        ("experts", 1, "2026-11-19"), ("proteins", 1, "2026-11-19"),
    ]  # fmt: skip
    assert composed[0]["missing"] == ["arXiv:2001.00001"]
    published = fresh(*MORNING, "publish", "--json").document["published"]
    assert published["files"] == len(published["changed"]) > 8
    delivered = fresh(*MORNING, "deliver", "--json").document["delivered"]
    assert (delivered["opened"], delivered["ended"]) == (2, {"sent": 2})
    assert len(mails(fresh.state)) == 2


def test_each_part_again_does_nothing(desk):
    assert [c["outcome"] for c in desk(*MORNING, "collect", "--json").document["collected"]] == [
        "not due", "not due", "not due",
    ]  # fmt: skip
    assert desk(*MORNING, "compose", "--json").document["composed"] == []
    assert desk(*MORNING, "publish", "--json").document["published"]["changed"] == []
    assert desk(*MORNING, "deliver", "--json").document["delivered"]["ended"] == {}
    assert len(mails(desk.state)) == 2


def test_each_part_says_in_words_what_it_did(fresh):
    assert "arxiv read 28 22" in fresh(*MORNING, "collect").words
    said = fresh(*MORNING, "compose")
    assert "compose experts: edition 1 of 2026-11-19, " in said.words
    assert "arXiv:2001.00001 is not stored yet" in said.words
    assert "files changed" in fresh(*MORNING, "publish").words
    assert "deliver 2 sent" in fresh(*MORNING, "deliver").words
    assert "compose no edition is due" in fresh(*MORNING, "compose").words
    assert "deliver nothing to send" in fresh(*MORNING, "deliver").words


def test_once_ends_with_where_to_read_what_it_made(fresh, site):
    said = fresh(*MORNING, "once")
    assert f"read {(fresh.state / 'public' / 'index.html').as_uri()} " in said.words
    assert f"and the mail in {fresh.state / 'mail'} " in said.words
    assert "read" not in fresh(*MORNING, "once").out, "nothing was made"
    site.show({})
    assert "No source answered" not in fresh(*MORNING, "once").words, "none was asked"


def test_once_that_got_nothing_to_read_says_so(fresh, site):
    site.show({})
    said = fresh(*MORNING, "once")
    assert said.code == 0
    assert "No source answered, so there is nothing to read." in said.words
    assert "`paperround check` asks each at once" in said.words


def test_a_lost_page_is_made_again(desk):
    page = desk.state / "public" / "index.html"
    before = page.read_bytes()
    page.unlink()
    assert desk(*MORNING, "once", "--json").document["published"]["changed"] == ["index.html"]
    assert page.read_bytes() == before
    shutil.rmtree(desk.state / "public")
    assert desk(*MORNING, "once").code == 0
    assert page.read_bytes() == before


def test_a_page_that_somebody_edited_is_made_again_by_publish(desk):
    page = desk.state / "public" / "index.html"
    before = page.read_bytes()
    page.write_bytes(before.swapcase())
    assert desk(*MORNING, "publish", "--json").document["published"]["changed"] == ["index.html"]
    assert page.read_bytes() == before


def test_an_edited_title_reaches_the_pages_at_the_next_once(desk):
    path = desk.folder / "config.toml"
    path.write_text(path.read_text().replace('title = "Experts"', 'title = "Expertise"'))
    changed = desk(*MORNING, "once", "--json").document["published"]["changed"]
    assert "feeds/experts.rss" in changed
    assert "Expertise" in (desk.state / "public" / "index.html").read_text()


def test_compose_by_force_serves_no_slot(desk, site):
    site.show(sample_day(2))
    desk(*NEXT, "collect")
    (made,) = desk(*NEXT, "compose", "--force", "experts", "--json").document["composed"][:1]
    assert (made["profile"], made["edition"]) == ("experts", 2)
    forced = desk("--now", "2026-11-20T09:00Z", "compose", "--force", "experts", "--json").document
    assert [(c["profile"], c["edition"]) for c in forced["composed"]] == [("experts", 3)]


def test_check_says_how_to_find_the_feeds_of_a_page(fresh, site):
    site.but("/journal.xml", Answer(b"<!doctype html><html><title>Journal</title></html>"))
    said = fresh(*MORNING, "check")
    assert said.code == 1
    assert "(HTML) instead of a feed: `paperround sources discover http" in said.words


def test_a_failing_source_is_named_and_only_strict_minds(fresh, site):
    site.but("/journal.xml", Answer(b"<!doctype html><html><title>Down</title></html>"))
    said = fresh(*MORNING, "once")
    assert said.code == 0
    assert "journal failed" in said.words
    assert "sent a web page (HTML) instead of a feed" in said.words
    assert len(mails(fresh.state)) == 2, "the others are not stopped"
    later = fresh("--now", "2026-11-19T10:00Z", "collect", "--strict")
    assert later.code == 1
    status = fresh("--now", "2026-11-19T10:00Z", "status", "--json").document
    (journal,) = (s for s in status["sources"] if s["name"] == "journal")
    assert (journal["state"], journal["failures"]) == ("failing", 2)
    assert "web page" in journal["problem"]
    assert "web page" in fresh("status").words


def test_a_source_that_newly_becomes_an_alarm_exits_1_once(fresh, site):
    site.but("/journal.xml", Answer(b"gone", 410))
    assert fresh(*MORNING, "collect").code == 1
    assert "gone" in fresh(*MORNING, "sources", "list").words
    assert fresh("--now", "2026-11-19T10:00Z", "collect").code == 0


# ── preview ───────────────────────────────────────────────────────────────────────────────────────


def test_preview_with_nothing_stored_fetches_in_memory(fresh):
    said = fresh(*MORNING, "preview", "experts")
    assert said.code == 0
    assert "mixture of experts" in said.out
    assert not fresh.state.exists()


def test_preview_with_nothing_stored_names_the_source_that_fails(fresh, site):
    site.but("/journal.xml", b"")
    said = fresh(*MORNING, "preview", "experts")
    assert said.code == 0
    assert "journal: 127.0.0.1 sent an empty document" in said.err
    assert "mixture of experts" in said.out


def test_preview_shows_the_next_edition_and_stores_nothing(desk, site):
    site.show(sample_day(2))
    desk(*NEXT, "collect")
    before = desk("status", "--json").document["profiles"]
    preview = desk(*NEXT, "preview", "experts").out
    assert desk("status", "--json").document["profiles"] == before
    desk(*NEXT, "compose")
    desk(*NEXT, "deliver")
    mail = next(m for m in mails(desk.state)[2:] if m["To"] == "ada@example.org")
    first = next(line for line in preview.splitlines() if line.startswith(" 1. "))
    assert " ".join(first.split()[1:4]) in text_of(mail)


def test_preview_of_a_profile_with_nothing_in_it_says_what_decides(desk):
    config = (desk.folder / "config.toml").read_text()
    desk.write(config.replace('keywords = ["protein"]', ""))
    said = desk(*MORNING, "preview", "proteins", "--days", "7")
    assert "proteins asks for nothing yet: its papers stand by votes and newness." in said.err
    assert " 1. " in said.out


def test_a_threshold_over_nothing_asked_for_is_a_warning_since_curators_may_fill_that_profile(desk):
    config = (desk.folder / "config.toml").read_text()
    desk.write(config.replace('keywords = ["protein"]', "threshold = 0.5"))
    told = (
        "nothing says what is wanted, so no paper reaches its threshold of 50.0%: give it keywords"
    )
    said = desk(*MORNING, "check", "--offline")
    assert (said.code, told in said.words) == (0, True)
    said = desk(*MORNING, "preview", "proteins", "--days", "7")
    assert told in " ".join(said.err.split())
    assert "votes and newness" not in said.err
    assert " 1. " not in said.out
    desk.write(config.replace('keywords = ["protein"]', "threshold = 0.5\ntrending = 1"))
    assert "reaches its threshold" not in desk(*MORNING, "check", "--offline").words


def test_preview_right_after_an_edition_says_what_to_look_at_instead(desk):
    said = desk(*MORNING, "preview", "experts")
    assert "Nothing came in since edition 1." in said.err
    assert "`paperround preview experts --days 7`" in said.err


def test_preview_counts_what_came_in_and_not_only_what_fits(desk):
    config = (desk.folder / "config.toml").read_text()
    desk.write(config.replace('keywords = ["protein"]', 'categories = ["=nlin.AO"]'))
    said = desk(*MORNING, "preview", "proteins", "--days", "7")
    assert "No new papers came in." not in said.out
    assert "Nothing here for you among the" in said.out


def test_preview_of_days_shows_what_was_picked_before_too(desk):
    said = desk(*MORNING, "preview", "experts", "--days", "7")
    assert "mixture of experts" in said.out
    assert "Nothing came in" not in said.err


def test_preview_as_text_and_as_html(desk):
    text = desk(*MORNING, "preview", "experts", "--days", "3", "--format", "text")
    assert text.out.startswith("PAPERROUND") or "EXPERTS" in text.out
    html = desk(*MORNING, "preview", "experts", "--days", "3", "--format", "html")
    assert "<!doctype html>" in html.out.lower()


def test_preview_as_a_message_and_as_a_feed(desk):
    shown = [run(desk.folder, *MORNING, "preview", "experts", "--days", "3", "--format", form)
        for form in ("eml", "rss")]  # fmt: skip
    assert [each.returncode for each in shown] == [0, 0]
    message = message_from_bytes(shown[0].stdout.encode(), policy=default)
    assert message["To"] == "ada@example.org"
    assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html"}
    feed = feedparser.parse(BytesIO(shown[1].stdout.encode()))
    assert not feed.bozo
    assert len(feed.entries) == 6


def test_preview_to_an_address_sends_one_test_mail_without_a_ledger(desk):
    before = desk("deliveries", "list", "--json").document
    said = desk(*NEXT, "preview", "experts", "--to", "Me@Example.org")
    assert said.code == 0
    assert "A test mail went to Me@example.org" in said.out
    assert desk("deliveries", "list", "--json").document == before
    assert [m["To"] for m in mails(desk.state)].count("Me@example.org") == 1


def test_preview_to_nobody_is_a_usage_mistake(desk):
    said = desk("preview", "experts", "--to", "me at example")
    assert said.code == 2
    assert "me at example" in said.err


def test_preview_tells_of_a_template_that_breaks(desk):
    (desk.folder / "templates" / "email").mkdir(parents=True)
    (desk.folder / "templates" / "email" / "digest.txt").write_text("{{ no_such_thing }}")
    said = desk(*MORNING, "preview", "experts", "--days", "3")
    assert said.code == 0
    assert "Your template email/digest.txt" in said.err
    assert "mixture of experts" in said.out


@pytest.mark.parametrize("command", ["preview", "explain", "rank", "compose"])
def test_an_unknown_profile_is_met_with_the_nearest(desk, command):
    arguments = {
        "preview": ["preview", "expert"], "explain": ["explain", "expert", "arXiv:2611.90011"],
        "rank": ["rank", "expert"], "compose": ["compose", "--force", "expert"],
    }[command]  # fmt: skip
    said = desk(*arguments)
    assert said.code == 2
    assert "there is no profile 'expert' in config.toml. Did you mean 'experts'?" in said.words
    far = desk("preview", "zzz")
    assert "There are: experts, proteins." in far.words


# ── rank and explain ──────────────────────────────────────────────────────────────────────────────

LINES = [
    {"title": "A study of gardens", "abstract": "Plants."},
    {"title": "Mixture of experts", "abstract": "Sparse activation.", "id": "2401.06066",
     "authors": [{"name": "Ada"}], "categories": "cs.CL, cs.LG", "votes": 4},
    {"title": "A survey of mixture of experts", "authors": "Ada; Grace", "doi": "10.1000/x"},
]  # fmt: skip


def test_rank_reads_json_lines_from_standard_input(desk, monkeypatch):
    text = "\n\n".join(json.dumps(line) for line in LINES)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    ranked = desk("rank", "experts", "--json").document
    assert [each["id"] for each in ranked] == ["arXiv:2401.06066"], "a survey is never shown"
    best = ranked[0]
    assert best["score"] == pytest.approx(sum(r["share"] for r in best["reasons"]))
    assert 0 < best["probability"] < 1
    assert best["always"] is False


def test_rank_reads_a_file_and_shows_a_table(desk):
    (desk.folder / "papers.jsonl").write_text("\n".join(json.dumps(line) for line in LINES))
    said = desk("rank", "experts", "papers.jsonl")
    assert said.code == 0
    assert "Mixture of experts" in said.out
    assert "gardens" not in said.out


def test_rank_needs_no_store(fresh):
    (fresh.folder / "papers.jsonl").write_text(json.dumps(LINES[1]))
    assert fresh("rank", "experts", "papers.jsonl").code == 0
    assert not fresh.state.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"title": "ok"}\n\n{"titel": "no"}', "line 3 is no paper"),
        ('{"title": "ok"}\nnonsense', "line 2 is no paper"),
        ("[1, 2]", "line 1 is no paper"),
        ('{"title": null}', "line 1 is no paper"),
        ("[" * 100_000, "line 1 is no paper"),
        ('"title"', "line 1 is no paper"),
        ('{"title": "x"}\n' * 20_001, "at most 20000 papers are ranked in one go, got 20001"),
    ],
)
def test_rank_names_the_line_that_is_no_paper(desk, monkeypatch, text, says):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    said = desk("rank", "experts")
    assert said.code == 2
    assert says in said.words


def test_rank_takes_odd_papers_as_they_come(desk, monkeypatch):
    odd = [
        {"title": "Mixture of experts \u2028 and more", "votes": 10**30, "published": "soon"},
        {"title": "Mixture of experts", "votes": True, "authors": [1, None, {}], "categories": 3},
        {"title": "Mixture of experts", "votes": -5, "published": "2026-01-01", "url": "::"},
        {"title": "Mixture of experts \ud800", "abstract": None, "id": "\x1b[31m"},
        {"title": "", "abstract": "mixture of experts"},
    ]
    text = "\n".join(json.dumps(each, ensure_ascii=index > 2) for index, each in enumerate(odd))
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert desk("rank", "experts", "--json").code == 0


def test_rank_of_a_file_that_is_not_there(desk):
    assert "nowhere.jsonl cannot be read" in desk("rank", "experts", "nowhere.jsonl").words
    assert desk("rank", "experts", ".").code == 2
    (desk.folder / "binary").write_bytes(b"\xff\xfe\x00")
    assert "binary cannot be read as UTF-8" in desk("rank", "experts", "binary").words


def test_explain_shows_each_interest_and_a_sum(desk):
    said = desk(*MORNING, "explain", "experts", "arXiv:2611.90011")
    assert said.code == 0
    assert "mixture of experts" in said.out
    assert "Wanted with a probability of" in said.words
    told = desk(*MORNING, "explain", "experts", "2611.90011v1", "--json").document
    assert told["id"] == "arXiv:2611.90011"
    assert told["score"] == pytest.approx(sum(reason["share"] for reason in told["reasons"]))
    by_address = desk(
        *MORNING, "explain", "experts", "https://arxiv.org/pdf/2611.90011", "--json"
    ).document
    assert by_address == told


def test_explain_calls_words_in_common_words_whether_they_are_of_about_or_of_keywords(desk):
    said = desk(*MORNING, "explain", "experts", "arXiv:2611.90011")
    interests = [line.split()[0] for line in said.out.splitlines() if "+" in line]
    assert "words" in interests
    assert "about" not in interests


def test_explain_says_why_there_is_nothing_to_explain(desk):
    unknown = desk("explain", "experts", "arXiv:1501.00001")
    assert unknown.code == 2
    assert "arXiv:1501.00001 is not stored" in unknown.words
    for nonsense in ("?", "", "doi:", "\x1b[31m", "x" * 5000):
        said = desk("explain", "experts", nonsense)
        assert said.code == 2, nonsense
        assert "names no paper" in said.words
        assert "\x1b" not in said.err


@pytest.mark.parametrize(
    ("clause", "said"),
    [
        ('exclude = ["nothing", "title:ledger"]', 'exclude "title:ledger"'),
        ('categories = ["=math", "=nlin.AO"]', 'categories "=math, =nlin.AO"'),
        ('dislike = ["https://arxiv.org/abs/2611.90011v2"]',
         'dislike "https://arxiv.org/abs/2611.90011v2"'),
    ],
)  # fmt: skip
def test_explain_names_the_clause_that_keeps_a_paper_out(desk, clause, said):
    config = (desk.folder / "config.toml").read_text()
    desk.write(config.replace('keywords = ["protein"]', f'keywords = ["mixture"]\n{clause}'))
    told = desk(*MORNING, "explain", "proteins", "arXiv:2611.90011")
    assert f"It is never shown: the profile has {said}." in told.words
    as_json = desk(*MORNING, "explain", "proteins", "arXiv:2611.90011", "--json").document
    assert (as_json["score"], as_json["kept_out_by"]) == (None, said)


def test_explain_tells_of_a_threshold_that_is_not_reached(desk):
    config = (desk.folder / "config.toml").read_text()
    few = 'keywords = ["xylophone"]\ncategories = ["cs.LG"]\nthreshold = 0.9'
    desk.write(config.replace('keywords = ["protein"]', few))
    told = desk(*MORNING, "explain", "proteins", "arXiv:2611.90011")
    assert "below the profile's threshold of 90%: it is left out." in told.words


def test_explain_of_what_speaks_for_nothing(desk):
    said = desk(*MORNING, "explain", "proteins", "arXiv:2611.90011")
    assert said.code == 0
    told = desk(*MORNING, "explain", "proteins", "arXiv:2611.90011", "--json").document
    assert told["score"] is None or told["score"] == pytest.approx(
        sum(reason["share"] for reason in told["reasons"])
    )


# ── trending ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_trending_counts_votes(desk, period):
    told = desk(*MORNING, "trending", "--period", period, "--json").document
    assert len(told) > 5
    assert all(paper["votes"] > 0 and paper["id"].startswith("arXiv:") for paper in told)
    assert told[0]["title"][:20] in desk(*MORNING, "trending", "--period", period).out


def test_trending_where_nobody_voted(desk):
    later = ("--now", "2027-06-01T00:00Z")
    assert "No source has told votes" in desk(*later, "trending").words
    assert desk(*later, "trending", "--json").document == []


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.0, "less than 1%"), (0.004, "less than 1%"), (0.034, "3%"), (0.62, "62%"),
     (0.985, "98%"), (0.997, "more than 99%"), (1.0, "more than 99%")],
)  # fmt: skip
def test_no_probability_is_told_as_certainty(probability, said):
    assert looking._sure(probability) == said  # noqa: SLF001 - what `explain` ends with
