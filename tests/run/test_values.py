"""Name, tags, parameters and environment of runs. integration/test_runs.py does it on servers."""

from __future__ import annotations

import subprocess
import sys
from collections import UserDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

import artigraph
from artigraph import Run, RunManager, delete
from artigraph.db import read
from artigraph.errors import (
    CycleError,
    InvalidLabelError,
    NodeNotFoundError,
    RunStateError,
    SerializationError,
    ValueTooLargeError,
)
from artigraph.orm import Base, RunNode, node_table, run_value_table
from artigraph.run._captured import capture_environment
from artigraph.serializer.search_key import search_key

PARAMETERS = {
    "rate": 0.1,
    "steps": 10**400,
    "exact": Decimal("0.10"),
    "none": None,
    "when": datetime(2024, 1, 1, tzinfo=UTC),
    "grid": {"sizes": [1, 2], ("a", 1): {3}},
    "🍣 ": "\ud800\0",
}


class Kind(Enum):
    ONE = 1


async def loaded(run: Run) -> Run:
    return await artigraph.select(Run).where(artigraph.columns(Run).node_id == run.node_id).one()


async def rows(table: Any) -> int:
    return await read(lambda connection: connection.scalar(select(func.count()).select_from(table))) or 0


async def test_what_is_known_of_a_run_comes_back(engine: AsyncEngine) -> None:
    tags = {"team": "vision", "": "", "é" * 255: "x" * 255}
    run = Run(name="train ", tags=tags, parameters=PARAMETERS, environment={"image": "sha256:1"})
    async with RunManager(Run()) as top, RunManager(run) as manager:
        assert await loaded(run) == run
        await manager.add_tags({"team": "speech", "more": "1"})
        assert run.tags == {**tags, "team": "speech", "more": "1"}
    assert run.name == "train "
    again = await loaded(run)
    assert again == run
    assert {name: type(value) for name, value in again.parameters.items()} == {
        name: type(value) for name, value in PARAMETERS.items()
    }
    assert await top.load_descendant_runs() == [run]
    assert (await loaded(top.run)).environment is None


async def test_what_is_stored_can_be_searched_by_any_session(engine: AsyncEngine) -> None:
    async with RunManager(Run(name="train", tags={"a": "b"}, parameters={"x": 1.5, "list": [1]})):
        pass
    values = await read(lambda connection: connection.execute(select(run_value_table).order_by(run_value_table.c.name)))
    assert [(row.kind, row.name, bytes(row.value), row.search_key) for row in values] == [
        ("tag", "a", b'"b"', search_key("b")),
        ("parameter", "list", b"[1]", None),
        ("parameter", "x", b"1.5", search_key(1.5)),
    ]
    named = select(node_table.c.search_key).where(node_table.c.run_name == "train")
    assert await read(lambda connection: connection.scalar(named)) == search_key("train")
    assert RunNode.run_name.key in Base.metadata.tables["artigraph_node"].columns


HOSTILE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": 5}, InvalidLabelError, "name of a run is text"),
    ({"name": "x" * 256}, InvalidLabelError, "255"),
    ({"name": "\0"}, InvalidLabelError, "NUL"),
    ({"tags": {"\ud800": "a"}}, InvalidLabelError, "name of a run's tag"),
    ({"tags": {"a": 5}}, InvalidLabelError, "tag 'a' of a run is text"),
    ({"tags": {"a": "x" * 256}}, InvalidLabelError, "255"),
    ({"tags": [("a", "b")]}, TypeError, "mapping"),
    ({"tags": None}, TypeError, "mapping"),
    ({"tags": {str(number): "" for number in range(1001)}}, ValueTooLargeError, "1,000 tags"),
    ({"parameters": {5: 1}}, InvalidLabelError, "name of a run's parameter"),
    ({"parameters": {"a": object()}}, SerializationError, "parameter 'a' of a run"),
    ({"parameters": {"a": {"b": [Kind.ONE]}}}, SerializationError, r"value\['b'\]\[0\]"),
    ({"parameters": {"a": "x" * 300_000}}, ValueTooLargeError, "artifact"),
    ({"environment": {"a": open}}, SerializationError, "environment 'a'"),
]


@pytest.mark.parametrize(("fields", "error", "words"), HOSTILE)
async def test_what_cannot_be_kept_is_refused_before_anything_is_written(
    engine: AsyncEngine, fields: dict[str, Any], error: type[Exception], words: str
) -> None:
    run = Run(artigraph.NO_PARENT, **fields)
    with pytest.raises(error, match=words):
        await RunManager(run).__aenter__()
    assert (run.status, run.node_parent_id) == ("new", artigraph.NO_PARENT)
    assert await rows(node_table) == 0


async def test_more_values_that_cannot_be_kept(engine: AsyncEngine) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(CycleError, match="'a'"):
        await RunManager(Run(parameters={"a": cycle})).__aenter__()
    async with RunManager(Run(tags=UserDict({"a": "b"}))) as manager:
        with pytest.raises(InvalidLabelError):
            await manager.add_tags({"fine": "x", "bad": "\0"})
        assert manager.run.tags == {"a": "b"}
    assert (await loaded(manager.run)).tags == {"a": "b"}
    assert await rows(run_value_table) == 1


async def test_the_tags_of_a_run_have_a_limit_however_they_are_added(engine: AsyncEngine) -> None:
    async with RunManager(Run(tags={str(number): "" for number in range(998)})) as manager:
        elsewhere = RunManager.resume(manager.token())
        async with elsewhere:
            await elsewhere.add_tags({"a": "", "b": ""})
        await manager.add_tags({"0": "changed"})
        with pytest.raises(ValueTooLargeError, match=r"at most 1,000 tags, and .* would have 1,001"):
            await manager.add_tags({"1": "changed", "c": ""})
        assert "c" not in manager.run.tags
    tags = (await loaded(manager.run)).tags
    assert (len(tags), tags["0"], tags["1"]) == (1000, "changed", "")


async def test_tags_are_added_to_runs_that_are_there(engine: AsyncEngine) -> None:
    with pytest.raises(RunStateError, match="not entered"):
        await RunManager(Run()).add_tags({"a": "b"})
    async with RunManager(Run(parameters={"x": 1})) as manager:
        await manager.add_tags({})
    await manager.add_tags({"late": "yes"})
    assert (await loaded(manager.run)).tags == {"late": "yes"}
    await delete([manager.run.node_id])
    assert await rows(run_value_table) == 0
    with pytest.raises(NodeNotFoundError, match="deleted"):
        await manager.add_tags({"later": "no"})


async def test_the_environment_is_captured_where_it_is_asked_for(engine: AsyncEngine) -> None:
    run = Run(environment={"host": "mine", "note": "x"})
    async with RunManager(run, capture_environment=True):
        pass
    assert run.environment is not None
    found = dict(run.environment)
    assert (found["host"], found["note"]) == ("mine", "x")
    assert found["python_version"] == sys.version.split()[0]
    assert "sqlalchemy" in {name.lower() for name in found["packages"]}
    assert "artigraph-core" in found["packages"]
    assert (await loaded(run)).environment == found
    assert "mine" not in repr(run)
    assert run.environment.keys() - {"note", "git_commit", "git_branch", "git_dirty"} == {
        *("command_line", "working_directory", "python_version", "python_implementation", "packages"),
        *("host", "platform", "process_id"),
    }


def git(folder: Path, *arguments: str) -> str:
    options = ("user.name=x", "user.email=x@example.org", "core.fsmonitor=false", "core.hooksPath=/dev/null")
    command = ["git", *(word for option in options for word in ("-c", option)), *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_state_of_the_code_is_that_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> dict[str, Any]:
        return {name: value for name, value in capture_environment().items() if name.startswith("git_")}

    code, elsewhere = tmp_path / "code", tmp_path / "elsewhere"
    code.mkdir()
    elsewhere.mkdir()
    program = code / "program.py"
    program.write_text("one\n")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(program), raising=False)
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as a hook of git's has it
    assert state() == {}
    monkeypatch.delenv("GIT_DIR")
    git(code, "init", "-q", "-b", "trunk")
    ran = tmp_path / "ran"
    script = code / ".git/hooks/post-index-change"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    git(code, "config", "core.fsmonitor", str(script))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert state() == {"git_branch": "trunk", "git_dirty": False}
    monkeypatch.delenv("GIT_DIR")
    git(code, "add", ".")
    git(code, "commit", "-q", "-m", "first")
    commit = git(code, "rev-parse", "HEAD")
    assert state() == {"git_commit": commit, "git_branch": "trunk", "git_dirty": False}
    git(code, "checkout", "-q", "--detach")
    program.write_text("two\n")
    assert state() == {"git_commit": commit, "git_dirty": True}
    assert not ran.exists()  # neither hook nor monitor: what a repository names is not run
    monkeypatch.setattr(sys.modules["__main__"], "__file__", None)  # in a notebook
    assert state() == {}
    monkeypatch.chdir(code)
    assert state() == {"git_commit": commit, "git_dirty": True}
    monkeypatch.setattr(sys, "orig_argv", ["python", str(program), "--password", "hunter2", "--rate=0.1"])
    monkeypatch.setenv("PATH", str(elsewhere))
    found = capture_environment()
    assert found["command_line"] == ["python", str(program), "--password", "***", "--rate=0.1"]
    assert found["working_directory"] == str(code)
    assert state() == {}


def test_capturing_does_without_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise FileNotFoundError

    def hangs(*_arguments: object, **_options: object) -> None:
        raise subprocess.TimeoutExpired("git", 5)

    monkeypatch.setattr("os.getcwd", gone)
    monkeypatch.setattr("subprocess.run", hangs)
    found = capture_environment()
    assert "working_directory" not in found
    assert "git_commit" not in found
