"""docs/adding-a-source.md: its example is run as it stands there, over real HTTP on loopback."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import sources
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document
from bot.sources.kinds import Kind
from bot.workflows.collect import PollOutcome
from support_collect import rounds

PAGE = (Path(__file__).parents[1] / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
REPORT = {
    "doi": "10.5555/R.1", "title": "Routing\n reports", "date": "2026-11-19T10:00:00Z",
    "by": [{"name": "Ada Example"}, 5], "abstract": "<p>We <b>route</b>.</p>",
}  # fmt: skip


@pytest.fixture
def example(monkeypatch) -> types.ModuleType:
    """The module of the page, in the registry."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = types.ModuleType("examplearchive")
    exec(compile(code, "docs/adding-a-source.md", "exec"), vars(module))  # noqa: S102 - our own page
    monkeypatch.setitem(sys.modules, "bot.sources.examplearchive", module)
    monkeypatch.setitem(sources.KINDS, "examplearchive", "examplearchive")
    return module


def a_source(url: str = "") -> SourceSettings:
    source = SourceSettings(name="archive", kind="feed", url=url)
    return source.model_copy(update={"kind": "examplearchive"})


def test_the_example_has_no_more_than_forty_lines_of_its_own(example):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len([line for line in lines if not line.startswith(("from ", '"""'))]) <= 40


def test_the_example_reads_what_its_service_sends(example):
    body = json.dumps([REPORT, {"title": "Without a DOI"}, None]).encode()
    parsed = sources.parse(a_source(), Document("https://archive.example.edu/", body), NOW)
    (sighting,) = parsed.sightings
    paper = sighting.paper
    assert (paper.title, paper.authors, paper.abstract) == (
        "Routing reports", ("Ada Example",), "We route.",
    )  # fmt: skip
    assert sighting.at == datetime(2026, 11, 19, 10, tzinfo=UTC)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[", b'{"error": "down"}', b"3"])
def test_the_example_takes_nothing_odd_for_an_empty_source(example, body):
    with pytest.raises(ParseError):
        sources.parse(a_source(), Document("https://archive.example.edu/", body), NOW)


async def test_the_example_is_collected_like_any_other(example, tmp_path):
    async with rounds(tmp_path) as world:
        world.site.put("/api/latest", json.dumps([REPORT]), ETag='"1"')
        source = a_source(world.site.url(""))
        report = await world.walk(NOW, source)
        assert (report.outcome, report.new) == (PollOutcome.READ, 1)
        world.site.put("/api/latest", "<html>", status=200)
        report = await world.walk(NOW + timedelta(hours=2), source)
        assert report.detail == "127.0.0.1 sent a web page (HTML) instead of a list of reports"
        assert world.titles() == ["Routing reports"]


def test_every_field_that_the_page_names_is_one_and_every_one_is_named():
    rows = re.findall(r"^\| (`.+?) \| ", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)} - {"Kind"}
    assert named == {field.name for field in dataclasses.fields(Kind)} - {"parse", "address"}
    for module in set(re.findall(r"`(\w+\.py)`", PAGE)):
        assert (Path(sources.__file__).parent / module).is_file(), module
