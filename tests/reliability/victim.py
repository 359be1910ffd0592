"""A process that forks on request. Each fork saves a parcel, or deletes a run, and may be killed meanwhile.

It reads a line `JOB SEED OBJECTS WORKERS SYNCHRONOUS ATTEMPTS`, forks, and waits. The fork saves something, says `ready
PID ID`, waits for a line and saves the parcel. It says `saved ID`, or `failed TYPE MESSAGE` for each attempt, and exits
without closing anything. To delete, it first saves a run with two parcels and says `ready PID ID RUN`. Then it deletes
the run and says `deleted RUN`. When it has ended, the first process says `end STATUS`. A fork need not import
everything again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from artigraph import Run, RunManager, delete
from artigraph.errors import ArtigraphError
from tests.support.places import Place, parcel


def line() -> str:
    """Read exactly one line, because a fork reads the next one."""
    read = bytearray()
    while not read.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return ""
        read += byte
    return read.decode().strip()


def say(*words: object) -> None:
    text = " ".join(map(str, words)).replace("\n", " ").encode() + b"\n"
    try:
        os.write(1, text)
    except OSError:  # this may be the part that fails once on purpose
        os.write(1, text)


async def save(place: Place, seed: int, objects: int, workers: int, synchronous: Any, attempts: int) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(workers))
    async with place.opened(sqlite_synchronous=synchronous):
        first = await parcel(-1 - seed, 2).save("first")
        model = parcel(seed, objects)
        say("ready", os.getpid(), first)
        line()
        for _ in range(attempts):
            try:
                saved = await model.save("it")
            except ArtigraphError as error:
                say("failed", type(error).__name__, error)
            else:
                say("saved", saved)
                return
        os._exit(1)


async def remove(place: Place, seed: int, objects: int, workers: int, synchronous: Any, _attempts: int) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(workers))
    async with place.opened(sqlite_synchronous=synchronous):
        first = await parcel(-1 - seed, 2).save("first")
        async with RunManager(Run()) as manager, RunManager(Run()) as below:
            await manager.save_artifact("own", parcel(seed, objects))
            await below.save_artifact("shared", parcel(-1 - seed, 2))
        say("ready", os.getpid(), first, manager.run.node_id)
        line()
        await delete(manager.run.node_id)
        say("deleted", manager.run.node_id)


def main(place: Place) -> None:
    while command := line():
        if command == "go":  # to a fork that was killed before it could read it
            continue
        job, seed, objects, workers, synchronous, attempts = command.split()
        pid = os.fork()
        if not pid:
            work = save if job == "save" else remove
            asyncio.run(work(place, int(seed), int(objects), int(workers), synchronous, int(attempts)))
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        say("end", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Place.parse(sys.argv[1]))
