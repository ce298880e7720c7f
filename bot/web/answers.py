"""What every answer has: safe headers, a page for people where something is refused, no traces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import CIMultiDict

from bot.app import App
from bot.errors import PaperroundError
from bot.outputs.contexts import LinkContext
from bot.outputs.door_pages import notice_page
from bot.ports import Renderer
from bot.web.limits import Limits

log = logging.getLogger("paperround")

LARGEST_FORM = 16 * 1024  # bytes; what our own forms and one-click requests send is under 100
LONGEST_NAME = 2_100  # of a paper that is asked for: an address of 2,000 is one
_MOST_FIELDS = 150  # a list of lists
_FORM_SECONDS = 10
_HEADERS = CIMultiDict(
    {
        # No script, no third party, no frame: a hostile title that got past escaping would still be mute.
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Server": "paperround",
    }
)
# An address with a token is somebody's own: neither kept by a proxy nor found by a search engine.
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}

_SAID: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("That was not understood", "Nothing was changed. Go back, and try once more."),
        404: ("There is no such page", "The address may be mistyped, or what stood here is gone."),
        405: ("That cannot be done here", "This address only shows a page. Nothing was changed."),
        408: ("That took too long", "Nothing was changed. Please try again."),
        410: ("This is gone", "Its owner gave it another address, or left."),
        413: ("That was too much", "It was not read, and nothing was changed."),
        500: ("Something went wrong", "This is a mistake of ours, and it was noted."),
        503: ("Not just now", "Nothing was changed. Please try again in a few minutes."),
    }
)


class CurrentApp:
    """The App that holds now, and its template engine, which is made once for each.

    `wake` lets a running `serve` send at once what was just ordered.
    """

    def __init__(self, current: Callable[[], App], wake: Callable[[], None] = lambda: None) -> None:
        self._current, self.wake = current, wake
        self._made: tuple[App, Renderer] | None = None
        self._public: tuple[App, Path] | None = None

    @property
    def app(self) -> App:
        """The App of the configuration that holds now."""
        return self._current()

    @property
    def public(self) -> Path:
        """The folder of what is published, looked up once for each App."""
        app = self._current()
        if self._public is None or self._public[0] is not app:
            self._public = app, app.config.state / "public"
        return self._public[1]

    def render(self, template: str, context: object) -> str:
        """Render by that App's templates. Raises TemplateError."""
        app = self._current()
        if self._made is None or self._made[0] is not app:
            self._made = app, app.renderer()
        return self._made[1](template, context)


CURRENT: web.AppKey[CurrentApp] = web.AppKey("current", CurrentApp)
LIMITS: web.AppKey[Limits] = web.AppKey("limits", Limits)


@web.middleware
async def safely(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every answer our headers, and every refusal a page."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - what HTTP calls a client's error begins there
            error.headers.update(_HEADERS)
            raise
        response = _refused(request, error.status)
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = error.headers["Allow"]
    except PaperroundError as error:
        log.error("the web service could not answer: %s", error)  # noqa: TRY400 - a sentence for people
        response = _refused(request, 503)
    except ConnectionError:
        raise  # the client has gone
    except Exception:
        # Here and not by aiohttp, which would log the address that was asked for.
        log.exception("a mistake of ours in the web service")
        response = _refused(request, 500)
    response.headers.update(_HEADERS)
    return response


def private_page(body: bytes, status: int = 200, content_type: str = "text/html") -> web.Response:
    """Return a page that is its reader's alone."""
    return web.Response(
        body=body, status=status, content_type=content_type, charset="utf-8", headers=_PRIVATE
    )


def notice(
    request: web.Request,
    status: int,
    heading: str,
    *lines: str,
    ask: bool = False,
    ways: Sequence[LinkContext] = (),
) -> web.Response:
    """Return a page that says why there is nothing else; with `ask`, whom to write to.

    `ways` lead to what may have been meant, from the home page on.
    """
    current = request.app[CURRENT]
    page = notice_page(
        config=current.app.config, heading=heading, lines=lines, ask=ask, render=current.render,
        ways=ways,
    )  # fmt: skip
    return private_page(page, status)


def _refused(request: web.Request, status: int) -> web.Response:
    heading, line = _SAID.get(status, _SAID[400])
    return notice(request, status, heading, line)


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form of ours, each once; anything else that was sent has none.

    Raises what aiohttp answers by for a body that is too large, too slow or broken off.
    """
    return {name: values[-1] for name, values in (await form_lists(request)).items()}


async def form_lists(request: web.Request) -> dict[str, list[str]]:
    """Return the fields of a form of ours with all their values, otherwise as `form_of`."""
    if (request.content_length or 0) > LARGEST_FORM:  # not even waited for
        raise web.HTTPRequestEntityTooLarge(LARGEST_FORM, request.content_length or 0)
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            body = await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest from error
    if request.content_type != "application/x-www-form-urlencoded":
        return {}  # RFC 8058 §3.2 allows multipart too: it says nothing that the token does not
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return found
