"""The configuration a person writes: TOML in, frozen models out, every mistake told at once.

Nothing here reads the network or the clock. Paths resolve against the file's own folder. A person's
file is never rewritten; what is learnt lives in the database beside it.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import time, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
)

from bot.errors import ConfigError, Mistake

RESERVED_NAMES = frozenset(
    "all confirm feedback feeds health manage metrics p papers private search subscribe trending "
    "unsubscribe".split()
)
LATER_KINDS = frozenset({"biorxiv", "medrxiv", "crossref", "pubmed", "openreview"})
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_DURATION = re.compile(r"(\d{1,6})\s*(m|h|d|w|y)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
          "w": timedelta(weeks=1), "y": timedelta(days=365)}  # fmt: skip


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('expected a number and a unit, e.g. "1h", "7d" or "2y"')
    return int(match.group(1)) * _UNITS[match.group(2)]


def _hour(value: str) -> str:
    if value == "any":
        return value
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value)
    if match is None:
        raise ValueError('expected an hour such as "07:30", or "any" for the first run of the day')
    return f"{int(match.group(1)):02d}:{match.group(2)}"


def parse_days(value: str) -> frozenset[int]:
    """Return weekday numbers (Monday is 0) of `mon-fri`, `mon,thu`, `sat-mon` or `daily`.

    Raises ValueError with a sentence for people.
    """
    if value.strip().lower() == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in value.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        ends = [first, last] if dash else [first]
        if any(end not in WEEKDAYS for end in ends):
            raise ValueError('expected days such as "mon-fri", "mon,wed,fri" or "daily"')
        at, end = WEEKDAYS.index(first), WEEKDAYS.index(ends[-1])
        days.update((at + step) % 7 for step in range((end - at) % 7 + 1))
    return frozenset(days)


def _days(value: str) -> str:
    parse_days(value)
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('expected a time zone such as "Europe/Berlin" or "UTC"') from error
    return value


def _http_address(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(char.isspace() for char in value):
        raise ValueError("expected an address that begins with https:// or http://")
    return value


def normal_address(value: str) -> str:
    """Return a mail address in its normal form (IDN domain as A-labels, domain in lower case).

    Raises ValueError with a sentence for people; a non-ASCII local part is refused, since not
    every relay can carry it (SMTPUTF8, RFC 6531).
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(
            value.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True,
            globally_deliverable=False,
        )  # fmt: skip
    except EmailNotValidError as error:
        raise ValueError(f"{value!r} is no mail address ({str(error).rstrip('.')})") from error
    return checked.ascii_email or checked.normalized


def _address(value: str) -> str:
    return normal_address(value) if value else value


def _mailbox(value: str) -> str:
    """Check `Name <address>`, and keep it as written."""
    name, address = parseaddr(value)
    if not address or any(char in value for char in "\r\n"):
        raise ValueError('expected an address such as "Morning papers <papers@example.org>"')
    return f"{name} <{normal_address(address)}>" if name else normal_address(address)


def _secret(value: str) -> str:
    if value and not value.startswith(("env:", "file:")):
        raise ValueError(
            'a secret is never written here: use "env:NAME" (an environment variable) '
            'or "file:PATH" (a file that only you can read)'
        )
    return value


def _http_header(value: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in value):  # noqa: PLR2004 - C0 and DEL
        raise ValueError("must be one line, without control characters")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Hour = Annotated[str, AfterValidator(_hour)]
Days = Annotated[str, AfterValidator(_days)]
Zone = Annotated[str, AfterValidator(_zone)]
HttpAddress = Annotated[str, AfterValidator(_http_address)]
Address = Annotated[str, AfterValidator(_address)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Secret = Annotated[str, AfterValidator(_secret)]
Line = Annotated[str, AfterValidator(_http_header)]
Phrases = tuple[Annotated[str, Field(min_length=1, max_length=300)], ...]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class BotSettings(_Table):
    """`[bot]`: who runs this, where it shows, what it keeps."""

    title: Line = "Paperround"
    base_url: HttpAddress = ""
    contact: Address = ""
    owner: Address = ""
    timezone: Zone = "UTC"
    language: Line = "en"
    imprint: str = ""
    link_prefix: HttpAddress = ""
    state: str = "state"
    templates: str = "templates"
    keep: Duration = timedelta(days=730)
    enrich: tuple[Literal["crossref", "semantic-scholar"], ...] = ()

    @field_validator("base_url")
    @classmethod
    def _no_slash_at_the_end(cls, value: str) -> str:
        return value.rstrip("/")


class SourceSettings(_Table):
    """One `[[sources]]`: where papers come from."""

    name: str
    kind: Literal["arxiv", "huggingface", "feed"]
    url: HttpAddress = ""
    categories: tuple[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z.-]*$")], ...] = ()
    announce: tuple[Literal["new", "cross", "replace", "replace-cross"], ...] = ("new", "cross")
    every: Duration = timedelta(hours=1)
    backfill: Duration = timedelta(days=7)
    enabled: bool = True
    token: Secret = ""


class Profile(_Table):
    """One `[profiles.NAME]`: what somebody wants to read, and when."""

    title: Line = ""
    to: tuple[Address, ...] = ()
    about: Annotated[str, Field(max_length=60_000)] = ""
    keywords: Phrases = ()
    exclude: Phrases = ()
    always: Phrases = ()
    authors: Phrases = ()
    categories: Phrases = ()
    like: Phrases = ()
    dislike: Phrases = ()
    library: str = ""
    sources: tuple[str, ...] = ()
    trending: Annotated[float, Field(ge=0, le=1)] = 0.2
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.0
    limit: Annotated[int, Field(ge=1, le=200)] = 15
    at: Hour = "07:30"
    days: Days = "daily"
    empty: Literal["skip", "note"] = "skip"
    learn: Literal["owner", "all", "none"] = "none"
    public: bool = True
    was: tuple[str, ...] = ()

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The name of its table; "" for a profile made without a file."""
        return self._name

    @property
    def heading(self) -> str:
        """Its title, or its name where it has none."""
        return self.title or self._name

    def named(self, name: str) -> Profile:
        """Return the same profile under that name."""
        copy = self.model_copy()
        copy._name = name  # noqa: SLF001 - our own class
        return copy


class DkimSettings(_Table):
    """`[mail.dkim]`: sign what is sent."""

    domain: str = ""
    selector: str = ""
    key: Secret = "file:dkim.pem"


class MailSettings(_Table):
    """`[mail]`: how digests leave."""

    transport: Literal["maildir", "smtp"] = "maildir"
    sender: Mailbox = Field(default="Paperround <paperround@localhost>", alias="from")
    host: Line = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: Line = ""
    password: Secret = ""
    bounce: Line = ""
    rate: Annotated[float, Field(gt=0, le=100_000)] = 10.0
    grace: Duration = timedelta(hours=12)
    uncertain: Literal["resend", "hold"] = "resend"
    dkim: DkimSettings = DkimSettings()


class FetchSettings(_Table):
    """`[fetch]`: what the HTTP client may reach."""

    allow_private: tuple[str, ...] = ()

    @field_validator("allow_private")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f'{network!r} is no network such as "127.0.0.1/32"') from error
        return value


class WebSettings(_Table):
    """`[web]`: where `serve` listens."""

    listen: Line = "127.0.0.1:8600"
    trusted_proxies: tuple[str, ...] = ()
    metrics: Line = ""


class SubscribeSettings(_Table):
    """`[subscribe]`: who may subscribe."""

    open: bool = True
    domains: tuple[str, ...] = ()


class InboundSettings(_Table):
    """`[inbound]`: the mailbox that people write to."""

    kind: Literal["none"] = "none"
    address: Address = ""
    separator: Line = "+"
    host: Line = ""
    username: Line = ""
    password: Secret = ""


class Config(_Table):
    """A whole configuration. `path` is the file it was read from."""

    include: tuple[str, ...] = ()
    bot: BotSettings = BotSettings()
    sources: tuple[SourceSettings, ...] = ()
    profiles: dict[str, Profile] = {}
    mail: MailSettings = MailSettings()
    fetch: FetchSettings = FetchSettings()
    web: WebSettings = WebSettings()
    subscribe: SubscribeSettings = SubscribeSettings()
    inbound: InboundSettings = InboundSettings()

    _path: Path = PrivateAttr(default=Path("config.toml"))

    @property
    def path(self) -> Path:
        """The file this was read from."""
        return self._path

    @property
    def state(self) -> Path:
        """The state folder, absolute."""
        return self.resolve(self.bot.state)

    @property
    def templates(self) -> Path:
        """The folder of the user's own templates, absolute; it need not exist."""
        return self.resolve(self.bot.templates)

    def resolve(self, path: str) -> Path:
        """Return the path against the configuration's folder."""
        return (self._path.parent / Path(path).expanduser()).resolve()

    def secret(self, reference: str) -> str:
        """Return what `env:NAME` or `file:PATH` stands for; "" for "".

        Raises ConfigError where the variable or the file is missing. Never log the result.
        """
        kind, _, where = reference.partition(":")
        if kind == "env":
            value = os.environ.get(where)
            problem = f"the environment variable {where} is not set"
        elif kind == "file":
            try:
                value = self.resolve(where).read_text().strip()
            except OSError:
                value = None
            problem = f"the file {self.resolve(where)} cannot be read"
        else:
            return ""
        if value is None:
            raise ConfigError([Mistake(self._path.name, "", reference, problem)])
        return value


def load_config(path: str | Path) -> Config:
    """Read a configuration and all that it includes.

    Raises ConfigError with every mistake at once, each with file, table, key and a suggestion.
    """
    path = Path(path).resolve()
    raw, mistakes = _read(path)
    if raw is None:
        raise ConfigError(mistakes)
    for extra in _included(path, raw):
        more, wrong = _read(extra)
        mistakes += wrong
        mistakes += _graft(raw, more or {}, extra.name)
    config, wrong = _validate(raw, path)
    mistakes += wrong
    if config is not None:
        mistakes += _consistency(config, path.name)
    if mistakes or config is None:
        raise ConfigError(mistakes)
    return config


def _read(path: Path) -> tuple[dict[str, Any] | None, list[Mistake]]:
    name = path.name
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig")), []
    except FileNotFoundError:
        hint = f"`paperround init {path}` writes one that works." if path.suffix == ".toml" else ""
        return None, [Mistake(str(path), "", "", "there is no such file.", hint)]
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 (byte {error.start}); save it as UTF-8."
        return None, [Mistake(name, "", "", problem)]
    except OSError as error:
        return None, [Mistake(str(path), "", "", f"cannot be read ({error.strerror}).")]
    except tomllib.TOMLDecodeError as error:
        return None, [Mistake(name, "", "", f"is not TOML: {error}.", _toml_hint(str(error), path))]


def _toml_hint(error: str, path: Path) -> str:
    """Guess what a person meant at the line that TOML's parser stopped at."""
    if match := re.search(r"line (\d+)", error):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        line = lines[int(match.group(1)) - 1].strip() if int(match.group(1)) <= len(lines) else ""
        if re.match(r"\w+\s*=\s*\d+:\d+", line) or re.match(r"\w+\s*=\s*[A-Za-z]", line):
            return f'Texts need quotes: {line.split("=")[0].strip()} = "…".'
        if "twice" in error or "already" in error.lower() or "overwrite" in error.lower():
            return f"Two tables or keys have the same name: {line}"
        if line:
            return f"The line is: {line}"
    return ""


def _included(path: Path, raw: Mapping[str, Any]) -> Iterator[Path]:
    patterns = raw.get("include", [])
    for pattern in patterns if isinstance(patterns, list) else []:
        if isinstance(pattern, str):
            yield from sorted(path.parent.glob(pattern))


def _graft(raw: dict[str, Any], more: Mapping[str, Any], name: str) -> list[Mistake]:
    """Add an included file's profiles and sources to the main tables."""
    mistakes = [
        Mistake(name, str(table), "", "an included file holds profiles and sources only.")
        for table in more
        if table not in ("profiles", "sources")
    ]
    profiles = raw.setdefault("profiles", {})
    for profile, table in dict(more.get("profiles", {})).items():
        if profile in profiles:
            mistakes.append(Mistake(name, f"profiles.{profile}", "", "this name is taken already."))
        else:
            profiles[profile] = table
    raw["sources"] = [*raw.get("sources", []), *more.get("sources", [])]
    return mistakes


def _tuples(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    """TOML's lists as tuples, which the frozen models want (strictly)."""
    if isinstance(value, list):
        return tuple(_tuples(inner) for inner in value)
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return value


def _validate(raw: dict[str, Any], path: Path) -> tuple[Config | None, list[Mistake]]:
    """Return the configuration without the keys that are wrong, and those keys' mistakes.

    The rest is still worth a look: a person should hear of every mistake in one go.
    """
    mistakes: list[Mistake] = []
    for _ in range(2):
        try:
            config = Config.model_validate(_tuples(raw))
        except ValidationError as error:
            found = [dict(each) for each in error.errors()]
            mistakes += [_mistake(each, raw, path.name) for each in found]
            raw = _without([each["loc"] for each in found], raw)
            continue
        named = {name: profile.named(name) for name, profile in config.profiles.items()}
        config = config.model_copy(update={"profiles": named})
        config._path = path  # noqa: SLF001 - our own class
        return config, mistakes
    return None, mistakes


def _without(places: list[tuple[Any, ...]], raw: dict[str, Any]) -> dict[str, Any]:
    """Return a copy less the named keys; of a source, the whole entry where its name is wrong."""
    copy: dict[str, Any] = _copied(raw)
    for place in places:
        table: Any = copy
        for part in place[:-1]:
            if isinstance(table, dict) and isinstance(table.get(part), dict | list):
                table = table[part]
            elif (
                isinstance(table, list) and isinstance(part, int) and isinstance(table[part], dict)
            ):
                table = table[part]
            else:
                break
        key = next((part for part in place if isinstance(table, dict) and part in table), None)
        if key is not None:
            del table[key]
    sources = copy.get("sources")
    if isinstance(sources, list):
        copy["sources"] = [s for s in sources if isinstance(s, dict) and {"name", "kind"} <= set(s)]
    return copy


def _copied(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


# ── Mistakes, in words ────────────────────────────────────────────────────────────────────────────

_TABLES: dict[str, type[_Table]] = {
    "": Config, "bot": BotSettings, "sources": SourceSettings, "profiles": Profile,
    "mail": MailSettings, "mail.dkim": DkimSettings, "fetch": FetchSettings, "web": WebSettings,
    "subscribe": SubscribeSettings, "inbound": InboundSettings,
}  # fmt: skip
_EXPECTED = {
    "string_type": "expected a text in quotes", "bool_type": "expected true or false",
    "int_type": "expected a whole number", "float_type": "expected a number",
    "tuple_type": "expected a list", "dict_type": "expected a table",
    "model_type": "expected a table", "model_attributes_type": "expected a table",
    "time_delta_type": 'expected a duration such as "1h" or "7d"', "missing": "is missing",
}  # fmt: skip


def keys_of(table: str) -> dict[str, object]:
    """Return the keys of a table ("" for the top level) as written in TOML, with their defaults."""
    model = _TABLES[table]
    return {field.alias or name: field.default for name, field in model.model_fields.items()}


def tables() -> tuple[str, ...]:
    """Return the names of all tables, the top level as ""."""
    return tuple(_TABLES)


def _mistake(found: Mapping[str, Any], raw: Mapping[str, Any], file: str) -> Mistake:
    loc: list[Any] = [part for part in found["loc"] if part != "from" or found["loc"][0] == "mail"]
    table, shown, key = _place(loc, raw)
    kind, given = found["type"], found.get("input")
    if kind == "extra_forbidden":
        return Mistake(file, shown, key, "is no key of this table.", _suggest(key, table))
    if kind == "value_error":
        return Mistake(file, shown, key, str(found["ctx"]["error"]) + ".")
    if kind == "literal_error":
        return Mistake(file, shown, key, *_not_among(key, given, str(found["ctx"]["expected"])))
    if kind == "tuple_type" and isinstance(given, str):
        return Mistake(file, shown, key, "expected a list.", f'Write {key} = ["{given}"].')
    problem = _EXPECTED.get(kind)
    if problem is None:
        problem = found["msg"].replace("Input should be", "should be").replace("String", "the text")
    got = "" if kind == "missing" else f", got {_shown(given)}"
    return Mistake(file, shown, key, f"{problem}{got}.")


def _place(loc: Sequence[Any], raw: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the table's kind, its name for people, and the key (with an index, from 1)."""
    names = [str(part) for part in loc]
    if names[0] == "profiles" and len(loc) > 1:
        kind, shown, rest = "profiles", f"profiles.{names[1]}", loc[2:]
    elif names[0] == "sources" and len(loc) > 1 and isinstance(loc[1], int):
        kind, rest = "sources", loc[2:]
        given = raw["sources"][loc[1]]
        name = given.get("name", "") if isinstance(given, dict) else ""
        shown = f"sources, number {loc[1] + 1}" + (f", {name!r}" if name else "")
    elif names[:2] == ["mail", "dkim"] and len(loc) > 2:  # noqa: PLR2004 - table, table, key
        kind, shown, rest = "mail.dkim", "mail.dkim", loc[2:]
    elif names[0] in _TABLES and len(loc) > 1:
        kind, shown, rest = names[0], names[0], loc[1:]
    else:
        kind, shown, rest = "", "", loc
    key = " ".join(f"item {part + 1}" if isinstance(part, int) else str(part) for part in rest)
    return kind, shown, key


def _suggest(key: str, table: str) -> str:
    keys = keys_of(table)
    if close := difflib.get_close_matches(key.lower(), keys, n=1, cutoff=0.6):
        return f"Did you mean `{close[0]}`?"
    if table == "" and (close := difflib.get_close_matches(key.lower(), _TABLES, n=1)):
        return f"Did you mean `[{close[0]}]`?"
    for other in _TABLES:
        if other and key in keys_of(other):
            place = {"sources": "[[sources]]", "profiles": "[profiles.NAME]"}.get(
                other, f"[{other}]"
            )
            return f"`{key}` belongs in {place}."
    return "config.example.toml shows every key."


def _not_among(key: str, given: object, expected: str) -> tuple[str, str]:
    allowed = re.findall(r"'([^']*)'", expected)
    if key == "kind" and given in LATER_KINDS:
        return f"{given!r} is not read by this version yet.", f"It reads {', '.join(allowed)}."
    close = difflib.get_close_matches(str(given), allowed, n=1)
    hint = f'Did you mean "{close[0]}"?' if close else ""
    return f"expected one of {', '.join(allowed)}; got {_shown(given)}.", hint


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'"{value[:60]}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, time):
        return f"{value} (put it in quotes)"
    return str(value)[:60]


# ── What only the whole can show ──────────────────────────────────────────────────────────────────


def _consistency(config: Config, file: str) -> list[Mistake]:
    return [
        Mistake(file, *found)
        for check in (_check_sources, _check_profiles, _check_mail)
        for found in check(config)
    ]


def _check_sources(config: Config) -> Iterator[tuple[str, ...]]:
    seen: set[str] = set()
    for source in config.sources:
        table = f"sources, {source.name!r}"
        if not _NAME.fullmatch(source.name):
            yield table, "name", "use lower-case letters, digits and hyphens."
        if source.name in seen:
            yield (
                table,
                "name",
                "two sources have this name.",
                "Names tell sources apart; change one.",
            )
        seen.add(source.name)
        if source.kind == "arxiv" and not source.categories and not source.url:
            yield table, "categories", "is missing.", 'E.g. categories = ["cs.CL", "cs.LG"].'
        if source.kind == "feed" and not source.url:
            yield table, "url", "is missing: a feed needs its address."
        if source.categories and source.kind != "arxiv":
            yield table, "categories", f"a source of kind {source.kind} has no categories."


def _check_profiles(config: Config) -> Iterator[tuple[str, ...]]:
    names = {source.name for source in config.sources}
    owners: dict[str, str] = {}
    for name, profile in config.profiles.items():
        table = f"profiles.{name}"
        if name in RESERVED_NAMES:
            yield table, "", f"the name {name!r} is a word of our own addresses.", "Choose another."
        elif not _NAME.fullmatch(name):
            yield table, "", "use lower-case letters, digits and hyphens in a profile's name."
        for source in profile.sources:
            if source not in names:
                close = difflib.get_close_matches(source, names, n=1)
                hint = (
                    f"Did you mean {close[0]!r}?"
                    if close
                    else f"There are: {', '.join(sorted(names)) or 'none'}."
                )
                yield table, "sources", f"there is no source {source!r}.", hint
        for former in profile.was:
            if former in config.profiles:
                yield (
                    table,
                    "was",
                    f"{former!r} is a profile of its own.",
                    "A former name must be free.",
                )
            if former in owners:
                yield table, "was", f"{former!r} is claimed by {owners[former]!r} too."
            owners[former] = name
        yield from _check_weights(table, profile)


def _check_weights(table: str, profile: Profile) -> Iterator[tuple[str, ...]]:
    for key in ("keywords", "authors", "categories"):
        for clause in getattr(profile, key):
            _, caret, weight = clause.rpartition("^")
            if caret and not re.fullmatch(r"\d+(\.\d+)?", weight.strip()):
                yield (
                    table,
                    key,
                    f"{clause!r}: after ^ comes a number, e.g. {clause.split('^')[0]}^2.",
                )


def not_yet(config: Config) -> list[str]:
    """Return a sentence for each key that is set and that this version does not act on yet."""
    name = config.path.name
    found = [
        f"{name}: [profiles.{profile.name}] library: this version does not read libraries yet; use `like`."
        for profile in config.profiles.values()
        if profile.library
    ]
    found += [
        f"{name}: [profiles.{profile.name}] learn: this version does not learn from feedback yet."
        for profile in config.profiles.values()
        if profile.learn != "none"
    ]
    if config.bot.enrich:
        found.append(f"{name}: [bot] enrich: this version does not enrich papers yet.")
    return found


def _check_mail(config: Config) -> Iterator[tuple[str, ...]]:
    if config.mail.dkim.domain:
        # Refused, not merely warned of: mail that its owner believes to be signed must be.
        yield "mail.dkim", "domain", "this version does not sign yet; let the relay sign."
    if config.mail.bounce and "{token}" not in config.mail.bounce:
        yield "mail", "bounce", 'has no {token}, e.g. "bounce+{token}@example.org".'
