"""What a configuration says beside its keys, for both its forms: as validated, and as kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from bot.config.tables import BotSettings


class TableWords:
    """What every table says of itself."""

    if TYPE_CHECKING:

        def model_dump_json(self, *, by_alias: bool = False) -> str:
            """Return the table as pydantic writes it: the same text for the same keys."""
            ...


class ProfileWords(TableWords):
    """What a profile says beside its keys."""

    if TYPE_CHECKING:
        title: str
        _name: str
        _shelf: tuple[str, ...]

    @property
    def shelf(self) -> tuple[str, ...]:
        """The papers of its library, written as in `like`; they are liked as those are."""
        return self._shelf

    @property
    def name(self) -> str:
        """The name of its table; "" for a profile made without a file."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """What tells an edited profile from the one before."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:16]

    @property
    def heading(self) -> str:
        """Its title, or its name where it has none."""
        return self.title or self._name


class EnrichWords(TableWords):
    """What `[enrich]` says of a service by its name."""

    def url(self, service: str) -> str:
        """Return the address that replaces a service's own, "" for none."""
        named: str = getattr(self, f"{service.replace('-', '_')}_url")
        return named.rstrip("/")

    def token(self, service: str) -> str:
        """Return the reference to a service's token, "" for none."""
        named: str = getattr(self, f"{service.replace('-', '_')}_token")
        return named


class MailWords(TableWords):
    """What `[mail]` says of who sends."""

    if TYPE_CHECKING:
        sender: str

    @property
    def sender_address(self) -> str:
        """The address in `from`, without a name."""
        from email.utils import parseaddr

        return parseaddr(self.sender)[1]

    @property
    def sender_domain(self) -> str:
        """The domain of that address."""
        return self.sender_address.rpartition("@")[2]


class ConfigWords(TableWords):
    """What a whole configuration says beside its tables."""

    if TYPE_CHECKING:
        bot: BotSettings
        _path: Path
        _origins: dict[str, str]
        _good: dict[str, str]
        _wrong: frozenset[str]
        _warnings: tuple[str, ...]
        _notes: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file this was read from."""
        return self._path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with included files and libraries, and what holds in their place."""
        return self._warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the libraries does not count: broken entries, and works without an identifier."""
        return self._notes

    @property
    def good_files(self) -> dict[str, str]:
        """The texts of the included files and libraries that are in order, by name."""
        return self._good

    @property
    def wrong_files(self) -> frozenset[str]:
        """The names of the included files that are wrong."""
        return self._wrong

    def file_of(self, profile: str) -> str:
        """Return the name of the file that a profile's table stands in."""
        return self._origins.get(profile, self._path.name)

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
