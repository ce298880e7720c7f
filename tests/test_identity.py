"""One paper is one paper, in whatever spelling, order and batch its records arrive."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import identity
from bot.models import Identifier, Link, Paper, Rel, Scheme, Stamp

ARXIV = "arXiv:2401.06066"
NOW = datetime(2026, 11, 19, 6, tzinfo=UTC)


# ── Reading identifiers ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spelling", "read"),
    [
        ("2401.06066", ARXIV),
        (" arXiv:2401.06066v2 ", ARXIV),
        ("ARXIV: 2401.06066", ARXIV),
        ("oai:arXiv.org:2401.06066v1", ARXIV),
        ("https://arxiv.org/abs/2401.06066", ARXIV),
        ("http://www.arxiv.org/abs/2401.06066v3", ARXIV),
        ("https://arxiv.org/pdf/2401.06066v3.pdf", ARXIV),
        ("https://export.arxiv.org/abs/2401.06066?context=cs", ARXIV),
        ("https://ar5iv.labs.arxiv.org/html/2401.06066", ARXIV),
        ("https://huggingface.co/papers/2401.06066", ARXIV),
        ("arxiv.org/abs/2401.06066", ARXIV),
        ("10.48550/arXiv.2401.06066", ARXIV),
        ("https://doi.org/10.48550/arXiv.2401.06066v2", ARXIV),
        ("math.GT/0309136", "arXiv:math/0309136"),
        ("https://arxiv.org/abs/MATH.GT/0309136v1", "arXiv:math/0309136"),
        ("hep-ex/0307015", "arXiv:hep-ex/0307015"),
        ("10.1038/S41586-021-03819-2", "doi:10.1038/s41586-021-03819-2"),
        ("doi: 10.1038/s41586-021-03819-2.", "doi:10.1038/s41586-021-03819-2"),
        ("https://dx.doi.org/10.1002/%28SICI%291097?x=1", "doi:10.1002/(sici)1097"),
        ("https://www.nature.com/articles/s41586-021-03819-2", "doi:10.1038/s41586-021-03819-2"),
        ("https://nature.com/articles/s41586-021-03819-2.pdf", "doi:10.1038/s41586-021-03819-2"),
        ("https://www.biorxiv.org/content/10.1101/2025.01.02.123456v2.full?rss=1",
         "doi:10.1101/2025.01.02.123456"),
        ("10.64898/2025.12.09.123456v1", "doi:10.64898/2025.12.09.123456"),
        ("10.1101/123456v2", "doi:10.1101/123456"),
        ("https://onlinelibrary.wiley.com/doi/full/10.1002/abc.123/pdf", "doi:10.1002/abc.123"),
        ("https://academic.oup.com/bioinformatics/advance-article/doi/10.1093/bioinformatics/btag123/7654321?rss=1",
         "doi:10.1093/bioinformatics/btag123"),
        ("https://academic.oup.com/nar/article/doi/10.1093/nar/gkag1/7654321/figures",
         "doi:10.1093/nar/gkag1"),
        ("https://academic.oup.com/book/1/chapter-abstract/doi/10.1093/oso/9780198812345.003.0001",
         "doi:10.1093/oso/9780198812345.003.0001"),
        ("https://academic.oup.com/jnci/article/doi/10.1093/jnci/12345", "doi:10.1093/jnci/12345"),
        ("https://direct.mit.edu/tacl/article/doi/10.1162/tacl_a_00123/112233/Reading-Long-Documents",
         "doi:10.1162/tacl_a_00123"),
        ("https://pubs.aip.org/aip/jcp/article-abstract/doi/10.1063/5.0123456/1234567",
         "doi:10.1063/5.0123456"),
        ("https://direct.mit.edu/neco/article-lookup/doi/10.1162/neco.2026.38.1.1",
         "doi:10.1162/neco.2026.38.1.1"),
        ("https://pubs.acs.org/doi/10.1021/jacs/12345", "doi:10.1021/jacs/12345"),
        ("https://www.degruyter.com/document/doi/10.1515/nanoph-2026-0123/html",
         "doi:10.1515/nanoph-2026-0123"),
        ("https://www.emerald.com/insight/content/doi/10.1108/AA-01-2026-0012/full/html",
         "doi:10.1108/aa-01-2026-0012"),
        ("https://pubmed.ncbi.nlm.nih.gov/31452104/", "pmid:31452104"),
        ("PMID: 31452104", "pmid:31452104"),
        ("https://openreview.net/forum?id=AbC_1&noteId=x", "openreview:AbC_1"),
        ("openreview:AbC_1", "openreview:AbC_1"),
        ("title:0123abcd", "title:0123abcd"),
        ("url:https://example.org/a", "url:https://example.org/a"),
        ("HTTP://WWW.Example.org/a/", "url:https://example.org/a"),
        ("https://example.org:443/a?b=2&a=1&utm_source=rss", "url:https://example.org/a?a=1&b=2"),
        ("https://example.org:8443/a", "url:https://example.org:8443/a"),
        ("https://[2001:DB8::1]/a", "url:https://[2001:db8::1]/a"),
        ("https://example.org/%7Eada/", "url:https://example.org/~ada"),
        ("https://example.org/news#entry-12", "url:https://example.org/news#entry-12"),
        ("https://example.org/a#comments", "url:https://example.org/a"),
        ("https://example.org/a#xtor=RSS-1", "url:https://example.org/a"),
        ("https://openreview.net/forum", "url:https://openreview.net/forum"),
        ("https://pubmed.ncbi.nlm.nih.gov/help/", "url:https://pubmed.ncbi.nlm.nih.gov/help"),
        ("https://arxiv.org/list/cs.CL/new", "url:https://arxiv.org/list/cs.CL/new"),
    ],
)  # fmt: skip
def test_an_identifier_is_read_from_every_spelling(spelling, read):
    assert str(identity.parse_identifier(spelling)) == read


@pytest.mark.parametrize(
    "nothing",
    ["", "nonsense", "cell/1234567", "240106066", "2401.0606678", "10.1/x", "10.1000/a b", "pmid:x",
     "openreview:", "title: ", "url:", "https://example.org/", "https://example.org", "ftp://a.org/x",
     "https://[::1/x", "https://example.org:99999/x",
     "https://example.org/" + "x" * 2_000, "10.1000/" + "x" * 300, "doi:10.1000/.", "10.1000/,;"],
)  # fmt: skip
def test_what_names_no_paper_is_nothing(nothing):
    assert identity.parse_identifier(nothing) is None


@pytest.mark.parametrize("address", ["https://doi.org/10.1000/X", "http://dx.doi.org/10.1000/x"])
def test_an_entrys_link_may_be_a_doi(address):
    assert identity.from_url(address) == Identifier(Scheme.DOI, "10.1000/x")


def test_two_pages_that_differ_in_their_query_are_two():
    assert identity.from_url("https://a.org/p?123") != identity.from_url("https://a.org/p?124")


@pytest.mark.parametrize(
    ("spelling", "version"),
    [("2401.06066v2", 2), ("oai:arXiv.org:2401.06066v12", 12), ("2401.06066", 0), ("math/0309136v3", 3)],
)  # fmt: skip
def test_a_version_is_read_apart_from_the_identifier(spelling, version):
    assert identity.arxiv_version(spelling) == version


@given(st.text(max_size=60))
@example("https://a.org/%25?%=#1")
@example("https://:@/x")
def test_nothing_typed_breaks_the_reader_and_what_it_reads_it_reads_again(text):
    found = identity.parse_identifier(text)
    if found is not None:
        assert identity.parse_identifier(str(found)) == found


@given(
    st.text(st.characters(codec="utf-8"), max_size=20), st.text(max_size=10), st.text(max_size=10)
)
@example("%41", "a=%26", "1")
def test_an_address_in_its_normal_form_stays_as_it_is(path, query, fragment):
    found = identity.from_url(f"https://example.org/{path}?{query}#{fragment}")
    if found is not None and found.scheme is Scheme.URL:
        assert identity.from_url(found.value) == found


def test_a_title_key_looks_past_case_accents_and_punctuation_and_at_the_last_name():
    key = identity.title_key("On the Schrödinger–Bridge", "Ada Example")
    assert key == identity.title_key("on the SCHRODINGER bridge!", "A. Example")
    assert key != identity.title_key("On the Schrödinger–Bridge", "Ben Other")
    assert identity.title_key("???", "") != identity.title_key("!!!", "")
    assert identity.title_key("0", "") != identity.title_key("", "")


def test_a_paper_is_best_known_by_its_arxiv_id():
    names = [identity.parse_identifier(name) for name in ("url:https://a.org/x", "pmid:1")]
    known = [name for name in names if name]
    assert str(identity.strongest(known)) == "pmid:1"
    assert str(identity.strongest([*known, Identifier(Scheme.DOI, "10.1000/x")])) == "doi:10.1000/x"
    assert identity.strongest([*known, Identifier(Scheme.ARXIV, "1")]).scheme is Scheme.ARXIV


# ── Merging ───────────────────────────────────────────────────────────────────────────────────────

names_of_articles = st.builds(
    Identifier, st.sampled_from([Scheme.DOI, Scheme.URL]), st.sampled_from("abcd")
)
# Of one paper on arXiv, and of several, which may lay claim to the same DOI.
undisputed = st.just(Identifier(Scheme.ARXIV, "a")) | names_of_articles
identifiers = (
    st.builds(Identifier, st.just(Scheme.ARXIV), st.sampled_from("abcd")) | names_of_articles
)
stamps = st.builds(
    Stamp, st.integers(0, 2), st.integers(0, 2), st.sampled_from(["", "2026-11-19", "2026-11-20"])
)
words = st.sampled_from(["", "α", "one", "two"])
names = st.lists(st.sampled_from(["Ada", "Ben"]), max_size=2).map(tuple)
moments = st.none() | st.integers(0, 3).map(lambda days: NOW + timedelta(days=days))
counts = st.none() | st.integers(0, 3)


@st.composite
def records(draw: st.DrawFn, identifiers: st.SearchStrategy[Identifier] = identifiers) -> Paper:
    """A source's record: few values, so that they collide."""
    fields = {name: draw(words) for name in ("title", "abstract", "venue")}
    paper = Paper(
        **fields,
        identifiers=draw(st.frozensets(identifiers, min_size=1, max_size=3)),
        authors=draw(names),
        categories=draw(names),
        version=draw(st.integers(0, 3)),
        published=draw(moments),
        links=draw(
            st.frozensets(st.builds(Link, st.sampled_from(Rel), st.sampled_from("xy")), max_size=2)
        ),
        votes=draw(counts),
        comments=draw(counts),
    )
    return identity.stamped(paper, draw(stamps))


batches_of_records = st.lists(records(), min_size=1, max_size=8)
undisputed_records = st.lists(records(undisputed), min_size=1, max_size=8)


def test_the_weightier_record_wins_field_by_field_and_an_empty_one_never():
    doi, preprint = Identifier(Scheme.DOI, "10.1000/x"), Identifier(Scheme.ARXIV, "2611.90037")
    journal = identity.stamped(
        Paper(title="Journal title", identifiers=frozenset({doi}), venue="Journal", votes=1),
        Stamp(authority=1),
    )
    first = identity.stamped(
        Paper(title="First", identifiers=frozenset({doi, preprint}), version=1, published=NOW),
        Stamp(authority=2, version=1),
    )
    second = replace(first, title="Second", version=2, published=NOW + timedelta(days=1))
    second = identity.stamped(second, Stamp(authority=2, version=2))
    merged = identity.merge([second, journal, first])
    assert (merged.title, merged.venue, merged.version) == ("Second", "Journal", 2)
    assert merged.identifiers == {doi, preprint}
    assert (merged.published, merged.votes, merged.comments) == (NOW, 1, None)


@given(batches_of_records)
def test_merging_again_changes_nothing(papers):
    merged = identity.merge(papers)
    assert identity.merge([merged]) == merged
    assert identity.merge([merged, merged]) == merged
    assert identity.merge([*papers, merged]) == merged


@given(batches_of_records, st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order(papers, random):
    shuffled = random.sample(papers, len(papers))
    assert identity.merge(shuffled) == identity.merge(papers)


@given(batches_of_records, batches_of_records)
def test_merging_does_not_depend_on_what_was_merged_before(some, others):
    assert identity.merge([identity.merge(some), identity.merge(others)]) == identity.merge(
        [*some, *others]
    )


@given(batches_of_records)
def test_a_merged_field_was_said_by_one_of_the_records(papers):
    merged = identity.merge(papers)
    for name in ("title", "authors", "abstract", "categories", "venue"):
        said = {getattr(paper, name) for paper in papers if getattr(paper, name)}
        assert getattr(merged, name) in said or not said
        assert (name in dict(merged.stamps)) == bool(said)


# ── Grouping ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Shelf:
    """A store in memory: what `identity.diff` is folded over."""

    papers: dict[int, Paper] = field(default_factory=dict)
    aliases: dict[Identifier, int] = field(default_factory=dict)
    keys: list[tuple[int, Identifier]] = field(default_factory=list)

    def take(self, batch: Sequence[Paper]) -> list[identity.Group]:
        wanted = {name for record in batch for name in record.identifiers}
        known = [paper for paper in self.papers.values() if paper.identifiers & wanted]
        groups = identity.diff(batch, known)
        for group in groups:
            self._keep(group)
        return groups

    def _keep(self, group: identity.Group) -> None:
        paper = group.paper
        if group.is_new:
            paper = replace(paper, id=len(self.keys) + 1, first_seen=NOW)
            assert paper.key is not None
            self.keys.append((paper.id, paper.key))
        for younger in group.known[1:]:
            del self.papers[younger.id]
            assert younger.key is not None
            self.aliases[younger.key] = paper.id
        self.papers[paper.id] = paper

    def content(self) -> set[Paper]:
        """All papers less what tells of the order they came in."""
        return {replace(paper, id=0, key=None, first_seen=None) for paper in self.papers.values()}


def cut(papers: Sequence[Paper], places: Sequence[int]) -> list[Sequence[Paper]]:
    ends = [0, *sorted({place % (len(papers) + 1) for place in places}), len(papers)]
    return [papers[start:end] for start, end in itertools.pairwise(ends) if start < end]


def taken_in_two_ways(papers: list[Paper], places: Sequence[int], random: Random) -> list[Shelf]:
    """Return a shelf that took all papers at once, and one that took them shuffled, batch by batch."""
    at_once, in_batches = Shelf(), Shelf()
    at_once.take(papers)
    for batch in cut(random.sample(papers, len(papers)), places):
        in_batches.take(batch)
    return [at_once, in_batches]


@given(
    undisputed_records, st.lists(st.integers(0, 8), max_size=4), st.randoms(use_true_random=False)
)
def test_which_records_are_one_paper_and_what_it_says_depends_on_no_order_and_no_batch(
    papers, places, random
):
    at_once, in_batches = taken_in_two_ways(papers, places, random)
    assert in_batches.content() == at_once.content()


@given(batches_of_records, st.lists(st.integers(0, 8), max_size=4))
def test_papers_share_no_identifier_and_hold_every_record(papers, places):
    shelf = Shelf()
    for batch in cut(papers, places):
        shelf.take(batch)
    held = [name for paper in shelf.papers.values() for name in paper.identifiers]
    assert len(held) == len(set(held))
    assert set(held) == {name for paper in papers for name in paper.identifiers}
    for record in papers:
        held_by = [
            paper for paper in shelf.papers.values() if paper.identifiers & record.identifiers
        ]
        numbers = on_arxiv(record)
        assert sum(not numbers or numbers <= paper.identifiers for paper in held_by) >= 1
        assert len(held_by) == 1 or all(on_arxiv(paper) for paper in held_by), "only arXiv has two"


def on_arxiv(paper: Paper) -> frozenset[Identifier]:
    return frozenset(name for name in paper.identifiers if name.scheme is Scheme.ARXIV)


@given(
    batches_of_records, st.lists(st.integers(0, 8), max_size=4), st.randoms(use_true_random=False)
)
def test_how_many_papers_there_are_and_which_is_which_on_arxiv_depends_on_no_order(
    papers, places, random
):
    at_once, in_batches = taken_in_two_ways(papers, places, random)
    counted, others = (
        Counter(map(on_arxiv, shelf.papers.values())) for shelf in (at_once, in_batches)
    )
    assert counted == others


@given(batches_of_records, st.lists(st.integers(0, 8), max_size=4))
def test_two_numbers_on_arxiv_are_one_paper_only_where_a_record_says_so(papers, places):
    shelf = Shelf()
    for batch in cut(papers, places):
        shelf.take(batch)
    said = Shelf()
    said.take(
        [replace(paper, identifiers=numbers) for paper in papers if (numbers := on_arxiv(paper))]
    )
    found = {numbers for paper in shelf.papers.values() if (numbers := on_arxiv(paper))}
    assert found == {paper.identifiers for paper in said.papers.values()}


@given(batches_of_records, st.lists(st.integers(0, 8), max_size=4))
def test_a_key_never_changes_and_a_later_key_becomes_an_alias(papers, places):
    shelf = Shelf()
    for batch in cut(papers, places):
        shelf.take(batch)
    for id_, key in shelf.keys:
        if id_ in shelf.papers:
            assert shelf.papers[id_].key == key
        else:
            home = shelf.aliases[key]
            while home not in shelf.papers:
                home = shelf.aliases[dict(shelf.keys)[home]]
            assert home < id_
            assert key in shelf.papers[home].identifiers


@given(batches_of_records)
def test_the_same_records_again_change_nothing(papers):
    shelf = Shelf()
    shelf.take(papers)
    again = shelf.take(papers)
    assert not any(group.changed or group.is_new for group in again)
    assert sorted(index for group in again for index in group.records) == list(range(len(papers)))


@given(batches_of_records)
def test_groups_come_in_the_order_of_their_first_record(papers):
    firsts = [group.records[0] for group in identity.diff(papers, [])]
    assert firsts == sorted(firsts)


def paper(*names: str, **fields: object) -> Paper:
    found = [identity.parse_identifier(name) for name in names]
    return Paper(
        title=str(fields.pop("title", "A title")),
        identifiers=frozenset(name for name in found if name),
        **fields,
    )


def test_a_new_papers_key_is_the_strongest_identifier_of_the_record_that_came_first():
    (group,) = identity.diff(
        [paper("url:https://a.org/x", "doi:10.1000/x"), paper("doi:10.1000/x", "2611.90037")], []
    )
    assert group.is_new
    assert str(group.paper.key) == "doi:10.1000/x"


def test_a_record_that_joins_two_stored_papers_keeps_the_elder():
    shelf = Shelf()
    shelf.take([paper("2611.90037")])
    shelf.take([paper("doi:10.1000/x")])
    (group,) = shelf.take([paper("2611.90037", "doi:10.1000/x")])
    assert [known.id for known in group.known] == [1, 2]
    assert group.changed
    assert str(group.paper.key) == "arXiv:2611.90037"
    assert list(shelf.papers) == [1]
    assert shelf.aliases == {Identifier(Scheme.DOI, "10.1000/x"): 1}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_doi_that_two_papers_on_arxiv_name_makes_them_no_one_paper(at_once):
    first, second = paper("2611.90037", "doi:10.1000/x"), paper("2611.90038", "doi:10.1000/x")
    shelf = Shelf()
    for batch in [[first, second]] if at_once else [[first], [second]]:
        shelf.take(batch)
    names = [sorted(map(str, held.identifiers)) for held in shelf.papers.values()]
    assert names == [["arXiv:2611.90037", "doi:10.1000/x"], ["arXiv:2611.90038"]]
    # Its article is the paper's that named it first, and all of it again changes nothing.
    again = shelf.take([second, paper("doi:10.1000/x"), first])
    assert [group.known[0].id for group in again] == [2, 1]
    assert not any(group.changed for group in again)


def test_a_record_between_two_papers_on_arxiv_goes_with_its_strongest_name():
    shelf = Shelf()
    shelf.take([paper("2611.90037", "doi:10.1000/y"), paper("2611.90038", "doi:10.1000/x")])
    (group,) = shelf.take([paper("doi:10.1000/y", "doi:10.1000/x", "pmid:1")])
    assert [known.id for known in group.known] == [2]
    assert sorted(map(str, group.paper.identifiers)) == [
        "arXiv:2611.90038",
        "doi:10.1000/x",
        "pmid:1",
    ]


def test_more_votes_are_no_change_of_the_paper():
    shelf = Shelf()
    shelf.take([paper("2611.90037", votes=2)])
    (group,) = shelf.take([paper("2611.90037", votes=40, comments=3)])
    assert not group.changed
    assert (group.paper.votes, group.paper.comments) == (40, 3)


def test_a_new_version_changes_its_paper_and_makes_no_other():
    shelf = Shelf()
    shelf.take([identity.stamped(paper("2611.90037", version=1), Stamp(1, 1))])
    newer = identity.stamped(paper("2611.90037", title="Better", version=2), Stamp(1, 2))
    (group,) = shelf.take([newer])
    assert group.changed
    assert not group.is_new
    assert (group.paper.title, group.paper.version) == ("Better", 2)


def test_papers_are_found_by_each_of_their_names():
    one, two = paper("2611.90037", "doi:10.1000/x"), paper("pmid:1")
    found = identity.known_by([one, two])
    assert found[Identifier(Scheme.DOI, "10.1000/x")] is one
    assert len(found) == 3
