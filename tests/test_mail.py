"""The only SMTP: whatever a mail server does, each message comes to the right verdict."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager
from dataclasses import replace

import aiosmtplib
import pytest

from bot import mail
from bot.errors import MailError, StateError
from bot.files import deliver_to_maildir
from bot.mail import MaildirMailer, SmtpMailer
from bot.models import Attempt, Envelope, Phase, Verdict
from support_smtp import CLOSE, CLOSE_AFTER_TAKING, HANG, a_relay

MESSAGE = b"Message-ID: <1@example.org>\r\nSubject: News\r\n\r\nHello.\r\n"


def _envelope(number: int = 1, content: bytes = MESSAGE) -> Envelope:
    return Envelope(
        number,
        "papers@example.org",
        f"reader{number}@example.org",
        f"<{number}@example.org>",
        content,
    )


def _mailer(relay, tls: str = "none", **settings) -> SmtpMailer:
    return SmtpMailer(host="127.0.0.1", port=relay.port, tls=tls, **({"rate": 10_000} | settings))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(mail, "_CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(mail, "_COMMAND_SECONDS", 0.3)
    monkeypatch.setattr(mail, "_DATA_SECONDS", 0.3)


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


async def _one(relay, **settings) -> Attempt:
    async with _mailer(relay, **settings).session() as session:
        return await session.send(_envelope())


# ── The bytes ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_arrives_and_is_told_so():
    async with a_relay() as relay:
        attempt = await _one(relay)
    assert attempt == Attempt(Verdict.SENT, Phase.DONE, 250, "OK")
    (message,) = relay.taken
    assert (message.recipient, message.content) == ("reader1@example.org", MESSAGE)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"one line\r\n",
        b".\r\n",
        b"..\r\n...\r\n.... four\r\n",
        b"before\r\n.\r\nafter the lone dot\r\n",
        b".leading\r\n\r\n.\r\n",
        b"\r\n\r\n\r\n",
        b"x" * 998 + b"\r\n",
        b"=2E\r\nFrom here =46rom there\r\n",
        b"tab\there, caf=C3=A9\r\n" * 3000,
    ],
)
async def test_the_bytes_arrive_as_they_were_built(body):
    content = b"Subject: News\r\n\r\n" + body
    async with a_relay() as relay, _mailer(relay).session() as session:
        attempt = await session.send(_envelope(content=content))
    assert attempt.verdict is Verdict.SENT
    assert relay.taken[0].content == content


async def test_content_that_is_known_to_be_so_goes_over_the_wire_as_it_is():
    ready = replace(_envelope(1), content=b"Subject: x\r\n\r\nno dot\r\n", dotless=True)
    async with a_relay() as relay, _mailer(relay).session() as session:
        await session.send(ready)
    assert relay.taken[0].content == ready.content


@pytest.mark.parametrize(
    ("bare", "wire"),
    [
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r.\rb\r", b"a\r\n.\r\nb\r\n"),
        (b"no end", b"no end\r\n"),
        (b"a\n.\nQUIT\n", b"a\r\n.\r\nQUIT\r\n"),
    ],
)
async def test_bare_line_ends_never_reach_the_wire(bare, wire):
    # A lone dot between bare line ends is how one message is smuggled in another.
    async with a_relay() as relay, _mailer(relay).session() as session:
        await session.send(_envelope(content=b"Subject: x\r\n\r\n" + bare))
        await session.send(_envelope(2))
    assert [message.content for message in relay.taken] == [b"Subject: x\r\n\r\n" + wire, MESSAGE]


# ── MAIL.md's table ───────────────────────────────────────────────────────────────────────────────

R, S, A, B, C, U = (
    Verdict.RETRY,
    Verdict.SLOW_DOWN,
    Verdict.REFUSED_ADDRESS,
    Verdict.REFUSED_SENDER,
    Verdict.REFUSED_CONTENT,
    Verdict.UNCERTAIN,
)


# What is said at once (RFC 2920) must come to the same as what is said one by one.
PIPELINING = pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "at once"])


@pytest.mark.parametrize(
    ("phase", "answer", "verdict", "ended", "code"),
    [
        ("MAIL", "421 4.3.2 closing", S, Phase.MAIL, 421),
        ("MAIL", "451 4.3.0 later", R, Phase.MAIL, 451),
        ("MAIL", "530 5.7.0 authentication required", S, Phase.MAIL, 530),
        ("MAIL", "553 5.7.1 not your address", S, Phase.MAIL, 553),
        ("MAIL", CLOSE, R, Phase.MAIL, 0),
        ("RCPT", "550 5.1.1 no such user", A, Phase.RCPT, 550),
        ("RCPT", "550 no such user", A, Phase.RCPT, 550),
        ("RCPT", "551 user not local", A, Phase.RCPT, 551),
        ("RCPT", "450 4.2.0 greylisted", R, Phase.RCPT, 450),
        ("RCPT", "452 4.2.2 mailbox full", R, Phase.RCPT, 452),
        ("RCPT", "552 5.2.2 mailbox full", R, Phase.RCPT, 552),
        ("RCPT", "552 over quota", R, Phase.RCPT, 552),
        ("RCPT", "550 5.2.1 disabled for now", R, Phase.RCPT, 550),
        # Servers say what they have against us when somebody is named.
        ("RCPT", "550 5.1.0 <papers@example.org>: Sender address rejected", B, Phase.RCPT, 550),
        ("RCPT", "550 5.1.8 sender's domain not found", B, Phase.RCPT, 550),
        ("RCPT", "504 5.5.2 <laptop>: Helo command rejected", B, Phase.RCPT, 504),
        ("RCPT", "550 5.4.5 daily sending limit exceeded", B, Phase.RCPT, 550),
        ("RCPT", "554 5.7.1 relay access denied", B, Phase.RCPT, 554),
        ("RCPT", "550 5.7.26 unauthenticated sender", B, Phase.RCPT, 550),
        ("RCPT", "421 4.7.0 too many", S, Phase.RCPT, 421),
        ("RCPT", CLOSE, R, Phase.RCPT, 0),
        ("DATA", "421 4.3.2 closing", S, Phase.DATA, 421),
        ("DATA", "451 4.3.0 later", R, Phase.DATA, 451),
        ("DATA", "554 5.5.1 no valid recipients", C, Phase.DATA, 554),
        ("DATA", CLOSE, R, Phase.DATA, 0),
        ("CONTENT", "451 4.3.0 later", R, Phase.DATA, 451),
        ("CONTENT", "452 4.3.1 disk full", R, Phase.DATA, 452),
        ("CONTENT", "552 5.3.4 too big", C, Phase.DATA, 552),
        ("CONTENT", "554 5.6.0 refused", C, Phase.DATA, 554),
        ("CONTENT", "421 4.3.2 closing", S, Phase.DATA, 421),
        ("CONTENT", CLOSE, U, Phase.DATA, 0),
        ("CONTENT", CLOSE_AFTER_TAKING, U, Phase.DATA, 0),
        ("CONTENT", "252 will try", Verdict.SENT, Phase.DONE, 252),
        ("CONTENT", "nonsense", U, Phase.DATA, 0),
        ("RCPT", "nonsense", R, Phase.RCPT, 0),
    ],
)
@PIPELINING
async def test_each_answer_comes_to_its_verdict(phase, answer, verdict, ended, code, pipelining):
    async with a_relay(pipelining=pipelining) as relay:
        attempt = await _one(relay.on(phase, answer))
    assert (attempt.verdict, attempt.phase, attempt.code) == (verdict, ended, code)
    if code:
        assert attempt.said == answer.partition(" ")[2], "what the server said is kept"
    else:
        assert attempt.said


@pytest.mark.parametrize(
    ("phase", "verdict", "ended"),
    [
        ("MAIL", R, Phase.MAIL),
        ("RCPT", R, Phase.RCPT),
        ("DATA", R, Phase.DATA),
        ("CONTENT", U, Phase.DATA),
    ],
)
@PIPELINING
async def test_a_server_that_hangs_is_given_up_on(impatient, phase, verdict, ended, pipelining):
    async with a_relay(pipelining=pipelining) as relay:
        attempt = await _one(relay.on(phase, HANG))
    assert (attempt.verdict, attempt.phase, attempt.code) == (verdict, ended, 0)
    assert attempt.said


@pytest.mark.parametrize("answer", ["550 5.1.1 nobody", "450 4.2.0 later", "421 4.3.2 bye", CLOSE])
@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA", "CONTENT"])
@PIPELINING
async def test_after_any_trouble_the_next_message_goes_out_and_alone(phase, answer, pipelining):
    async with a_relay(pipelining=pipelining) as relay:
        relay.on(phase, answer, times=1)
        async with _mailer(relay).session() as session:
            assert (await session.send(_envelope(1))).verdict is not Verdict.SENT
            assert (await session.send(_envelope(2))).verdict is Verdict.SENT
    assert relay.recipients == ["reader2@example.org"]


@PIPELINING
async def test_an_answer_that_comes_too_late_is_nobody_elses(impatient, pipelining):
    async with a_relay(pipelining=pipelining) as relay:
        relay.on("CONTENT", HANG, times=1).on("RCPT", "")
        async with _mailer(relay).session() as session:
            assert (await session.send(_envelope(1))).verdict is Verdict.UNCERTAIN
            relay.on("RCPT", "550 5.1.1 nobody")
            assert (await session.send(_envelope(2))).verdict is Verdict.REFUSED_ADDRESS
    assert relay.connections == 2


@PIPELINING
async def test_a_connection_that_is_gone_is_said_goodbye_to_in_peace(
    certificate, trusted, pipelining
):
    async with a_relay(certificate=certificate, pipelining=pipelining) as relay:
        async with _mailer(relay, tls="starttls").session() as session:
            await session.send(_envelope(1))
            relay.hang_up_all()
            await asyncio.sleep(0.05)
        async with _mailer(relay, tls="starttls").session() as session:
            await session.send(_envelope(2))
            relay.hang_up_all()
            await asyncio.sleep(0.05)
            assert (await session.send(_envelope(3))).verdict is Verdict.SENT


@pytest.mark.parametrize(
    "address", ["a b@example.org", "a>\r\nRCPT TO:<b@example.org", "ä@example.org"]
)
async def test_an_address_that_would_be_another_command_is_refused_and_the_next_goes_out(address):
    async with a_relay() as relay, _mailer(relay).session() as session:
        attempt = await session.send(replace(_envelope(1), recipient=address))
        assert (attempt.verdict, attempt.phase) == (Verdict.REFUSED_CONTENT, Phase.MAIL)
        assert (await session.send(_envelope(2))).verdict is Verdict.SENT
    assert relay.recipients == ["reader2@example.org"]


async def test_several_messages_go_over_one_connection_at_once():
    async with a_relay(pipelining=True) as relay, _mailer(relay).session() as session:
        for number in range(1, 6):
            assert (await session.send(_envelope(number))).verdict is Verdict.SENT
    assert relay.recipients == [f"reader{number}@example.org" for number in range(1, 6)]
    assert relay.connections == 1


async def test_what_a_server_says_is_one_short_line():
    async with a_relay() as relay:
        relay.on("RCPT", "550-5.1.1 first\r\n550-\x1b[31m second\r\n550 " + "x" * 400)
        attempt = await _one(relay)
    assert attempt.said.startswith("5.1.1 first")
    assert len(attempt.said) <= 200
    assert attempt.said.isprintable()


# ── Connecting ────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _refused(**settings):
    with pytest.raises(MailError) as refused:
        async with SmtpMailer(**{"host": "127.0.0.1"} | settings).session():
            pass
    assert "The digests are kept and tried again." in str(refused.value)
    yield str(refused.value)


@pytest.mark.parametrize(
    ("phase", "answer", "said"),
    [
        ("GREETING", "421 4.3.2 come back later", "421"),
        ("GREETING", "554 No SMTP service here", "554"),
        ("GREETING", CLOSE, "cannot"),
        ("EHLO", "421 4.3.2 closing", "421"),
        ("EHLO", CLOSE, "cannot"),
    ],
)
async def test_a_server_that_does_not_greet_is_told(phase, answer, said):
    async with a_relay() as relay:
        relay.on(phase, answer)
        async with _refused(port=relay.port, tls="none") as told:
            assert said in told
            assert f"127.0.0.1:{relay.port}" in told


@pytest.mark.parametrize("phase", ["GREETING", "EHLO"])
async def test_who_is_told_to_stop_while_it_connects_leaves_no_connection_behind(phase):
    async with a_relay() as relay:
        hangs = asyncio.Event()
        relay.on(phase, HANG)
        relay.watch = lambda reached, _recipient: reached == phase and hangs.set()
        opening = asyncio.create_task(_mailer(relay).session().__aenter__())
        await hangs.wait()
        while not opening.done():  # before Python 3.12 one cancellation can be lost
            opening.cancel()
            await asyncio.wait({opening}, timeout=0.1)
        assert opening.cancelled()
        await asyncio.sleep(0)
        gc.collect()  # a transport that nobody closed would warn, and a warning is an error here


@pytest.mark.parametrize("phase", ["GREETING", "EHLO"])
async def test_a_server_that_never_greets_is_told(impatient, phase):
    async with a_relay() as relay:
        relay.on(phase, HANG)
        async with _refused(port=relay.port, tls="none") as told:
            assert "did not answer within" in told


@pytest.mark.parametrize(
    ("fqdn", "said"), [("mail.example.org", "mail.example.org"), ("laptop", "[127.0.0.1]")]
)
async def test_a_machine_without_a_full_name_gives_an_address(monkeypatch, fqdn, said):
    mail._our_name.cache_clear()  # noqa: SLF001 - what it remembers is this machine's
    monkeypatch.setattr(socket, "getfqdn", lambda: fqdn)
    assert mail._our_name() == said  # noqa: SLF001 - as above
    mail._our_name.cache_clear()  # noqa: SLF001 - as above


@pytest.mark.parametrize("host", ["smtp..example.org", "x" * 64 + ".example.org"])
async def test_a_host_that_is_no_name_is_told(host):
    with pytest.raises(MailError, match="cannot be used"):
        async with SmtpMailer(host=host, port=25, tls="none").session():
            pass


@pytest.mark.parametrize("flood", [b"250 " + b"x" * 20_000, b"250 a\r\n" * 5_000])
async def test_a_server_that_talks_without_end_is_hung_up_on(flood):
    async with a_relay(pipelining=True) as relay, _mailer(relay).session() as session:
        await session.send(_envelope(1))
        relay.say_to_all(flood)
        await asyncio.sleep(0.1)
        assert (await session.send(_envelope(2))).verdict is Verdict.SENT
    assert relay.connections == 2


async def test_an_old_server_that_knows_no_ehlo_is_greeted_as_it_knows():
    async with a_relay() as relay:
        relay.on("EHLO", "502 5.5.1 what?")
        assert (await _one(relay)).verdict is Verdict.SENT


async def test_nobody_there_is_told(closed_port):
    async with _refused(port=closed_port, tls="starttls") as told:
        assert "cannot be used" in told


async def test_a_server_lost_on_the_way_makes_the_rest_wait(closed_port):
    async with a_relay() as relay:
        mailer = _mailer(relay)
        async with mailer.session() as session:
            relay.on("MAIL", CLOSE, times=1)
            await session.send(_envelope(1))
            mailer._port = closed_port  # noqa: SLF001 - the server moves away
            attempt = await session.send(_envelope(2))
    assert (attempt.verdict, attempt.phase) == (Verdict.SLOW_DOWN, Phase.CONNECT)
    assert "cannot be used" in attempt.said


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody has signed, made anew."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def certificate(pems) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pems / "cert.pem", pems / "key.pem")
    return context


@pytest.fixture
def trusted(pems, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(pems / "cert.pem"))


async def test_without_starttls_on_offer_nothing_is_said_in_the_clear():
    settings = {"tls": "starttls", "username": "me", "password": "x"}
    async with a_relay() as relay, _refused(port=relay.port, **settings) as told:
        assert "offers no STARTTLS" in told
    assert relay.taken == []


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate, tls):
    chosen = {"certificate": certificate} if tls == "starttls" else {"implicit": certificate}
    settings = {"tls": tls, "username": "me", "password": "right"}
    async with (
        a_relay(password="right", **chosen) as relay,
        _refused(port=relay.port, **settings) as told,
    ):
        assert "a certificate that is not trusted" in told
    assert (relay.taken, relay.logins) == ([], []), "and nothing falls back to the clear"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_trusted_certificate_carries_login_and_mail(certificate, trusted, tls):
    chosen = {"certificate": certificate} if tls == "starttls" else {"implicit": certificate}
    async with a_relay(password="right", **chosen) as relay:
        attempt = await _one(relay, tls=tls, username="me", password="right")
    assert attempt.verdict is Verdict.SENT
    assert relay.logins == [("me", "right")]


async def test_a_wrong_password_is_told_before_anything_is_sent(certificate, trusted):
    async with a_relay(password="right", certificate=certificate) as relay:
        settings = {"tls": "starttls", "username": "me", "password": "wrong"}
        async with _refused(port=relay.port, **settings) as told:
            assert "refused the login (535" in told
            assert "wrong" not in told
    assert relay.taken == []


def _untrusted():
    error = ssl.SSLCertVerificationError()
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("host", "cause", "says"),
    [
        ("smtp.gmail.com", aiosmtplib.SMTPAuthenticationError(535, "5.7.8 Not accepted"),
         "(535 5.7.8 Not accepted). Google takes an app password here, not the account's: https"),
        ("localhost", ConnectionRefusedError(), 'mostly port = 25, with tls = "none". The digests'),
        ("localhost", _untrusted(), '; on this machine, [mail] tls = "none" is as'),
    ],
)  # fmt: skip
async def test_common_mistakes_are_told_with_what_helps(monkeypatch, host, cause, says):
    async def refuse(*_args, **_kwargs):
        raise cause

    monkeypatch.setattr(aiosmtplib.SMTP, "connect", refuse)
    async with _refused(host=host, port=587, tls="starttls", username="me", password="x") as told:
        assert says in told
    async with _refused(host="smtp.example.org", port=587, tls="starttls") as told:
        assert says not in told


async def test_a_login_that_is_needed_and_not_given_makes_all_wait(certificate, trusted):
    async with a_relay(password="right", certificate=certificate) as relay:
        attempt = await _one(relay, tls="starttls")
    assert (attempt.verdict, attempt.code) == (Verdict.SLOW_DOWN, 530)


async def test_a_login_where_none_is_offered_is_told():
    async with a_relay() as relay:
        settings = {"tls": "none", "username": "me", "password": "x"}
        async with _refused(port=relay.port, **settings) as told:
            assert "offers no login" in told


# ── Connections and pace ──────────────────────────────────────────────────────────────────────────


async def test_a_connection_carries_a_hundred_messages_and_is_then_renewed():
    async with a_relay() as relay, _mailer(relay).session() as session:
        for number in range(250):
            assert (await session.send(_envelope(number))).verdict is Verdict.SENT
    assert relay.connections == 3
    counts = [sum(message.connection == n for message in relay.taken) for n in (1, 2, 3)]
    assert counts == [100, 100, 50]


async def test_a_connection_is_renewed_when_it_grows_old(monkeypatch):
    monkeypatch.setattr(mail, "_CONNECTION_SECONDS", 0.0)
    async with a_relay() as relay, _mailer(relay).session() as session:
        for number in range(3):
            await session.send(_envelope(number))
    assert relay.connections >= 3
    assert len(relay.taken) == 3


async def test_a_refused_message_costs_no_connection():
    async with a_relay() as relay:
        relay.on("RCPT", "550 5.1.1 nobody", times=2)
        async with _mailer(relay).session() as session:
            verdicts = [(await session.send(_envelope(n))).verdict for n in range(4)]
    assert verdicts == [A, A, Verdict.SENT, Verdict.SENT]
    assert relay.connections == 1


async def test_a_server_that_hangs_up_between_two_messages_is_called_again():
    async with a_relay() as relay, _mailer(relay, rate=50).session() as session:
        for number in range(3):
            assert (await session.send(_envelope(number))).verdict is Verdict.SENT
            relay.hang_up_all()
            await asyncio.sleep(0.01)
    assert relay.connections == 3


async def test_all_connections_together_go_no_faster_than_the_rate():
    async with a_relay() as relay:
        mailer = _mailer(relay, rate=20)
        async with mailer.session() as one, mailer.session() as other:
            waits = [session.turn() for session in (one, other, one, other)]
            assert one.wait() > 0
    assert [round(wait, 1) for wait in waits] == [0.0, 0.0, 0.1, 0.1]
    assert waits == sorted(waits)


async def test_a_goodbye_that_is_not_answered_holds_nobody_up(monkeypatch):
    async with a_relay() as relay, _mailer(relay).session() as session:
        await session.send(_envelope())
        relay.hang_up_all()
    assert len(relay.taken) == 1


# ── Into a folder ─────────────────────────────────────────────────────────────────────────────────


async def _put(folder, number: int = 1) -> Attempt:
    async with MaildirMailer(folder, deliver_to_maildir).session() as session:
        return await session.send(_envelope(number))


async def test_a_maildir_takes_a_message_once(tmp_path):
    for _ in range(2):
        assert (await _put(tmp_path / "mail")).verdict is Verdict.SENT
    (message,) = (tmp_path / "mail" / "new").iterdir()
    assert message.read_bytes() == MESSAGE.replace(b"\r\n", b"\n")
    assert list((tmp_path / "mail" / "tmp").iterdir()) == []


async def test_a_message_that_was_read_does_not_come_back(tmp_path):
    await _put(tmp_path)
    (message,) = (tmp_path / "new").iterdir()
    message.rename(tmp_path / "cur" / f"{message.name}:2,S")
    await _put(tmp_path)
    assert list((tmp_path / "new").iterdir()) == []


async def test_two_messages_are_two_files(tmp_path):
    await _put(tmp_path, 1)
    await _put(tmp_path, 2)
    assert len(list((tmp_path / "new").iterdir())) == 2


async def test_only_its_owner_may_look_into_a_maildir(tmp_path):
    await _put(tmp_path / "mail")
    assert (tmp_path / "mail" / "new").stat().st_mode & 0o077 == 0


async def test_a_maildir_that_cannot_be_written_stops_the_sending(tmp_path):
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(StateError, match="cannot be written"):
        await _put(tmp_path / "mail")
