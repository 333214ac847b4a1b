"""Lets in who may use the app: this machine's own pages, and those with the token."""

import contextlib
import hmac
import http.cookies
import urllib.parse
from collections.abc import Callable

LOCAL = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    # Nothing comes from, or goes to, another origin. Vue compiles templates (eval).
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' "
    "data: blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


class Guard:
    """An ASGI application in front of another: all requests and websockets pass here.

    token: "" where none is needed. is_local: requests must name this machine, so that
    no page elsewhere reaches the app by a name that it points here. longest: bytes of
    the longest request.
    """

    def __init__(
        self, app: Callable, token: str, is_local: bool, port: int, longest: int
    ):
        self._app, self._token, self._is_local = app, token, is_local
        self._longest = longest
        self._cookie = f"ocr_jax_{port}"

    async def __call__(self, scope, receive, send):
        """Answer a request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = {k.decode().lower(): v.decode("latin1") for k, v in scope["headers"]}
        query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin1"))
        [given] = query.get("token", [""])[:1]
        if problem := self._problem(scope.get("method", "GET"), headers, given):
            return await _refuse(scope, send, problem)
        if given and self._token and scope["type"] == "http":
            return await self._welcome(scope, send)

        async def send_guarded(message):
            if message["type"] == "http.response.start":
                more = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message = message | {"headers": [*message.get("headers", []), *more]}
            await send(message)

        try:
            await self._app(scope, receive, send_guarded)
        except RuntimeError as error:
            # What Starlette says when a browser has gone before its answer came.
            if "No response returned" not in str(error):
                raise

    def _problem(self, method: str, headers: dict[str, str], given: str) -> str:
        host = headers.get("host", "")
        if self._is_local and _without_port(host) not in LOCAL:
            return "this app answers to localhost only"
        origin = headers.get("origin", "")
        if origin and origin.partition("://")[2] != host:
            return "requests of other sites are refused"
        # An image or a form of another site's page names no origin.
        is_link = headers.get("sec-fetch-mode") == "navigate" and method == "GET"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not is_link:
            return "requests of other sites are refused"
        length = headers.get("content-length", "")
        if method not in ("GET", "HEAD") and not (
            length.isdecimal() and int(length) <= self._longest
        ):
            return f"more than {self._longest:,} bytes, or nobody knows how many"
        if not self._token:
            return ""
        cookies = http.cookies.SimpleCookie()
        with contextlib.suppress(http.cookies.CookieError):
            cookies.load(headers.get("cookie", ""))
        kept = cookies[self._cookie].value if self._cookie in cookies else ""
        good = [
            hmac.compare_digest(one.encode(), self._token.encode())
            for one in (given, kept)
        ]
        return "" if any(good) else "open the address, with its token, that was printed"

    async def _welcome(self, scope, send):
        """Keep the token in a cookie, and take it out of the address."""
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        path = urllib.parse.quote(scope["path"])
        # A path of two slashes would name another host.
        location = "/" + path.lstrip("/")
        headers = [
            (b"location", location.encode()),
            (b"set-cookie", cookie.encode()),
            (b"referrer-policy", b"no-referrer"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


async def _refuse(scope, send, problem: str):
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 4403, "reason": problem})
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": f"{problem}\n".encode()})
