"""A service that answers with vectors, as OpenAI's `/v1/embeddings` does: Ollama, llama.cpp, vLLM."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Sequence

from bot.errors import EmbeddingError
from bot.models import Document, Failure, Request
from bot.ports import Fetcher
from bot.sources.jsonanswers import in_its_words

_AT_ONCE = 32
_LONGEST = 2000  # characters of a text: about 500 pieces, what most models read at most
_WIDEST = 4096


class RemoteEmbedder:
    """A `ports.Embedder` that asks a service; `url` is its base (`http://127.0.0.1:11434/v1`).

    `key` goes into the Authorization header, and nowhere else.
    """

    def __init__(self, fetcher: Fetcher, url: str, model: str, key: str = "") -> None:
        self._fetcher, self._model, self._key = fetcher, model, key
        base = url.rstrip("/")
        self._url = base if base.endswith("/embeddings") else f"{base}/embeddings"

    async def name(self) -> str:
        """Return a name for that model at that address."""
        told = hashlib.sha256(f"{self._url} {self._model}".encode()).hexdigest()
        return f"service {self._model} {told[:12]}"

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a vector for each text, as the service says."""
        found: list[bytes] = []
        for start in range(0, len(texts), _AT_ONCE):
            found += await self._some(texts[start : start + _AT_ONCE])
        return found

    async def _some(self, texts: Sequence[str]) -> list[bytes]:
        headers = [("Content-Type", "application/json")]
        if self._key:
            headers.append(("Authorization", f"Bearer {self._key}"))
        asked = {"model": self._model, "input": [text[:_LONGEST] for text in texts]}
        answer = await self._fetcher.fetch(
            Request(self._url, headers=tuple(headers), body=json.dumps(asked).encode())
        )
        if isinstance(answer, Failure):
            raise EmbeddingError(in_its_words(answer, self._key).problem)
        if not isinstance(answer, Document):
            raise EmbeddingError("the service answered that nothing changed")
        return _read(answer.body, len(texts))


def _read(body: bytes, count: int) -> list[bytes]:
    """Return the vectors of an answer in the order of the question. Raises EmbeddingError."""
    try:
        rows = json.loads(body)["data"]
        told = {int(row["index"]): [float(each) for each in row["embedding"]] for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise EmbeddingError("the service did not answer with vectors") from error
    widths = {len(vector) for vector in told.values()}
    if sorted(told) != list(range(count)) or len(widths) != 1 or not 0 < max(widths) <= _WIDEST:
        raise EmbeddingError(f"the service did not answer with {count} vectors of one length")
    return [_packed(told[at]) for at in range(count)]


def _packed(vector: Sequence[float]) -> bytes:
    length = math.hypot(*vector)
    if not 0 < length < math.inf:  # also for what is no number
        raise EmbeddingError("the service answered with a vector that points nowhere")
    return struct.pack(f"<{len(vector)}e", *(each / length for each in vector))
