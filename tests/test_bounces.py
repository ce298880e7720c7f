"""What reports of failure say: invented ones for each rule, and the captured corpus as a whole."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import bounces
from bot.bounces import Report, ReportKind, read_report, reason_to_suppress

CORPUS = Path(__file__).parents[1].parent / "shared" / "data" / "bounces"
GONE = (ReportKind.FAILED, ReportKind.FULL_OR_BUSY, ReportKind.REFUSED_US)


def delivery_report(**fields: str) -> bytes:
    """A report as RFC 3464 has it, about one recipient."""
    told = {"Final-Recipient": "rfc822; ada@example.org", "Action": "failed"} | {
        name.replace("_", "-"): value for name, value in fields.items()
    }
    group = "".join(f"{name}: {value}\n" for name, value in told.items())
    return (
        "From: MAILER-DAEMON@relay.example\nSubject: Undelivered Mail Returned to Sender\n"
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n'
        "\n--b\n\nI am sorry to say that 4.2.2 is what I say here.\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n{group}\n"
        "--b\nContent-Type: message/rfc822\n\nSubject: 550 5.1.1 user unknown\n\nbody\n--b--\n"
    ).encode()


def feedback_report(kind: str) -> bytes:
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary="b"\n'
        f"\n--b\n\nwords\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\n"
        "User-Agent: Invented/1\nVersion: 1\n\n"
        "--b\nContent-Type: message/rfc822\n\nSubject: papers\n\nbody\n--b--\n"
    ).encode()


def said_by_a_server(words: str, subject: str = "failure notice") -> bytes:
    sender = "Mail Delivery System <mailer-daemon@relay.example>"
    return f"From: {sender}\nSubject: {subject}\n\n{words}\n".encode()


# ── Delivery reports ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", ReportKind.FAILED),
        ("5.2.2", ReportKind.FAILED),
        ("5.0.0", ReportKind.FAILED),
        ("4.4.7", ReportKind.FULL_OR_BUSY),
        ("4.2.2 (mailbox full)", ReportKind.FULL_OR_BUSY),
        ("5.7.1", ReportKind.REFUSED_US),
        ("5.7.26", ReportKind.REFUSED_US),
    ],
)
def test_the_status_of_what_failed_says_for_how_long_and_whose_fault(status, kind):
    assert read_report(delivery_report(Status=status)).kind is kind


def test_what_is_delayed_is_no_bounce():
    assert read_report(delivery_report(Action="delayed", Status="4.4.1")).kind is ReportKind.DELAYED


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_what_arrived_is_no_bounce(action):
    assert read_report(delivery_report(Action=action, Status="2.0.0")).kind is ReportKind.DELIVERED


def test_the_other_servers_own_code_counts_where_the_report_has_a_vague_one():
    raw = delivery_report(
        Status="5.0.0", Diagnostic_Code="smtp; 550 5.1.1 <ada@example.org> unknown"
    )
    report = read_report(raw)
    assert (report.status, report.proves_absence) == ("5.1.1", True)
    assert report.said == "5.1.1 550 5.1.1 <…> unknown"


def test_a_telling_code_is_not_replaced_by_what_is_quoted():
    raw = delivery_report(Status="5.2.1", Diagnostic_Code="smtp; 550 5.1.1 unknown")
    assert read_report(raw).status == "5.2.1"


def test_our_own_mail_that_a_report_encloses_proves_nothing():
    assert read_report(delivery_report(Status="4.4.1")).status == "4.4.1"


def test_of_several_recipients_the_gravest_is_told():
    raw = delivery_report(Status="4.4.1").replace(
        b"\n\n--b\nContent-Type: message/rfc822",
        b"\n\nFinal-Recipient: rfc822; b@example.org\nAction: failed\nStatus: 5.1.1\n\n"
        b"--b\nContent-Type: message/rfc822",
    )
    assert read_report(raw).status == "5.1.1"


@pytest.mark.parametrize("ends", [b"\r\n", b"\r", b"\n"])
def test_a_report_is_read_with_any_line_ends(ends):
    raw = delivery_report(Status="5.1.1").replace(b"\n", ends)
    assert read_report(raw).status == "5.1.1"


# ── Complaints, answering machines, prose ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("abuse", ReportKind.COMPLAINT),
        ("fraud", ReportKind.COMPLAINT),
        ("opt-out", ReportKind.OPT_OUT),
        ("auth-failure", ReportKind.FEEDBACK),
        ("not-spam", ReportKind.FEEDBACK),
    ],
)
def test_a_feedback_report_complains_asks_out_or_tells(said, kind):
    assert read_report(feedback_report(said)).kind is kind


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-replied (vacation)", "X-Autoreply: yes", "Precedence: auto_reply",
     "Subject: Out of office: papers", "Subject: =?utf-8?q?R=C3=A9ponse_automatique?="],
)  # fmt: skip
def test_an_answering_machine_is_no_bounce_whatever_it_says(header):
    raw = (
        f"From: ada@example.org\n{header}\n\nMy mailbox is full, 550 5.1.1 user unknown.\n".encode()
    )
    assert read_report(raw).kind is ReportKind.AUTOMATIC


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("<ada@example.org>: 550 5.1.1 no such person", "5.1.1"),
        ("Remote host said: 550 unknown user <ada@example.org>", "5.1.1"),
        ("The mailbox of ada@example.org is full.", "4.2.2"),
        ("Remote host said: 552 too much", "5.0.0"),
        ("Remote host said: 451 come back", "4.0.0"),
    ],
)
def test_a_servers_own_prose_is_understood_as_far_as_it_goes(words, status):
    assert read_report(said_by_a_server(words)).status == status


def test_words_alone_prove_nobodys_absence():
    report = read_report(said_by_a_server("I think that user is unknown here. 554 sorry"))
    assert report.kind is ReportKind.FAILED
    assert not report.proves_absence


def test_a_person_who_quotes_a_report_sends_none():
    raw = (
        b"From: ada@example.org\nSubject: Re: papers\n\n> 550 5.1.1 user unknown\n\nWhat is this?\n"
    )
    assert read_report(raw).kind is ReportKind.UNKNOWN


@given(st.binary(max_size=2000))
def test_any_bytes_can_be_read(raw):
    assert read_report(raw).kind in ReportKind


@given(st.lists(st.sampled_from([
    b"Content-Type: multipart/report; boundary=b\n", b"--b\n", b"\n", b"--b--\n", b"From: mailer-daemon@x\n",
    b"Content-Type: message/delivery-status\n", b"Status: 5.1.1\n", b"Action: failed\n",
    b"Content-Type: message/feedback-report\n", b"Content-Type: message/rfc822\n", b"\xff\xfe: \x00\n",
    b"Subject: =?x?q?=ff?=\n", b"Content-Transfer-Encoding: base64\n",
    b"Content-Type: text/plain; charset=x\n",
]), max_size=40))  # fmt: skip
def test_any_broken_report_can_be_read(pieces):
    assert read_report(b"".join(pieces)).kind in ReportKind


def test_a_report_of_any_size_is_read_in_bounded_parts():
    raw = delivery_report(Status="5.1.1") + b"x" * 3 * bounces.MOST_BYTES
    assert read_report(raw).status == "5.1.1"


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "of-their-own", ""])
def test_a_charset_that_no_mail_has_is_read_as_utf_8(charset):
    """Decoding punycode takes quadratic time: one mail kept the store's thread for seconds."""
    words = f"550 5.1.1 user unknown\n\nа-{'b' * 300_000}"
    raw = (
        "From: MAILER-DAEMON@example.org\nSubject: failure\n"
        f'Content-Type: text/plain; charset="{charset}"\nContent-Transfer-Encoding: 8bit\n\n{words}'
    ).encode()
    begun = time.process_time()
    assert read_report(raw).status == "5.1.1"
    assert time.process_time() - begun < 1


# ── When an address is written to no more ─────────────────────────────────────────────────────────

TODAY = date(2026, 11, 20)


def days(count: int) -> set[date]:
    return {TODAY - timedelta(days=n) for n in range(count)}


@pytest.mark.parametrize("status", ["5.1.0", "5.1.1", "5.1.2"])
def test_a_proof_that_nobody_is_there_suppresses_at_once(status):
    report = Report(ReportKind.FAILED, status, f"{status} no such user")
    assert reason_to_suppress(report, set()) == f"bounce: {status} no such user"


@pytest.mark.parametrize("kind", [ReportKind.COMPLAINT, ReportKind.OPT_OUT])
def test_a_complaint_suppresses_at_once(kind):
    assert reason_to_suppress(Report(kind, said="feedback report: abuse"), set())


@pytest.mark.parametrize(
    "report", [Report(ReportKind.FULL_OR_BUSY, "4.2.2"), Report(ReportKind.FAILED, "5.2.2")]
)
def test_any_other_failure_takes_five_days(report):
    assert not reason_to_suppress(report, days(4))
    assert "5 days" in reason_to_suppress(report, days(5))


@pytest.mark.parametrize(
    "kind",
    [
        ReportKind.REFUSED_US,
        ReportKind.DELAYED,
        ReportKind.DELIVERED,
        ReportKind.FEEDBACK,
        ReportKind.AUTOMATIC,
        ReportKind.UNKNOWN,
    ],
)
def test_what_is_no_failure_of_the_address_suppresses_nobody(kind):
    assert not reason_to_suppress(Report(kind, "5.1.1"), days(14))


# ── The corpus ────────────────────────────────────────────────────────────────────────────────────


def kinds_of(*folders: str, but: str = "\0", only: str = "") -> dict[str, Report]:
    return {
        str(path.relative_to(CORPUS)): read_report(path.read_bytes())
        for folder in folders
        for path in sorted((CORPUS / folder).rglob("*"))
        if path.is_file() and only in path.name and but not in path.name
    }


pytestmark_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the captures are not here")
MAILDIR = ("set-of-emails/maildir/bsd", "set-of-emails/maildir/dos", "set-of-emails/maildir/mac")


@pytestmark_corpus
def test_every_feedback_report_of_the_corpus_is_recognised():
    found = kinds_of(*MAILDIR, only="arf-") | kinds_of("flanker/complaints")
    assert len(found) >= 15
    assert {report.kind for report in found.values()} <= {
        ReportKind.COMPLAINT, ReportKind.OPT_OUT, ReportKind.FEEDBACK,
    }  # fmt: skip


@pytestmark_corpus
def test_no_automatic_answer_and_no_ordinary_mail_of_the_corpus_counts_as_a_bounce():
    found = (
        kinds_of(*MAILDIR, only="rfc3834")
        | kinds_of("bounce_email/non_bounces", "talon", "flanker/dkim", "flanker/spam")
        | {n: r for n, r in kinds_of("flanker").items() if n.count("/") == 1}
        | kinds_of("set-of-emails/maildir/not", only="is-not-bounce")
    )
    assert len(found) > 90
    assert {name: report.kind for name, report in found.items() if report.kind in GONE} == {}


@pytestmark_corpus
def test_the_confusion_table_of_the_corpus():
    """Which samples are reports of failure, their folders and names say; printed by `pytest -rP`."""
    told = {
        "complaint": kinds_of(*MAILDIR, only="arf-") | kinds_of("flanker/complaints"),
        "automatic": kinds_of(*MAILDIR, only="rfc3834"),
        "delivery report": kinds_of(*MAILDIR, only="rfc3464"),
        "server's report": kinds_of(*MAILDIR, only="host-"),
        "bounce_email": kinds_of("bounce_email/bounces"),
        "flufl.bounce": kinds_of("flufl.bounce"),
        "flanker": kinds_of("flanker/bounce"),
        "no report": kinds_of("bounce_email/non_bounces", "talon", "flanker/dkim", "flanker/spam"),
    }
    columns = list(ReportKind)
    print(f"{'':16}" + "".join(f"{kind.value:>10}" for kind in columns))
    for name, found in told.items():
        counts = Counter(report.kind for report in found.values())
        print(f"{name:16}" + "".join(f"{counts[kind]:>10}" for kind in columns))
    reports = {
        name: found for name, found in told.items() if name not in ("no report", "automatic")
    }
    unknown = sum(
        r.kind is ReportKind.UNKNOWN for found in reports.values() for r in found.values()
    )
    everything = sum(len(found) for found in reports.values())
    assert everything > 500
    assert unknown / everything < 0.08, "the rest is for a person: `paperround quarantine list`"


@pytestmark_corpus
def test_for_now_and_for_good_are_told_apart_as_the_samples_say():
    soft = kinds_of("bounce_email/bounces", only="soft")
    soft |= kinds_of("flanker/bounce", only="delayed")
    assert {r.kind for r in soft.values()} <= {ReportKind.FULL_OR_BUSY, ReportKind.DELAYED}
    for report in kinds_of("bounce_email/bounces", but="soft").values():
        if report.status.startswith("5."):
            assert report.kind in (ReportKind.FAILED, ReportKind.REFUSED_US)
        elif report.status.startswith("4."):
            assert report.kind in (ReportKind.FULL_OR_BUSY, ReportKind.DELAYED)
