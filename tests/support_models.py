"""Services that answer as OpenAI's do, on a Site.

`moods` are answers instead, in turn: a status ("500"), "html", "empty", "slow", or a whole body.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from bot.embed.words import pointing
from support_http import Site
from support_services import Moody

Answer = Callable[[web.Request], Awaitable[web.Response]]

# What a service says where it refuses, and how it is told of: never whole where it is long.
REFUSALS = [
    ('{"error": {"message": "model not found", "type": "x"}}', ": model not found"),
    ('{"error": "model \\"words\\" not found, pull it"}', ': model "words" not found, pull it'),
    ('{"object": "error", "message": "too many\\ninputs.\\u001b"}', ": too many inputs"),
    ('{"detail": "Not here"}', ": Not here"),
    ('{"error": {"message": "no such key: secret key!"}}', ": no such key: …!"),
    ('{"error": {"message": "' + "long " * 2000 + '"}}', ": long long"),
    ('{"error": {"message": "' + "x" * 20_000 + '"}}', ""),
    ('{"error": {"message": 7}}', ""),
    ("<html>Not found</html>", ""),
    ("[" * 10_000, ""),
    ("\xff", ""),
    ("", ""),
]


def refusing(said: str, status: int = 404) -> Answer:
    """Return what answers everything with that status, and says that of it."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=said.encode("latin-1"))

    return answer


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
