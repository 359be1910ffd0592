"""The peer's side: a process in the peer's own environment that runs rounds on request, and times them.

The driver writes an order to standard input, and the process answers with one line of JSON for each time:

- `round WAY COUNT FIRST`: save COUNT records, numbered from FIRST, in that way, and load them back.
- `call JOB COUNT`: do one job, whose size is COUNT. The first order for a job prepares its data.

Only calls of the library are timed. Everything else is done before the clock starts, and the answer is compared after
it stopped. So a library that returns something else has no figure. The script needs only Python and SQLAlchemy.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from sqlalchemy import Engine, event

from benchmarks.peers.answers import ancestors_of_last, inputs, newest

__all__ = ["EXPECTED", "Deleted", "Job", "Peer", "Served", "Values", "Way", "serve", "the_size", "values"]


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


class Job(NamedTuple):
    """One call that is timed, with its own preparation. A function may be a coroutine function."""

    prepare: Callable[[int], Any]
    """Makes the data for a job of this size, once."""
    call: Callable[[Any], Any]
    """Does the job."""
    read: Callable[[Any], Any] = lambda answer: answer
    """Turns what `call` returned into the answer to compare."""
    ready: Callable[[Any], Any] = lambda prepared: prepared
    """Takes the result of `prepare` before each call, and returns the argument of `call`."""


def the_size(count: int) -> int:
    """Prepare nothing but the size, for a job whose data is made anew before each call."""
    return count


class Served(NamedTuple):
    """The answer of cached calls."""

    results: list[Values]
    computed: int
    """How many of the calls ran the function, which is 0 for a cache that works."""


class Deleted(NamedTuple):
    """The answer of a deletion."""

    artifacts: int
    """The artifacts that the run had."""
    difference: int
    """Rows of nodes after the deletion, minus rows before the run was made. 0 if all of it is gone, and no more."""


EXPECTED: dict[str, Callable[[int], Any]] = {
    "newest": newest,
    "lineage": lambda count: ancestors_of_last(inputs(count)),
    "cached": lambda count: Served([values(number + 1) for number in range(count)], computed=0),
    "delete": lambda count: Deleted(count, difference=0),
}
"""The answer of each job, by its size. `answers.py` and the classes above say what it means."""


class Peer:
    """A library; `ways` are those that it has of "one by one", "nested" and "in bulk"."""

    distribution: str
    """The name of its distribution."""
    ways: dict[str, Way]
    jobs: dict[str, Job]
    """The jobs of `EXPECTED` that the library has a call for."""
    lacks: dict[str, str]
    """For each other job, why it has no figure: a clause that ends a sentence."""

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
        assert {*peer.jobs, *peer.lacks} == {*EXPECTED}, "each job needs a call, or a reason why there is no call"
        _answer(answers, ways=list(peer.ways), jobs=list(peer.jobs), lacks=peer.lacks, libraries=libraries)
        prepared: dict[str, Any] = {}
        for line in sys.stdin:
            order, name, *numbers = line.rstrip("\n").split("\t")
            try:
                if order == "call":
                    _call(runner, peer, name, int(numbers[0]), prepared, answers)
                else:
                    count, first = map(int, numbers)
                    _round(runner, peer, name, [values(first + number) for number in range(count)], answers)
            except Exception as error:
                traceback.print_exc()
                _answer(answers, error=f"{type(error).__name__}: {error}")
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


def _call(runner: asyncio.Runner, peer: Peer, name: str, count: int, prepared: dict[str, Any], answers: TextIO) -> None:
    job = peer.jobs[name]
    if name not in prepared:
        prepared[name] = _done(runner, job.prepare(count))
    argument = _done(runner, job.ready(prepared[name]))
    result, seconds = _timed(runner, job.call, argument)
    answer, expected = _done(runner, job.read(result)), EXPECTED[name](count)
    assert answer == expected, f"the answer is {answer!r}, but must be {expected!r}"
    _answer(answers, job=name, seconds=seconds)
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
