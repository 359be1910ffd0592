"""Words are completed in real shells, on a terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any
from uuid import uuid4

import pexpect
import pytest

from tests.support.small_store import fill

TYPED = {
    "artigraph fs": "artigraph fsck ",
    "artigraph ls --st": "artigraph ls --status ",
    "artigraph tree Rep": "artigraph tree Report/",
    "artigraph tree Report/re": "artigraph tree Report/report ",
    "artigraph tree Report/report@p": "artigraph tree Report/report@production ",
    "artigraph tree run:ev": "artigraph tree run:evaluate ",
    "artigraph ls --model Da": "artigraph ls --model Data ",
}
"""The text before the tab key is pressed, and the line after it."""
BASH = 'eval "$(artigraph completion bash)"'
SHELLS = {
    "bash": (["--norc", "--noprofile"], f"PS1='> '; {BASH}"),
    "bash without breaks": (["--norc", "--noprofile"], f"PS1='> '; COMP_WORDBREAKS=' '; {BASH}"),
    "zsh": (
        ["-f"],
        "PS1='> '; autoload -Uz compinit; compinit -u -D; eval \"$(artigraph completion zsh)\"",
    ),
    "fish": (["--no-config"], "function fish_prompt; echo -n '> '; end; artigraph completion fish | source"),
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A shell in the folder of a store, in which words of `artigraph` are completed."""
    program = request.param.split(" ")[0]
    if which(program) is None:
        if os.environ.get("ARTIGRAPH_TEST_REQUIRE_SERVERS"):
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    arguments, prepare = SHELLS[request.param]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "HOME": str(tmp_path), "TERM": "dumb"}
    spawn: Any = pexpect.spawn
    child = spawn(
        program, [*arguments, "-i"], env=env, cwd=str(tmp_path), encoding="utf-8", timeout=60, dimensions=(40, 120)
    )
    child.sendline(prepare)
    child.sendline("echo rea''dy")
    child.expect("ready")
    yield child
    child.close(force=True)


@pytest.mark.timeout(900)
async def test_the_tab_key_completes_what_a_store_has(shell: Any, tmp_path: Path) -> None:
    url, name = f"sqlite:///{tmp_path}/store.db", f"file:shells-{uuid4().hex}"
    await fill(url, tmp_path / "data", name)
    (tmp_path / "artigraph.toml").write_text(f'[database]\nurl = "{url}"\n')
    for typed, completed in TYPED.items():
        shell.send(f"{typed}\t")
        seen = _read_until(shell, completed.rstrip(), "")
        shell.send("Z")  # shows whether a space was added
        _read_until(shell, f"{completed}Z", seen)
        shell.send("\x15\r")  # remove the line


def _read_until(shell: Any, text: str, seen: str) -> str:
    """Read until a line of the terminal has the text, and return all that was seen."""
    end = time.monotonic() + 60
    while text not in _drawn(seen):
        assert time.monotonic() < end, f"{text!r} is not in {seen[-500:]!r}"
        try:
            seen += shell.read_nonblocking(10_000, timeout=1)
        except pexpect.TIMEOUT:
            continue
    return seen


def _drawn(output: str) -> str:
    """Return the text that a terminal shows, without bells and without overwritten characters."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x07", "", output)
    return re.sub(r".\x08", "", text)
