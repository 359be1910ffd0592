"""An HTTP server between a client and a real one, which goes wrong on purpose."""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

__all__ = ["Fault", "Proxy", "proxied"]

Fault = Literal[
    "none",
    "503",  # says that it is overloaded
    "reset",  # hangs up before anything was done
    "lost",  # hangs up after it was done
    "truncate",  # hangs up in the middle of the answer's body
    "stall",  # falls silent in the middle of the answer's body
    "short",  # sends half of the body as if it were all of it
    "flip",  # sends the body with one bit flipped
    "501",  # knows no conditional puts, and says so
    "heedless",  # knows no conditional puts, and does not say so
    "whole",  # knows no ranges, and sends all of it
    "full",  # has no space left
    "denied",  # does not let us
    "garbage",  # says something that is not of S3's protocol
]

OVERLOADED = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
NOT_IMPLEMENTED = b"<Error><Code>NotImplemented</Code><Message>A header is not implemented.</Message></Error>"
FULL = b"<Error><Code>XMinioStorageFull</Code><Message>The disk is full.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Proxy(ThreadingHTTPServer):
    """Forwards requests, except for the fault that `choose` returns for each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.choose: Callable[[str], Fault]
        self.always("none")
        self.seen: Counter[str] = Counter()
        self.done: Counter[Fault] = Counter()
        self.ends = threading.Event()
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def always(self, fault: Fault) -> None:
        """Answer every request with this fault."""
        self.choose = lambda _: fault

    def script(self, method: str, *faults: Fault) -> None:
        """Answer the next requests of a method with these faults, and all others as they should be."""
        rest = list(faults)
        self.choose = lambda asked: rest.pop(0) if asked == method and rest else "none"

    def seeded(self, seed: int, rate: float, *faults: Fault) -> None:
        """Answer with one of these faults at a rate."""
        drawn = random.Random(seed)
        self.choose = lambda _: drawn.choice(faults) if drawn.random() < rate else "none"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors of connections, because clients hang up, too."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def proxy(self) -> Proxy:
        assert isinstance(self.server, Proxy)
        return self.server

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.proxy.guard:
            fault = self.proxy.choose(self.command)
            self.proxy.seen[self.command] += 1
        headers = dict(self.headers.items())
        conditional = headers.get("If-None-Match") is not None
        if fault == "501" and not conditional:
            fault = "none"
        if fault == "heedless":
            headers.pop("If-None-Match", None)
        if fault == "whole":
            headers.pop("Range", None)
        self.proxy.done[fault] += 1
        if fault == "reset":
            self._hang_up()
        elif fault == "503":
            self._answer(503, OVERLOADED)
        elif fault == "501":
            self._answer(501, NOT_IMPLEMENTED)
        elif fault == "full":
            self._answer(507, FULL)
        elif fault == "garbage":
            self._answer(400, b"<html><p>What?</html>")
        elif fault == "denied":
            self._answer(403, DENIED)
        else:
            self._pass_on(fault, body, headers)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _do  # noqa: N815 (as http.server wants it)

    def _pass_on(self, fault: Fault, body: bytes, headers: dict[str, str]) -> None:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        try:
            upstream.request(self.command, self.path, body, headers)
            response = upstream.getresponse()
            data = response.read()
        finally:
            upstream.close()
        if fault == "lost":
            self._hang_up()
            return
        spoilt = self.command == "GET" and response.status in {200, 206} and len(data) > 1
        half = data[: len(data) // 2]
        if spoilt and fault == "short":
            data = half
        if spoilt and fault == "flip":
            data = bytes([data[0] ^ 1]) + data[1:]
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                self.send_header(name, value)
        length = response.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        if spoilt and fault in {"truncate", "stall"}:
            self.wfile.write(half)
            if fault == "stall":
                self.proxy.ends.wait(30)
            self._hang_up()
            return
        self.wfile.write(data)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as it is called there)
        """Say nothing."""


@contextmanager
def proxied(upstream: str) -> Generator[Proxy]:
    """Run a proxy for a server, in a thread."""
    with Proxy(upstream) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.ends.set()
            proxy.shutdown()
            thread.join()
