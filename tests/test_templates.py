"""Each template is held against its context; a user's own template may break and nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date

import jinja2
import pytest
from jinja2 import meta, nodes

import outputs_samples as samples
from bot.errors import TemplateError
from bot.outputs import contexts
from bot.outputs.email import digest_context
from bot.outputs.site import Archive, Site
from bot.render import TemplateRenderer, shipped_templates, wrapped
from outputs_samples import (
    BOT,
    EARLIER,
    EDITION,
    EXPERTS,
    FOLDS,
    HEALTH,
    LOCAL,
    OTHER,
    PROTEINS,
    ROUTER,
    SENDER,
    UNSUBSCRIBE,
    material,
    section,
)

CONTEXT_CLASSES = [
    value
    for value in vars(contexts).values()
    if is_dataclass(value) and value.__module__ == contexts.__name__
]


@pytest.fixture
def digest():
    context = digest_context(
        material=material(section(EXPERTS, EDITION), section(PROTEINS, OTHER), overflow=3),
        bot=BOT,
        sender=SENDER,
        unsubscribe=UNSUBSCRIBE,
    )
    first = context.sections[0]
    brief = replace(first, briefs=first.papers[:1], quiet="Nothing.")
    return replace(context, sections=(brief, *context.sections[1:]))


@pytest.fixture
def site():
    same_day = replace(OTHER, number=4, picks=(), health=HEALTH)
    return samples.site(
        archives=(Archive(EXPERTS, (EDITION, EARLIER)), Archive(PROTEINS, (OTHER, same_day))),
        trending=(ROUTER, replace(FOLDS, comments=3)),
    )


def syntax_tree(name):
    environment = jinja2.Environment(autoescape=True)
    environment.filters["wrapped"] = wrapped
    return environment.parse((shipped_templates() / name).read_text())


def family(name):
    """Return the template and all that it extends, includes or imports."""
    names = {name}
    for other in meta.find_referenced_templates(syntax_tree(name)):
        names |= family(other)
    return names


def variables(name):
    """Return what a template and its parts ask of their context."""
    wanted = set()
    for part in family(name):
        tree = syntax_tree(part)
        imported = {each for node in tree.find_all(nodes.FromImport) for each in node.names}
        wanted |= meta.find_undeclared_variables(tree) - imported
    return wanted


def test_there_is_one_context_for_every_template_and_no_template_without():
    shipped = {
        str(path.relative_to(shipped_templates()))
        for path in shipped_templates().rglob("*")
        if path.is_file()
    }
    parts = set().union(*(family(name) - {name} for name in contexts.TEMPLATES))
    assert shipped == set(contexts.TEMPLATES) | parts


@pytest.mark.parametrize("name", contexts.TEMPLATES)
def test_a_template_asks_only_for_what_its_context_has(name):
    assert variables(name) <= {field.name for field in fields(contexts.TEMPLATES[name])}


@pytest.mark.parametrize(
    "context", dict.fromkeys(contexts.TEMPLATES.values()), ids=lambda context: context.__name__
)
def test_every_field_of_a_context_is_shown_by_one_of_its_templates(context):
    names = [name for name, of in contexts.TEMPLATES.items() if of is context]
    assert set().union(*map(variables, names)) == {field.name for field in fields(context)}


class Watched:
    """A context that notes which of its fields are asked for."""

    def __init__(self, context, seen):
        self._context, self._seen = context, seen

    def __getattr__(self, name):
        value = getattr(self._context, name)
        self._seen[type(self._context)].add(name)
        return watched(value, self._seen)


def watched(value, seen):
    if isinstance(value, tuple):
        return tuple(watched(each, seen) for each in value)
    return Watched(value, seen) if is_dataclass(value) else value


def test_every_field_of_every_part_is_shown_somewhere(digest, site):
    seen = defaultdict(set)
    renderer = TemplateRenderer(None, pytest.fail)

    def render(template, context):
        given = {f.name: watched(getattr(context, f.name), seen) for f in fields(context)}
        return renderer(template, replace(context, **given))

    render("email/digest.html", digest)
    render("email/digest.txt", digest)
    samples.pages(site, render)
    tops = set(contexts.TEMPLATES.values())
    unseen = {
        (part.__name__, field.name)
        for part in CONTEXT_CLASSES
        if part not in tops
        for field in fields(part)
        if field.name not in seen[part]
    }
    assert not unseen


# ── The renderer ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Greeting:
    name: str


@pytest.fixture
def own(tmp_path):
    (tmp_path / "email").mkdir()
    return tmp_path


def write(folder, name, text):
    (folder / name).write_text(text)


def test_html_is_escaped_and_text_is_not(own):
    write(own, "email/greeting.html", "<p>{{ name }}</p>")
    write(own, "email/greeting.txt", "{{ name }}")
    render = TemplateRenderer(own, pytest.fail)
    assert render("email/greeting.html", Greeting("<b>&")) == "<p>&lt;b&gt;&amp;</p>"
    assert render("email/greeting.txt", Greeting("<b>&")) == "<b>&"


def test_a_users_own_template_comes_before_ours(own, digest):
    write(own, "email/digest.txt", "Good morning: {{ subject }}")
    render = TemplateRenderer(own, pytest.fail)
    assert render("email/digest.txt", digest) == f"Good morning: {digest.subject}"
    assert "<!doctype html>" in render("email/digest.html", digest)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("line one\n{{ subject", "line 2"),
        ("{{ subjekt }}", "subjekt"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% include 'email/missing.txt' %}", "missing.txt"),
        ("{{ title.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_users_template_that_breaks_is_told_once_and_ours_is_used(own, digest, broken, said):
    write(own, "email/digest.txt", broken)
    warnings = []
    render = TemplateRenderer(own, warnings.append)
    ours = TemplateRenderer(None, pytest.fail)("email/digest.txt", digest)
    assert render("email/digest.txt", digest) == ours
    assert render("email/digest.txt", digest) == ours
    (warning,) = warnings
    assert said in warning
    assert "digest.txt" in warning
    assert "Ours was used instead" in warning


def test_a_folder_that_is_not_there_is_no_mistake(tmp_path, digest):
    render = TemplateRenderer(tmp_path / "nowhere", pytest.fail)
    assert digest.title in render("email/digest.html", digest)


def test_a_template_that_nobody_has_is_an_error_in_a_sentence(tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(TemplateError, match=r"Our template email/nothing\.html does not work"):
            TemplateRenderer(folder, pytest.fail)("email/nothing.html", Greeting("x"))


def test_a_context_is_a_dataclass():
    with pytest.raises(TypeError, match="dataclass, not dict"):
        TemplateRenderer(None, pytest.fail)("email/digest.txt", {"title": "x"})


def test_text_is_wrapped_at_72_columns_with_its_indent():
    text = wrapped("word " * 40, 4, first="1. ")
    assert text.startswith(" 1. word word")
    assert all(len(line) <= 72 for line in text.splitlines())
    assert all(line.startswith("    ") for line in text.splitlines()[1:])
    assert max(map(len, wrapped("x" * 5000).splitlines())) == 72


def test_every_page_of_a_bare_installation_renders():
    empty = Site(LOCAL, (), {}, (), date.min)
    made = samples.pages(empty, TemplateRenderer(None, pytest.fail))
    assert set(made) == {"style.css", "index.html", "trending/index.html"}
