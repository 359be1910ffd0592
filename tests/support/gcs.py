"""A small Google Cloud Storage in memory: the part of its XML API that obstore calls.

No emulator serves that part: it has no multipart uploads of the XML API. It checks the bearer token of each request.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

__all__ = ["Gcs", "gcs_server"]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_Objects: TypeAlias = dict[str, tuple[bytes, datetime]]
_PART = re.compile(r"<PartNumber>(\d+)</PartNumber>")


@dataclass
class Gcs:
    """The server's address, and what it holds."""

    url: str
    token: str = "a-token-of-google"
    page: int = 25
    """The most objects of a page of a listing."""
    buckets: dict[str, dict[str, tuple[bytes, datetime]]] = field(
        default_factory=dict[str, dict[str, tuple[bytes, datetime]]]
    )
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict[str, dict[int, bytes]])
    lock: threading.RLock = field(default_factory=threading.RLock)
    ahead: timedelta = timedelta()
    """How much its clock is ahead."""

    def now(self) -> datetime:
        """Return the time by its clock."""
        return datetime.now(UTC) + self.ahead


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gcs: Gcs

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        if self.headers.get("Authorization") != f"Bearer {self.gcs.token}":
            self._fail(401, "AuthenticationRequired")
        elif bucket not in self.gcs.buckets:
            self._fail(404, "NoSuchBucket")
        else:
            with self.gcs.lock:
                self._answer(self.gcs.buckets[bucket], key, asked, body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _do  # noqa: N815 (as http.server wants it)

    def _answer(self, objects: _Objects, key: str, asked: dict[str, str], body: bytes) -> None:
        match self.command:
            case "GET" if not key:
                self._list(objects, asked)
            case "GET" | "HEAD":
                self._get(objects, key)
            case "PUT" if "uploadId" in asked:
                self._part(asked, body)
            case "PUT":
                self._put(objects, key, body)
            case "POST" if "uploads" in asked:
                upload = uuid.uuid4().hex
                self.gcs.uploads[upload] = {}
                self._send(
                    200, f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                )
            case "POST":
                self._complete(objects, key, asked, body)
            case _ if "uploadId" in asked:
                self.gcs.uploads.pop(asked["uploadId"], None)
                self._send(204)
            case _:
                if objects.pop(key, None) is None:
                    self._fail(404, "NoSuchKey")
                else:
                    self._send(204)

    def _put(self, objects: _Objects, key: str, body: bytes) -> None:
        source = self.headers.get("x-goog-copy-source")
        if source is not None:
            name = unquote(source).lstrip("/").partition("/")[2]
            if name not in objects:
                self._fail(404, "NoSuchKey")
                return
            body = objects[name][0]
        if self.headers.get("x-goog-if-generation-match") == "0" and key in objects:
            self._fail(412, "PreconditionFailed")
            return
        objects[key] = body, self.gcs.now()
        self._send(200, "<CopyObjectResult/>" if source else "", {"ETag": _tag(body), "x-goog-generation": "1"})

    def _part(self, asked: dict[str, str], body: bytes) -> None:
        if asked["uploadId"] not in self.gcs.uploads:
            self._fail(404, "NoSuchUpload")
            return
        self.gcs.uploads[asked["uploadId"]][int(asked["partNumber"])] = body
        self._send(200, "", {"ETag": _tag(body)})

    def _complete(self, objects: _Objects, key: str, asked: dict[str, str], body: bytes) -> None:
        parts = self.gcs.uploads.pop(asked["uploadId"], None)
        if parts is None:
            self._fail(404, "NoSuchUpload")
            return
        data = b"".join(parts[int(number)] for number in _PART.findall(body.decode()))
        objects[key] = data, self.gcs.now()
        tag = f"<ETag>{escape(_tag(data))}</ETag>"
        self._send(
            200,
            f"<CompleteMultipartUploadResult>{tag}</CompleteMultipartUploadResult>",
            {"ETag": _tag(data), "x-goog-generation": "1"},
        )

    def _get(self, objects: _Objects, key: str) -> None:
        if key not in objects:
            self._fail(404, "NoSuchKey")
            return
        data, made = objects[key]
        headers = {"ETag": _tag(data), "Last-Modified": format_datetime(made, usegmt=True), "x-goog-generation": "1"}
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None:
            self._send(200, data, headers)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        if start >= len(data):
            self._fail(416, "InvalidRange")
            return
        self._send(206, data[start : end + 1], headers | {"Content-Range": f"bytes {start}-{end}/{len(data)}"})

    def _list(self, objects: _Objects, asked: dict[str, str]) -> None:
        prefix, after = asked.get("prefix", ""), asked.get("continuation-token", asked.get("start-after", ""))
        found = sorted(name for name in objects if name.startswith(prefix) and name > after)
        shown = found[: self.gcs.page]
        said = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(objects[name][0])}</Size>"
            f"<LastModified>{objects[name][1].isoformat().replace('+00:00', 'Z')}</LastModified>"
            f"<ETag>{escape(_tag(objects[name][0]))}</ETag></Contents>"
            for name in shown
        )
        if len(shown) < len(found):
            said += f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>"
        self._send(200, f"<ListBucketResult>{said}</ListBucketResult>")

    def _fail(self, status: int, code: str) -> None:
        self._send(status, f"<Error><Code>{code}</Code></Error>")

    def _send(self, status: int, body: bytes | str = b"", headers: dict[str, str] | None = None) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as it is called there)
        """Say nothing."""


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


@contextmanager
def gcs_server() -> Generator[Gcs]:
    """Run the server, in a thread."""

    class Handler(_Handler):
        """Answers for this server."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = Handler.gcs = Gcs(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
