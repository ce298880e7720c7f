"""The man page, in the old macros that every formatter knows (man(7))."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot import __version__
from bot.cli.describing import Argument, Command, commands

_EXIT = (
    ("0", "It worked, also with nothing new."),
    ("1", "Mail or state failed, or a source has newly become an alarm."),
    ("2", "Usage or configuration."),
)
_FILES = (
    ("config.toml", "The configuration, unless --config or PAPERROUND_CONFIG names another."),
    ("state/", "Beside it: all that is remembered, and what is published."),
)


def page() -> str:
    """Return paperround(1) as roff."""
    root, *others = commands()
    return "\n".join([
        f'.TH PAPERROUND 1 "" "paperround {__version__}" "User Commands"',
        ".SH NAME", _text("paperround \\- a digest of new research papers, by mail and as feeds"),
        ".SH SYNOPSIS", ".B paperround", _text("[OPTION...] COMMAND [ARGUMENT...]"),
        ".SH DESCRIPTION", _text(root.says),
        _text("Begin with \\(lqpaperround demo\\(rq, then \\(lqpaperround init\\(rq."),
        ".SH OPTIONS", *_listed(root.options),
        ".SH COMMANDS", *(line for each in others for line in _command(each)),
        ".SH EXIT STATUS", *_terms(_EXIT),
        ".SH ENVIRONMENT", *_terms([("PAPERROUND_CONFIG", "The configuration, where --config names none.")]),
        ".SH FILES", *_terms(_FILES), "",
    ])  # fmt: skip


def _command(command: Command) -> Iterator[str]:
    if command.commands:
        return
    synopsis = [*command.path, *(_value(each) for each in command.positionals)]
    yield f".SS {_text(' '.join(synopsis))}"
    yield _text(f"{command.says[:1].upper()}{command.says[1:]}.")
    yield from _listed([each for each in command.positionals if each.says])
    yield from _listed([each for each in command.options if "--help" not in each.names])


def _value(argument: Argument) -> str:
    return argument.value


def _listed(arguments: Sequence[Argument]) -> Iterator[str]:
    for each in arguments:
        yield ".TP"
        if each.names:
            shown = ", ".join(f"\\fB{_inline(name)}\\fR" for name in each.names)
            yield shown + (f" \\fI{_inline(each.value)}\\fR" if each.value else "")
        else:
            yield f"\\fI{_inline(each.value)}\\fR"
        if each.says:
            yield _text(each.says)


def _terms(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    for term, says in pairs:
        yield from (".TP", f"\\fB{_inline(term)}\\fR", _text(says))


def _inline(words: str) -> str:
    """Return words in which nothing is a formatter's, and every dash one that can be copied."""
    return words.replace("\\", "\\e").replace("-", "\\-")


def _text(words: str) -> str:
    """Return a line of text; one that would be taken for a macro is kept from it."""
    kept = words if "\\(lq" in words or "\\-" in words else _inline(words)
    return f"\\&{kept}" if kept.startswith((".", "'")) else kept
