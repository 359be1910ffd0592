"""A state machine: after any operations in any order, the store holds what a dict of the expected values holds.

After each step it checks all rows and objects. No row lacks its object, and no row is left over. Only a step with an
injected fault may leave an object that no row names.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import pytest

from artigraph.storage.file import FileSystem
from tests.support.machine import Machine, Place, check, in_memory
from tests.support.racing import files
from tests.support.sizes import note, sizes


def in_files(folder: Path) -> Place:
    folder = folder / uuid4().hex
    return Place(FileSystem(folder, name=f"machine-{folder.name}"), files(folder).stored)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("examples", sizes((3, 2), (1000, 200)))
@pytest.mark.parametrize("kind", ["memory", "files"])
def test_whatever_is_done_what_is_stored_is_what_a_dict_says(
    fresh: Callable[[], AbstractContextManager[str]], tmp_path: Path, where: str, kind: str, examples: tuple[int, int]
) -> None:
    machines = examples[kind == "files"]
    place = in_memory if kind == "memory" else lambda: in_files(tmp_path / "objects")
    before = Machine.steps
    check(lambda: Machine(fresh, place), examples=machines, derandomize=machines < 100)
    note(0, f"{where.split(maxsplit=1)[0]} and {kind}", machines=machines, steps=Machine.steps - before, differences=0)
