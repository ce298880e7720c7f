"""What can be typed, as values: read off the parser, for the man page and the shells' completion.

argparse tells its own tree by no public name, so all that reads it stands here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bot.cli.parser import parser
from bot.values import value_type

_PATHS = ("FILE", "PATH", "DIR")


@value_type(frozen=True, slots=True)
class Argument:
    """An option or a positional argument: its names ("" for a positional), what it takes and says.

    `value` is what stands for its value in help ("" where it takes none), `choices` all that it may
    be ("" and () for anything), `of_files` whether it names a file or folder.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    says: str
    of_files: bool


@value_type(frozen=True, slots=True)
class Command:
    """A command or family of commands: the words that lead to it, what it says, what it takes."""

    path: tuple[str, ...]
    says: str
    arguments: tuple[Argument, ...]
    commands: tuple[str, ...]

    @property
    def options(self) -> tuple[Argument, ...]:
        """What begins with a dash."""
        return tuple(argument for argument in self.arguments if argument.names)

    @property
    def positionals(self) -> tuple[Argument, ...]:
        """What does not."""
        return tuple(argument for argument in self.arguments if not argument.names)


def commands() -> tuple[Command, ...]:
    """Return the whole command, the root first (its path is empty), families before their own."""
    top = parser()
    return tuple(_read(top, (), top.description or ""))


def _read(given: argparse.ArgumentParser, path: tuple[str, ...], says: str) -> Iterator[Command]:
    below: list[tuple[str, argparse.ArgumentParser, str]] = []
    arguments: list[Argument] = []
    for action in given._actions:  # noqa: SLF001 - see above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            below += [(name, sub, helps.get(name, "")) for name, sub in action.choices.items()]
        else:
            arguments.append(_argument(action))
    yield Command(path, says, tuple(arguments), tuple(name for name, _, _ in below))
    for name, sub, help_ in below:
        yield from _read(sub, (*path, name), help_)


def _argument(action: argparse.Action) -> Argument:
    choices = tuple(str(each) for each in action.choices or () if each != "")
    takes = action.nargs != 0
    metavar = action.metavar if isinstance(action.metavar, str) else None
    value = metavar or ("|".join(choices) if choices else action.dest.upper())
    return Argument(
        names=tuple(action.option_strings),
        value=value if takes else "",
        choices=choices,
        says="show this help and end" if action.dest == "help" else action.help or "",
        of_files=takes and value.split(".")[0] in _PATHS,
    )
