"""What `[[sources]]` may say of each kind."""

from __future__ import annotations

import pytest

from bot.config import load_config
from bot.errors import ConfigError

PROFILE = '[profiles.experts]\nkeywords = ["experts"]\n'


def load(folder, *lines):
    source = "\n".join(("[[sources]]", 'name = "s"', *lines))
    (folder / "config.toml").write_text(f"{source}\n{PROFILE}")
    return load_config(folder / "config.toml").sources[0]


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
        (
            ('kind = "openreview"',),
            'kind: "openreview" is not read by this version yet.',
        ),
    ],
)
def test_what_a_kind_does_not_know_is_told(tmp_path, lines, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, *lines)
    assert said in str(caught.value)
