"""backup: what can neither be fetched nor made again, in one file that says what it holds.

The file is a tar: MANIFEST.json first, which says what the others are, how large, and their checksums.
`config/` holds what lies in the configuration's folder, `outside/` what it names elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot import __version__
from bot.config import read_from
from bot.errors import SchemaTooNewError, StateError, UsageError
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

DATABASE = "paperround.db"
_MANIFEST = "MANIFEST.json"
_FORMAT = 1
_LARGEST_MANIFEST = 8_000_000
_LARGEST_FILE = 50_000_000  # of a configuration; a library is smaller
_MOST_FILES = 5_000
# `config.kept` is made again by whoever opens the folder (decision 95).
_OF_STATE = frozenset({"public", "mail", "backups", "lock", "config.kept"})


class Contents(Protocol):
    """What a database holds."""

    @property
    def schema(self) -> int:
        """The number of its schema."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """How many papers, editions, subscribers and deliveries."""
        ...


class Member(Protocol):
    """A file in an archive; its content is to be read before the next one is asked for."""

    @property
    def name(self) -> str:
        """Its name, with `/` between folders."""
        ...

    @property
    def size(self) -> int:
        """Its size in bytes."""
        ...

    @property
    def chunks(self) -> Callable[[], Iterator[bytes]]:
        """Return its content, piece by piece."""
        ...


@value_type(frozen=True, slots=True)
class Rooms:
    """The side effects that copies need, each from its room (`store`, `files`)."""

    copy_database: Callable[[Path, Path], Contents]
    examine: Callable[[Path], Contents]
    hold_copy: Callable[[Path, str, datetime, datetime], int]
    keep_refusals: Callable[[Path, Path], None]
    settle: Callable[[Path], None]
    write_archive: Callable[
        [Path, Iterable[tuple[str, bytes | Path]], datetime, Callable[[Path], object]], int
    ]
    read_archive: Callable[[Path], Generator[Member, None, None]]
    write_chunks: Callable[[Path, Iterable[bytes]], str]
    scratch_folder: Callable[[Path], AbstractContextManager[Path]]
    private_folder: Callable[[Path], None]
    keep_aside: Callable[[Path, Path], None]
    put_in_place: Callable[[Path, Path], None]
    withdraw: Callable[[Path], bool]
    lock: Callable[[Path, str], AbstractAsyncContextManager[None]]


@value_type(frozen=True, slots=True)
class Backup:
    """A backup that was written and read again: its size in bytes, and what it holds.

    `secrets` are named in it and not copied, as `[mail] password: env:NAME`.
    """

    path: Path
    size: int
    counts: Mapping[str, int]
    files: tuple[str, ...]
    secrets: tuple[str, ...]


# ── Backup ────────────────────────────────────────────────────────────────────────────────────────


def backup(config: Config, path: Path, rooms: Rooms, now: datetime) -> Backup:
    """Write the backup of a running or resting instance, and read it again before it counts.

    Raises UsageError where `path` is no place for one, DiskFullError, StateError.
    """
    _refuse_place(path, config, rooms)
    files = _files(config)
    secrets = tuple(_secrets(config))
    with rooms.scratch_folder(path.parent) as folder:
        database = folder / DATABASE
        contents = rooms.copy_database(config.state / DATABASE, database)
        texts = {name: _content(source) for name, source in files.items()}
        manifest = {
            "about": "A backup of paperround. `paperround restore FILE` reads it.",
            "format": _FORMAT,
            "made_by": f"paperround {__version__}",
            "made_at": now.astimezone(UTC).isoformat(),
            "schema": contents.schema,
            "config": _name_in(config, config.path),
            "counts": dict(contents.counts),
            "not_copied": list(secrets),
            "outside": {n: str(p) for n, p in files.items() if n.startswith("outside/")},
            "files": {
                DATABASE: [database.stat().st_size, _digest_of(database)],
                **{n: [len(text), hashlib.sha256(text).hexdigest()] for n, text in texts.items()},
            },
        }
        said = json.dumps(manifest, indent=1).encode()
        members: list[tuple[str, bytes | Path]] = [(_MANIFEST, said), (DATABASE, database)]
        size = rooms.write_archive(
            path,
            [*members, *texts.items()],
            now,
            lambda written: verify(written, rooms.read_archive(written)),
        )
    return Backup(path, size, contents.counts, tuple(files), secrets)


def _refuse_place(path: Path, config: Config, rooms: Rooms) -> None:
    place = path.resolve()
    if place.is_dir():
        raise UsageError(f"{path} is a folder. Name a file in it, such as {path}/paperround.tar.")
    if place.is_relative_to(config.state / "public"):
        raise UsageError(
            f"{path} lies where pages are published: everybody could read the backup. Name a file "
            "elsewhere."
        )
    if is_state(place, config.state) and not place.is_relative_to(config.state / "backups"):
        raise UsageError(f"{path} is the bot's own. Name a file in {config.state}/backups.")
    if not place.exists():
        return
    # Whatever a slip of the fingers names: only a backup is replaced by a backup.
    if not place.is_file() or (place.stat().st_size and not _is_backup(place, rooms)):
        raise UsageError(
            f"{path} is there already and is no backup. Nothing was written; name another file, or "
            "move that one away."
        )


def _is_backup(path: Path, rooms: Rooms) -> bool:
    try:
        with closing(rooms.read_archive(path)) as members:
            first = next(members, None)
            return first is not None and first.name == _MANIFEST
    except StateError:
        return False


def _files(config: Config) -> dict[str, Path]:
    """Return what a configuration is made of, by its name in the backup."""
    found = [path for path in read_from(config) if path.is_file()]
    found += _templates(config)
    secret = {config.resolve(ref.partition(":")[2]) for _, ref in references(config)}
    named: dict[str, Path] = {}
    for path in dict.fromkeys(found):
        if path.resolve() not in secret:
            named[_name_in(config, path) or f"outside/{len(named)}-{path.name}"] = path
    if len(named) > _MOST_FILES:
        raise StateError(
            f"{config.templates} holds more than {_MOST_FILES} files: no templates alone. Nothing was "
            "written; give [bot] templates a folder of its own."
        )
    return named


def _templates(config: Config) -> list[Path]:
    if not config.templates.is_dir():
        return []
    found = sorted(path for path in config.templates.rglob("*") if path.is_file())
    return [
        path
        for path in found
        if not is_state(path, config.state)
        and not any(part.startswith(".") for part in path.relative_to(config.templates).parts)
    ]


def is_state(path: Path, state: Path) -> bool:
    """Whether a path is the state's own; the configuration may lie in the same folder."""
    if not path.is_relative_to(state):
        return False
    first = path.relative_to(state).parts[:1]
    return any(part in _OF_STATE or part.startswith(DATABASE) for part in first)


def _name_in(config: Config, path: Path) -> str:
    """Return the name of a file that lies in the configuration's folder, "" for one elsewhere."""
    folder = config.path.parent
    if not path.is_relative_to(folder) or is_state(path, config.state):
        return ""
    return f"config/{path.relative_to(folder).as_posix()}"


def references(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (where, `env:NAME` or `file:PATH`) for each secret that the configuration names."""
    mail = config.mail
    told = [
        ("[mail] password", mail.password),
        ("[mail.dkim] key", mail.dkim.key if mail.dkim.domain else ""),
        ("[inbound] password", config.inbound.password),
        ("[enrich] crossref_token", config.enrich.crossref_token),
        ("[enrich] semantic_scholar_token", config.enrich.semantic_scholar_token),
        ("[semantic] key", config.semantic.key),
        ("[summary] key", config.summary.key),
        *((f"[[sources]] {source.name} token", source.token) for source in config.sources),
    ]
    return ((where, reference) for where, reference in told if reference)


def _secrets(config: Config) -> Iterator[str]:
    return (f"{where}: {reference}" for where, reference in references(config))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise StateError(
                f"{path} is larger than {_LARGEST_FILE // 1_000_000} MB. Nothing was written; take it "
                "out of the folder that the configuration names."
            )
        return path.read_bytes()
    except OSError as error:
        raise StateError(
            f"{path} cannot be read ({error.strerror}), and a backup without it would not be whole. "
            "Nothing was written."
        ) from error


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ── What a backup says of itself ──────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself: by name, each file's size in bytes and its SHA-256.

    `config` is the main file's name; `outside` tells where the files lay that the configuration
    names elsewhere.
    """

    made_at: datetime
    config: str
    secrets: tuple[str, ...]
    outside: Mapping[str, str]
    files: Mapping[str, tuple[int, str]]


def read_manifest(path: Path, member: Member | None) -> Manifest:
    """Read the first file of a backup. Raises StateError where it is no manifest, or a later one."""
    if member is None or member.name != _MANIFEST or member.size > _LARGEST_MANIFEST:
        raise StateError(f"{path} is no backup of paperround's. Nothing was changed.")
    try:
        told = json.loads(b"".join(member.chunks()))
        if told["format"] > _FORMAT:
            raise SchemaTooNewError(
                f"{path} was written by a later version ({str(told['made_by'])[:40]}). Nothing was "
                "changed; install that version first."
            )
        return Manifest(
            made_at=datetime.fromisoformat(told["made_at"]).astimezone(UTC),
            config=str(told["config"]),
            secrets=tuple(map(str, told["not_copied"])),
            outside={str(name): str(was) for name, was in told["outside"].items()},
            files={str(n): (int(size), str(sha)) for n, (size, sha) in told["files"].items()},
        )
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise StateError(
            f"{path} is no backup of paperround's, or a damaged one: its {_MANIFEST} cannot be read. "
            "Nothing was changed."
        ) from error


def verify(
    path: Path,
    members: Iterator[Member],
    keep: Callable[[str, Iterator[bytes]], str] | None = None,
) -> Manifest:
    """Read a backup from end to end; `keep` is given each file's name and content, and digests it.

    Raises StateError where anything in it is not as it says of itself.
    """
    manifest = read_manifest(path, next(members, None))
    missing = dict(manifest.files)
    for member in members:
        size, digest = missing.pop(member.name, (-1, ""))
        if not _is_safe(member.name) or size != member.size:
            raise StateError(
                f"{path} is damaged or was changed: {member.name[:100]!r} is not what its {_MANIFEST} "
                "says. Nothing was changed; take another backup."
            )
        found = (keep or _only_digest)(member.name, member.chunks())
        if found != digest:
            raise StateError(
                f"{path} is damaged: the checksum of {member.name!r} is wrong. Nothing was changed; "
                "take another backup."
            )
    if missing or {DATABASE, manifest.config} - manifest.files.keys():
        raise StateError(f"{path} is not whole: files are missing in it. Nothing was changed.")
    return manifest


def _only_digest(_name: str, chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _is_safe(name: str) -> bool:
    """Whether a name stays in its folder: no `..`, nothing absolute, nothing a system reads apart."""
    parts = name.split("/")
    inside = all(part not in ("", ".", "..") and not set(part) & set("\\\0") for part in parts)
    return inside and (name == DATABASE or (len(parts) > 1 and parts[0] in ("config", "outside")))
