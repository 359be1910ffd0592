"""The peer's side: a process in the peer's own environment that runs rounds on request, and times them.

The driver writes `round WAY COUNT FIRST` to standard input. The process saves COUNT records, numbered from FIRST, in
that way and loads them back. It answers with one line of JSON for each timed half.

Only calls of the library are timed. Records are made before the clock starts, and the loaded ones are compared with
them after it stopped. So a library that returns other records has no figure. The script needs only Python and
SQLAlchemy.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from sqlalchemy import Engine, event

__all__ = ["Peer", "Values", "Way", "serve", "values"]


class Values(NamedTuple):
    """A record of five fields. The text and the dict have about 40 bytes each."""

    number: int
    score: float
    name: str
    accepted: bool
    details: dict[str, Any]


def values(number: int) -> Values:
    """Return the record of a number. No two are equal, since some libraries store equal content only once."""
    return Values(
        number=number,
        score=number / 8,  # exact in few digits, since AiiDA rounds floats
        name=f"record {number:08} of a benchmark, forty bytes",
        accepted=number % 2 == 0,
        details={"kind": "tree", "depth": number % 17, "rate": 0.125},
    )


class Way(NamedTuple):
    """One way to save and to load records. A function may be a coroutine function."""

    save: Callable[[Any], Any]
    """Takes the result of `Peer.make`, and returns the argument of `load`."""
    load: Callable[[Any], Any]
    """Returns the argument of `Peer.read`."""
    make: Callable[[Any], Any] = lambda models: models
    """Combines models before the clock starts."""
    only_load: bool = False
    """Whether the library cannot save in this way, so that its saves are not reported."""


class Peer:
    """A library; `ways` are those that it has of "one by one", "nested" and "in bulk"."""

    distribution: str
    """The name of its distribution."""
    ways: dict[str, Way]

    def open(self, url: str, folder: Path) -> Any:
        """Make a new database at a URL, or in an empty folder, and use it from now on."""
        raise NotImplementedError

    def make(self, records: list[Values]) -> Any:
        """Return the objects to save: the records as instances of a class of the library, if it has one."""
        return records

    def read(self, loaded: Any) -> list[Values]:
        """Return the records of the loaded objects, in their order."""
        return list(loaded)


def serve(peer: Peer) -> None:
    """Obey standard input until it ends. The arguments are the URL, a folder, and whose settings SQLite has."""
    url, folder, settings = sys.argv[1:]
    # Libraries may print; redirect that to the log, so that it does not mix with the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tuned = _tune_sqlite() if settings == "equal" and url.startswith("sqlite") else None
    with asyncio.Runner() as runner:
        _done(runner, peer.open(url, Path(folder)))
        libraries = {name: version(name) for name in (peer.distribution, "sqlalchemy")}
        _answer(answers, ways=list(peer.ways), libraries=libraries)
        for line in sys.stdin:
            order, way, count, first = line.rstrip("\n").split("\t")
            assert order == "round"
            _round(runner, peer, way, [values(int(first) + number) for number in range(int(count))], answers)
            # Otherwise SQLite's settings were not those that the report states.
            assert tuned is None or tuned, "no connection of SQLAlchemy's was tuned"


def _round(runner: asyncio.Runner, peer: Peer, name: str, records: list[Values], answers: TextIO) -> None:
    way = peer.ways[name]
    models = way.make(peer.make(records))
    saved, save_seconds = _timed(runner, way.save, models)
    del models  # loads must read the database, not objects in memory
    loaded, load_seconds = _timed(runner, way.load, saved)
    assert peer.read(loaded) == records, f"{name}: what was loaded is not what was saved"
    for half, seconds in (("save", save_seconds), ("load", load_seconds)):
        if half == "load" or not way.only_load:
            count = len(records)
            _answer(answers, job=f"{half} {name}", count=count, seconds=seconds, per_second=round(count / seconds, 1))
    _answer(answers, round=name)


def _timed(runner: asyncio.Runner, work: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    gc.collect()  # earlier garbage must not be collected in this call's time
    start = time.perf_counter()
    result = _done(runner, work(argument))
    return result, time.perf_counter() - start


def _done(runner: asyncio.Runner, result: Any) -> Any:
    return runner.run(result) if inspect.iscoroutine(result) else result


def _answer(answers: TextIO, **values: Any) -> None:
    print(json.dumps(values), file=answers, flush=True)


def _tune_sqlite() -> list[object]:
    """Give every SQLite connection of SQLAlchemy the settings of Artigraph's own; return a list of those changed."""
    tuned: list[object] = []

    def tune(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        tuned.append(True)

    event.listen(Engine, "connect", tune)
    return tuned
