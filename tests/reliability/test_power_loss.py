"""Case 13 of docs/appendix/reliability.md: everything is on the device before COMMIT."""

from __future__ import annotations

import re
import sys

import pytest

from tests.reliability.kill import CALLS, victims
from tests.support.check import Checker
from tests.support.places import PARTIAL, Place
from tests.support.sizes import note, sizes

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace is of Linux"),
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("strace"),
]

COMMIT = re.compile(r'pwrite64\(\d+<[^>]*-wal>|sendto\(.*"(Q\\0\\0\\0\\f|\\7\\0\\0\\0\\3)COMMIT')
"""The first piece of SQLite's transaction goes to its log when it is committed; to a server COMMIT is sent."""


@pytest.mark.parametrize("count", sizes(3, 20))
async def test_objects_and_their_names_are_written_through_before_the_commit(place: Place, count: int) -> None:
    assert place.folder is not None
    checker = Checker(place)
    with victims(place) as forks:
        for seed in range(count):
            ended = forks.save(seed, 4, workers=1 + seed % 4, trace=CALLS)
            assert ended.saved is not None
            steps = [step for line in ended.calls if (step := _step(line, place.folder))]
            commit = steps.index(("commit", ""))
            done = steps[:commit]
            written = [where for call, where in done if call == "write"]
            assert len(written) == 3  # the fourth has been there since before
            for temporary in written:
                write, through = done.index(("write", temporary)), done.index(("fsync", temporary))
                [(named, folder)] = [
                    (number, where) for number, (call, where) in enumerate(done) if call == f"link {temporary}"
                ]
                assert write < through < named
                assert ("fsync", folder) in done[named:], steps
            assert not [step for step in steps[commit:] if step[0].startswith(("write", "link"))]
    found = await checker.look()
    assert found.sound
    note(13, place.kind, saves=count, objects=3 * count, written_through=3 * count)


def _step(line: str, root: str) -> tuple[str, str] | None:
    """Return what a system call did to an object, and where; or that it was the commit."""
    text = re.sub(r"^\d+ +", "", line)
    if COMMIT.match(text):
        return "commit", ""
    paths = [path.removeprefix(f"{root}/") for path in re.findall(r"\d+<([^>]*)>", text)]
    if text.startswith("write(") and f"{root}/{PARTIAL}/" in text:
        return "write", paths[0].removeprefix(f"{PARTIAL}/")
    if text.startswith("fsync(") and root in text:
        return "fsync", paths[0].removeprefix(f"{PARTIAL}/")
    if text.startswith("linkat("):
        temporary = re.search(r'"([^"]+)"', text)
        return (f"link {temporary[1]}", paths[1]) if temporary else None
    return None
