"""The only Jinja environment: a context in, text out, by the user's template or else by ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot import errors
from bot.text import wrapped


def shipped_templates() -> Path:
    """Return the folder of our own templates: inside an installed package, else the checkout's."""
    installed = Path(__file__).parent / "_templates"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "templates"


class TemplateRenderer:
    """Renders templates, the user's own first.

    `own` is the user's folder, None or missing where there is none; a template that it lacks is
    ours. One that breaks is told to `warn` once, in a sentence, and ours is used: the mail goes.
    """

    def __init__(self, own: Path | None, warn: Callable[[str], None]) -> None:
        shipped = shipped_templates()
        self._shipped = _environment(Environment, [shipped])
        # People pass templates around: theirs may read what they are given, and nothing else.
        self._own = (
            _environment(ImmutableSandboxedEnvironment, [own, shipped])
            if own and own.is_dir()
            else None
        )
        self._warn = warn
        self._warned: set[str] = set()

    def __call__(self, template: str, context: object) -> str:
        """Return `template` filled with the fields of the dataclass `context`.

        Raises bot.errors.TemplateError where ours does not render either.
        """
        variables = _variables(context)
        if self._own is not None:
            try:
                return self._own.get_template(template).render(variables)
            except Exception as error:  # noqa: BLE001 - a user's template may raise anything at all
                broken = _sentence(template, error)
            text = self._by_ours(template, variables)
            self._say(f"Your template {broken} Ours was used instead; mend or remove yours.")
            return text
        return self._by_ours(template, variables)

    def _by_ours(self, template: str, variables: dict[str, object]) -> str:
        try:
            return self._shipped.get_template(template).render(variables)
        except TemplateError as error:
            raise errors.TemplateError(f"Our template {_sentence(template, error)}") from error

    def _say(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self._warn(sentence)


def _variables(context: object) -> dict[str, object]:
    # Not dataclasses.asdict: that would turn the nested contexts into dicts, and copy them.
    if not is_dataclass(context):
        raise TypeError(f"a template's context is a dataclass, not {type(context).__name__}")
    return {field.name: getattr(context, field.name) for field in fields(context)}


def _sentence(template: str, error: Exception) -> str:
    line = getattr(error, "lineno", None) or _line_inside(error)
    name = error.name if isinstance(error, TemplateSyntaxError) and error.name else template
    where = f"{name}, line {line}," if line else name
    return f"{where} does not work: {type(error).__name__}: {str(error).rstrip('.')}."


def _line_inside(error: Exception) -> int | None:
    """Return the template's line: Jinja rewrites the traceback so that its last frame has it."""
    step, line = error.__traceback__, None
    while step is not None:
        if step.tb_frame.f_code.co_filename.endswith((".html", ".txt", ".xml")):
            line = step.tb_lineno
        step = step.tb_next
    return line


def _environment(kind: type[Environment], folders: list[Path]) -> Environment:
    environment = kind(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html", "xml"), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrapped"] = wrapped
    return environment
