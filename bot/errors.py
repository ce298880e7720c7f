"""Every error a person can cause or mend, in one tree.

Each carries a sentence for people: what happened, what was kept, what to do. A bug is not in the
tree: it crashes, with its traceback.

    PaperroundError
    ├── UsageError            exit 2: the command line is off
    ├── ConfigError           exit 2: one or more mistakes in the configuration, each a Mistake
    ├── ParseError            a document that is no feed, or no JSON of the expected shape
    │   ├── PatienceError          how long it takes to read, nobody can say: it is read apart
    │   └── ApartError             it took too long to read, or too much memory
    ├── StateError            exit 1: the database or the state folder
    │   ├── SchemaTooNewError      written by a later version of paperround
    │   ├── StateLockedError       another process holds the lock or the database
    │   └── DiskFullError          no room left
    ├── EmbeddingError        the semantic tier cannot read: words rank in its place
    ├── TemplateError         a template that does not render
    ├── ResolverError         DNS cannot be asked, which is no answer about any name
    └── MailError             exit 1: the transport refuses before any recipient is named
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # as typing has it: loading that is a fifth of what `--help` costs
if TYPE_CHECKING:
    from typing import NamedTuple

    class _Mistake(NamedTuple):
        file: str
        table: str
        key: str
        problem: str
        hint: str = ""

else:
    _Mistake = namedtuple(  # noqa: PYI024 - see above
        "_Mistake", "file table key problem hint", defaults=("",)
    )


class PaperroundError(Exception):
    """Base of all errors with a sentence for people; `exit_code` is the command's."""

    exit_code = 1


class UsageError(PaperroundError):
    """The command line names something that does not exist or does not go together."""

    exit_code = 2


class Mistake(_Mistake):
    """One mistake in a configuration file: where it is and how to mend it."""

    __slots__ = ()

    def __str__(self) -> str:
        where = f"[{self.table}] " if self.table else ""
        name = f"{self.key}: " if self.key else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.file}: {where}{name}{self.problem}{hint}"


class ConfigError(PaperroundError):
    """All mistakes of a configuration at once."""

    exit_code = 2

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[list[Mistake]]]:
        return type(self), (self.mistakes,)  # it may come from the process that makes the mails


class ParseError(PaperroundError):
    """A document that cannot be understood as what its source should send."""


class PatienceError(ParseError):
    """Only feedparser can read this document, and that may take for ever."""


class ApartError(ParseError):
    """What ran apart was killed, or killed its process; the message completes "the document …"."""


class StateError(PaperroundError):
    """The database or the state folder cannot be used."""


class SchemaTooNewError(StateError):
    """The database was written by a later version; nothing was changed."""


class StateLockedError(StateError):
    """Another process holds the workflow's lock or the database."""


class DiskFullError(StateError):
    """There is no room left on the disk that holds the state folder."""


class EmbeddingError(PaperroundError):
    """What texts mean cannot be told: no model, a broken one, a service that fails."""


class TemplateError(PaperroundError):
    """A template that does not compile or asks for what its context does not have."""


class ResolverError(PaperroundError):
    """DNS could not be asked, or its servers fail: whether there is such a record is not known."""


class MailError(PaperroundError):
    """The mail transport cannot be used at all: wrong host, login refused, no TLS."""
