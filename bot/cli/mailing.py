"""check, the mail's part: the login, our signature, the sender's domain, a test mail."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from bot import tokens
from bot.app import App
from bot.cli.findings import Finding
from bot.config import Config, normal_address
from bot.domains import OurKey, foreign_free_mail, in_dns, own_free_mail
from bot.errors import ConfigError, PaperroundError, UsageError
from bot.models import Envelope, Verdict
from bot.outputs.dkim import Signer, signed, signer
from bot.ports import Resolver
from bot.workflows.standing import Sender, standing

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


async def mail_findings(app: App, *, offline: bool) -> list[Finding]:
    """Return how the transport answers, whether we can sign, and how the sender's domain stands."""
    findings = [await _transport(app, offline=offline)]
    key: OurKey | None = None
    try:
        if sign := signer(app.config):
            key = sign.key
            findings.append(_signing(sign))
    except ConfigError as error:
        findings.append(Finding("signing", ok=False, words=str(error)))
    findings += _free_mail(app.config)
    return findings + await _standing(app.config, key, offline=offline)


async def _transport(app: App, *, offline: bool) -> Finding:
    mail = app.config.mail
    if mail.transport == "maildir":
        return Finding("mail", ok=True, words=f"into the Maildir {app.config.state / 'mail'}")
    where = f"{mail.host}:{mail.port}"
    try:
        mailer = app.mailer()  # says where its password is missing
        if offline:
            return Finding("mail", ok=True, words=f"{where} not asked (--offline)")
        async with mailer.session():
            pass
    except PaperroundError as error:
        return Finding("mail", ok=False, words=str(error))
    login = f", logged in as {mail.username}" if mail.username else ", without a login"
    return Finding("mail", ok=True, words=f"{where}{login}")


def _signing(sign: Signer) -> Finding:
    key = sign.key
    size = f", {key.bits} bits" if key.bits else ""
    words = f"as {key.domain}, selector {key.selector} ({key.kind}{size})"
    if key.short:
        words += ": too short by now, make a key of 2048 bits under a new selector"
    return Finding("signing", ok=True, words=words, warning=key.short)


# ── The sender's domain ───────────────────────────────────────────────────────────────────────────


def _free_mail(config: Config) -> Iterator[Finding]:
    domain, host = config.mail.sender_domain, config.mail.host
    if config.mail.transport == "smtp" and foreign_free_mail(domain, host):
        words = (
            f"mail from {domain} counts only when it comes from {domain}'s own servers, and "
            f"{host} is none of them: it will be refused or filed as spam. Send through theirs, "
            "or from a domain of your own"
        )
        yield Finding("from", ok=True, words=words, warning=True)
    ours = host in _THIS_MACHINE or host.endswith(f".{domain}")
    if config.mail.transport == "smtp" and not in_dns(domain) and not ours:
        words = (
            f"[mail] from is {config.mail.sender}, and nobody beyond this machine takes mail from "
            f"{domain}. Set it to an address of a domain that {host} sends for"
        )
        yield Finding("from", ok=True, words=words, warning=True)


async def _standing(config: Config, key: OurKey | None, *, offline: bool) -> list[Finding]:
    mail, domain = config.mail, config.mail.sender_domain
    why_not = ""
    if mail.transport == "maildir":
        why_not = "not needed here (mail goes into a Maildir)"
    elif not in_dns(domain):
        why_not = f"not needed here ({domain} can have no public records)"
    elif own_free_mail(domain, mail.host):
        why_not = f"{mail.host} sees to them for {domain}"
    elif offline:
        why_not = f"{domain} not asked about (--offline)"
    if why_not:
        return [Finding("SPF, DKIM, DMARC", ok=True, words=why_not)]
    envelope = mail.bounce.rpartition("@")[2].lower() or domain
    sender = Sender(domain, envelope, mail.host, key)
    return [Finding.of(each) for each in await standing(sender, resolver())]


def resolver() -> Resolver:
    """Return what asks DNS."""
    from bot.resolver import DnsResolver

    return DnsResolver()


# ── A test mail ───────────────────────────────────────────────────────────────────────────────────


async def send_test_mail(app: App, address: str) -> list[Finding]:
    """Send a mail with a digest's headers, signed as a digest is. Raises UsageError."""
    try:
        recipient = normal_address(address)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        envelope = _test_mail(app, recipient)
        async with app.mailer().session() as session:
            attempt = await session.send(envelope)
    except PaperroundError as error:
        return [Finding("test mail", ok=False, words=str(error))]
    sent = attempt.verdict is Verdict.SENT
    findings = [Finding("test mail", ok=sent, words=f"to {recipient}: {attempt.said}")]
    if sent:
        findings.append(Finding("what arrives", ok=True, words=_what_next(app.config)))
    return findings


def _what_next(config: Config) -> str:
    if config.mail.transport == "maildir":
        return "a Maildir tells nothing about a relay: whether one signs shows only by SMTP"
    return (
        "whether a signature covers the list headers shows in the mail as it arrived: save it with "
        "all its headers, then `paperround check --received FILE`"
    )


def _test_mail(app: App, recipient: str) -> Envelope:
    sender = app.config.mail.sender_address
    message_id = f"<check.{app.clock().timestamp():.0f}@{sender.rpartition('@')[2]}>"
    lines = (
        f"From: {sender}", f"To: {recipient}", "Subject: A test from paperround",
        f"Date: {app.clock():%a, %d %b %Y %H:%M:%S +0000}", f"Message-ID: {message_id}",
        "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii",
        *_list_headers(app.config, sender), "", "If you can read this, mail works.",
        "Its unsubscribe link leads nowhere: it is here to see whether it arrives signed.", "",
    )  # fmt: skip
    content = "\r\n".join(lines).encode("ascii", "replace")
    sign = signer(app.config)
    if app.config.mail.bounce:  # what a digest's own is checked by: SPF, and the relay's rules
        token = tokens.make_for_mail(app.founding.secret, tokens.Purpose.BOUNCE, [0, 0], 0)
        sender = app.config.mail.bounce.replace("{token}", token)
    return Envelope(0, sender, recipient, message_id, signed(content, sign) if sign else content)


def _list_headers(config: Config, sender: str) -> Iterator[str]:
    """Yield what a digest has: the link and one-click only where there is a base_url."""
    contact = config.bot.contact or sender
    yield f'List-Id: "A test" <test.{sender.rpartition("@")[2]}>'
    if config.bot.base_url:
        base = quote(config.bot.base_url, safe="%/:;?#[]@!$&'()*+,=-._~")
        yield f"List-Unsubscribe: <{base}/unsubscribe/test>"
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    else:
        yield f"List-Unsubscribe: <mailto:{contact}?subject=unsubscribe>"
    yield f"List-Help: <mailto:{contact}?subject=help>"
    yield "Auto-Submitted: auto-generated"
    yield "Precedence: bulk"
    yield "Feedback-ID: test:check:paperround"
