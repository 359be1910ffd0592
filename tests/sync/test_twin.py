"""The sync twin has every public name of the async API, with its signature and its docstring, and is up to date."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import artigraph
from artigraph import sync
from artigraph.errors import ModelDefinitionError
from scripts.make_sync import TARGET, write
from scripts.sync_names import CHOSEN, CONTEXTS, DOCSTRINGS, MIRRORED, SAME
from tests.support.snippets import ROOT

SPECIAL = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"}
MODULES = {"artigraph": "artigraph.sync", **{name: name.replace("artigraph.", "artigraph.sync.") for name in MIRRORED}}


def is_async(function: object) -> bool:
    function = inspect.unwrap(function) if callable(function) else function
    returned = str(getattr(function, "__annotations__", {}).get("return"))
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
        or re.search(r"Awaitable|Coroutine|Async(Iter|Gen)|AsyncContext", returned) is not None
    )


def functions_of(name: str, async_value: Any, sync_value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield functions and methods with their twins."""
    if not inspect.isclass(async_value):
        yield name, async_value, sync_value
        return
    for member, value in inspect.getmembers(async_value):
        if member in SPECIAL or (not member.startswith("_") and (callable(value) or isinstance(value, property))):
            yield f"{name}.{member}", value, getattr(sync_value, SPECIAL.get(member, member))


PAIRS = [
    (f"{module}.{name}", getattr(import_module(module), name), getattr(import_module(twin), name))
    for module, twin in MODULES.items()
    for name in CHOSEN.get(module) or import_module(module).__all__
]
TWINS = [pair for pair in PAIRS if pair[1] is not pair[2]]
FUNCTIONS = [
    pair for name, one, other in TWINS if name.split(".")[-1] not in CONTEXTS for pair in functions_of(name, one, other)
]


def test_what_is_checked_in_is_what_would_be_written(tmp_path: Path) -> None:
    """If this fails: just sync."""
    write(tmp_path)
    written = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.py")}
    there = {path.name: path.read_text("utf-8") for path in TARGET.glob("*.py") if path.name != "_twin.py"}
    assert written == there


@pytest.mark.parametrize("module", MODULES)
def test_the_names_are_the_same(module: str) -> None:
    names = CHOSEN.get(module) or import_module(module).__all__
    more = ["wait_for"] if module == "artigraph" else []
    assert sorted(import_module(MODULES[module]).__all__) == sorted([*names, *more])


def test_no_module_is_forgotten() -> None:
    """What is implemented by users, or holds values only, needs no twin."""
    rooms = "cli|errors|kinds|notebook|orm|progress|pydantic|serializer|storage|sync|table|testing|ui"
    others = re.compile(rf"artigraph\.({rooms})(\..*)?")
    listed = re.findall(r"^## (artigraph[\w.]*)$", (ROOT / "docs/reference/api.md").read_text("utf-8"), re.MULTILINE)
    assert {module for module in listed if not others.fullmatch(module)} <= set(MODULES)


def test_the_names_of_the_database_are_those_for_users() -> None:
    section = (ROOT / "docs/reference/api.md").read_text("utf-8").split("\n## artigraph.db\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^### `(\w+)`$", section, re.MULTILINE)) == sorted(CHOSEN["artigraph.db"])


def test_nothing_is_async() -> None:
    """What is left, and is listed, is a value that blocks where sync code wants it to."""
    left = [
        name
        for pair in PAIRS
        for name, _, function in functions_of(pair[0], pair[2], pair[2])
        if is_async(getattr(function, "__func__", function))
    ]
    assert {next((part for part in name.split(".") if part in SAME), name) for name in left} == set(SAME)
    assert {"artigraph.save_many", "artigraph.RunManager", "artigraph.query.ArtifactSelect"} < {
        name for name, *_ in TWINS
    }
    assert {"artigraph.Run", "artigraph.columns", "artigraph.maintenance.GcReport"}.isdisjoint(
        name for name, *_ in TWINS
    )


def plain_signature(function: Callable[..., Any]) -> tuple[list[tuple[str, Any, str, str]], str]:
    """Return parameters and result in words; the twins' names of the same things as the async API's."""

    def words(annotation: object) -> str:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        return re.sub(r"\basync_\w+\.|\bAsync(?=Iterator|Generator)", "", text)

    signature = inspect.signature(function)
    parameters = [
        (parameter.name, parameter.kind, repr(parameter.default), words(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    return parameters, words(signature.return_annotation)


@pytest.mark.parametrize(("name", "one", "other"), FUNCTIONS, ids=[name for name, *_ in FUNCTIONS])
def test_the_signatures_are_the_same(name: str, one: Any, other: Any) -> None:
    if isinstance(one, property):
        assert isinstance(other, property)
        one, other = one.fget, other.fget
    assert plain_signature(one) == plain_signature(other)


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_parameters_of_context_managers_are_the_same(name: str) -> None:
    db, twin = import_module("artigraph.db"), import_module("artigraph.sync.db")
    assert plain_signature(getattr(db, name))[0] == plain_signature(getattr(twin, name))[0]


@pytest.mark.parametrize(
    ("name", "one", "other"), [*TWINS, *FUNCTIONS], ids=[name for name, *_ in [*TWINS, *FUNCTIONS]]
)
def test_the_docstrings_are_the_same_without_await(name: str, one: Any, other: Any) -> None:
    async_text, sync_text = inspect.getdoc(one), inspect.getdoc(other)
    assert async_text
    assert sync_text
    assert not re.search(r"\bawait \w+[.(]|\basync (with|for)\b", sync_text)
    if name.rsplit(".", maxsplit=1)[-1] in DOCSTRINGS:
        assert sync_text != async_text
    else:
        assert re.sub(r"\b(await|async) ", "", async_text) == sync_text


def test_what_is_derived_from_is_a_subclass_and_no_model_itself() -> None:
    assert issubclass(sync.ArtifactModel, artigraph.ArtifactModel)
    assert issubclass(sync.Lazy, artigraph.Lazy)
    with pytest.raises(ModelDefinitionError, match="holds nothing to be saved"):
        sync.save_many([("x", sync.ArtifactModel())])


def test_the_async_api_does_not_import_it() -> None:
    code = "import artigraph, sys; sys.exit(any(name.startswith('artigraph.sync') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
