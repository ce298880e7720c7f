"""Completion for bash, zsh and fish, and the man page: printed, for the shell or the system to keep."""

from __future__ import annotations

import argparse

from bot.cli.describing import Argument, Command, commands


def completion(args: argparse.Namespace) -> int:
    """Print a shell's completion script."""
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[args.shell](commands()), end="")
    return 0


def man(_: argparse.Namespace) -> int:
    """Print the man page."""
    from bot.cli.manual import page

    print(page(), end="")
    return 0


def _quoted(words: str) -> str:
    """Return words as one word of any of the three shells."""
    return "'" + words.replace("'", "'\\''") + "'"


def _at(command: Command) -> str:
    return " ".join(command.path)


def _moves(all_of_it: tuple[Command, ...]) -> list[tuple[str, str]]:
    """Return (where one is, which word leads on) for each command below another."""
    return [(_at(command), word) for command in all_of_it for word in command.commands]


def _long(command: Command) -> list[str]:
    return [name for option in command.options for name in option.names]


def _valued(command: Command) -> list[Argument]:
    return [option for option in command.options if option.value]


def _words(command: Command) -> list[str]:
    choices = [choice for each in command.positionals for choice in each.choices]
    return [*command.commands, *choices, *_long(command)]


def _takes_files(command: Command) -> bool:
    return any(each.of_files for each in command.positionals)


# ── bash ──────────────────────────────────────────────────────────────────────────────────────────

_BASH = """\
# paperround's completion for bash: `source <(paperround completion bash)` in ~/.bashrc.
_paperround() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} at='' word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$at/$word" in
{moves}
        esac
    done
    COMPREPLY=()
    case "$at/$before" in
{values}
    esac
    case "$at" in
{words}
    esac
}}
complete -o filenames -F _paperround paperround
"""
_GIVE = 'mapfile -t COMPREPLY < <(compgen {how} -- "$cur")'


def _bash(all_of_it: tuple[Command, ...]) -> str:
    values, words = [], []
    for command in all_of_it:
        for option in _valued(command):
            how = "-f" if option.of_files else f"-W {_quoted(' '.join(option.choices))}"
            case = "|".join(_quoted(f"{_at(command)}/{name}") for name in option.names)
            values.append(f"        {case}) {_GIVE.format(how=how)}; return ;;")
        how = f"-W {_quoted(' '.join(_words(command)))}" + (" -f" if _takes_files(command) else "")
        words.append(f"        {_quoted(_at(command))}) {_GIVE.format(how=how)} ;;")
    return _BASH.format(
        moves="\n".join(_move(at, word, "at=") for at, word in _moves(all_of_it)),
        values="\n".join(values), words="\n".join(words),
    )  # fmt: skip


def _move(at: str, word: str, sets: str) -> str:
    return f"            {_quoted(f'{at}/{word}')}) {sets}{_quoted(f'{at} {word}'.strip())} ;;"


# ── zsh ───────────────────────────────────────────────────────────────────────────────────────────

_ZSH = """\
#compdef paperround
# paperround's completion for zsh: `source <(paperround completion zsh)` in ~/.zshrc, after compinit.
_paperround() {{
    local at='' word before=${{words[CURRENT-1]}}
    local -a given
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "$at/$word" in
{moves}
        esac
    done
    case "$at/$before" in
{values}
    esac
    case "$at" in
{words}
    esac
}}
compdef _paperround paperround
"""


def _zsh(all_of_it: tuple[Command, ...]) -> str:
    says = {command.path: command.says for command in all_of_it}
    values, words = [], []
    for command in all_of_it:
        for option in _valued(command):
            act = (
                "_files"
                if option.of_files
                else f"compadd -- {' '.join(map(_quoted, option.choices))}"
            )
            case = "|".join(_quoted(f"{_at(command)}/{name}") for name in option.names)
            values.append(
                f"        {case}) {act if option.of_files or option.choices else ':'}; return ;;"
            )
        told = [_told(name, says[(*command.path, name)]) for name in command.commands]
        told += [_told(choice, "") for each in command.positionals for choice in each.choices]
        told += [_told(name, option.says) for option in command.options for name in option.names]
        files = "; _files" if _takes_files(command) else ""
        words.append(
            f"        {_quoted(_at(command))}) given=({' '.join(told)}); _describe paperround given{files} ;;"
        )
    return _ZSH.format(
        moves="\n".join(_move(at, word, "at=") for at, word in _moves(all_of_it)),
        values="\n".join(values), words="\n".join(words),
    )  # fmt: skip


def _told(name: str, says: str) -> str:
    return _quoted(name.replace(":", "\\:") + (f":{says}" if says else ""))


# ── fish ──────────────────────────────────────────────────────────────────────────────────────────

_FISH = """\
# paperround's completion for fish: into ~/.config/fish/completions/paperround.fish.
function __paperround_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at/$word"
{moves}
        end
    end
    test "$at" = "$argv[1]"
end
complete -c paperround -f
"""


def _fish(all_of_it: tuple[Command, ...]) -> str:
    says = {command.path: command.says for command in all_of_it}
    moves = "\n".join(
        f"            case {_fished(f'{at}/{word}')}\n"
        f"                set at {_fished(f'{at} {word}'.strip())}"
        for at, word in _moves(all_of_it)
    )
    lines = [_FISH.format(moves=moves)]
    for command in all_of_it:
        here = f"complete -c paperround -n {_fished(f'__paperround_at {_fished(_at(command))}')}"
        lines += [
            f"{here} -a {name} -d {_fished(says[(*command.path, name)])}\n"
            for name in command.commands
        ]
        for each in command.positionals:
            lines += [f"{here} -a {_fished(' '.join(each.choices))}\n"] if each.choices else []
        lines += [f"{here} -F\n"] if _takes_files(command) else []
        for option in command.options:
            lines.append(f"{here} {_fish_option(option)} -d {_fished(option.says)}\n")
    return "".join(lines)


def _fish_option(option: Argument) -> str:
    names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
    if not option.value:
        return names
    if option.of_files:
        return f"{names} -r -F"
    return f"{names} -x" + (f" -a {_fished(' '.join(option.choices))}" if option.choices else "")


def _fished(words: str) -> str:
    """Return words as one word of fish, where a backslash escapes inside of quotes."""
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"
