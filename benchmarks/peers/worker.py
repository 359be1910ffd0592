"""The side of a peer: a process in the peer's own environment that does what it is told, and times it.

The driver writes `round WAY COUNT FIRST` to standard input; the process saves COUNT records (numbered from FIRST) in
that way and loads them back, and answers with one line of JSON for each half that is timed. Only calls of the library
are timed: records are made before the clock starts, and what was loaded is compared with them after it stopped, so a
library that gives back something else has no figure. Nothing but Python and SQLAlchemy is needed here.
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
    """A record: five fields, the text and the dict of about 40 bytes."""

    number: int
    score: float
    name: str
    accepted: bool
    details: dict[str, Any]


def values(number: int) -> Values:
    """Return the record of a number; no two are equal, for some libraries keep equal content once."""
    return Values(
        number=number,
        score=number / 8,  # exact in few digits: AiiDA rounds floats
        name=f"record {number:08} of a benchmark, forty bytes",
        accepted=number % 2 == 0,
        details={"kind": "tree", "depth": number % 17, "rate": 0.125},
    )


class Way(NamedTuple):
    """One way to save and to load records; a function may be a coroutine function."""

    save: Callable[[Any], Any]
    """Takes what `Peer.make` returned, returns what `load` takes."""
    load: Callable[[Any], Any]
    """Returns what `Peer.read` takes."""
    make: Callable[[Any], Any] = lambda models: models
    """Puts models together, before the clock starts."""
    only_load: bool = False
    """Whether the library has no such way to save, so that its saves are not reported."""


class Peer:
    """A library; `ways` are those of the three that it has: "one by one", "nested", "in bulk"."""

    distribution: str
    """What it is installed as."""
    ways: dict[str, Way]

    def open(self, url: str, folder: Path) -> Any:
        """Make a new database at a URL, or in a folder that is empty, and use it from now on."""
        raise NotImplementedError

    def make(self, records: list[Values]) -> Any:
        """Return what is saved: the records as instances of a class of the library, where it has such."""
        return records

    def read(self, loaded: Any) -> list[Values]:
        """Return the records of what was loaded, in their order."""
        return list(loaded)


def serve(peer: Peer) -> None:
    """Do what standard input says until it ends; arguments are the URL, a folder, and whose settings SQLite has."""
    url, folder, settings = sys.argv[1:]
    # What libraries print goes to the log, not between the answers.
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
            # Otherwise its SQLite was another one than that which is written beside its figures.
            assert tuned is None or tuned, "no connection of SQLAlchemy's was tuned"


def _round(runner: asyncio.Runner, peer: Peer, name: str, records: list[Values], answers: TextIO) -> None:
    way = peer.ways[name]
    models = way.make(peer.make(records))
    saved, save_seconds = _timed(runner, way.save, models)
    del models  # loads must come from the database, not from what is alive
    loaded, load_seconds = _timed(runner, way.load, saved)
    assert peer.read(loaded) == records, f"{name}: what was loaded is not what was saved"
    for half, seconds in (("save", save_seconds), ("load", load_seconds)):
        if half == "load" or not way.only_load:
            count = len(records)
            _answer(answers, job=f"{half} {name}", count=count, seconds=seconds, per_second=round(count / seconds, 1))
    _answer(answers, round=name)


def _timed(runner: asyncio.Runner, work: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    gc.collect()  # what came before is not this one's to clean up
    start = time.perf_counter()
    result = _done(runner, work(argument))
    return result, time.perf_counter() - start


def _done(runner: asyncio.Runner, result: Any) -> Any:
    return runner.run(result) if inspect.iscoroutine(result) else result


def _answer(answers: TextIO, **values: Any) -> None:
    print(json.dumps(values), file=answers, flush=True)


def _tune_sqlite() -> list[object]:
    """Give every SQLite connection of SQLAlchemy's the settings of Artigraph's own; return a list of those tuned."""
    tuned: list[object] = []

    def tune(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        tuned.append(True)

    event.listen(Engine, "connect", tune)
    return tuned
