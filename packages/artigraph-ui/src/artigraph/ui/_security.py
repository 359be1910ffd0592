"""Who may ask, and for what: methods, hosts, the token, the user, and the headers of each answer."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artigraph.errors import ConfigurationError
from artigraph.ui._errors import error_response
from artigraph.ui._log import log

Authorize: TypeAlias = Callable[[Request], Awaitable[str | None]]
"""Returns the name of the user of a request. Anything else, such as None or an empty text, refuses it."""

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""The names of this machine."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy: nothing runs or loads but the files of this application."""
_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_PRIVATE = "private, no-cache"
"""A browser may keep a page for going back, and must ask before it shows it anew."""
_STATIC = "/static/"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(?::[0-9]+)?")
_LONGEST_QUERY = 16 * 1024
_CODE_ENDS = 60.0
"""The seconds after which a code is no longer valid."""


class Security:
    """Decides about each request before a page is made, and adds the headers to each answer."""

    def __init__(
        self, app: ASGIApp, *, authorize: Authorize | None, allowed_hosts: Collection[str], token: str | None
    ) -> None:
        if isinstance(allowed_hosts, str) or not allowed_hosts:
            msg = f"allowed_hosts is a list of names, ['results.example.com'] say, not {allowed_hosts!r:.100}"
            raise ConfigurationError(msg)
        if token is not None and (len(token) < _SHORTEST or not token.isascii()):
            msg = f"token has at least {_SHORTEST} ASCII characters: secrets.token_urlsafe() makes one"
            raise ConfigurationError(msg)
        self._app = app
        self._authorize = authorize
        self._hosts = {host.lower() for host in allowed_hosts}
        self._token = token
        self._codes: dict[str, float] = {}
        """When each code that stands for the token once ends, by the code."""
        # Browsers send a cookie to all ports of a host. So each server has a name of its own for it, and the cookie
        # does not tell the token. It is the same in all processes of a server.
        self._cookie = "" if token is None else f"artigraph_{_derived(token, 'name')[:12]}"
        self._session = "" if token is None else _derived(token, "session")

    def make_code(self) -> str:
        """Return a text that an address may have once, instead of the token, within a minute.

        It is for an address that others can read, such as one that is an argument of a program.
        """
        code = secrets.token_urlsafe(32)
        self._codes[code] = time.monotonic() + _CODE_ENDS
        return code

    def _takes_code(self, given: str) -> bool:
        """Return whether a text is such a code, and forget it."""
        return self._codes.pop(given, 0.0) > time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", _PRIVATE)
                headers.add_vary_header("Accept, Cookie")
            await send(message)

        request = Request(scope, receive)
        try:
            answer = await self._refusal(request)
        except Exception:  # of `authorize`: the answer is a page of ours, with our headers
            log.exception("A request cannot be answered")
            message = "An unexpected error happened. The log of the server has it"
            answer = error_response(request, 500, "UnexpectedError", message)
        await (self._app if answer is None else answer)(scope, receive, send_secured)

    async def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that gets no page; None if it may have one."""
        if request.method not in ("GET", "HEAD"):
            refused = error_response(
                request, 405, "MethodNotAllowed", f"The web view only reads, and {request.method:.20} is refused"
            )
            refused.headers["allow"] = "GET, HEAD"
            return refused
        host = _host_of(request.headers.get("host", ""))
        if "*" not in self._hosts and host not in self._hosts:
            hint = f"If it is yours, allow it: allowed_hosts=[{host[:100]!r}], or `artigraph ui --allow-host` with it"
            return error_response(request, 400, "HostNotAllowed", f"The host {host!r:.100} is not allowed", hint)
        if len(request.scope["query_string"]) > _LONGEST_QUERY:
            message = f"The query of an address has at most {_LONGEST_QUERY:,} bytes"
            return error_response(request, 414, "QueryTooLong", message)
        if _is_static(request.scope):
            return None  # the files of this application, which anybody may have
        return self._without_token(request) or await self._without_user(request)

    def _without_token(self, request: Request) -> Response | None:
        if self._token is None:
            return None
        given = request.query_params.get("token")
        if given is not None and (_equal(given, self._token) or self._takes_code(given)):
            return self._with_cookie(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _equal(bearer.strip(), self._token):
            return None
        if _equal(request.cookies.get(self._cookie, ""), self._session):
            return None
        hint = "Open the address that `artigraph ui` printed. It contains the token"
        return error_response(request, 401, "TokenMissing", "The address lacks the token of this server", hint)

    def _with_cookie(self, request: Request) -> Response:
        """Return a redirect to the same address without the token, so that it is in no history and no bookmark."""
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        query = urlencode([(name, value) for name, value in pairs if name != "token"])
        last = quote(request.scope["path"].rpartition("/")[2], safe="")
        answer = RedirectResponse(f"./{last}{'?' if query else ''}{query}", 303)
        answer.set_cookie(
            self._cookie,
            self._session,
            path=f"{quote(request.scope.get('root_path', '').rstrip('/'))}/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _without_user(self, request: Request) -> Response | None:
        if self._authorize is None:
            return None
        user: object = await self._authorize(request)
        if not isinstance(user, str) or not user.strip():  # a proxy may send an empty header for strangers
            return error_response(request, 403, "NotAuthorized", "You are not allowed to see this store")
        request.scope["artigraph.user"] = user
        return None


_SHORTEST = 16


def _derived(token: str, purpose: str) -> str:
    """Return a text that follows from a token and tells nothing about it."""
    return hmac.new(token.encode(), f"artigraph.ui {purpose}".encode(), hashlib.sha256).hexdigest()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _host_of(header: str) -> str:
    """Return the name in a Host header, without its port. Return the whole header if it is malformed."""
    found = _HOST.fullmatch(header.strip().lower())
    return found[1] if found else header


def _is_static(scope: Scope) -> bool:
    root = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    return path.removeprefix(root).startswith(_STATIC)
