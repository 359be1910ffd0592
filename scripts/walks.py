"""Print which functions of Artigraph a save, a load and a query enter, and check docs/design/walks.md: `just walks`.

The page has a section for each walk, with one line for each function that matters. Each must be entered, for the first
time in the order of the page. A walk may enter no more files than the page says.

A walk must not return: a room calls only rooms below it, in the layers of pyproject.toml. The only exception is the
work of a transaction, which an upper room hands to `db`.
"""

import asyncio
import re
import sys
import tempfile
import threading
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd

import artigraph
from artigraph import ArtifactModel, artifact_field, columns, select
from artigraph.db import dispose_engines, engine_context
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.storage.file import FileSystem

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/design/walks.md"
Function = tuple[str, str]
"""The file and the qualified name of a function."""
CALLS_WORK: frozenset[Function] = frozenset(
    {("db/_transaction.py", "run_naming_rows"), ("progress.py", "run_in_slices")}
)
"""Functions that call the work of a room above: a transaction, and slices of a conversion."""


@dataclass
class Walk:
    """What a piece of work entered."""

    functions: dict[Function, None]
    """The functions, in the order in which they were first entered."""
    calls: dict[tuple[Function, Function], None]
    """Each function that one of ours called, with the innermost of ours that was running."""

    @property
    def files(self) -> list[str]:
        """The files, in the order in which they were first entered."""
        return list(dict.fromkeys(file for file, _ in self.functions))


@dataclass
class Result(ArtifactModel):
    """A model of scalars."""

    count: int
    name: str


def function_of(frame: FrameType) -> Function | None:
    """Return the function that a frame runs, if it is one of the library."""
    _, found, file = frame.f_code.co_filename.replace("\\", "/").rpartition("/src/artigraph/")
    return (file, frame.f_code.co_qualname) if found else None


async def trace(work: Callable[[], Awaitable[Any]]) -> tuple[Any, Walk]:
    """Return what awaiting a function returns, and the functions that it enters, in all threads."""
    walk = Walk({}, {})

    def note(frame: FrameType, event: str, _: object) -> None:
        function = function_of(frame)
        if event != "call" or function is None:
            return
        is_new = function not in walk.functions
        walk.functions[function] = None
        caller = frame.f_back
        while caller is not None and function_of(caller) is None:
            caller = caller.f_back
        if is_new and caller is not None and (calling := function_of(caller)) is not None:
            walk.calls[calling, function] = None

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        result = await work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return result, walk


async def walks(folder: Path) -> dict[str, Walk]:
    """Make each walk a second time, when classes are defined, tables exist and connections are open."""
    found: dict[str, Walk] = {}
    objects = FileSystem(folder / "objects", name="walks")

    @dataclass
    class Table(ArtifactModel):
        frame: pd.DataFrame = artifact_field(serializer=dataframe_serializer, storage=objects)

    async with engine_context(f"sqlite:///{folder / 'walks.db'}", create_tables=True):
        for turn in range(2):
            result, found["A save"] = await trace(lambda: Result(1, "a").save("result"))
            _, found["A load"] = await trace(lambda: Result.load(result))  # noqa: B023 (awaited here)
            table = Table(pd.DataFrame({"number": [turn, 1, 2], "text": ["a", "b", "c"]}))
            _, found["A save with a DataFrame"] = await trace(lambda: table.save("table"))  # noqa: B023
            _, found["A query"] = await trace(lambda: select(Result).where(columns(Result).count == 1).ids())
    await dispose_engines()
    return found


def floors() -> dict[str, int]:
    """Return the layer of each room, 0 for the uppermost."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in settings if contract["id"] == "layers")
    return {room: floor for floor, layer in enumerate(layers) for room in re.findall(r"\w+", layer)}


def returns(walk: Walk, floor: dict[str, int]) -> list[tuple[Function, Function]]:
    """Return the calls from one room to another one that is not below it, but for work that was handed down."""
    found: list[tuple[Function, Function]] = []
    for caller, called in walk.calls:
        above, below = (re.split(r"[/.]", file)[0] for file, _ in (caller, called))
        if caller not in CALLS_WORK and above != below and floor[below] <= floor[above]:
            found.append((caller, called))
    return found


def problems(name: str, walk: Walk, text: str) -> list[str]:
    """Return what a section of the page says that is not so."""
    found: list[str] = []
    files = len(walk.files)
    limit = re.search(r"at most (\d+) files", text)
    if limit is None or files > int(limit[1]):
        found.append(f"{name}: {files} files are entered, and the page says: {limit and limit[0]}")
    order = list(walk.functions)
    listed = re.findall(r"^\d+\. `([\w/.]+)` `([\w.<>]+)`", text, re.MULTILINE)
    found += [f"{name}: {file} {function} is not entered" for file, function in listed if (file, function) not in order]
    places = [order.index(step) for step in listed if step in order]
    if not listed or places != sorted(places):
        found.append(f"{name}: the functions are not entered in the order of the page")
    found += [f"{name}: a call goes up, from {' '.join(a)} to {' '.join(b)}" for a, b in returns(walk, floors())]
    return found


def main() -> int:
    """Print the walks, and return 1 if the page is wrong."""
    if not any("/src/artigraph" in path.replace("\\", "/") for path in artigraph.__path__):
        print("The walks are traced in a checkout, where Artigraph is installed as editable")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(walks(Path(folder)))
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    wrong: list[str] = []
    for name, walk in found.items():
        print(f"\n{name}: {len(walk.files)} files")
        for file in walk.files:
            print(f"  {file}: {', '.join(function for place, function in walk.functions if place == file)}")
        wrong += problems(name, walk, sections.get(name, ""))
    print("", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
