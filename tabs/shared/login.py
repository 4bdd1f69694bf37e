"""The login that `--auth` asks for, held before every door of the page.

Gradio asks for it at most of its routes, but not at that of MCP, nor at those that stop a run or
feed one. Before it stand only the form itself, with its scripts and looks, and the question whether
the server has started.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

API = "/gradio_api/"
OPEN = ("startup-events", "theme.css")
ANSWER = {"error": "Log in to the page first."}


class LoginFirst:
    """Middleware that refuses the programs' routes, files among them, without a login.

    Where the page asks for none, it lets everything pass.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before the application `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] in ("http", "websocket") and not _may_pass(scope):
            await JSONResponse(ANSWER, status_code=401)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _may_pass(scope: Scope) -> bool:
    page = scope["app"]
    if page.auth is None:
        return True
    _, api, name = scope["path"].partition(API)
    if not api or name.rstrip("/") in OPEN:
        return True
    cookies = HTTPConnection(scope).cookies
    names = (f"access-token-{page.cookie_id}", f"access-token-unsecure-{page.cookie_id}")
    return any(cookies.get(name) in page.tokens for name in names)
