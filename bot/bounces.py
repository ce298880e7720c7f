"""Decisions: what a report about mail of ours says, and when an address is written to no more. Pure.

VERP says *who* a report is about; what is read here is *what* it says (MAIL.md, Bounces): a complaint
(RFC 5965), a delivery report (RFC 3464), an answer nobody wrote (RFC 3834); else what flufl.bounce
makes of a server's own prose. The rest is for a person.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from enum import StrEnum

from bot.patterns import pattern
from bot.text import decoded, is_charset, nameless, one_line, shorten
from bot.values import value_type

MOST_BYTES = (
    1_000_000  # of a report that are looked at: some carry all of what could not be delivered
)
_MOST_PARTS = 100
_MOST_GROUPS = 100
_LONGEST_SAID = 300

SOFT_DAYS, SOFT_WINDOW = 5, timedelta(days=14)


class ReportKind(StrEnum):
    """What sort of report a mail is."""

    FAILED = "failed"  # it did not arrive, and will not
    FULL_OR_BUSY = "soft"  # it did not arrive this time
    REFUSED_US = "about-us"  # 5.7.x: a rule about the sender, never about the address
    DELAYED = "delayed"  # the server is still trying
    DELIVERED = "delivered"  # it arrived, or went on
    COMPLAINT = "complaint"  # its reader called it spam
    OPT_OUT = "opt-out"  # its reader wants no more, through a feedback loop (RFC 5965 §3.5)
    FEEDBACK = "feedback"  # a feedback report that complains of nothing: forgeries, "not spam"
    AUTOMATIC = "automatic"  # an answer that nobody wrote
    UNKNOWN = "unknown"


# What counts as a day on which mail did not arrive
FAILURES = (ReportKind.FAILED, ReportKind.FULL_OR_BUSY)

# A mail that reports several things is what comes first here.
_GRAVEST = (
    ReportKind.COMPLAINT, ReportKind.OPT_OUT, ReportKind.FAILED, ReportKind.REFUSED_US,
    ReportKind.FULL_OR_BUSY, ReportKind.DELAYED, ReportKind.DELIVERED, ReportKind.FEEDBACK,
)  # fmt: skip


@value_type(frozen=True, slots=True)
class Report:
    """What a mail says of one of ours: its kind, the enhanced status ("": none told) and words."""

    kind: ReportKind
    status: str = ""
    said: str = ""

    @property
    def proves_absence(self) -> bool:
        """Whether it says that there is nobody at the address, or no such address."""
        return self.kind is ReportKind.FAILED and self.status in _NOBODY_THERE


# RFC 3463 §3.2: other address status, no such mailbox, no such system. Exchange's own 5.1.10 is
# "recipient not found" (RFC 7505 gave it to domains that take no mail: as final).
_NOBODY_THERE = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.10"})


def read_report(raw: bytes) -> Report:
    """Return what a mail reports; any bytes will do, and no mail at all is `unknown`."""
    # Some servers hand mail on with the line ends of old Macintoshes.
    plain = raw[:MOST_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if plain.startswith(b"From "):  # an mbox's own line
        plain = plain.partition(b"\n")[2]
    try:
        mail = _without_traps(message_from_bytes(plain))
        parts = _parts(mail)
    except (MessageError, ValueError, LookupError, RecursionError):
        return Report(ReportKind.UNKNOWN)
    found = [*_complaints(mail, parts), *_delivery_reports(parts)]
    if found:
        return min(found, key=lambda report: _GRAVEST.index(report.kind))
    if _is_automatic(mail):
        return Report(ReportKind.AUTOMATIC, said=_short(str(mail.get("Subject", ""))))
    return _prose(mail, parts)


def _without_traps(mail: Message) -> Message:
    """Take out charsets that no mail has: the library that knows servers' prose decodes by them."""
    for part in mail.walk():
        charset = part.get_content_charset()
        if charset and not is_charset(charset):
            part.del_param("charset")
    return mail


def _parts(mail: Message) -> list[Message]:
    """Return the mail's own parts; what it encloses (message/rfc822) is ours, and says nothing new."""
    found: list[Message] = []
    waiting = [mail]
    while waiting and len(found) < _MOST_PARTS:
        part = waiting.pop(0)
        found.append(part)
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            waiting += [each for each in part.get_payload() if isinstance(each, Message)]
    return found


# ── Complaints ────────────────────────────────────────────────────────────────────────────────────

_COMPLAINING = {
    "abuse": ReportKind.COMPLAINT, "fraud": ReportKind.COMPLAINT, "virus": ReportKind.COMPLAINT,
    "other": ReportKind.COMPLAINT, "opt-out": ReportKind.OPT_OUT, "opt-out-list": ReportKind.OPT_OUT,
}  # fmt: skip


def _complaints(mail: Message, parts: Sequence[Message]) -> Iterator[Report]:
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(_text(part))
            # RFC 6591's auth-failure tells of forgeries, RFC 5965's not-spam of a mistake: no complaint.
            kind = _COMPLAINING.get(
                fields.get("feedback-type", "abuse").lower(), ReportKind.FEEDBACK
            )
            yield Report(kind, said=f"feedback report: {fields.get('feedback-type', 'abuse')}")
        elif part.get_content_type() == "message/rfc822" and _of_hotmail(mail, part):
            yield Report(
                ReportKind.COMPLAINT, said="feedback report: Microsoft's junk mail reporting"
            )


def _of_hotmail(mail: Message, part: Message) -> bool:
    """Microsoft's older reports are no ARF: the mail complained of, with a header of theirs."""
    if mail.get_content_type() != "multipart/mixed":
        return False
    enclosed = part.get_payload()
    first = enclosed[0] if isinstance(enclosed, list) and enclosed else None
    return isinstance(first, Message) and "X-HmXmrOriginalRecipient" in first


# ── Delivery reports ──────────────────────────────────────────────────────────────────────────────

_ENHANCED = pattern(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = pattern(r"(?<![\w.:-])([45])[0-5]\d(?![\w.:])")


def _delivery_reports(parts: Sequence[Message]) -> Iterator[Report]:
    """Yield what each recipient's group of fields says (RFC 3464 §2.3); the first is the message's."""
    for part in parts:
        if part.get_content_type() not in (
            "message/delivery-status",
            "message/global-delivery-status",
        ):
            continue
        groups = [_fields(group) for group in re.split(r"\n[ \t]*\n", _text(part))[:_MOST_GROUPS]]
        for fields in groups:
            if "action" in fields or "status" in fields:
                yield _of_recipient(fields)


def _of_recipient(fields: dict[str, str]) -> Report:
    said = fields.get("diagnostic-code", "")
    status = _status(fields.get("status", ""), said)
    action = re.split(r"[\s;(]", fields.get("action", "").lower() or "failed")[0]
    words = _short(f"{status} {said.partition(';')[2].strip() or said}")
    if action == "delayed":
        return Report(ReportKind.DELAYED, status, words)
    if action in ("delivered", "relayed", "expanded"):
        return Report(ReportKind.DELIVERED, status, words)
    return Report(_kind_of(status), status, words)


def _status(told: str, diagnostic: str) -> str:
    """Return the enhanced status code, the server's own where the report's says nothing more.

    Reports often say 5.0.0 and quote what the other server answered: `smtp; 550 5.1.1 …`.
    """
    own, quoted = _ENHANCED.search(told), _ENHANCED.search(diagnostic)
    if own is None and quoted is None:
        reply = _REPLY.search(told) or _REPLY.search(diagnostic)
        return f"{reply[1]}.0.0" if reply else ""
    if own is None or (quoted is not None and _vague(own) and not _vague(quoted)):
        own = quoted
    assert own is not None  # noqa: S101 - one of the two was found
    return ".".join(own.groups())


def _vague(status: re.Match[str]) -> bool:
    return status[2] == "0" and status[3] == "0"


def _kind_of(status: str) -> ReportKind:
    if status.startswith("5.7."):
        return ReportKind.REFUSED_US
    if status.startswith("4."):
        return ReportKind.FULL_OR_BUSY  # given up, but of a trouble that passes (RFC 3463 §3)
    if status.startswith("2."):
        return ReportKind.DELIVERED
    return ReportKind.FAILED


# ── Answers that nobody wrote ─────────────────────────────────────────────────────────────────────

_AUTOMATIC_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Mail-Autoreply",
                      "X-MS-Exchange-Inbox-Rules-Loop")  # fmt: skip
_AUTOMATIC_SUBJECT = pattern(
    r"(?:auto(?:matic)?[- ]?(?:reply|response|respons|answer)|out of (?:the )?office|on vacation"
    r"|away from (?:the )?office|automatische antwort|abwesenheit|r[ée]ponse automatique"
    r"|respuesta autom[áa]tica|risposta automatica|automatisch antwoord|automatiskt? svar)",
    re.IGNORECASE,
)
_DAEMON = pattern(r"(?:mailer-daemon|postmaster|mail delivery (?:sub)?system)", re.IGNORECASE)


def is_automatic(mail: Message) -> bool:
    """Tell whether a mail was sent by a machine: it is never answered (RFC 3834 §2)."""
    submitted = _first_word(mail, "Auto-Submitted") or "no"
    precedence = _first_word(mail, "Precedence")
    return (
        submitted != "no"
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or any(name in mail for name in _AUTOMATIC_HEADERS)
        or any(name.lower().startswith("list-") for name in mail)
        or str(mail.get("Return-Path", "")).strip() == "<>"
        or _DAEMON.search(str(mail.get("From", ""))) is not None
    )


def sounds_automatic(mail: Message) -> bool:
    """Tell whether a mail's subject is one that answering machines write."""
    return _AUTOMATIC_SUBJECT.search(_decoded(str(mail.get("Subject", "")))) is not None


def _first_word(mail: Message, name: str) -> str:
    words = re.split(r"[\s;(]", str(mail.get(name, "")).strip().lower())
    return words[0]


def _is_automatic(mail: Message) -> bool:
    """Tell an answering machine from a server that reports in prose."""
    if _DAEMON.search(str(mail.get("From", ""))):
        return False
    submitted = _first_word(mail, "Auto-Submitted")
    precedence = _first_word(mail, "Precedence")
    return (
        submitted == "auto-replied"
        or precedence == "auto_reply"
        or any(name in mail for name in _AUTOMATIC_HEADERS)
        or sounds_automatic(mail)
    )


# ── A server's own prose ──────────────────────────────────────────────────────────────────────────

_PROSE_STATUS = pattern(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_PASSES = pattern(
    r"(?:mailbox|quota|inbox|box|folder)[\w' @.<>-]{0,60}(?:full|exceed|exhausted|over)"
    r"|over(?:[ -]?its)?[ -]?quota|quota exceeded|temporar|try again later|timed? ?out|greylist"
    r"|insufficient (?:disk|system)",
    re.IGNORECASE,
)
# A server's answer at RCPT in its own words; words alone, as any mail may have them, prove nothing.
_ABSENT = pattern(
    r"55[013][ :-][^\n]{0,120}(?:(?:user|recipient|mailbox|account|address)[^\n]{0,60}"
    r"(?:unknown|not found|does not exist|doesn't exist)"
    r"|(?:unknown|no such|invalid|non-?existent) (?:\w+ ){0,2}(?:user|recipient|mailbox|account))",
    re.IGNORECASE,
)
_REPORTING = pattern(
    r"undeliver|deliver|return(?:ed|ing)|fail|bounc|reject|nicht zustellbar|mail error|mail problem",
    re.IGNORECASE,
)


def _prose(mail: Message, parts: Sequence[Message]) -> Report:
    """Read a report that follows no standard; what nobody knows stays unknown."""
    subject = _short(str(mail.get("Subject", "")))
    from_a_server = (
        _DAEMON.search(str(mail.get("From", ""))) is not None
        or str(mail.get("Return-Path", "")).strip() == "<>"
    )
    temporary, permanent = _detected(mail)
    found = temporary or permanent
    if not (from_a_server or (found and _REPORTING.search(subject))):
        return Report(ReportKind.UNKNOWN, said=subject)  # people quote such words too
    text = "\n".join(_text(part) for part in parts if part.get_content_maintype() == "text")
    text = _before_the_copy(text[:50_000])
    status = _status_in(text, temporary=temporary and not permanent)
    if not status and permanent:
        status = "5.0.0"
    if not status:
        return Report(ReportKind.UNKNOWN, said=subject)
    return Report(_kind_of(status), status, _short(f"{status} {_said_in(text)}"))


def _status_in(text: str, *, temporary: bool) -> str:
    """Return the enhanced status that a server's words come to, "" where they come to none."""
    if told := _PROSE_STATUS.search(text):
        return ".".join(told.groups())
    if temporary:
        return "4.0.0"
    if _PASSES.search(text):
        return "4.2.2"
    if _ABSENT.search(text):
        return "5.1.1"
    reply = _REPLY.search(text)
    return f"{reply[1]}.0.0" if reply else ""


def _detected(mail: Message) -> tuple[bool, bool]:
    """Return whether flufl.bounce finds addresses that failed for now, and for good."""
    import logging

    from flufl.bounce import all_failures

    # Its detectors stumble over a From that is missing or no ASCII, and log the whole story.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)
    sender = str(mail.get("From", ""))
    del mail["From"]
    mail["From"] = sender if "@" in sender and sender.isascii() else "nobody@invalid"
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # noqa: BLE001 - broken mail breaks them in ways of their own
        return False, False
    finally:
        del mail["From"]
        mail["From"] = sender
    return bool(temporary), bool(permanent)


_COPY_FOLLOWS = pattern(
    r"\n(?:-{3,}[^\n]*(?:copy|original|message|header)[^\n]*-*\n|Received: from |Return-Path: <)",
    re.IGNORECASE,
)


def _before_the_copy(text: str) -> str:
    """Cut off what the report returns of the mail: its words are ours, and prove nothing."""
    found = _COPY_FOLLOWS.search(text)
    return text[: found.start()] if found else text


def _said_in(text: str) -> str:
    for line in text.splitlines():
        if _PROSE_STATUS.search(line) or _ABSENT.search(line) or _PASSES.search(line):
            return line
    return next((line for line in text.splitlines() if line.strip()), "")


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────


def _text(part: Message) -> str:
    """Return a part's text; a delivery report's groups are parts of their own to the parser."""
    # Asked for as a string it is decoded by whatever charset it says: only lists are asked for so.
    payload = part.get_payload() if part.is_multipart() else None
    if isinstance(payload, list):
        return "\n\n".join(
            "\n".join(f"{name}: {value}" for name, value in each.items()) + f"\n{_text(each)}"
            for each in payload
            if isinstance(each, Message)
        )
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    return decoded(content, part.get_content_charset())


def _fields(text: str) -> dict[str, str]:
    """Return the fields of a group: names in lower case, the first of a name, unfolded."""
    found: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", text).splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip():
            found.setdefault(name.strip().lower(), value.strip())
    return found


_LONGEST_HEADER = 8000  # characters, encoded


def _decoded(header: str) -> str:
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(header[:_LONGEST_HEADER])))
    except (MessageError, ValueError, LookupError):
        return header


def _short(words: str) -> str:
    return shorten(nameless(one_line(_decoded(words))), _LONGEST_SAID)


# ── What follows ──────────────────────────────────────────────────────────────────────────────────


def reason_to_suppress(report: Report, failing: Collection[date]) -> str:
    """Return why an address is to be written to no more, "" where it is not.

    `failing` are the days within SOFT_WINDOW on which mail to it failed since the last that arrived.
    A complaint or a proof that nobody is there suffices; any other failure takes five different
    days. What is about us suppresses nobody (MAIL.md, Bounces).
    """
    if report.kind in (ReportKind.COMPLAINT, ReportKind.OPT_OUT):
        return f"complaint: {report.said}"
    if report.proves_absence:
        return f"bounce: {report.said}"
    if report.kind not in FAILURES or len(failing) < SOFT_DAYS:
        return ""
    return f"bounces on {len(failing)} days within {SOFT_WINDOW.days}; the last: {report.said}"
