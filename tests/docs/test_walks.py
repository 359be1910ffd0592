"""docs/design/walks.md lists what a save, a load and a query enter, in order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/design/walks.md"
PROMISED = {"A save": 20, "A load": 15, "A save with a DataFrame": 35}
"""The most files of ours that each walk may enter."""


def test_each_walk_is_as_its_page_says() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "scripts.walks"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert re.findall(r"^(A [\w ]+): \d+ files$", run.stdout, re.MULTILINE) == [*PROMISED, "A query"]


def test_the_page_promises_no_more_files_than_it_may() -> None:
    text = PAGE.read_text("utf-8")
    said = {name: int(limit) for name, limit in re.findall(r"^## (.*?)\n[^#]*?at most (\d+) files", text, re.MULTILINE)}
    assert {name: said[name] for name in PROMISED} == PROMISED


def test_a_wrong_page_is_noticed() -> None:
    from scripts.walks import Walk, problems

    walk = Walk({("a.py", "first"): None, ("b.py", "second"): None}, {})
    right = "It enters at most 2 files.\n\n1. `a.py` `first`: x.\n2. `b.py` `second`: y.\n"
    assert problems("A walk", walk, right) == []
    swapped = "at most 2 files.\n\n1. `b.py` `second`: y.\n2. `a.py` `first`: x.\n"
    assert problems("A walk", walk, swapped) == ["A walk: the functions are not entered in the order of the page"]
    assert problems("A walk", walk, right + "3. `c.py` `third`: z.\n") == ["A walk: c.py third is not entered"]
    assert "2 files are entered" in problems("A walk", walk, right.replace("at most 2", "at most 1"))[0]


def test_a_call_to_an_upper_room_is_noticed() -> None:
    from scripts.walks import CALLS_WORK, Function, Walk, returns

    save: Function = ("model/save.py", "save")
    write: Function = ("graph/_write.py", "write")
    work: Function = ("graph/_write.py", "write.<locals>.work")
    insert: Function = ("db/_api.py", "insert")
    floor = {"model": 0, "graph": 1, "db": 2, "orm": 3, "storage": 3}
    down: list[tuple[Function, Function]] = [
        (save, write),
        (write, work),
        (next(iter(CALLS_WORK)), work),
        (work, insert),
    ]
    up: list[tuple[Function, Function]] = [(insert, write), (("orm/types.py", "of"), ("storage/base.py", "name"))]
    assert returns(Walk({}, dict.fromkeys(down + up)), floor) == up
