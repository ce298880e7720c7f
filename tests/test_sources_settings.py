"""What `[[sources]]` may say of each kind."""

from __future__ import annotations

from typing import get_args

import pytest

from bot.config import SourceSettings, load_config
from bot.config.tables import BotSettings
from bot.errors import ConfigError
from bot.sources import KINDS
from bot.sources.enrichment import SERVICES

PROFILE = '[profiles.experts]\nkeywords = ["experts"]\n'


def load(folder, *lines):
    source = "\n".join(("[[sources]]", 'name = "s"', *lines))
    (folder / "config.toml").write_text(f"{source}\n{PROFILE}")
    return load_config(folder / "config.toml").sources[0]


def test_the_registry_and_the_configuration_know_the_same_kinds():
    field = SourceSettings.model_fields["kind"]
    assert set(get_args(field.annotation)) == KINDS.keys()
    assert set(get_args(get_args(BotSettings.model_fields["enrich"].annotation)[0])) == (
        SERVICES.keys()
    )


@pytest.mark.parametrize("kind", ["biorxiv", "medrxiv"])
def test_preprint_servers_need_no_categories_and_take_theirs(tmp_path, kind):
    assert load(tmp_path, f'kind = "{kind}"').categories == ()
    some = "categories = ['cell biology', 'Infectious Diseases (except HIV/AIDS)']"
    assert load(tmp_path, f'kind = "{kind}"', some).categories == (
        "cell biology",
        "Infectious Diseases (except HIV/AIDS)",
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ('kind = "arxiv"', 'categories = ["cs.LG", "cell biology"]'),
            'categories item 2: expected a category such as "cs.LG" or "hep-ex"; got "cell biology".',
        ),
        (
            ('kind = "biorxiv"', 'categories = ["42"]'),
            'categories item 1: expected a category such as "cs.LG" or "hep-ex"; got "42".',
        ),
        (
            ('kind = "huggingface"', 'categories = ["cs.LG"]'),
            "categories: a source of kind huggingface has no categories.",
        ),
        (('kind = "openreview"',), 'venue: is missing. E.g. venue = "ICLR.cc/2026/Conference".'),
        (('kind = "crossref"',), 'issn: is missing. A journal\'s number: issn = ["0028-0836"].'),
        (('kind = "pubmed"',), "query: is missing. As in its search: query ="),
        (
            ('kind = "huggingface"', 'query = "mice"'),
            "query: a source of kind huggingface has none. It belongs to kind pubmed.",
        ),
        (
            ('kind = "pubmed"', 'query = "mice"', 'categories = ["cs.LG"]'),
            "categories: a source of kind pubmed has no categories.",
        ),
        (
            ('kind = "crossref"', 'issn = ["0028-0837"]'),
            '"0028-0837" is no ISSN: its last place does not fit the others',
        ),
        (('kind = "crossref"', 'issn = ["nature"]'), 'expected an ISSN such as "0028-0836"'),
        (
            ('kind = "openreview"', 'venue = "ICLR 2026"'),
            'expected a venue such as "ICLR.cc/2026/Conference", or an invitation',
        ),
        (('kind = "pubmed"', 'query = "a\\nb"'), "query: "),
    ],
)
def test_what_a_kind_does_not_know_is_told(tmp_path, lines, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, *lines)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "key", "read_as"),
    [
        (
            ('kind = "crossref"', 'issn = ["00280836", "2041-1723", "1050-124x"]'),
            "issn",
            ("0028-0836", "2041-1723", "1050-124X"),
        ),
        (
            ('kind = "openreview"', 'venue = "/ICLR.cc/2026/Conference/-/Submission/"'),
            "venue",
            "ICLR.cc/2026/Conference/-/Submission",
        ),
        (('kind = "pubmed"', 'query = "base editing[tiab]"'), "query", "base editing[tiab]"),
    ],
)
def test_what_a_kind_asks_for_is_read(tmp_path, lines, key, read_as):
    assert getattr(load(tmp_path, *lines), key) == read_as
