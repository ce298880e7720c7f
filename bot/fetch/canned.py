"""A fetcher for tests, which ships beside the real thing (`ports`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yarl import URL

from bot.fetch import Answer
from bot.fetch.wording import host_in_words
from bot.models import Document, Failure, Request


class CannedFetcher:
    """A Fetcher without a network: answers by address, in turn, the last one again and again.

    An answer given as bytes is a Document with that body. `requests` are all that were made.
    """

    def __init__(self, answers: Mapping[str, Sequence[Answer | bytes]] | None = None) -> None:
        self._answers = {url: list(given) for url, given in (answers or {}).items()}
        self.requests: list[Request] = []

    def then(self, url: str, *answers: Answer | bytes) -> None:
        """Add answers for an address, replacing what is left of the earlier ones."""
        self._answers[url] = list(answers)

    async def fetch(self, request: Request) -> Answer:
        """Return the next canned answer; an address without one cannot be reached."""
        self.requests.append(request)
        left = self._answers.get(request.url, [])
        if not left:
            return Failure(request.url, f"{host_in_words(URL(request.url))} could not be reached")
        answer = left.pop(0) if len(left) > 1 else left[0]
        return Document(request.url, answer) if isinstance(answer, bytes) else answer
