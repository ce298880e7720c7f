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
from dataclasses import dataclass, field
from datetime import time, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

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
    {"all", "confirm", "feedback", "feeds", "health", "manage", "metrics", "p", "papers", "private",
     "search", "subscribe", "trending", "unsubscribe"}
)  # fmt: skip
LATER_KINDS = frozenset({"biorxiv", "medrxiv", "crossref", "pubmed", "openreview"})
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_DURATION = re.compile(r"(\d{1,6})\s*(m|h|d|w|y)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
          "w": timedelta(weeks=1), "y": timedelta(days=365)}  # fmt: skip

# No date that we reckon with leaves the calendar (its first year is 1).
_LONGEST = timedelta(days=36_500)


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('expected a number and a unit, e.g. "1h", "7d" or "2y"')
    duration = int(match.group(1)) * _UNITS[match.group(2)]
    if duration > _LONGEST:
        raise ValueError('expected a duration of at most "100y"')
    return duration


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
        raise ValueError(f'there is no time zone "{value}" ({_zone_meant(value)})') from error
    return value


def _zone_meant(value: str) -> str:
    """Return `perhaps "Europe/Berlin"` for `Berlin`, else what names look like."""
    wanted = value.strip().lower().replace(" ", "_")
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(available_timezones())}
    zones = {zone.lower(): zone for zone in cities.values()}
    names = cities | zones
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.75)
    return f'perhaps "{names[close[0]]}"' if close else 'names are like "Europe/Berlin" or "UTC"'


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

    local, _, domain = value.strip().rpartition("@")
    # The library knows no mail on localhost; a machine's own mail server does.
    here = domain.lower() == "localhost"
    try:
        checked = validate_email(
            f"{local}@example.org" if here else value.strip(),
            check_deliverability=False,
            allow_smtputf8=False,
            test_environment=True,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise ValueError(f'"{value}" is no mail address ({str(error).rstrip(".")})') from error
    address = checked.ascii_email or checked.normalized
    return f"{address.rpartition('@')[0]}@localhost" if here else address


def _address(value: str) -> str:
    return normal_address(value) if value else value


def _mailbox(value: str) -> str:
    """Check `Name <address>`; the name is quoted where it must be (RFC 5322, section 3.2.3)."""
    name, address = parseaddr(value)
    if not address or any(char in value for char in "\r\n"):
        raise ValueError('expected an address such as "Morning papers <papers@example.org>"')
    if re.search(r'[()<>@,;:\\".\[\]]', name):
        name = '"' + re.sub(r'([\\"])', r"\\\1", name) + '"'
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
                value = self.resolve(where).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
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
    origins = _Origins(path.name)
    if isinstance(raw.get("sources"), list):
        origins.add_sources(path.name, raw["sources"])
    for extra in _included(path, raw, mistakes):
        more, wrong = _read(extra)
        mistakes += wrong
        mistakes += _graft(raw, more or {}, extra.name, origins)
    config, wrong = _validate(raw, path, origins)
    mistakes += wrong
    if config is not None:
        told = {(mistake.table, mistake.key.partition(" ")[0]) for mistake in mistakes}
        mistakes += [
            mistake
            for mistake in _consistency(config, _names_of_sources(raw), origins)
            # A key that was wrong has been taken out: that it is missing now is our own doing.
            if (mistake.table, mistake.key) not in told
        ]
    if mistakes or config is None:
        raise ConfigError(mistakes)
    return config


@dataclass(slots=True)
class _Origins:
    """Which file a table was written in; of the sources also which one in that file, from 1."""

    main: str
    profiles: dict[str, str] = field(default_factory=dict)
    sources: list[tuple[str, int]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def add_sources(self, file: str, sources: Sequence[Any]) -> None:
        """Note that a file's sources come next."""
        for number, source in enumerate(sources, start=1):
            self.sources.append((file, number))
            self.names[_source_table(source, number)] = file

    def of(self, table: str) -> str:
        """Return the file of `profiles.NAME` or `sources "NAME"`; the main one for all others."""
        profile = table.removeprefix("profiles.")
        return self.names.get(table) or self.profiles.get(profile, self.main)


def _source_table(source: object, number: int) -> str:
    """Return how a person finds a source: by its name, or by its number where it has none."""
    name = source.get("name") if isinstance(source, Mapping) else None
    return f'sources "{name}"' if isinstance(name, str) else f"sources number {number}"


def _read(path: Path) -> tuple[dict[str, Any] | None, list[Mistake]]:
    name = path.name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = f"`paperround init {path}` writes one that works." if path.suffix == ".toml" else ""
        return None, [Mistake(str(path), "", "", "there is no such file.", hint)]
    except OSError as error:
        return None, [Mistake(str(path), "", "", f"cannot be read ({error.strerror}).")]
    try:
        text = content.decode("utf-8-sig")
        return tomllib.loads(text), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line} is not UTF-8."
        return None, [Mistake(name, "", "", problem, "Save the file with the encoding UTF-8.")]
    except tomllib.TOMLDecodeError as error:
        return None, [Mistake(name, "", "", *_not_toml(str(error), text))]


def _not_toml(error: str, text: str) -> tuple[str, str]:
    """Say where TOML's parser stopped, and guess what the person meant there."""
    lines = text.splitlines()
    found = re.search(r"line (\d+)", error)
    number = min(int(found.group(1)), len(lines)) if found else len(lines)
    line = lines[number - 1].strip() if lines else ""
    key = line.partition("=")[0].strip()
    if key in _SECRETS:
        hint = f'Write {key} = "env:NAME" or {key} = "file:PATH", quotation marks included.'
        return f"line {number} is not TOML: `{key} = …`.", hint
    hint = _toml_hint(error, line) or f"TOML's reader says: {error}."
    return f"line {number} is not TOML: `{_shown_line(line)}`.", hint


def _shown_line(line: str) -> str:
    """Return a line of somebody's file for a message: short, printable."""
    return "".join(char if char.isprintable() else " " for char in line[:100])


def _toml_hint(error: str, line: str) -> str:
    """Return what to do about the first of the usual slips that the line shows, or ""."""
    key, _, value = (part.strip() for part in line.partition("="))
    truth = _TRUTHS.get(value.rstrip(",").lower())
    slips = {
        "The same name stands above already: put the two together, or rename one.": re.search(
            "twice|overwrite|mutate", error
        ),
        'Use straight quotes ("), not curly ones.': re.search("[“”„‟‘’«»]", line),
        "Between a key and its value stands =, not a colon.": re.match(r"\w+\s*:", line),
        "Between the texts of a list stands a comma.": re.search(r"""["']\s+["']""", value),
        f"Write {key} = {truth}.": truth,
        f"In double quotes a backslash is special: write {key} = '…' in single quotes.": (
            "\\" in value
        ),
        f'Texts need quotes: {key} = "{value}".': re.fullmatch(r"[\w.@:+/ -]+", value),
        "A quotation mark is missing.": value.count('"') % 2 or value.count("'") % 2,
    }
    return next((hint for hint, slipped in slips.items() if slipped), "")


_TRUTHS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false",
           "off": "false"}  # fmt: skip


def _included(path: Path, raw: Mapping[str, Any], mistakes: list[Mistake]) -> list[Path]:
    """Return the included files, each once and never the main one; a missing one is a mistake."""
    patterns = raw.get("include", [])
    found: dict[Path, None] = {}
    for pattern in patterns if isinstance(patterns, list) else []:
        if not isinstance(pattern, str):
            continue  # the model says what is wrong with it
        folder, rest = path.parent, Path(pattern).expanduser()
        if rest.is_absolute():
            folder, rest = Path(rest.anchor), rest.relative_to(rest.anchor)
        files = sorted(folder.glob(str(rest))) if rest.parts else []
        found.update(dict.fromkeys(file.resolve() for file in files))
        if not files and not any(mark in pattern for mark in "*?["):
            mistakes.append(Mistake(path.name, "", "include", f'there is no file "{pattern}".'))
    found.pop(path, None)
    return list(found)


def _graft(
    raw: dict[str, Any], more: Mapping[str, Any], name: str, origins: _Origins
) -> list[Mistake]:
    """Add an included file's profiles and sources to the main tables."""
    mistakes = [
        Mistake(name, str(table), "", "an included file holds profiles and sources only.")
        for table in more
        if table not in ("profiles", "sources")
    ]
    added = more.get("profiles", {})
    profiles = raw.setdefault("profiles", {})
    if not isinstance(added, dict):
        mistakes.append(Mistake(name, "", "profiles", *_wrong_brackets("profiles")))
    elif isinstance(profiles, dict):
        for profile, table in added.items():
            if profile in profiles:
                problem = f"{origins.of(f'profiles.{profile}')} has a profile of this name already."
                mistakes.append(Mistake(name, f"profiles.{profile}", "", problem))
            else:
                profiles[profile] = table
                origins.profiles[profile] = name
    sources = more.get("sources", [])
    if not isinstance(sources, list):
        mistakes.append(Mistake(name, "", "sources", *_wrong_brackets("sources")))
    elif isinstance(raw.setdefault("sources", []), list):
        raw["sources"] = [*raw["sources"], *sources]
        origins.add_sources(name, sources)
    return mistakes


def _names_of_sources(raw: Mapping[str, Any]) -> set[str]:
    """Return the names of all sources as written, also of those that are wrong elsewhere."""
    sources = raw.get("sources") or raw.get("source") or []
    listed = sources if isinstance(sources, list) else [sources]
    found = (source.get("name") for source in listed if isinstance(source, dict))
    return {name for name in found if isinstance(name, str)}


def _tuples(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    """TOML's lists as tuples, which the frozen models want (strictly)."""
    if isinstance(value, list):
        return tuple(_tuples(inner) for inner in value)
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return value


def _validate(
    raw: dict[str, Any], path: Path, origins: _Origins
) -> tuple[Config | None, list[Mistake]]:
    """Return the configuration without the keys that are wrong, and those keys' mistakes.

    The rest is still worth a look: a person should hear of every mistake in one go.
    """
    mistakes: list[Mistake] = []
    for _ in range(2):
        try:
            config = Config.model_validate(_tuples(raw))
        except ValidationError as error:
            found: list[dict[str, Any]] = [dict(each) for each in error.errors()]
            told = [_mistake(each, raw, origins) for each in found]
            mistakes += [mistake for mistake in told if mistake not in mistakes]
            raw = _without([each["loc"] for each in found], raw)
            continue
        named = {name: profile.named(name) for name, profile in config.profiles.items()}
        config = config.model_copy(update={"profiles": named})
        config._path = path  # noqa: SLF001 - our own class
        return config, mistakes
    return None, mistakes


def _holds_tables(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(inner, dict) for inner in value)
    )


def _without(places: list[tuple[Any, ...]], raw: dict[str, Any]) -> dict[str, Any]:
    """Return a copy less the named keys; of a source, all of it where name or kind is wrong."""
    copy: dict[str, Any] = _copied(raw)
    for place in places:
        table: Any = copy
        last = place[-1]
        for part in place[:-1]:
            inner = table.get(part) if isinstance(table, dict) else table[part]
            if not _holds_tables(inner):
                last = part  # a list of texts goes as a whole: its key is what a person knows
                break
            table = inner
        if isinstance(table, dict):
            table.pop(last, None)
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
    "time_delta_type": 'expected a duration such as "1h" or "7d"',
    "string_pattern_mismatch": 'expected a category such as "cs.LG" or "hep-ex"',
    "string_too_short": "expected a text that is not empty",
}  # fmt: skip


def keys_of(table: str) -> dict[str, object]:
    """Return the keys of a table ("" for the top level) as written in TOML, with their defaults."""
    model = _TABLES[table]
    return {field.alias or name: field.default for name, field in model.model_fields.items()}


def tables() -> tuple[str, ...]:
    """Return the names of all tables, the top level as ""."""
    return tuple(_TABLES)


_LIMITS = {
    "greater_than_equal": ("ge", "should be {:g} or more"),
    "greater_than": ("gt", "should be above {:g}"),
    "less_than_equal": ("le", "should be {:g} or less"),
    "less_than": ("lt", "should be below {:g}"),
    "string_too_long": ("max_length", "should have at most {} characters"),
}  # fmt: skip
_KIND_MEANT = {
    "rss": "feed", "atom": "feed", "rdf": "feed", "xml": "feed", "journal": "feed",
    "hf": "huggingface", "hugging-face": "huggingface",
}  # fmt: skip
_SECRETS = frozenset({"password", "token", "key"})


def _mistake(found: Mapping[str, Any], raw: Mapping[str, Any], origins: _Origins) -> Mistake:
    file, table, shown, key = _place(found["loc"], raw, origins)
    if found["type"] == "extra_forbidden":
        return Mistake(file, shown, *_unknown_key(key, table, found["input"]))
    return Mistake(file, shown, key, *_said(found, shown, key))


def _said(found: Mapping[str, Any], table: str, key: str) -> tuple[str, str]:
    """Return what is wrong with a known key, and a hint or ""."""
    kind, given = found["type"], found["input"]
    if kind == "missing":
        return "is missing.", _EXAMPLE
    if kind == "literal_error":
        return _not_among(key, given, str(found["ctx"]["expected"]))
    if not table and key in _TABLES:
        return _wrong_brackets(key)
    if kind == "tuple_type" and isinstance(given, str):
        return "expected a list.", f'Write {key} = ["{given}"].'
    problem = _problem(kind, found)
    # A secret in the wrong place must not reach a terminal or a log as well.
    told = key in _SECRETS or (isinstance(given, str) and given != "" and given in problem)
    return f"{problem}." if told else f"{problem}; got {_shown(given)}.", ""


def _problem(kind: str, found: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind in _LIMITS:
        bound, sentence = _LIMITS[kind]
        return sentence.format(found["ctx"][bound])
    return _EXPECTED.get(kind) or found["msg"].replace("Input should be", "should be")


def _place(
    loc: Sequence[Any], raw: Mapping[str, Any], origins: _Origins
) -> tuple[str, str, str, str]:
    """Return the file, the table's kind, its name for people, and the key (its index from 1)."""
    names = [str(part) for part in loc]
    file, kind, shown, rest = origins.main, "", "", loc
    if names[0] == "profiles" and len(loc) > 1:
        kind, shown, rest = "profiles", f"profiles.{names[1]}", loc[2:]
        file = origins.of(shown)
    elif names[0] == "sources" and len(loc) > 1 and isinstance(loc[1], int):
        file, number = origins.sources[loc[1]]
        kind, shown, rest = "sources", _source_table(raw["sources"][loc[1]], number), loc[2:]
    elif names[:2] == ["mail", "dkim"] and len(loc) > 2:  # noqa: PLR2004 - table, table, key
        kind, shown, rest = "mail.dkim", "mail.dkim", loc[2:]
    elif names[0] in _TABLES and len(loc) > 1:
        kind, shown, rest = names[0], names[0], loc[1:]
    key = " ".join(f"item {part + 1}" if isinstance(part, int) else str(part) for part in rest)
    return file, kind, shown, key


def _wrong_brackets(table: str) -> tuple[str, str]:
    if table == "sources":
        return "every source is a table of its own.", "Write [[sources]], with two brackets."
    return "expected a table.", f"Write {_header(table)}."


def _header(table: str) -> str:
    """Return how a table's first line is written."""
    return {"sources": "[[sources]]", "profiles": "[profiles.NAME]"}.get(table, f"[{table}]")


def _unknown_key(key: str, table: str, given: object) -> tuple[str, str, str]:
    """Return the key, what is wrong with it, and where it may belong."""
    keys = keys_of(table)
    close = difflib.get_close_matches(key.lower(), keys, n=1, cutoff=0.6)
    if table == "" and _holds_tables(_listed(given)):
        problem = "there is no table of this name."
        return key, problem, f"Did you mean {_header(close[0])}?" if close else _EXAMPLE
    problem = "is no key of this table." if table else "stands above any table."
    if close:
        return key, problem, f"Did you mean `{close[0]}`?"
    for other in _TABLES:
        if other and key in keys_of(other):
            return key, problem, f"`{key}` belongs in {_header(other)}."
    return key, problem, _EXAMPLE


_EXAMPLE = "config.example.toml shows every key."


def _listed(value: object) -> object:
    """Undo `_tuples` on the outside: TOML's lists of tables arrive as tuples."""
    return list(value) if isinstance(value, tuple) else value


def _not_among(key: str, given: object, expected: str) -> tuple[str, str]:
    allowed = re.findall(r"'([^']*)'", expected)
    if key == "kind" and given in LATER_KINDS:
        return f'"{given}" is not read by this version yet.', f"It reads {', '.join(allowed)}."
    close = difflib.get_close_matches(str(given).lower(), allowed, n=1)
    meant = close[0] if close else _KIND_MEANT.get(str(given).lower(), "")
    hint = f'Did you mean "{meant}"?' if meant in allowed else ""
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


def _consistency(config: Config, sources: set[str], origins: _Origins) -> list[Mistake]:
    found = [
        *_check_sources(config),
        *_check_profiles(config, sources),
        *_check_mail(config),
    ]
    return [Mistake(origins.of(each[0]), *each) for each in found]


def _check_sources(config: Config) -> Iterator[tuple[str, ...]]:
    seen: set[str] = set()
    for source in config.sources:
        table = f'sources "{source.name}"'
        if not _NAME.fullmatch(source.name):
            yield table, "name", "use lower-case letters, digits and hyphens."
        if source.name in seen:
            yield table, "name", "two sources have this name.", "Choose another for one of them."
        seen.add(source.name)
        if source.kind == "arxiv" and not source.categories and not source.url:
            yield table, "categories", "is missing.", 'E.g. categories = ["cs.CL", "cs.LG"].'
        if source.kind == "feed" and not source.url:
            yield table, "url", "is missing.", 'A feed needs its address: url = "https://…".'
        if source.categories and source.kind != "arxiv":
            yield table, "categories", f"a source of kind {source.kind} has no categories."


def _check_profiles(config: Config, sources: set[str]) -> Iterator[tuple[str, ...]]:
    owners: dict[str, str] = {}
    for name, profile in config.profiles.items():
        table = f"profiles.{name}"
        if name in RESERVED_NAMES:
            problem = f'"{name}" is a word of our own addresses.'
            yield table, "", problem, "Choose another name for the profile."
        elif not _NAME.fullmatch(name):
            yield table, "", "use lower-case letters, digits and hyphens in a profile's name."
        for source in profile.sources:
            if source not in sources:
                yield table, "sources", f'there is no source "{source}".', _near(source, sources)
        for former in profile.was:
            if former in config.profiles:
                problem = f'"{former}" is a profile of its own.'
                yield table, "was", problem, "A former name must be free."
            if former in owners:
                yield table, "was", f'"{former}" is a former name of "{owners[former]}" too.'
            owners[former] = name
        yield from _check_weights(table, profile)


def _near(name: str, names: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f'Did you mean "{close[0]}"?' if close else f"There are: {', '.join(sorted(names))}."


def _check_weights(table: str, profile: Profile) -> Iterator[tuple[str, ...]]:
    for key in ("keywords", "authors", "categories"):
        for clause in getattr(profile, key):
            _, caret, weight = clause.rpartition("^")
            if caret and not re.fullmatch(r"\d+(\.\d+)?", weight.strip()):
                example = f"{clause.split('^')[0]}^2"
                yield table, key, f'"{clause}": after ^ comes a number, as in "{example}".'


def not_yet(config: Config) -> list[str]:
    """Return a sentence for each key that is set and that this version does not act on yet."""
    name = config.path.name
    found = [
        f"{name}: [profiles.{profile.name}] library: this version reads none yet; use `like`."
        for profile in config.profiles.values()
        if profile.library
    ]
    found += [
        f"{name}: [profiles.{profile.name}] learn: this version does not learn from feedback yet."
        for profile in config.profiles.values()
        if profile.learn != "none"
    ]
    found += [
        f"{name}: [{table}] this version does not act on this table yet."
        for table, settings, default in (
            ("web", config.web, WebSettings()),
            ("subscribe", config.subscribe, SubscribeSettings()),
            ("inbound", config.inbound, InboundSettings()),
        )
        if settings != default
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
