"""The public names: pinned, documented in the code, and each with its place in the documentation."""

import importlib
import inspect
import re
from importlib.metadata import version
from types import ModuleType

import pytest
from pydantic import BaseModel

import artigraph
from tests.support.snippets import ROOT

PROMISED = {
    "artigraph": [
        "NO_PARENT",
        "ArtifactMapping",
        "ArtifactModel",
        "ArtifactModelConfig",
        "ArtifactSequence",
        "Cache",
        "CacheExplanation",
        "Change",
        "DeletionReport",
        "File",
        "Folder",
        "Lazy",
        "LoadFailure",
        "Loaded",
        "Media",
        "ModelDiff",
        "Node",
        "Reference",
        "ReferenceCheck",
        "Run",
        "RunDiff",
        "RunManager",
        "Series",
        "TrackedValue",
        "TrackingWarning",
        "Version",
        "ancestors",
        "artifact_class",
        "artifact_field",
        "check",
        "columns",
        "delete",
        "descendants",
        "diff",
        "load",
        "load_many",
        "migration",
        "origin_of",
        "paths",
        "prune",
        "run_manager",
        "save",
        "save_many",
        "select",
        "series",
        "tracked",
    ],
    "artigraph.attrs": ["ArtifactModel"],
    "artigraph.db": ["current_session", "engine_context", "get_engine", "session_context", "set_engine"],
    "artigraph.kinds": ["KindField", "ModelKind", "UNRESOLVED", "register_kind"],
    "artigraph.maintenance": ["copy_objects", "fsck", "gc"],
    "artigraph.msgspec": ["ArtifactModel"],
    "artigraph.pydantic": ["ArtifactModel"],
    "artigraph.serializer": ["Serializer", "get_serializer_by_name", "get_serializer_by_type"],
    "artigraph.serializer.datetime": ["datetime_serializer", "timedelta_serializer"],
    "artigraph.serializer.json": ["json_serializer"],
    "artigraph.serializer.numpy": ["array_serializer"],
    "artigraph.serializer.pandas": ["dataframe_serializer", "pandas_serializer"],
    "artigraph.serializer.polars": ["dataframe_serializer"],
    "artigraph.serializer.pyarrow": ["feather_serializer", "parquet_serializer"],
    "artigraph.storage": ["Storage", "get_storage_by_name", "register_storage", "storage_from_url"],
    "artigraph.storage.aws": ["S3Storage"],
    "artigraph.storage.obstore": ["ObjectStorage"],
    "artigraph.storage.file": ["FileSystem", "FileSystemStorage", "temp_file_storage"],
    "artigraph.sync": ["wait_for"],
    "artigraph.tracking": ["Cache", "cached_functions", "clear_cache", "explain_run", "tracked"],
}
"""The names that users were promised, by module."""


def public(module: ModuleType) -> list[tuple[str, object]]:
    return [(name, getattr(module, name)) for name in module.__all__]


def test_the_root_has_these_names_and_no_other() -> None:
    """A new name here is a promise: add it to PROMISED, and give it a section in docs/reference/api.md."""
    assert artigraph.__all__ == PROMISED["artigraph"]


def test_the_version_is_that_of_the_distribution() -> None:
    assert artigraph.__version__ == version("artigraph") == version("artigraph-core")


@pytest.mark.parametrize("name", PROMISED)
def test_what_was_promised_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert set(PROMISED[name]) <= set(module.__all__)
    assert [item for item, value in public(module) if value is None] == []


@pytest.mark.parametrize("name", PROMISED)
def test_each_public_name_is_documented_in_the_code(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for item, value in public(module):
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), item
        if inspect.isclass(value):
            members = inspect.getmembers(value, inspect.isroutine)
            ours = [(member, it) for member, it in members if not hasattr(BaseModel, member)]
            bare = [member for member, it in ours if not member.startswith("_") and not inspect.getdoc(it)]
            assert bare == [], item


@pytest.mark.parametrize("name", PROMISED)
def test_each_public_name_has_a_place_in_the_documentation(name: str) -> None:
    """A heading of docs/reference/api.md names it."""
    headings = re.findall(r"^#+ .*$", (ROOT / "docs/reference/api.md").read_text("utf-8"), re.MULTILINE)
    missing = [item for item in PROMISED[name] if not any(re.search(rf"\b{item}\b", line) for line in headings)]
    assert missing == []


def sections() -> dict[str, str]:
    """Return the text below each heading of docs/reference/api.md, by the names in the heading."""
    text = (ROOT / "docs/reference/api.md").read_text("utf-8")
    found: dict[str, str] = {}
    for heading, body in re.findall(r"^### (.*)\n((?:(?!^##).*\n?)*)", text, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", heading):
            found[name] = found.get(name, "") + body
    return found


DESCRIBED = (
    "artigraph",
    "artigraph.lineage",
    "artigraph.maintenance",
    "artigraph.migrations",
    "artigraph.outline",
)
FORWARDED = {"artifact_field"}
"""Functions that pass their other parameters to a function of Python."""


def parameters() -> list[tuple[str, str, str]]:
    """Return each parameter of the public functions and methods: its section, its function, its name."""
    found: list[tuple[str, str, object]] = []
    for module in map(importlib.import_module, DESCRIBED):
        for name, value in public(module):
            if inspect.isroutine(value):
                found.append((name, name, value))
            elif inspect.isclass(value):
                members = [(key, getattr(value, key)) for key in vars(value) if not key.startswith("_")]
                found += [(name, key, it) for key, it in members if inspect.isroutine(it)]
                found += [(name, name, value)] if name in ("Run", "RunManager") else []
    for kind in (artigraph.Run, artigraph.Node, artigraph.ArtifactModel):
        functions = inspect.getmembers(type(artigraph.select(kind)), inspect.isfunction)
        found += [("select", key, it) for key, it in functions if not key.startswith("_")]
    return [
        (section, name, parameter)
        for section, name, it in found
        if str(getattr(it, "__module__", None)).startswith("artigraph") and callable(it) and name not in FORWARDED
        for parameter in inspect.signature(it).parameters
        if parameter not in ("self", "cls")
    ]


def test_each_parameter_is_named_in_its_section() -> None:
    """A new parameter has its place in docs/reference/api.md, by its name."""
    text = sections()
    missing = [
        f"{section}: {name}({parameter})"
        for section, name, parameter in parameters()
        if not re.search(rf"\b{parameter}\b", text[section])
    ]
    assert missing == []
