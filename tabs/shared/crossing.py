"""The one crossing from the server to whoever asked: answers that can be read, and closed doors.

What is sent may hold any text of a disk or a checkpoint, and what comes in may be anything. Gradio
answers both with HTTP 500, with no words at all, or with what was sent, whole. So here

- text that UTF-8 cannot hold becomes printable in every answer, whatever wrote it there;
- every error is one short sentence, which repeats little of what was sent, and no path;
- requests are bounded, and routes of Gradio that this page does not use are closed;
- a browser keeps the page's scripts, whose address is another after every start;
- two scripts of Gradio are sent as `mended_scripts` mends them;
- on a public page no address is fetched for a visitor.

Names in menus must come back as they went, so they pass `printable` before they become values; see
`models.available`. What is done here holds for whatever else finds its way into an answer.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import gradio.processing_utils
import gradio.queueing
import gradio.routes
import gradio.utils
import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from gradio.exceptions import Error, InvalidPathError
from gradio.route_utils import FnIndexInferError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

from .components import served
from .login import LoginFirst
from .mended_scripts import mended
from .sessions import SESSIONS
from .text import fits_utf8, printable, sentence

MOST_BYTES = 16 * 2**20  # of a request that uploads no file
UNFIT = "These values do not fit this call; /gradio_api/info says which it takes, with their types."
UPLOAD_FIRST = (
    "Send the picture as a file, as handle_file of gradio_client does: it must be uploaded first."
)
NOT_FETCHED = "This page fetches no picture from an address; send it as a file."
TOO_LARGE = f"A request may have {MOST_BYTES / 2**20:g} MiB here; send pictures as files."
CLOSED = "This page has no such door."
KEPT = (b"cache-control", b"private, max-age=86400, immutable")
# What belongs to other kinds of apps: loaded Spaces, recordings, editing in the browser.
CLOSED_DOORS = re.compile(
    r"(?:/gradio_api)?/(?:proxy=|deep_link|vibe-|process_recording|run-history|runs\b|profiling"
    r"|dev/|monitoring|custom_component|stream/|file=https?:)"
)


def install() -> None:
    """Have all that Gradio sends pass here; called before the page is launched. Gradio 6.31.

    It has no public interface for this: its answers are written in four places, each by one of the
    names that are replaced here.
    """
    gradio.routes.ORJSONResponse._render = staticmethod(rendered)  # type: ignore[method-assign]
    gradio.routes.orjson = _Writer(orjson)  # type: ignore[attr-defined, assignment]
    gradio.routes.json = _Writer(json)  # type: ignore[attr-defined, assignment]
    for module in (gradio.utils, gradio.queueing):
        module.error_payload = error_payload  # type: ignore[attr-defined]
    download = gradio.processing_utils.async_ssrf_protected_download
    if not hasattr(download, "asked"):
        gradio.processing_utils.async_ssrf_protected_download = _fetching(download)


def options() -> dict[str, Any]:
    """The options of the server's app, for `gr.Blocks.launch(app_kwargs=...)`."""
    unforeseen = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
    return {
        "middleware": [Middleware(LoginFirst), Middleware(Doors)],
        "exception_handlers": {
            RequestValidationError: _unfit,
            HTTPException: _http_error,
            **{kind: _unfit for kind in (*unforeseen, RecursionError, FnIndexInferError)},
        },
    }


def cleaned(value: Any) -> Any:
    """The same value, its text as UTF-8 holds it; what can be sent already is not copied."""
    if isinstance(value, str):
        return value if value.isascii() or fits_utf8(value) else printable(value)
    if isinstance(value, dict):
        return {cleaned(k): cleaned(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(v) for v in value]
    return value


_write = gradio.routes.ORJSONResponse._render


def rendered(content: Any) -> bytes:
    """A JSON answer; its text is looked through only where it could not be written as it is."""
    try:
        return _write(content)
    except TypeError:  # orjson's own error is one
        return _write(cleaned(content))


class _Writer:
    """A module of JSON whose `dumps` writes any text."""

    def __init__(self, module: Any) -> None:
        self._module = getattr(module, "_module", module)

    def dumps(self, content: Any, **named: Any) -> Any:
        if self._module is json:  # it writes halves of characters, which few can read
            return json.dumps(cleaned(content), **named)
        try:
            return self._module.dumps(content, **named)
        except TypeError:
            return self._module.dumps(cleaned(content), **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def error_payload(error: BaseException | None, show_error: bool) -> dict[str, Any]:
    """What Gradio answers for an error: always a sentence, whatever `show_error` says.

    Args:
        error: The error; of Gradio's own only the class is told, since its text may hold paths and
            all that was sent.
        show_error: Gradio's option, which would show any error's text; not heeded.
    """
    del show_error
    if isinstance(error, Error):
        return {
            "error": sentence(str(error.message)),
            "duration": error.duration,
            "visible": error.visible,
            "title": sentence(str(error.title)),
        }
    return {"error": _sentence_of(error), "visible": True}


def _sentence_of(error: BaseException | None) -> str:
    if isinstance(error, InvalidPathError):
        return UPLOAD_FIRST
    counts = re.search(r"\(needed: (\d+), got: (\d+)\)", str(error)[:1000])
    if isinstance(error, ValueError) and counts:
        return f"This call takes {counts[1]} values, and {counts[2]} were sent."
    return UNFIT


def _fetching(download: Callable[..., Any]) -> Callable[..., Any]:
    async def asked(url: str, cache_dir: str) -> str:
        """Gradio's own, which refuses private addresses; on a public page all are refused."""
        if SESSIONS.public:
            raise Error(NOT_FETCHED, print_exception=False)
        return await download(url, cache_dir)

    asked.asked = True  # type: ignore[attr-defined]
    return asked


async def _unfit(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        logging.warning("A request was refused: %s", type(error).__name__)
    return JSONResponse({"detail": UNFIT}, 422)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail
    words = sentence(detail) if isinstance(detail, str) else cleaned(detail)
    return JSONResponse({"detail": words}, error.status_code, error.headers)


def _kept(send: Callable[..., Any]) -> Callable[..., Any]:
    """The same way out, on which a browser is told to keep a file that was found."""

    async def kept(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            message = {**message, "headers": [*message["headers"], KEPT]}
        await send(message)

    return kept


class Doors:
    """Refuses requests to closed doors, and those that are too large, before they are read.

    The scripts of the page are kept by the browser: their folder has another name after every start
    (see `components.served`), and the more than fifty of them would else be sent at every load.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        """Stand before an app, as ASGI has it."""
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if CLOSED_DOORS.match(path):
            await JSONResponse({"detail": CLOSED}, 404)(scope, receive, send)
            return
        if path.startswith(f"/gradio_api/file={served().as_posix()}/"):
            await self.app(scope, receive, _kept(send))
            return
        if path in mended() and scope["method"] == "GET":
            # "no-cache": a browser may have met Gradio's own under this address.
            answer = Response(mended()[path], headers={"cache-control": "no-cache"})
            answer.headers["content-type"] = "text/javascript"
            await answer(scope, receive, send)
            return
        if path.rstrip("/").endswith("/upload"):  # has a bound of its own
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        size = headers.get(b"content-length", b"0")
        if not size.isdigit() or int(size[:12]) > MOST_BYTES:
            await JSONResponse({"detail": TOO_LARGE}, 413)(scope, receive, send)
            return
        read = 0

        async def bounded() -> Any:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self.app(scope, bounded, send)
