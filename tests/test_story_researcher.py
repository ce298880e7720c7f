"""The researcher's story, as it reads: init, once, a digest; once, nothing; tomorrow, what is new."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bot.models import Role, Scheme
from support_cli import deliveries, html_of, mails, papers, picked, run, text_of
from support_replay import RECONSTRUCTED, captured_day, replaying, sample_day

ADDRESS = "you@example.org"
has_captures = pytest.mark.skipif(
    not RECONSTRUCTED.is_dir(), reason="shared/data/arxiv_rss/reconstructed is absent"
)


def _number(paper):
    return next(i.value for i in paper.identifiers if i.scheme is Scheme.ARXIV)


def test_two_mornings_with_invented_papers(tmp_path):
    with replaying(sample_day(1)) as site:
        written = run(
            tmp_path, "init", "--email", ADDRESS, "--categories", "cs.CL", "--mirror", site.url
        )
        assert written.returncode == 0, written.stderr
        assert "once" in written.stdout

        first = run(tmp_path, "--now", "2026-11-19T08:00Z", "once")
        assert (first.returncode, first.stderr) == (0, "")
        assert "1 sent" in first.stdout
        asked = len(site.requests)
        days = [path for path in site.requests if "date=" in path]  # the last week's lists
        assert len(days) == 7
        assert sorted(set(site.requests) - set(days)) == [
            "/api/daily_papers?limit=100", "/rss/cs.CL",
        ]  # fmt: skip

        again = run(tmp_path, "--now", "2026-11-19T08:10Z", "once")
        assert (again.returncode, again.stderr) == (0, "")
        assert "nothing to send" in again.stdout
        assert len(mails(tmp_path / "state")) == 1
        assert len(site.requests) == asked, "ten minutes later no source is due"

        # An hour later the sources are asked again, by their validators, and have nothing new.
        later = run(tmp_path, "--now", "2026-11-19T09:30Z", "once")
        assert later.stdout.count("unchanged") == 2
        assert site.answered[-2:] == [304, 304]

        site.show(sample_day(2))
        next_day = run(tmp_path, "--now", "2026-11-20T08:00Z", "once")
        assert (next_day.returncode, next_day.stderr) == (0, "")

    one, two = mails(tmp_path / "state")
    yesterday, today = deliveries(tmp_path / "state")
    assert picked(yesterday, Role.NEW)
    assert picked(today, Role.NEW)
    assert not set(picked(today, Role.NEW)) & set(picked(yesterday, Role.NEW))
    assert picked(today, Role.UPDATE)
    assert set(picked(today, Role.UPDATE)) <= set(picked(yesterday, Role.NEW))
    for mail, delivery in ((one, yesterday), (two, today)):
        _is_a_digest_of(mail, delivery, tmp_path / "state")
    assert "NEWS OF PAPERS YOU HAD" in text_of(two)
    assert "NEWS OF PAPERS YOU HAD" not in text_of(one)


def _is_a_digest_of(mail, delivery, state):
    assert mail["To"] == ADDRESS
    assert f"{len(picked(delivery, Role.NEW))} new paper" in mail["Subject"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"].startswith("<mailto:"), "there is no base_url, and no web"
    assert "List-Unsubscribe-Post" not in mail
    text = text_of(mail)
    for paper in papers(state, [pick.paper for pick in delivery.picks]):
        assert f"https://arxiv.org/abs/{_number(paper)}" in text
    assert "<h1" in html_of(mail)


def test_the_page_and_the_feed_lie_beside_the_mail(tmp_path):
    with replaying(sample_day(1)) as site:
        run(tmp_path, "init", "--email", ADDRESS, "--categories", "cs.CL", "--mirror", site.url)
        run(tmp_path, "--now", "2026-11-19T08:00Z", "once")
    public = tmp_path / "state" / "public"
    (delivery,) = deliveries(tmp_path / "state")
    page = (public / "p" / "my-papers" / "2026-11-19" / "index.html").read_text(encoding="utf-8")
    feed = (public / "feeds" / "my-papers.rss").read_text(encoding="utf-8")
    for paper in papers(tmp_path / "state", picked(delivery, Role.NEW)):
        assert _number(paper) in page
        assert _number(paper) in feed


@pytest.mark.long
@has_captures
def test_three_real_days_in_a_row(tmp_path):
    days = [date(2025, 4, day) for day in (9, 10, 11)]
    state = tmp_path / "state"
    with replaying(captured_day(days[0], "cs.CL")) as site:
        init = run(
            tmp_path, "init", "--email", ADDRESS, "--categories", "cs.CL",
            "--keywords", "mixture of experts, retrieval, reasoning", "--mirror", site.url,
        )  # fmt: skip
        assert init.returncode == 0, init.stderr
        for number, day in enumerate(days, start=1):
            site.show(captured_day(day, "cs.CL"))
            first = run(tmp_path, "--now", f"{day}T08:00Z", "once")
            assert (first.returncode, first.stderr) == (0, "")
            assert len(mails(state)) == number
            again = run(tmp_path, "--now", f"{day}T08:30Z", "once")
            assert again.returncode == 0
            assert len(mails(state)) == number, "the same morning brings nothing twice"

    sent = deliveries(state)
    new = [paper for delivery in sent for paper in picked(delivery, Role.NEW)]
    assert len(new) == len(set(new)) == 45, "fifteen a day, none twice"
    for mail, delivery in zip(mails(state), sent, strict=True):
        text = text_of(mail)
        assert all(_number(paper) in text for paper in papers(state, picked(delivery, Role.NEW)))


@pytest.mark.long
@has_captures
def test_a_week_away_is_caught_up_in_one_mail(tmp_path):
    with replaying(captured_day(date(2025, 4, 4), "cs.CL")) as site:
        run(tmp_path, "init", "--email", ADDRESS, "--categories", "cs.CL", "--mirror", site.url)
        run(tmp_path, "--now", "2025-04-04T08:00Z", "once")
        site.show(captured_day(date(2025, 4, 11), "cs.CL"))
        back = run(tmp_path, "--now", "2025-04-11T08:00Z", "once")
    assert back.returncode == 0
    first, second = deliveries(tmp_path / "state")
    assert len(picked(second, Role.NEW)) == 15
    assert not set(picked(first, Role.NEW)) & set(picked(second, Role.NEW))
    assert second.due.date() - first.due.date() == timedelta(days=7)
