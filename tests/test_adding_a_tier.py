"""docs/adding-a-tier.md: its embedder is run as it stands there, through an edition with its reasons."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest

from bot.ranking.meaning import LEAST_TO_LEARN
from bot.store import Store
from bot.store.meaning import MeaningLedger
from bot.workflows.compose import compose
from bot.workflows.meaning import Meanings
from support_round import (
    HOUR,
    NOW,
    WORKERS,
    a_paper,
    a_profile,
    a_source,
    absorb,
    arxiv,
    with_profiles,
)

PAGE = (Path(__file__).parents[1] / "docs" / "adding-a-tier.md").read_text(encoding="utf-8")


@pytest.fixture
def embedder():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = types.ModuleType("hashed_words")
    exec(compile(code, "docs/adding-a-tier.md", "exec"), vars(module))  # noqa: S102 - our own page
    return module.HashedWords()


async def test_an_edition_is_ranked_by_the_pages_tier(tmp_path, embedder):
    with Store(tmp_path / "paperround.db") as store:
        with_profiles(store, "experts")
        papers = [
            a_paper(arxiv(n), title=f"Study {n} of proteins", abstract=f"On folding {n}. " * 9)
            for n in range(1, LEAST_TO_LEARN + 1)
        ]
        wanted = a_paper(arxiv(9_000), title="Routing experts", abstract="Experts are routed. " * 9)
        absorb(store, *papers, wanted, now=NOW - HOUR)
        profile = a_profile(about="Routing of experts in sparse models", limit=3)
        meanings = Meanings(embedder, MeaningLedger(store.db), WORKERS)
        (made,) = await compose(
            {"experts": profile}, [a_source()], store, WORKERS, NOW, "UTC", meanings=meanings
        )
        assert meanings.problem == ""
        assert await embedder.name() in made.edition.ranker
        best = made.edition.picks[0]
        assert store.papers({best.paper})[best.paper].title == "Routing experts"
        assert sum(reason.share for reason in best.reasons) == pytest.approx(best.score, abs=1e-6)
        assert MeaningLedger(store.db).count_vectors(await embedder.name()) == LEAST_TO_LEARN + 1


def test_the_page_names_what_is_there():
    root = Path(__file__).parents[1]
    for name in ("bot/embed", "bot/ranking/meaning.py", "benchmarks/ranking_adapter.py"):
        assert (root / name).exists()
