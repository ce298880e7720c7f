"""What the parsers make of real captures; skipped by name where these are absent."""

from __future__ import annotations

import gzip
import io
import json
import re
import warnings
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest

from bot.config import SourceSettings
from bot.models import Document, Event, Paper, Parsed, Rel, Scheme
from bot.sources import parse, parse_feed
from bot.sources.entries import MOST_ENTRIES

DATA = Path(__file__).parents[1].parent / "shared" / "data"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
ARXIV = SourceSettings(name="a", kind="arxiv", categories=("cs.LG",))
HUGGINGFACE = SourceSettings(name="h", kind="huggingface")
MARKUP = re.compile(r"</?(?:p|a|div|span|br|em|strong|sub|sup|img)\b[^>,]*>", re.IGNORECASE)


def needs(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"no captures in {folder}")


def files(folder: str, pattern: str = "*") -> list[Path]:
    return sorted(path for path in (DATA / folder).rglob(pattern) if path.is_file())


def body_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def read(source: SourceSettings, path: Path) -> Parsed:
    return parse(source, Document("https://rss.arxiv.org/rss/x", body_of(path)), NOW)


def entries_of(body: bytes) -> int:
    """How many entries feedparser finds that have a title, a link or an id, or a JSON Feed has."""
    if body.lstrip()[:1] == b"{":
        try:
            found = json.loads(body)
        except ValueError:
            return 0
        is_feed = "://jsonfeed.org/version/1" in str(found.get("version", ""))
        return len(found["items"]) if is_feed else 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = feedparser.parse(
            io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False
        ).entries
    named = [e for e in found if e.get("title") or e.get("link") or e.get("id")]
    return min(len(named), MOST_ENTRIES)


def check(paper: Paper) -> None:
    assert paper.title.strip() == paper.title != ""
    assert "\n" not in paper.title
    assert paper.identifiers
    assert paper.published is None or paper.published.utcoffset() is not None
    assert all(link.href.startswith(("http://", "https://")) for link in paper.links)
    assert all(name.strip() == name != "" for name in paper.authors)


def check_arxiv(parsed: Parsed, body: bytes) -> None:
    assert len(parsed.sightings) == entries_of(body)
    for sighting in parsed.sightings:
        check(sighting.paper)
        assert {i.scheme for i in sighting.paper.identifiers} <= {Scheme.ARXIV, Scheme.DOI}
        assert sighting.at is None or sighting.at.utcoffset() is not None
        assert "Announce Type:" not in sighting.paper.abstract
        assert not any("(" in name or "<a" in name for name in sighting.paper.authors)


# ── arXiv ─────────────────────────────────────────────────────────────────────────────────────────


@needs("arxiv_rss/rss2_2026")
def test_the_real_empty_saturday_is_quiet():
    parsed = read(ARXIV, DATA / "arxiv_rss/rss2_2026/cs.CL_2026-08-01_weekend_empty.xml")
    assert parsed.sightings == ()
    assert parsed.quiet == "arXiv announces nothing on a Saturday"
    assert parsed.built == datetime(2026, 8, 1, 4, 0, 14, tzinfo=UTC)


@needs("arxiv_rss/rss2_2026")
@pytest.mark.parametrize("path", files("arxiv_rss/rss2_2026", "arxiv_*"), ids=lambda p: p.name)
def test_the_rss_of_2026_is_read_whole(path):
    parsed = read(ARXIV, path)
    check_arxiv(parsed, body_of(path))
    assert [sighting.event for sighting in parsed.sightings] == [Event.NEW] * 3
    assert all(sighting.paper.version == 1 for sighting in parsed.sightings)
    assert all(sighting.paper.abstract for sighting in parsed.sightings)


@needs("arxiv_rss/atom_2025")
@pytest.mark.parametrize("path", files("arxiv_rss/atom_2025"), ids=lambda p: p.name)
def test_the_atom_of_2025_breaks_off_and_is_kept_as_far_as_it_goes(path):
    parsed = read(ARXIV, path)
    check_arxiv(parsed, body_of(path))
    assert len(parsed.sightings) == 87
    counts = Counter(sighting.event for sighting in parsed.sightings[:-1])
    assert counts == {Event.CROSS: 45, Event.NEW: 41}
    day = datetime(2025, 8, 20, 4, tzinfo=UTC)
    assert {sighting.at for sighting in parsed.sightings[:-1]} == {day}  # not the generation time
    assert len(parsed.warnings) == 1


@needs("arxiv_rss/rdf_old")
def test_the_rdf_of_before_2024_names_versions_and_events_in_its_titles():
    parsed = [read(ARXIV, path) for path in files("arxiv_rss/rdf_old")]
    for found, path in zip(parsed, files("arxiv_rss/rdf_old"), strict=True):
        check_arxiv(found, body_of(path))
    cross = parsed[1].sightings[1]
    assert cross.event is Event.CROSS
    assert cross.paper.version == 2
    assert cross.paper.categories == ("math.GR",)
    assert cross.paper.authors == ("Robert A. Wilson",)
    assert parsed[1].sightings[2].event is Event.REPLACE


@needs("arxiv_rss/reconstructed")
@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.long)])
def test_days_in_a_row_are_read_whole(step):
    events: Counter[str] = Counter()
    days = sorted((DATA / "arxiv_rss/reconstructed").iterdir())[::step]
    for path in [path for day in days for path in sorted(day.iterdir())]:
        body = body_of(path)
        parsed = parse(ARXIV, Document("https://rss.arxiv.org/rss/x", body), NOW)
        check_arxiv(parsed, body)
        assert parsed.warnings == ()
        told = re.findall(rb"<arxiv:announce_type>(.*?)</arxiv:announce_type>", body)
        assert Counter(str(s.event) for s in parsed.sightings) == Counter(map(bytes.decode, told))
        events.update(str(sighting.event) for sighting in parsed.sightings)
        for sighting in parsed.sightings:
            assert sighting.guid.endswith(f"v{sighting.paper.version}")
            # Every replacement has a version before; so may have a paper that is cross-listed late.
            if sighting.event in (Event.REPLACE, Event.REPLACE_CROSS):
                assert sighting.paper.version > 1
            if sighting.event is Event.NEW:
                assert sighting.paper.version == 1
                assert sighting.paper.published == sighting.at
    assert events["new"] > 150 * len(days)


@needs("arxiv_rss/reconstructed")
def test_a_title_with_a_tag_of_its_own_keeps_it():
    (path,) = files("arxiv_rss/reconstructed/2025-04-11", "cs.CL*")
    titles = {sighting.paper.title for sighting in read(ARXIV, path).sightings}
    assert "DeepSeek-R1 Thoughtology: Let's <think> about LLM Reasoning" in titles


# ── Hugging Face ──────────────────────────────────────────────────────────────────────────────────


@needs("hf_daily/raw")
@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.long)])
def test_days_of_two_years_of_daily_papers_are_read_whole(step):
    total = 0
    for path in files("hf_daily/raw")[::step]:
        listed = json.loads(body_of(path))
        parsed = read(HUGGINGFACE, path)
        assert parsed.warnings == ()
        assert len(parsed.sightings) == len(listed)
        for sighting, entry in zip(parsed.sightings, listed, strict=True):
            check(sighting.paper)
            assert sighting.votes == entry["paper"]["upvotes"]
            assert sighting.comments == entry["numComments"]
            assert sighting.paper.link(Rel.DISCUSSION).endswith(entry["paper"]["id"])
            shown = [a for a in entry["paper"]["authors"] if not a.get("hidden")]
            assert len(sighting.paper.authors) == len([a for a in shown if a["name"].strip()])
            assert sighting.paper.published is not None
        total += len(listed)
    assert total > 5000 / step / 2


# ── Journals ──────────────────────────────────────────────────────────────────────────────────────


@needs("journals/nature_rdf")
@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.long)])
def test_natures_research_and_news_are_kept_each_with_its_doi(step):
    kinds: Counter[str] = Counter()
    for path in files("journals/nature_rdf")[::step]:
        papers = parse_feed(body_of(path), "https://www.nature.com/nature.rss")
        assert len(papers) == entries_of(body_of(path))
        for paper in papers:
            check(paper)
            (doi,) = (i.value for i in paper.identifiers if i.scheme is Scheme.DOI)
            kinds[doi.removeprefix("10.1038/")[:6]] += 1
            assert paper.venue == "Nature"
            assert "Published online" not in paper.abstract
    assert kinds["s41586"] > 500 / step
    assert kinds["d41586"] > 500 / step


JOURNALS = {
    "atypon.xml": "doi:10.2105/ajph.2014.302274",
    "joss.atom": "doi:10.21105/joss.01541",
    "rssv2-dc-prism.xml": "doi:10.1016/j.jpeds.2018.08.009",
    "zotero_feedArticleMetadata.rss": "doi:10.3390/fluids9060120",
    "zotero_feedCDATA.rss": "doi:10.1126/science.abj4606",
    "zotero_feedDetailed.rss": "doi:10.1000/182",
    "iacr_eprint.xml": "url:https://eprint.iacr.org/2026/488",
    "aasnova.xml": (
        "url:https://aasnova.org/2023/06/26/"
        "new-observations-suggest-a-way-for-stars-and-planets-to-get-out-of-alignment"
    ),
    "atel.xml": "url:https://astronomerstelegram.org?read=13092",
}


@needs("journals/rss")
@pytest.mark.parametrize(("name", "identifier"), JOURNALS.items(), ids=JOURNALS)
def test_journals_are_known_by_what_they_name(name, identifier):
    body = (DATA / "journals/rss" / name).read_bytes()
    papers = parse_feed(body, "https://journal.example/feed")
    assert len(papers) == entries_of(body)
    assert identifier in {str(i) for i in papers[0].identifiers}
    for paper in papers:
        check(paper)
        assert not MARKUP.search(paper.title + paper.abstract)
