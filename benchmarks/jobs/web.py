"""Pages of the web view, among 100,000 runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import event

from artigraph.db import get_engine
from artigraph.ui import create_app
from artigraph.ui._query import PAGE
from artigraph.view import runs_page
from benchmarks.bench import Bench, Job
from benchmarks.floors.raw import Sql
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared
from benchmarks.runs import FAILED, NIGHTLY, fill_runs

__all__ = ["JOBS"]

_RUNS = 100_000
_TIMES = 5
"""How often a round asks for a page."""
_ROW = re.compile(rb'<th scope="row"|<code class="id"')
"""What each row of a table, and each hit of a search, has."""


async def web(bench: Bench) -> Sequence[Row]:
    """Ask for each page of lists, against the statements that it sends, executed by the bare driver and by Core.

    A page also makes its statements and its HTML, which these do not. No run belongs to another, so a list of all runs
    has a full page of them.
    """
    count = bench.effort.of(_RUNS)
    runs = await fill_runs(count, tree=False)
    await bench.core.analyze()
    app = create_app(get_engine(), allowed_hosts=["*"])
    second = (await runs_page(limit=2)).next
    rare = f"parameters.rate == 0.5 and node_id == '{runs[count // 2]}'"
    most = min(count, PAGE)
    pages: dict[str, tuple[str, dict[str, str], int]] = {
        "the newest runs": ("/runs", {}, most),
        "the runs before one": ("/runs", {"before": str(second)}, most),
        "the runs of a frequent status": ("/runs", {"status": "completed"}, most),
        "the runs of a rare status": ("/runs", {"status": "failed"}, min(-(-count // FAILED), PAGE)),
        "the runs of a frequent name": ("/runs", {"name": "nightly"}, min(-(-count // NIGHTLY), PAGE)),
        "the run of a rare name": ("/runs", {"name": "train 1"}, 1),
        "the runs with a parameter": ("/runs", {"w": "parameters.rate == 0.5", "cols": "parameters.rate"}, most),
        "one run among all, by an expression": ("/runs", {"w": rare}, 1),
        "a run": (f"/runs/{runs[count // 2]}", {}, 1),
        "the runs by a result": ("/runs", {"sort": "-results.report.field 3"}, most),
        "the runs by their inputs": ("/runs", {"group": "input"}, most),
        "the newest artifacts": ("/artifacts", {}, most),
        "the models": ("/models", {}, 1),
        "a search": ("/search", {"q": str(runs[count // 2])[:12]}, 1),
    }
    rows: list[Row] = []
    for number, (what, (path, query, shown)) in enumerate(pages.items()):
        found = len(_ROW.findall(await _get(app, path, query)))
        assert found >= shown, f"the page of {what} shows {found} rows, not {shown}"
        statements = await _statements(app, path, query)

        async def ours(_: object, path: str = path, query: dict[str, str] = query) -> None:
            for _ in range(_TIMES):
                await _get(app, path, query)

        async def raw(_: object, statements: Any = statements) -> None:
            for _ in range(_TIMES):
                for sql, parameters in statements:
                    await bench.raw.select(sql, parameters)

        async def core(_: object, statements: Any = statements) -> None:
            for _ in range(_TIMES):
                for sql, parameters in statements:
                    await bench.core.execute(sql.text, parameters)

        ways = {"ours": Way(ours, nothing), "core": Way(core, nothing), "raw": Way(raw, nothing)}
        seconds = await interleave(ways, rounds=bench.effort.rounds)
        rows.append(
            compared(
                seconds,
                job=f"web-{number}",
                title=f"the page of {what}, among {count:,} runs",
                database=bench.database,
                limit=3,
                against="raw",
                each=_TIMES,
                note=f"{len(statements)} statements",
            )
        )
    return rows


async def _statements(app: Any, path: str, query: dict[str, str]) -> list[tuple[Sql, tuple[Any, ...]]]:
    """Return the statements that a page sends, in the driver's form."""
    found: list[tuple[Sql, tuple[Any, ...]]] = []

    def note(_c: object, _u: object, statement: str, parameters: Any, _x: object, _many: bool) -> None:
        found.append((Sql(statement, (), {}), tuple(parameters)))

    engine = get_engine().sync_engine
    await _get(app, path, query)
    event.listen(engine, "before_cursor_execute", note)
    try:
        await _get(app, path, query)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return found


async def _get(app: Any, path: str, query: dict[str, str]) -> bytes:
    """Return the body of a page, asked for without a server."""
    parts: list[bytes] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(b"host", b"localhost"), (b"accept", b"text/html")],
        "scheme": "http",
        "server": ("localhost", 80),
        "http_version": "1.1",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200, message
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(parts)


JOBS = (Job("web", web, long=True),)
