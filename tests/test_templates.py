"""Each template is held against its context; a user's own template may break and nothing is lost."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import meta, nodes

import outputs_samples as samples
from bot.config import Config
from bot.errors import TemplateError
from bot.models import Feedback, Opinion
from bot.outputs import contexts
from bot.outputs.cards import Section, paper_card
from bot.outputs.consent_pages import Reader, manage_page, subscribe_page
from bot.outputs.door_pages import vote_page
from bot.outputs.email import Press
from bot.outputs.site import Archive, Site
from bot.render import TemplateRenderer, shipped_templates
from bot.text import columns, wrapped
from outputs_samples import (
    BOT,
    EARLIER,
    EDITION,
    EXPERTS,
    FOLDS,
    HEALTH,
    LOCAL,
    OTHER,
    PICKS,
    PROTEINS,
    REPLACED,
    ROUTER,
    SENDER,
    TODAY,
    feedback,
    personal,
    section,
)

CONTEXT_CLASSES = [
    value
    for value in vars(contexts).values()
    if is_dataclass(value) and value.__module__ == contexts.__name__
]


@pytest.fixture
def line():
    return contexts.MailLineContext(paper_card(REPLACED, PICKS[-1], today=TODAY))


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


def test_every_field_of_every_part_is_shown_somewhere(site):
    seen = defaultdict(set)
    renderer = TemplateRenderer(None, pytest.fail)

    def render(template, context):
        given = {f.name: watched(getattr(context, f.name), seen) for f in fields(context)}
        return renderer(template, replace(context, **given))

    crowded = Section(EXPERTS, section(EXPERTS, EDITION).picks * 40, (EDITION,))
    Press(bot=BOT, sender=SENDER, render=render).digest(
        personal(crowded, Section(PROTEINS), overflow=3)
    )
    samples.pages(site, render)
    config = Config(bot=BOT).model_copy(update={"profiles": {EXPERTS.name: EXPERTS}})
    subscribe_page(config=config, address="", ticked=(), problem="", stamp="", render=render)
    said = Feedback(EXPERTS.name, ROUTER, Opinion.LIKE, datetime(2026, 11, 20, tzinfo=UTC))
    voted = ((ROUTER, date(2026, 11, 20)),)
    manage_page(
        config=config, reader=Reader("ada@example.org", (), (said,), (), voted), data="", feed="",
        kept="", problem="", render=render,
    )  # fmt: skip
    vote_page(
        config=config, paper=ROUTER, voted=contexts.VotedContext("1 reader", mine=True), root="",
        done="", problem="", address="", stamp="", render=render,
    )  # fmt: skip
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


def test_a_users_own_template_comes_before_ours(own, line):
    write(own, "email/line.txt", "Good morning: {{ paper.title }}")
    render = TemplateRenderer(own, pytest.fail)
    assert render("email/line.txt", line) == f"Good morning: {line.paper.title}"
    assert "<li>" in render("email/line.html", line)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("line one\n{{ paper", "line 2"),
        ("{{ papier }}", "papier"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% include 'email/missing.txt' %}", "missing.txt"),
        ("{{ paper.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_users_template_that_breaks_is_told_once_and_ours_is_used(own, line, broken, said):
    write(own, "email/line.txt", broken)
    warnings = []
    render = TemplateRenderer(own, warnings.append)
    ours = TemplateRenderer(None, pytest.fail)("email/line.txt", line)
    assert render("email/line.txt", line) == ours
    assert render("email/line.txt", line) == ours
    (warning,) = warnings
    assert said in warning
    assert "line.txt" in warning
    assert "Ours was used instead" in warning


def test_a_folder_that_is_not_there_is_no_mistake(tmp_path, line):
    render = TemplateRenderer(tmp_path / "nowhere", pytest.fail)
    assert line.paper.title in render("email/line.html", line)


def test_the_example_of_the_page_fills_without_a_warning(own):
    page = (shipped_templates().parent / "docs" / "adding-a-template.md").read_text(
        encoding="utf-8"
    )
    (example,) = re.findall(r"```jinja\n(.*?)```", page, re.DOTALL)
    write(own, "email/card.txt", example)
    text, _ = printed_with(own)
    assert f"{ROUTER.title}\n    + " in text
    assert "because:" not in text


# ── Pieces of a mail ──────────────────────────────────────────────────────────────────────────────


def printed_with(own, warn=pytest.fail):
    """Return both parts of a digest made with a user's own templates."""
    press = Press(bot=BOT, sender=SENDER, render=TemplateRenderer(own, warn))
    return press.parts(personal(section(EXPERTS, EDITION)))


def test_each_piece_of_a_mail_can_be_a_users_own(own):
    write(own, "email/card.txt", "{{ number }}MY CARD {{ paper.title }} <{{ feedback }}>\n")
    write(own, "email/card.html", "<p class=mine>{{ number }}{{ paper.title }}</p>")
    write(own, "email/style.css", ".mine { color: #123456 }")
    text, html = printed_with(own)
    assert f" 1. MY CARD {ROUTER.title} <{feedback(ROUTER.id)}>\n" in text
    assert f'style="color: #123456;"> 1. {ROUTER.title}</p>' in html
    assert "News of papers you had" in html


def test_a_piece_that_breaks_is_ours_and_the_others_stay_the_users(own):
    write(own, "email/card.txt", "{{ papier }}")
    write(own, "email/line.txt", "MY LINE\n")
    warnings = []
    text, _ = printed_with(own, warnings.append)
    assert "because: *expert routing*" in text
    assert "MY LINE" in text
    assert len(warnings) == 1


def test_a_template_from_before_there_were_pieces_is_told_and_ours_is_used(own):
    write(
        own,
        "email/digest.txt",
        "{% for s in sections %}{% for p in s.papers %}{% endfor %}{% endfor %}",
    )
    warnings = []
    text, _ = printed_with(own, warnings.append)
    assert ROUTER.title in text
    assert "email/digest.txt" in warnings[0]


def test_filters_that_change_no_digits_leave_a_readers_own_as_it_is(own):
    shell = "{{ footer.address | upper | trim | title | e }} {{ preview | wrapped }} {{ sections }}"
    write(own, "email/digest.txt", shell)
    text, _ = printed_with(own)
    assert text.startswith("reader@example.org Quiet Routers")


def test_a_template_that_nobody_has_is_an_error_in_a_sentence(tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(TemplateError, match=r"Our template email/nothing\.html does not work"):
            TemplateRenderer(folder, pytest.fail)("email/nothing.html", Greeting("x"))


def test_a_context_is_a_dataclass():
    with pytest.raises(TypeError, match="dataclass, not dict"):
        TemplateRenderer(None, pytest.fail)("email/line.txt", {"title": "x"})


def test_text_is_wrapped_at_72_columns_with_its_indent():
    text = wrapped("word " * 40, 4, first="1. ")
    assert text.startswith(" 1. word word")
    assert all(len(line) <= 72 for line in text.splitlines())
    assert all(line.startswith("    ") for line in text.splitlines()[1:])
    assert max(map(len, wrapped("x" * 5000).splitlines())) == 72


def test_letters_that_are_two_columns_wide_count_as_two():
    lines = wrapped("混合専門家モデルの経路選択について" * 6, 4).splitlines()
    assert [columns(line) for line in lines[:-1]] == [72] * (len(lines) - 1)
    assert columns("Léa e\u0301 🙂") == 8
    assert wrapped("") == wrapped("  ", 4, first="- ") == ""


WORDS = st.text(st.sampled_from("ab é漢\u0301🙂 \u00ad"), max_size=200)


@given(WORDS, st.integers(0, 6), st.integers(8, 40))
def test_wrapping_keeps_every_letter_and_its_width(text, indent, width):
    lines = wrapped(text, indent, width).split("\n")
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    assert max(map(columns, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


def test_every_page_of_a_bare_installation_renders():
    empty = Site(LOCAL, (), {}, (), date.min)
    made = samples.pages(empty, TemplateRenderer(None, pytest.fail))
    assert set(made) == {
        "style.css", "index.html", "search/index.html", "trending/index.html"
    }  # fmt: skip
