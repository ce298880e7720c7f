"""The tables of a configuration, as frozen models."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from bot.config.fields import (
    Address,
    Bounce,
    Days,
    Duration,
    Folder,
    Heartbeat,
    Hour,
    HttpAddress,
    Issn,
    Language,
    Line,
    Listen,
    Mailbox,
    MetricsListen,
    Phrases,
    PublicAddress,
    Recipient,
    Secret,
    SourceQuery,
    Venue,
    Zone,
)
from bot.config.values import normal_address
from bot.config.words import ConfigWords, EnrichWords, MailWords, ProfileWords, TableWords


class _Table(BaseModel, TableWords):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class BotSettings(_Table):
    """`[bot]`: who runs this, where it shows, what it keeps."""

    title: Line = "Paperround"
    base_url: PublicAddress = ""
    contact: Address = ""
    owner: Address = ""
    heartbeat: Heartbeat = ""
    timezone: Zone = "UTC"
    language: Language = "en"
    imprint: str = ""
    link_prefix: HttpAddress = ""
    state: Folder = "state"
    templates: Folder = "templates"
    keep: Duration = timedelta(days=730)
    enrich: tuple[Literal["crossref", "semantic-scholar"], ...] = ()


class SourceSettings(_Table):
    """One `[[sources]]`: where papers come from."""

    name: str
    kind: Literal[
        "arxiv", "huggingface", "biorxiv", "medrxiv", "crossref", "pubmed", "openreview", "feed"
    ]
    url: HttpAddress = ""
    categories: tuple[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z .,&()/-]*$")], ...] = ()
    announce: tuple[Literal["new", "cross", "replace", "replace-cross"], ...] = ("new", "cross")
    issn: Annotated[tuple[Issn, ...], Field(max_length=20)] = ()
    query: SourceQuery = ""
    venue: Venue = ""
    every: Duration = timedelta(hours=1)
    backfill: Duration = timedelta(days=7)
    enabled: bool = True
    token: Secret = ""


class Profile(_Table, ProfileWords):
    """One `[profiles.NAME]`: what somebody wants to read, and when."""

    title: Line = ""
    to: tuple[Recipient, ...] = ()
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
    _shelf: tuple[str, ...] = PrivateAttr(default=())

    def with_shelf(self, shelf: tuple[str, ...]) -> Profile:
        """Return the same profile with these papers in its library."""
        copy = self.model_copy()
        copy._shelf = shelf  # noqa: SLF001 - our own class
        return copy

    def named(self, name: str) -> Profile:
        """Return the same profile under that name."""
        copy = self.model_copy()
        copy._name = name  # noqa: SLF001 - our own class
        return copy


# RFC 6376 §3.1: labels of a domain name, joined by dots.
_SELECTOR = re.compile(r"(?=.{1,200}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
                      r"(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")  # fmt: skip


class DkimSettings(_Table):
    """`[mail.dkim]`: sign what is sent."""

    domain: str = ""
    selector: str = ""
    key: Secret = "file:dkim.pem"

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        try:
            return normal_address(f"papers@{value}").partition("@")[2] if value else value
        except ValueError as error:
            raise ValueError(f'"{value}" is no domain such as "example.org"') from error

    @field_validator("selector")
    @classmethod
    def _selector(cls, value: str) -> str:
        if value and not _SELECTOR.fullmatch(value):
            raise ValueError(f'"{value}" is no selector: letters, digits and hyphens, as "papers"')
        return value


class MailSettings(_Table, MailWords):
    """`[mail]`: how digests leave."""

    transport: Literal["maildir", "smtp"] = "maildir"
    sender: Mailbox = Field(default="Paperround <paperround@localhost>", alias="from")
    host: Line = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: Line = ""
    password: Secret = ""
    bounce: Bounce = ""
    rate: Annotated[float, Field(gt=0, le=100_000)] = 10.0
    connections: Annotated[int, Field(ge=1, le=100)] = 2
    per_domain: Annotated[int, Field(ge=1, le=100)] = 2
    reuse: Annotated[int, Field(ge=1, le=10_000)] = 100
    retry: Annotated[tuple[Duration, ...], Field(min_length=1, max_length=50)] = (
        timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1),
        timedelta(hours=2),
    )  # fmt: skip
    breaker: Annotated[int, Field(ge=1, le=1000)] = 3
    grace: Duration = timedelta(hours=12)
    uncertain: Literal["resend", "hold"] = "resend"
    dkim: DkimSettings = DkimSettings()


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ValueError(f'{network!r} is no network such as "127.0.0.1/32"') from error
    return value


class FetchSettings(_Table):
    """`[fetch]`: what the HTTP client may reach."""

    allow_private: tuple[str, ...] = ()

    _private = field_validator("allow_private")(_networks)


class EnrichSettings(_Table, EnrichWords):
    """`[enrich]`: how the services that `[bot] enrich` names are asked."""

    crossref_url: HttpAddress = ""
    crossref_token: Secret = ""
    semantic_scholar_url: HttpAddress = ""
    semantic_scholar_token: Secret = ""


class SemanticSettings(_Table):
    """`[semantic]`: whether meaning ranks beside words, and what tells it."""

    use: Literal["auto", "off"] = "auto"
    file: str = ""
    url: HttpAddress = ""
    model: Line = ""
    key: Secret = ""


class SummarySettings(_Table):
    """`[summary]`: a service that says in a sentence what is new in a paper, and how much it may."""

    url: HttpAddress = ""
    model: Line = ""
    key: Secret = ""
    most: Annotated[int, Field(ge=1, le=10_000)] = 60
    tokens: Annotated[int, Field(ge=1000, le=1_000_000_000)] = 100_000


class WebSettings(_Table):
    """`[web]`: where `serve` listens."""

    listen: Listen = "127.0.0.1:8600"
    trusted_proxies: tuple[str, ...] = ()
    metrics: MetricsListen = ""

    _proxies = field_validator("trusted_proxies")(_networks)


class SubscribeSettings(_Table):
    """`[subscribe]`: who may subscribe."""

    open: bool = True
    domains: tuple[str, ...] = ()


class InboundSettings(_Table):
    """`[inbound]`: the mailbox that people write to."""

    kind: Literal["none", "imap", "lmtp"] = "none"
    address: Address = ""
    curators: Annotated[tuple[Address, ...], Field(max_length=100)] = ()
    separator: Annotated[str, Field(pattern=r"^[+=_-]?$")] = "+"
    host: Line = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    tls: Literal["tls", "starttls", "none"] = "tls"
    username: Line = ""
    password: Secret = ""


class Config(_Table, ConfigWords):
    """A whole configuration. `path` is the file it was read from."""

    include: tuple[str, ...] = ()
    bot: BotSettings = BotSettings()
    sources: tuple[SourceSettings, ...] = ()
    profiles: dict[str, Profile] = {}
    mail: MailSettings = MailSettings()
    fetch: FetchSettings = FetchSettings()
    enrich: EnrichSettings = EnrichSettings()
    semantic: SemanticSettings = SemanticSettings()
    summary: SummarySettings = SummarySettings()
    web: WebSettings = WebSettings()
    subscribe: SubscribeSettings = SubscribeSettings()
    inbound: InboundSettings = InboundSettings()

    _key: str = PrivateAttr(default="")  # what tells the texts it was made of (kept.py)
    _path: Path = PrivateAttr(default=Path("config.toml"))
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _good: dict[str, str] = PrivateAttr(default_factory=dict)
    _wrong: frozenset[str] = PrivateAttr(default=frozenset())
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _notes: tuple[str, ...] = PrivateAttr(default=())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with these keys changed; it is no longer what its texts say."""
        copy = super().model_copy(update=update, deep=deep)
        copy._key = ""  # noqa: SLF001 - our own class
        return copy


TABLES: dict[str, type[_Table]] = {
    "": Config, "bot": BotSettings, "sources": SourceSettings, "profiles": Profile,
    "mail": MailSettings, "mail.dkim": DkimSettings, "fetch": FetchSettings,
    "enrich": EnrichSettings, "semantic": SemanticSettings, "summary": SummarySettings,
    "web": WebSettings, "subscribe": SubscribeSettings, "inbound": InboundSettings,
}  # fmt: skip


def keys_of(table: str) -> dict[str, object]:
    """Return the keys of a table ("" for the top level) as written in TOML, with their defaults."""
    model = TABLES[table]
    return {field.alias or name: field.default for name, field in model.model_fields.items()}


def table_names() -> tuple[str, ...]:
    """Return the names of all tables, the top level as ""."""
    return tuple(TABLES)
