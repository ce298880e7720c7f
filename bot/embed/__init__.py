"""What texts mean, as vectors: by a model in a process of its own, or by a service that is asked.

Both are `ports.Embedder`; `words.WordEmbedder` is the fake for tests. Only `model` imports
onnxruntime, and only in that process.
"""

from __future__ import annotations

from bot.embed.local import LocalEmbedder, model_of_package
from bot.embed.remote import RemoteEmbedder

__all__ = ["LocalEmbedder", "RemoteEmbedder", "model_of_package"]
