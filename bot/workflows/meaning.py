"""meaning: what papers and profiles mean, as vectors, each computed once; words rank where that fails.

A ranking has the vectors of all its texts or of none: scores of two tiers are never mixed. So whatever
goes wrong here (no model, a broken one, a service that is down, no time left) is told once in a
sentence, and the light tier ranks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bot.errors import EmbeddingError
from bot.models import Identifier, Paper
from bot.ports import Embedder, Workers

if TYPE_CHECKING:  # numpy: loaded where something is ranked
    import numpy as np
    from numpy.typing import NDArray

    from bot.config import Profile
    from bot.ranking.meaning import Meaning, Whitening

log = logging.getLogger("paperround")

SECONDS = 600.0  # of reading in one run
_BATCH = 32  # texts that are committed together
_LOOKED_AT = 50_000
_CHUNK = 4096  # vectors at a time: 12 MB
_OWN = 0  # stands for a paper's id where a text is a profile's own


class MeaningStore(Protocol):
    """Where vectors are kept; a text is known by its paper (0: a profile's own) and its digest."""

    def vectors(
        self, embedder: str, wanted: Collection[tuple[int, bytes]]
    ) -> Mapping[tuple[int, bytes], bytes]:
        """Return the vectors that are kept of these (paper, digest)."""
        ...

    def keep_vectors(self, embedder: str, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Commit vectors as (paper, digest, vector)."""
        ...

    def newest_vectors(self, embedder: str, most: int) -> list[tuple[int, bytes]]:
        """Return (paper, vector) of the newest papers that have one."""
        ...

    def whitening(self, embedder: str) -> bytes | None:
        """Return what was learnt of an embedder's vectors in general, None where nothing was."""
        ...

    def keep_whitening(self, embedder: str, learnt: bytes) -> bytes:
        """Commit what was learnt, once for ever; return what holds."""
        ...


@dataclass(slots=True)
class Meanings:
    """Gives the vectors that rankings of one run want. Without an embedder it never has any.

    `problem` says why words rank instead, "" where nothing went wrong. `seconds` bounds the reading of
    the whole run.
    """

    embedder: Embedder | None
    store: MeaningStore | None
    workers: Workers
    seconds: float = SECONDS
    problem: str = ""
    _left: float = 0.0
    _rows: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)
    _whitening: Whitening | None = None

    def __post_init__(self) -> None:
        self._left = self.seconds

    async def of(
        self, papers: Sequence[Paper], profile: Profile, examples: Mapping[Identifier, Paper]
    ) -> Meaning | None:
        """Return the vectors of these papers and of what the profile shows and says, or None.

        None also where the profile says nothing that a model could read. Raises StateError.
        """
        if self.embedder is None or self.store is None or self.problem:
            return None
        from bot.ranking.asked import said, shown

        texts = said(profile)
        named = shown(profile, examples)
        if not texts and not named:
            return None
        from bot.ranking.meaning import Meaning
        from bot.ranking.told import as_told, digest_of

        wanted = await self.workers.cpu(_texts, [*papers, *named])
        wanted |= {digest_of(told): (_OWN, told) for told in map(as_told, texts)}
        try:
            name = await self.embedder.name()
            await self._have(name, wanted)
        except EmbeddingError as error:
            self.problem = str(error)
            log.warning("Ranked by words: %s.", error)
            return None
        return Meaning(name, {digest: self._rows[digest] for digest in wanted})

    async def nearest_to(self, text: str, most: int) -> list[tuple[int, float]]:
        """Return (paper's id, nearness from 0 to 1) of the papers nearest to a text, nearest first.

        Of the papers that were read, the newest 50,000 are looked at. Raises EmbeddingError, StateError.
        """
        if self.embedder is None or self.store is None:
            raise EmbeddingError("there is nothing that could tell what a text means")
        from bot.ranking.told import as_told

        name = await self.embedder.name()
        kept = await self.workers.store(self.store.newest_vectors, name, _LOOKED_AT)
        if not kept:
            raise EmbeddingError("no paper was read yet: the next edition has them read")
        (asked,) = await self.embedder.embed([as_told(text)])
        whitening = await self._whitened_by(name)
        try:
            return await self.workers.cpu(_nearest, whitening, asked, kept, most)
        except ValueError as error:
            raise EmbeddingError(f"{name} answers with vectors of another length") from error

    async def _have(self, name: str, wanted: Mapping[bytes, tuple[int, str]]) -> None:
        """Bring all of these texts' vectors into `_rows`."""
        assert self.store is not None  # noqa: S101 - the caller asked
        lacking = {digest: each for digest, each in wanted.items() if digest not in self._rows}
        if not lacking:
            return
        keys = [(paper, digest) for digest, (paper, _) in lacking.items()]
        kept = await self.workers.store(self.store.vectors, name, keys)
        found = {digest: vector for (_, digest), vector in kept.items()}
        unread = [(p, d, told) for d, (p, told) in lacking.items() if d not in found]
        for start in range(0, len(unread), _BATCH):
            try:
                found |= await self._read(name, unread[start : start + _BATCH])
            except _LateError as error:
                raise EmbeddingError(
                    f"{len(unread) - start:,} of {len(wanted):,} texts were not read within "
                    f"{self.seconds:g} s; the next run goes on with them"
                ) from error
        whitening = await self._whitened_by(name)
        try:
            rows = await self.workers.cpu(_whitened, whitening, list(found.values()))
        except ValueError as error:
            raise EmbeddingError(
                f"{name} answers with vectors of another length than before: name it otherwise"
            ) from error
        self._rows |= dict(zip(found, rows, strict=True))

    async def _read(self, name: str, texts: Sequence[tuple[int, bytes, str]]) -> dict[bytes, bytes]:
        """Have one batch read and keep it; papers that are stored nowhere keep nothing."""
        assert self.embedder is not None and self.store is not None  # noqa: S101, PT018 - the callers asked
        if self._left <= 0:
            raise _LateError(f"not all was read within {self.seconds:g} s; the next run goes on")
        clock = asyncio.get_running_loop().time
        started = clock()
        vectors = await self.embedder.embed([told for _, _, told in texts])
        self._left -= clock() - started
        rows = [
            (paper, digest, vector)
            for (paper, digest, _), vector in zip(texts, vectors, strict=True)
            if paper != _NOWHERE
        ]
        if rows:
            await self.workers.store(self.store.keep_vectors, name, rows)
        return {digest: vector for (_, digest, _), vector in zip(texts, vectors, strict=True)}

    async def _whitened_by(self, name: str) -> Whitening:
        """Return how this embedder's vectors are evened out; learn it where it is not known."""
        assert self.store is not None  # noqa: S101 - the caller asked
        if self._whitening is not None:
            return self._whitening
        from bot.ranking import meaning

        if name == meaning.SHIPPED_FOR:
            self._whitening = meaning.shipped_whitening()
            return self._whitening
        told = await self.workers.store(self.store.whitening, name)
        if told is None:
            few = await self.workers.store(self.store.newest_vectors, name, meaning.MOST_TO_LEARN)
            if len(few) < meaning.LEAST_TO_LEARN:
                raise EmbeddingError(
                    f"{name} has read {len(few)} papers so far, and what papers have in common is "
                    f"known from {meaning.LEAST_TO_LEARN} on"
                )
            try:
                learnt = await self.workers.cpu(
                    meaning.learnt_whitening, [vector for _, vector in few]
                )
            except ValueError as error:
                raise EmbeddingError(f"{name} answers with vectors of different lengths") from error
            told = await self.workers.store(self.store.keep_whitening, name, learnt.packed())
        self._whitening = meaning.Whitening.unpacked(told)
        return self._whitening


class _LateError(EmbeddingError):
    """There is no time left to read in."""


_NOWHERE = -1  # stands for the id of a paper that is not stored


def _texts(papers: Iterable[Paper]) -> dict[bytes, tuple[int, str]]:
    """Return the papers' texts by digest, each with its paper's id."""
    from bot.ranking.told import digest_of, told_of

    told = ((paper.id or _NOWHERE, told_of(paper)) for paper in papers)
    return {digest_of(text): (paper, text) for paper, text in told}


def _whitened(whitening: Whitening, packed: Sequence[bytes]) -> NDArray[np.float32]:
    import numpy as np

    return whitening(packed).astype(np.float32)


def _nearest(
    whitening: Whitening, asked: bytes, kept: Sequence[tuple[int, bytes]], most: int
) -> list[tuple[int, float]]:
    wanted = whitening([asked])[0]
    found: list[tuple[int, float]] = []
    for start in range(0, len(kept), _CHUNK):
        some = kept[start : start + _CHUNK]
        near = whitening([vector for _, vector in some]) @ wanted
        found += zip((paper for paper, _ in some), near.tolist(), strict=True)
    found.sort(key=lambda pair: (-round(pair[1], 6), pair[0]))
    return [(paper, near) for paper, near in found[:most] if near > 0]
