"""Print which functions of Artigraph a save, a load and a query enter, and check docs/design/walks.md: `just walks`.

The page has a section for each walk, with one line for each function that matters. Each must be entered, for the first
time in the order of the page. A walk may enter no more files than the page says.
"""

import asyncio
import re
import sys
import tempfile
import threading
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

PAGE = Path(__file__).resolve().parent.parent / "docs/design/walks.md"
Walk = dict[tuple[str, str], None]
"""The file and the qualified name of each entered function, in the order in which they were first entered."""


@dataclass
class Result(ArtifactModel):
    """A model of scalars."""

    count: int
    name: str


async def trace(work: Callable[[], Awaitable[Any]]) -> tuple[Any, Walk]:
    """Return what awaiting a function returns, and the functions that it enters, in all threads."""
    walk: Walk = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        _, found, file = frame.f_code.co_filename.replace("\\", "/").rpartition("/src/artigraph/")
        if event == "call" and found:
            walk[file, frame.f_code.co_qualname] = None

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


def problems(name: str, walk: Walk, text: str) -> list[str]:
    """Return what a section of the page says that is not so."""
    found: list[str] = []
    files = len({file for file, _ in walk})
    limit = re.search(r"at most (\d+) files", text)
    if limit is None or files > int(limit[1]):
        found.append(f"{name}: {files} files are entered, and the page says: {limit and limit[0]}")
    order = list(walk)
    listed = re.findall(r"^\d+\. `([\w/.]+)` `([\w.<>]+)`", text, re.MULTILINE)
    found += [f"{name}: {file} {function} is not entered" for file, function in listed if (file, function) not in walk]
    places = [order.index(step) for step in listed if step in walk]
    if not listed or places != sorted(places):
        found.append(f"{name}: the functions are not entered in the order of the page")
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
        print(f"\n{name}: {len({file for file, _ in walk})} files")
        for file in dict.fromkeys(file for file, _ in walk):
            print(f"  {file}: {', '.join(function for place, function in walk if place == file)}")
        wrong += problems(name, walk, sections.get(name, ""))
    print("", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
