"""Decisions: what somebody who writes to us wants, and who may subscribe to what. Pure.

The address that a mail was sent to beats what stands in it (MAIL.md, Inbound): `subscribe+PROFILE@`,
`confirm+TOKEN@`, `unsub+TOKEN@`, `bounce+TOKEN@`; or the bot's own address, with the words in the
subject or the first lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum
from html import unescape
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING

from bot.config import normal_address
from bot.models import Door
from bot.text import decoded, one_line
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config, InboundSettings, Profile

_MOST_ADDRESSES = 50
_MOST_LINES = 10
_LONGEST_SUBJECT = 8000  # characters, encoded
_MOST_WORDS = 200
_TOKEN = re.compile(r"[a-z0-9]{10,400}", re.IGNORECASE | re.ASCII)
# Where servers write down whom a mail was really for, the most trustworthy first.
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")


class Word(StrEnum):
    """What an address of ours is for."""

    BOUNCE = "bounce"
    CONFIRM = "confirm"
    SUBMIT = "submit"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsub"


@value_type(frozen=True, slots=True)
class Wish:
    """What is wanted: the token that says by whom, or of SUBSCRIBE and SUBMIT the profiles' names.

    `said` are the words among which a paper is named that somebody puts forward.
    """

    word: Word
    token: str = ""
    profiles: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


# ── Reading a mail ────────────────────────────────────────────────────────────────────────────────


def wish_of(recipient: str, mail: Message, config: Config) -> Wish | None:
    """Return what a mail to us wants, None where it does not say.

    `recipient` is the envelope's, "" where the door did not tell it: then what headers say counts.
    """
    inbound = config.inbound
    for address in [recipient] if recipient else recipients_of(mail):
        wish = _wish_of_address(address, mail, config)
        if wish is not None:
            return wish
    if not inbound.address:
        return None
    return (
        _token_in_subject(mail)
        or _submission(mail, config.profiles, "", asked=False)
        or _order_in_words(mail, config.profiles, asked=False)
    )


def recipients_of(mail: Message) -> list[str]:
    """Return the addresses that a mail says it was sent to, the most trustworthy first."""
    values = [value for name in _RECIPIENT_HEADERS for value in _written(mail, name)]
    found = (address for _, address in getaddresses(values[:_MOST_ADDRESSES]))
    return [address for address in found if "@" in address][:_MOST_ADDRESSES]


def writer_of(mail: Message) -> str:
    """Return the one address that a mail is from, in its normal form; "" where it is none or several."""
    found = getaddresses(_written(mail, "From")[:2])
    if len(found) != 1:
        return ""
    try:
        return normal_address(found[0][1])
    except ValueError:
        return ""


def _written(mail: Message, name: str) -> list[str]:
    """Return what a mail says under a name, as it stands there; with IDN that is UTF-8 (RFC 6532)."""
    values = (str(value) for field, value in mail.raw_items() if field.lower() == name.lower())
    return [value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for value in values]


def _wish_of_address(address: str, mail: Message, config: Config) -> Wish | None:
    inbound, bounce = config.inbound, config.mail.bounce
    if bounce:
        before, _, after = bounce.lower().partition("{token}")
        folded = address.lower()
        if folded.startswith(before) and folded.endswith(after):
            return _with_token(Word.BOUNCE, folded[len(before) : len(folded) - len(after)])
    if not inbound.address:
        return None
    local, _, domain = address.rpartition("@")
    own, _, ours = inbound.address.rpartition("@")
    if domain.lower() != ours.lower():
        return None
    separator = inbound.separator
    folded = local.lower()
    if separator:
        folded = folded.removeprefix(f"{own.lower()}{separator}")
    word, _, rest = folded.partition(separator) if separator else (folded, "", "")
    if word == Word.SUBSCRIBE:
        if rest:
            return Wish(Word.SUBSCRIBE, profiles=(rest,))
        return _order_in_words(mail, config.profiles, asked=True)
    if word == Word.SUBMIT:
        return _submission(mail, config.profiles, rest, asked=True)
    if word in (Word.CONFIRM, Word.UNSUBSCRIBE):
        return _with_token(Word(word), rest)
    return None


def _token_in_subject(mail: Message) -> Wish | None:
    """Read `unsub TOKEN` and `confirm TOKEN`, also in an answer: `Re: … (confirm TOKEN)`."""
    words = [word.strip("()[]<>.,:") for word in _subject(mail).split()]
    for word, token in pairwise(words):
        if word.lower() in (Word.UNSUBSCRIBE, Word.CONFIRM):
            wish = _with_token(Word(word.lower()), token)
            if wish is not None:
                return wish
    return None


def _order_in_words(mail: Message, profiles: Mapping[str, Profile], *, asked: bool) -> Wish | None:
    """Read which profiles are ordered in the subject or the first lines.

    `asked` is whether the address said already that it is an order; else the word "subscribe" has
    to. Of a bot with one public profile that one is meant.
    """
    words = [
        word.strip("()[]<>.,:;!\"'").lower()
        for line in (_subject(mail), *first_lines(mail))
        for word in line.split()
    ]
    if not asked and Word.SUBSCRIBE.value not in words:
        return None
    public = [name for name, profile in profiles.items() if profile.public]
    named = tuple(dict.fromkeys(word for word in words if word in public))
    if not named and len(public) == 1:
        named = (public[0],)
    return Wish(Word.SUBSCRIBE, profiles=named)


def _submission(
    mail: Message, profiles: Mapping[str, Profile], profile: str, *, asked: bool
) -> Wish | None:
    """Read which paper is put forward, and for which profile, in the subject or the first lines.

    `asked` is whether the address said already what it is; else the subject begins with "submit".
    """
    subject = _subject(mail).split()
    if not asked:
        if not subject or subject[0].strip(":").lower() != Word.SUBMIT.value:
            return None
        subject = subject[1:]
    said = [*subject, *(word for line in first_lines(mail) for word in line.split())]
    said = [word.strip("()<>,;!\"'").rstrip(".:") for word in said][:_MOST_WORDS]
    named = [word.lower() for word in said if word.lower() in profiles]
    chosen = profile or next(iter(named), "")
    return Wish(Word.SUBMIT, profiles=(chosen,) if chosen else (), said=tuple(said))


def is_curator(address: str, inbound: InboundSettings) -> bool:
    """Whether an address may put papers forward, if it is theirs who writes."""
    return address.casefold() in map(str.casefold, inbound.curators)


def first_lines(mail: Message) -> list[str]:
    """Return the first ten lines of a mail's text, what it quotes left out; plain text comes first."""
    for kind in ("text/plain", "text/html"):
        for part in mail.walk():
            if part.get_content_type() == kind:
                return _lines_of(part, html=kind == "text/html")
    return []


def _lines_of(part: Message, *, html: bool) -> list[str]:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return []
    text = decoded(content[:10_000], part.get_content_charset())
    if html:
        text = unescape(_TAG.sub("\n", _UNSEEN.sub("", text)))
    lines = (line.strip() for line in text.splitlines())
    return [line[:500] for line in lines if line and not line.startswith(">")][:_MOST_LINES]


_UNSEEN = re.compile(
    r"<(style|script|title|blockquote)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[^<>]*>")


def says_yes(mail: Message) -> bool:
    """Whether an answer to a question of ours is a yes.

    A word of its own is one, on any of the first lines; so is what people send who just answer: little
    or nothing above what they quote. It is none where they say no or ask something, or where an
    answering machine that tells by no header what it is writes its sentences, or sends our own words back.
    """
    lines = first_lines(mail)
    alone = {line.strip(_AROUND_A_WORD).casefold() for line in lines}
    if alone & _YESES:
        return not alone & _NOES  # a machine's "was this of help?" has both
    said = " ".join(line for line in lines if not _SAYS_WHO_WROTE.search(line))
    return len(said) <= _BRIEF and not _NO_YES.search(said)


def wants_out(mail: Message) -> bool:
    """Whether who writes wants nothing more: in words of their own alone, as the subject or a line.

    What they quote says "Unsubscribe" too, and not every program marks it: only what stands above it
    counts, at the very top. Of HTML that is the first line, since a line ends there at every tag.
    """
    plain = any(part.get_content_type() == "text/plain" for part in mail.walk())
    above = takewhile(lambda line: not _QUOTES.match(line), first_lines(mail))
    said = [_ANSWERING.sub("", _subject(mail)), *islice(above, _OWN_LINES if plain else 1)]
    return any(_OUT.fullmatch(line.strip(_AROUND_A_WORD)) for line in said)


_OWN_LINES = 3
_QUOTES = re.compile(r"[-_]{2,}|(?:from|von|de|da|van|fra|från|от)\s*[:：]|.*[:：]$", re.IGNORECASE)
_ANSWERING = re.compile(r"^(?:(?:re|aw|sv|fwd?)\s*:\s*)+", re.IGNORECASE)
_OUT = re.compile(
    r"(?:please,? )?(?:unsub(?:scribe)?|stop|remove|abmelden|abbestellen|d[ée]sabonner)"
    r"(?: me| mich)?(?:,? (?:please|bitte))?",
    re.IGNORECASE,
)
_AROUND_A_WORD = " \t.,;:!*_-\"'“”„‘’«»()"
# As people answer, whatever language they are asked in.
_YESES = frozenset(
    {"yes", "yes please", "yes, please", "ok", "confirm", "ja", "oui", "si", "sí", "sì", "sim", "tak", "да"}
)  # fmt: skip
_NOES = frozenset({"no", "nope", "nein", "non", "não", "nie", "нет", "nee", "nej", "nei"})
_BRIEF = 80  # characters: our own words are longer, and so is what most machines say
_SAYS_WHO_WROTE = re.compile(r"[:：]$")  # "On Friday, the bot wrote:", above what is quoted
_NO_YES = re.compile(
    r"\b(?:no|nein|non|not|never|nicht|stop|don.?t|remove|unsubscribe|cancel|wrong|mistake|spam|who|why|"
    r"away|absent|absence|absen[ct]e|abwesen\w*|urlaub|vacation|holiday|leave|out of|office|return|back|"
    r"automat\w*|auto.?reply|received|eingegangen|ticket|request|queue|noreply|no.reply|mailbox|"
    r"cong[ée]s?|vacaciones|ferie|ausente|moved|longer|until|bis|jusqu\w*|"
    r"nope|nah|nee|niet|geen|nej|nei|inte|ikke|nie|não|нет|не|hayır|ei|いいえ|\w+n['’]t|(?:did|was|is|ca|wo)nt|"
    r"cannot|ignore|refuse\w*|reject\w*|decline\w*|delete|what|ne|pas|jamais|arr[êe]t\w*|supprim\w*|"
    r"kein\w*|wer|lass\w*|lösch\w*|hör|basta|ooo|pto|vakantie|urlop\w*|отпуск\w*|contacting|"
    r"your (?:e-?mail|mail|message)|message|mensa\w+|messagg\w+|nachricht\w*|anfrage\w*|henvendelse\w*|"
    r"wiadomo\w+|bericht\w*|сообщени\w*|письм\w*|delivered|zugestellt|case\W{0,3}\d+)\b|"
    r"来信|來信|邮件|郵件|メール|[?？]",
    re.IGNORECASE,
)


def _subject(mail: Message) -> str:
    """Return the subject as people read it: an answer to one of ours comes back encoded (RFC 2047)."""
    written = next(iter(_written(mail, "Subject")), "")[:_LONGEST_SUBJECT]
    with suppress(MessageError, ValueError, LookupError):  # what nobody can read stands as it is
        written = str(make_header(decode_header(written)))
    return one_line(written)[:1000]


def _with_token(word: Word, token: str) -> Wish | None:
    return Wish(word, token) if _TOKEN.fullmatch(token) else None


# ── Addresses of ours ─────────────────────────────────────────────────────────────────────────────


def unsubscribe_address(inbound: InboundSettings, token: str) -> str:
    """Return the `mailto:` that unsubscribes by a mail, "" where nobody would read it."""
    if not inbound.address:
        return ""
    if not inbound.separator:
        return f"mailto:{inbound.address}?subject={Word.UNSUBSCRIBE.value}%20{token}"
    return f"mailto:{_address(inbound, Word.UNSUBSCRIBE, token)}?subject=unsubscribe"


def confirm_address(inbound: InboundSettings, token: str) -> str:
    """Return the address an answer to which says yes, "" where nobody would read it."""
    if not inbound.address:
        return ""
    if not inbound.separator:
        return inbound.address  # the subject has the token
    return _address(inbound, Word.CONFIRM, token)


def confirm_mark(inbound: InboundSettings, token: str) -> str:
    """Return what the subject of a question ends with, where no address can hold its token."""
    if not inbound.address or inbound.separator:
        return ""
    return f" ({Word.CONFIRM.value} {token})"


def _address(inbound: InboundSettings, word: Word, token: str) -> str:
    return f"{word.value}{inbound.separator}{token}@{inbound.address.rpartition('@')[2]}"


# ── Who may subscribe to what ─────────────────────────────────────────────────────────────────────


def refusal(address: str, names: Sequence[str], config: Config, door: Door) -> str:
    """Return why these profiles cannot be ordered for an address, "" where they can.

    The same for every address of a domain: it never tells whether an address is known.
    """
    if door is not Door.OWNER and not config.subscribe.open:
        return "Subscribing is not open to everybody here."
    open_ones = [n for n, p in config.profiles.items() if p.public or door is Door.OWNER]
    for name in names:
        if name not in open_ones:
            return (
                f"There is no list “{name[:60]}” here. There are: {', '.join(open_ones) or 'none'}."
            )
    if not names:
        return f"No list of ours was named. There are: {', '.join(open_ones) or 'none'}."
    if door is not Door.OWNER and "." not in address.rpartition("@")[2]:
        return "That is no address that mail can be sent to."
    if door is not Door.OWNER and not _of_domains(address, config.subscribe.domains):
        return f"Only addresses of {', '.join(config.subscribe.domains)} can subscribe here."
    if not config.bot.base_url and not config.inbound.address:
        return (
            "Nobody could answer the question whether they want it: that needs [bot] base_url, "
            "or [inbound] address."
        )
    return ""


def _of_domains(address: str, domains: Sequence[str]) -> bool:
    """Whether an address is of one of these domains, or below it; none are all."""
    domain = address.rpartition("@")[2].lower()
    return not domains or any(_is_below(domain, each.lower()) for each in domains)


def _is_below(domain: str, above: str) -> bool:
    return domain == above or domain.endswith(f".{above}")


def never_answered(address: str, config: Config) -> bool:
    """Whether mail from an address gets no answer: our own, and what sends by itself (RFC 3834 §2)."""
    folded = address.lower()
    return (
        folded in set(_our_addresses(config))
        or _leads_here(folded, config)
        or _MACHINE.match(address) is not None
    )


def _leads_here(address: str, config: Config) -> bool:
    """Whether an address is one that tells us what to do: a forged From would have us write to us."""
    before, _, after = config.mail.bounce.lower().partition("{token}")
    if config.mail.bounce and address.startswith(before) and address.endswith(after):
        return True
    inbound = config.inbound
    own, _, ours = inbound.address.lower().rpartition("@")
    local, _, domain = address.rpartition("@")
    word = local.partition(inbound.separator)[0] if inbound.separator else local
    return bool(inbound.address) and domain == ours and word in (own, *Word)


def _our_addresses(config: Config) -> Iterator[str]:
    yield config.inbound.address.lower()
    yield config.mail.sender_address.lower()


_MACHINE = re.compile(
    r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|abuse|daemon)(?:[+.-][^@]*)?@",
    re.IGNORECASE,
)
