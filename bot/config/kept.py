"""A configuration that was validated once, kept as text, and given again without validating.

Validating costs as much CPU as all else that an idle `once` does, and its result is the same as long
as the texts are. So it is kept, under a digest of every text and of the rules themselves, and taken
only where all of that is as it was. What is taken are plain objects with the same keys; whoever asks
them for more than that (a changed copy, say) is given it by the validated table, made at that moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bot.config.texts import Texts, read_texts, state_folder
from bot.config.values import normal_zone
from bot.config.words import ConfigWords, EnrichWords, MailWords, ProfileWords, TableWords

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bot.config.reading import Kept
    from bot.config.tables import Config

KEPT_CONFIG = "config.kept"  # in the state folder, beside the database
_OF_CONFIG = ("_origins", "_notes")  # that no text tells by itself


def load_quickly(path: str | Path, kept: Kept, recall: Callable[[Path], str]) -> Config:
    """Return what `load_config` would, by what `recall` has for the state folder where that still holds.

    `recall` gives what `laid_down` made, "" for nothing. Raises ConfigError.
    """
    texts = read_texts(path)
    if texts.raw is not None and (told := recall(state_folder(texts.path, texts.raw))):
        try:
            found = _taken_up(texts, json.loads(told))
        except (ValueError, TypeError, KeyError, AttributeError):
            found = None  # cut short, or another version's: as if there were none
        if found is not None:
            return found
    from bot.config.reading import load_texts

    return load_texts(texts, kept)


def kept_config(state: Path) -> str:
    """Return the configuration as it was last validated, "" where there is none that may be believed.

    Whoever could write it could send our mail, and the password for it, elsewhere: it counts only where
    it and its folder are ours, and nobody else may write them.
    """
    file = state / KEPT_CONFIG
    if not (_ours_alone(state) and _ours_alone(file)):
        return ""
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8")
    return ""


def _ours_alone(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def laid_down(config: Config) -> str | None:
    """Return a configuration as a text to keep, "" where it is not worth it; None for one taken up.

    One that has a wrong file is read afresh each time, as is one that was made without a file. No
    secret is in it: a configuration has references to secrets.
    """
    if isinstance(config, _Kept):
        return None
    key: str = config._key  # noqa: SLF001 - our own class
    if not key or config.warnings or config.wrong_files:
        return ""
    libraries = {name: text for name, text in config.good_files.items() if _is_library(name)}
    return json.dumps({
        "key": key, "config": _lay(config),
        "libraries": {name: _digest(text) for name, text in libraries.items()},
    }, separators=(",", ":"))  # fmt: skip


def key_of(texts: Texts) -> str:
    """Return what tells these texts, read by these rules, from all others; "" if one is not readable."""
    if texts.text is None or texts.raw is None or any(f.text is None for f in texts.files.values()):
        return ""
    files = [[name, str(file.path), file.text] for name, file in texts.files.items()]
    return _digest(json.dumps([list(_rules()), str(texts.path), texts.text, files]))


def _rules() -> Iterator[str]:
    """Yield all that a text's meaning depends on: our own code, what checks it, and Python."""
    yield sys.version
    for file in sorted(Path(__file__).parent.glob("*.py")):
        yield file.read_text(encoding="utf-8")
    for library in ("pydantic", "email_validator"):
        spec = find_spec(library)  # imports nothing
        if spec is not None and spec.origin:
            yield (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_library(name: str) -> bool:
    return name.startswith("library ")


# ── Laying down ──


def _lay(value: object) -> object:
    """Return a value as JSON has it; a duration, a table and a mapping are told by a letter."""
    match value:
        case timedelta():
            return {"s": value.total_seconds()}
        case Mapping():
            return {"m": {key: _lay(inner) for key, inner in value.items()}}
        case tuple():
            return [_lay(inner) for inner in value]
        case str() | bool() | int() | float() | None:
            return value
    return {"t": _lay_table(cast("BaseModel", value))}


def _lay_table(table: BaseModel) -> dict[str, object]:
    private: dict[str, object] = table.__pydantic_private__ or {}
    name = type(table).__name__
    own = {k: v for k, v in private.items() if name != "Config" or k in _OF_CONFIG}
    plain = table.model_dump_json()
    return {
        "name": name,
        "keys": {key: _lay(getattr(table, key)) for key in type(table).model_fields},
        "own": {key: _lay(inner) for key, inner in own.items()},
        # What tells one state of a table from another, for whoever compares it with what was kept.
        "said": plain if plain == table.model_dump_json(by_alias=True) and name != "Config" else "",
    }


# ── Taking up ──


def _taken_up(texts: Texts, told: Mapping[str, Any]) -> Config | None:
    """Return the configuration that was laid down, if all that it was made of is as it was."""
    if told["key"] != key_of(texts):
        return None
    config = cast("Config", _take(told["config"]))
    normal_zone(config.bot.timezone)  # raises ValueError: zones are the machine's
    config.__dict__["_path"] = texts.path
    good = {name: file.text for name, file in texts.files.items() if file.text is not None}
    for name, digest in told["libraries"].items():
        from bot.config.libraries import text_of_library

        text = text_of_library(config, name.removeprefix("library "), "")[0]
        if text is None or _digest(text) != digest:
            return None
        good[name] = text
    config.__dict__.update(_key=told["key"], _good=good, _wrong=frozenset(), _warnings=())
    return config


def _take(value: Any) -> Any:  # noqa: ANN401 - whatever was laid down
    if isinstance(value, list):
        return tuple(map(_take, value))
    if not isinstance(value, dict):
        return value
    if "s" in value:
        return timedelta(seconds=value["s"])
    if "m" in value:
        return {key: _take(inner) for key, inner in value["m"].items()}
    table = value["t"]
    keys = {key: _take(inner) for key, inner in table["keys"].items()}
    own = {key: _take(inner) for key, inner in table["own"].items()}
    return _FORMS.get(table["name"], _Kept)(table["name"], keys, own, table["said"])


class _Kept(TableWords):
    """A table as it was kept: its keys as attributes, and all else by the validated table."""

    def __init__(self, table: str, keys: dict[str, Any], own: dict[str, Any], said: str) -> None:
        self.__dict__.update(keys, **own, _table=table, _keys=(*keys,), _own=(*own,), _said=said)

    def model_dump_json(self, *, by_alias: bool = False) -> str:
        """Return the table as pydantic writes it."""
        if self._said:
            return cast("str", self._said)
        return cast("str", self._validated().model_dump_json(by_alias=by_alias))

    def _validated(self) -> Any:  # noqa: ANN401 - any of the tables
        if "_model" not in self.__dict__:
            tables = import_module("bot.config.tables")
            said = {key: _as_validated(self.__dict__[key]) for key in self._keys}
            model = getattr(tables, self._table).model_validate(said)
            for key in model.__private_attributes__:
                if key in self.__dict__:
                    setattr(model, key, self.__dict__[key])
            self.__dict__["_model"] = model
        return self.__dict__["_model"]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any of the tables'
        if name.startswith("__") or "_keys" not in self.__dict__:  # while it is copied or unpickled
            raise AttributeError(name)
        return getattr(self._validated(), name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self._table} is frozen: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Kept):
            return self._table == other._table and self._state() == other._state()
        return bool(self._validated() == other)

    def __hash__(self) -> int:
        return hash((self._table, self._said))

    def _state(self) -> list[object]:
        return [self.__dict__[key] for key in (*self._keys, *self._own)]


def _as_validated(value: Any) -> Any:  # noqa: ANN401 - whatever a table holds
    if isinstance(value, _Kept):
        return value._validated()  # noqa: SLF001 - our own class
    if isinstance(value, tuple):
        return tuple(map(_as_validated, value))
    if isinstance(value, dict):
        return {key: _as_validated(inner) for key, inner in value.items()}
    return value


class _KeptProfile(_Kept, ProfileWords):
    pass


class _KeptEnrich(_Kept, EnrichWords):
    pass


class _KeptMail(_Kept, MailWords):
    pass


class _KeptConfig(_Kept, ConfigWords):
    pass


_FORMS: dict[str, type[_Kept]] = {
    "Profile": _KeptProfile, "EnrichSettings": _KeptEnrich, "MailSettings": _KeptMail,
    "Config": _KeptConfig,
}  # fmt: skip
