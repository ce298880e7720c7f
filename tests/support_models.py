"""Services that answer as OpenAI's do, on a Site; and an embedder that needs no model.

`moods` are answers instead, in turn: a status ("500"), "html", "empty", "slow", or a whole body.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from bot.errors import EmbeddingError
from bot.ranking.meaning import SHIPPED_FOR
from support_http import Site
from support_services import Moody

WIDTH = 384


def pointing(text: str, width: int = WIDTH) -> list[float]:
    """A vector that texts with words in common have in common; the same on every machine."""
    vector = [0.0] * width
    for word in text.lower().replace(".", " ").split():
        draw = random.Random(hashlib.sha256(word.encode()).digest())  # noqa: S311 - a test's own
        vector = [value + draw.gauss(0, 1) for value in vector]
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector] if any(vector) else [1.0] + [0.0] * (width - 1)


def packed(vector: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(vector)}e", *vector)


@dataclass
class WordEmbedder:
    """A `ports.Embedder` over the words of texts; `read` are the texts it was given."""

    model: str = SHIPPED_FOR
    width: int = WIDTH
    problem: str = ""
    seconds: float = 0.0  # that each call takes
    after: int = 1 << 30  # texts, and it fails
    read: list[str] = field(default_factory=list)

    async def name(self) -> str:
        return self.model

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        if self.problem or len(self.read) >= self.after:
            raise EmbeddingError(self.problem or "it has read enough")
        await asyncio.sleep(self.seconds)
        self.read += texts
        return [packed(pointing(text, self.width)) for text in texts]


@dataclass
class Embeddings(Moody):
    """`/v1/embeddings`; `asked` are the bodies of the questions, `keys` what came with them."""

    width: int = 48
    asked: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def put(self, site: Site) -> None:
        site.put_call("/v1/embeddings", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        if self.moods and self.moods[0] == "slow":
            await asyncio.sleep(30)
        if (instead := self.mood()) is not None:
            return instead
        asked = await request.json()
        self.asked.append(asked)
        self.keys.append(request.headers.get("Authorization", ""))
        rows = [
            {"index": at, "embedding": [3 * value for value in pointing(text, self.width)]}
            for at, text in enumerate(asked["input"])
        ]
        return web.Response(text=json.dumps({"data": rows[::-1]}))


@dataclass
class Chat(Moody):
    """`/v1/chat/completions` that always says the same; `asked` as above."""

    said: str = "It sends every token to two experts and halves the cost of serving."
    tokens: int | None = 400
    asked: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def put(self, site: Site) -> None:
        site.put_call("/v1/chat/completions", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        if self.moods and self.moods[0] == "slow":
            await asyncio.sleep(30)
        if (instead := self.mood()) is not None:
            return instead
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        told: dict[str, object] = {"choices": [{"message": {"content": self.said}}]}
        if self.tokens is not None:
            told["usage"] = {"total_tokens": self.tokens}
        return web.Response(text=json.dumps(told))
