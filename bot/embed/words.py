"""A fake `ports.Embedder` for tests: texts that share words point the same way, without a model."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.embed.model import MODEL_NAME
from bot.errors import EmbeddingError

WIDTH = 384  # as the model that is shipped


@dataclass
class WordEmbedder:
    """A fake: reads the words of texts, and nothing else; `read` are the texts it was given.

    It fails with `problem`, or once it has read `after` texts; each call takes `seconds`.
    """

    model: str = MODEL_NAME
    width: int = WIDTH
    problem: str = ""
    seconds: float = 0.0
    after: int = 1 << 30
    read: list[str] = field(default_factory=list)

    async def name(self) -> str:
        """Return the name it was given."""
        return self.model

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a vector for each text. Raises EmbeddingError where it shall fail."""
        if self.problem or len(self.read) >= self.after:
            raise EmbeddingError(self.problem or "it has read enough")
        await asyncio.sleep(self.seconds)
        self.read += texts
        return [packed(pointing(text, self.width)) for text in texts]


def pointing(text: str, width: int = WIDTH) -> list[float]:
    """Return a vector of length 1 to which each word adds its own; the same on every machine."""
    vector = [0.0] * width
    for word in text.lower().replace(".", " ").split():
        draw = random.Random(hashlib.sha256(word.encode()).digest())  # noqa: S311 - no secret
        vector = [value + draw.gauss(0, 1) for value in vector]
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else [1.0] + [0.0] * (width - 1)


def packed(vector: Sequence[float]) -> bytes:
    """Return a vector as an embedder answers it: float16, little-endian."""
    return struct.pack(f"<{len(vector)}e", *vector)
