"""Profiles made from the papers somebody has: BibTeX, RIS, Zotero's CSL JSON, ids; and libraries."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import ranking
from bot.config import load_config, read_bibliography
from bot.errors import ConfigError
from bot.models import Identifier, Paper, Scheme
from support_cli import desk_in

BIB = r"""
% a comment
@string{icml = "International Conference"}
@article{shazeer2017,
  title = {Outrageously Large {Neural} Networks: the Sparsely-Gated Mixture of Experts Layer},
  author = {Shazeer, Noam and Mirhoseini, Azalia and {The Brain Team and Friends}},
  journal = {arXiv preprint arXiv:1701.06538}, keywords = {sparse models, routing},
}
@inproceedings{fedus, title = "Switch " # {Transformers: Mixture of Experts at Scale},
  author = "Fedus, William and Shazeer, Noam and others", booktitle = icml,
  eprint = {2101.03961}, archivePrefix = {arXiv}, primaryClass = {cs.LG}, keywords = {sparse models}}
@article{broken, title = {No end, author = {X, Y}, doi = {10.1000/lost}

@article{muller, title = {M{\"u}ller's mixture of experts}, author = {M{\"u}ller, J{\"u}rgen},
  doi = {https://doi.org/10.1000/ABC.1}, url = {https://example.org/paper.pdf}}
@book{nothing, title = {A book without a name}, author = {Nobody}, year = 1999}
@comment{@article{hidden, doi={10.1000/hidden}}}
"""
RIS = """TY  - JOUR
AU  - Müller, Jürgen
TI  - A long title
  that goes on
DO  - 10.1000/abc
KW  - routing
ER  -

TY  - JOUR
TI  - An unended one
UR  - https://arxiv.org/abs/2401.06066v2
"""
CSL = json.dumps([
    {"id": "z/1", "title": "One", "DOI": "10.1000/abc", "author": [{"family": "M", "given": "J"}]},
    "nonsense",
    {"id": "z/3", "title": "0", "number": "arXiv:2401.06066", "author": [{"literal": "A Team"}, 7]},
    {"title": "Nowhere"},
])  # fmt: skip


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────


def test_bibtex_entries_are_read_and_broken_ones_named():
    found = read_bibliography(BIB)
    assert [one.name for one in found.references] == ["shazeer2017", "fedus", "muller", "nothing"]
    assert found.problems == (
        'the entry "broken" (line 12) has a brace that nothing closes; it was skipped',
    )


def test_bibtex_values_names_and_identifiers():
    shazeer, fedus, muller, nothing = read_bibliography(BIB).references
    assert shazeer.identifiers == ("arXiv:1701.06538",)
    assert shazeer.authors == ("Noam Shazeer", "Azalia Mirhoseini", "The Brain Team and Friends")
    assert shazeer.keywords == ("sparse models", "routing")
    assert fedus.title == "Switch Transformers: Mixture of Experts at Scale"
    assert fedus.authors == ("William Fedus", "Noam Shazeer")
    assert fedus.identifiers == ("arXiv:2101.03961",)
    assert fedus.categories == ("cs.LG",)
    assert muller.identifiers == ("doi:10.1000/ABC.1",)
    assert nothing.identifiers == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("@article{x, title = }", 'the entry "x" (line 1) has a field without a value'),
        ('@article{x, title = "no end}', "has a quotation mark that nothing closes"),
        ("@article{x, title = {t}", 'the entry "x" (line 1) does not end'),
        ("@article{x, what is this}", "has something that is no `field = {value}`"),
        ("@article{ {}", "has no citation key"),
        ("@comment(open", "has a parenthesis that nothing closes"),
    ],
)
def test_each_way_to_be_broken_costs_one_entry(entry, problem):
    found = read_bibliography(f"{entry}\n@misc{{good, doi = {{10.1000/good}}}}\n")
    assert problem in found.problems[0]
    assert [one.name for one in found.references] == ["good"]


def test_careless_bibtex_is_forgiven():
    text = '@Article ( a , TITLE={x} Doi = "10.1000/a" , ,) @misc{,eprint=hep-th/9711200,}\nmail@x'
    first, second = read_bibliography(text).references
    assert first.identifiers == ("doi:10.1000/a",)
    assert second.identifiers == ("arXiv:hep-th/9711200",)
    assert second.name == "line 1"


def test_three_thousand_authors_are_read():
    names = " and ".join(f"Last{n}, First" for n in range(3000))
    (one,) = read_bibliography(f"@article{{x, author={{{names}}}, doi={{10.1000/x}}}}").references
    assert len(one.authors) == 3000
    assert one.authors[-1] == "First Last2999"


def test_ris():
    found = read_bibliography(RIS)
    one, two = found.references
    assert (one.title, one.authors) == ("A long title that goes on", ("Jürgen Müller",))
    assert one.identifiers == ("doi:10.1000/abc",)
    assert one.keywords == ("routing",)
    assert two.identifiers == ("arXiv:2401.06066",)
    assert found.problems == ("entry 2 (line 9) has no end (ER); it was read as it stands",)


def test_csl_json():
    found = read_bibliography(CSL)
    one, two, _ = found.references
    assert (one.identifiers, one.authors) == (("doi:10.1000/abc",), ("J M",))
    assert (two.title, two.identifiers, two.authors) == ("0", ("arXiv:2401.06066",), ("A Team",))
    assert "entry 2 is no work" in found.problems[0]
    assert "no JSON (line 1)" in read_bibliography("[{").problems[0]


@given(st.text(alphabet='@{}()",=#\n arxiv1.%TYER-[]:', max_size=80))
def test_nothing_whatever_breaks_the_readers(text):
    read_bibliography(text)
    read_bibliography("@article{" + text)
    read_bibliography("TY  - " + text)
    read_bibliography("[" + text)


# ── The command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


def profile_in(said, name):
    assert said.code == 0, said.err
    return tomllib.loads(said.out)["profiles"][name]


def test_a_library_becomes_a_profile_without_any_configuration(desk):
    desk.write(BIB, "moe.bib")
    said = desk("profiles", "import", "moe.bib")
    profile = profile_in(said, "moe")
    assert profile["like"] == ["arXiv:1701.06538", "arXiv:2101.03961", "doi:10.1000/ABC.1"]
    assert profile["authors"] == ["Noam Shazeer"]
    assert "sparse models" in profile["keywords"]
    assert "mixture of experts" in profile["keywords"]
    assert "# Müller's mixture of experts" in said.out
    assert 'the entry "broken" (line 12)' in said.err
    assert '"nothing" names no DOI, arXiv id or address; it was skipped' in said.err
    assert not desk.state.exists()


@pytest.mark.parametrize(("name", "text"), [("refs.ris", RIS), ("My Zotero.json", CSL)])
def test_other_kinds_become_profiles_too(desk, name, text):
    desk.write(text, name)
    expected = "refs" if name == "refs.ris" else "my-zotero"
    profile = profile_in(desk("profiles", "import", name), expected)
    assert profile["like"] == ["doi:10.1000/abc", "arXiv:2401.06066"]


def test_a_list_of_ids_names_the_line_that_is_none(desk):
    desk.write(
        "arXiv:2401.06066\n# why\n10.1000/abc\nhttps://arxiv.org/abs/2401.00001\nfoo bar\n", "ids"
    )
    said = desk("profiles", "import", "ids")
    assert profile_in(said, "ids")["like"] == [
        "arXiv:2401.06066", "10.1000/abc", "https://arxiv.org/abs/2401.00001",
    ]  # fmt: skip
    assert "line 5: 'foo bar' names no paper; it was skipped" in said.err


def test_a_paper_that_is_listed_twice_counts_once(desk):
    (desk.folder / "twice.txt").write_text(
        "arXiv:2611.00001\n2611.00001v2\nhttps://arxiv.org/abs/2611.00001\n10.1000/X\ndoi:10.1000/x\n"
    )
    said = desk("profiles", "import", "twice.txt")
    assert "# 2 papers of twice.txt, which has 5 in all" in said.out
    assert (said.out.count("2611.00001"), said.out.lower().count("10.1000/x")) == (1, 1)


@pytest.mark.parametrize("order", ["utf-16", "utf-16-be"])
def test_a_list_that_windows_wrote_is_read(desk, order):
    text = "arXiv:2611.00001\r\ndoi:10.1000/x\r\n"
    mark = "\ufeff" if order == "utf-16-be" else ""
    (desk.folder / "ids.txt").write_bytes((mark + text).encode(order))
    said = desk("profiles", "import", "ids.txt")
    assert (said.code, said.err) == (0, "")
    assert "# 2 papers of ids.txt" in said.out


def test_appending_changes_nothing_that_is_there(desk):
    before = "# mine\n[profiles.own]\nkeywords = ['x']  # no newline at the end"
    path = desk.write(before)
    path.chmod(0o600)
    desk.write(BIB, "moe.bib")
    said = desk("profiles", "import", "moe.bib", "--append", "config.toml")
    assert said.code == 0, said.err
    assert path.read_text().startswith(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(load_config(path).profiles) == ["own", "moe"]
    again = desk("profiles", "import", "moe.bib", "--append", "config.toml")
    assert again.code == 2
    assert "there is a profile 'moe' already" in again.err
    named = desk("profiles", "import", "moe.bib", "--append", "config.toml", "--name", "moe-2")
    assert named.code == 0
    assert list(load_config(path).profiles) == ["own", "moe", "moe-2"]


def test_appending_to_a_file_of_its_own_says_to_include_it(desk):
    desk.write("")
    desk.write(BIB, "moe.bib")
    said = desk("profiles", "import", "moe.bib", "--append", "profiles/moe.toml")
    assert "does not include this file yet" in said.words
    desk.write('include = ["profiles/*.toml"]\n')
    assert list(load_config(desk.folder / "config.toml").profiles) == ["moe"]


@pytest.mark.parametrize(
    ("there", "words"),
    [("[profiles.\n", "is no TOML"), ("profiles = {}\n", "has no room for more of these tables")],
)
def test_a_file_that_cannot_take_more_is_left_alone(desk, there, words):
    path = desk.write(there, "other.toml")
    desk.write(BIB, "moe.bib")
    said = desk("profiles", "import", "moe.bib", "--append", "other.toml")
    assert said.code == 2
    assert words in said.words
    assert path.read_text() == there


def test_files_that_name_no_paper_or_are_not_there(desk):
    desk.write("@book{x, title={y}}", "x.bib")
    assert "names a paper" in desk("profiles", "import", "x.bib").err
    assert "cannot be read" in desk("profiles", "import", "lost.bib").err
    desk.write("10.1000/abc", "all.txt")
    assert "our own words" in desk("profiles", "import", "all.txt").err
    assert desk("profiles", "import", "all.txt", "--name", "No Good").code == 2


# ── `library` in a profile ────────────────────────────────────────────────────────────────────────


def test_a_librarys_papers_are_liked(tmp_path):
    (tmp_path / "moe.bib").write_text(BIB)
    (tmp_path / "config.toml").write_text("[profiles.moe]\nlibrary = 'moe.bib'\n")
    config = load_config(tmp_path / "config.toml")
    profile = config.profiles["moe"]
    assert profile.shelf == ("arXiv:1701.06538", "arXiv:2101.03961", "doi:10.1000/ABC.1")
    assert any("broken" in note for note in config.notes)
    assert any("(nothing)" in note for note in config.notes)
    liked = Paper(
        "Sparse experts", frozenset({Identifier(Scheme.ARXIV, "1701.06538")}), abstract="routing"
    )
    new = Paper(
        "Sparse experts again", frozenset({Identifier(Scheme.ARXIV, "2611.00001")}),
        abstract="routing",
    )  # fmt: skip
    ranked = ranking.rank([new], profile, [liked])
    assert ranked[0].reasons[0].text == "Sparse experts"
    # Most of a library is older than anything stored: that is no news.
    assert ranking.missing_examples(profile, ranking.Background.of([])) == []


def test_a_library_in_latin_1_is_read(tmp_path):
    (tmp_path / "x.bib").write_bytes(BIB.replace('{\\"u}', "ü").encode("latin-1"))
    (tmp_path / "config.toml").write_text("[profiles.moe]\nlibrary = 'x.bib'\n")
    assert len(load_config(tmp_path / "config.toml").profiles["moe"].shelf) == 3


def test_a_library_that_is_not_there_is_a_mistake_in_words(tmp_path):
    (tmp_path / "config.toml").write_text("[profiles.moe]\nlibrary = 'lost.bib'\n")
    with pytest.raises(ConfigError, match=r"\[profiles.moe\] library: there is no file .*lost.bib"):
        load_config(tmp_path / "config.toml")
