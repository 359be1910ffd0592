"""Fixtures of stored models, and the assertion that today's classes load them: for tests of your own models.

A fixture is a file with the rows and values of one artifact, as a version of its class stored them. It needs no
database. Keep fixtures in the repository of your code, and never change them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, cast

from artigraph.errors import ArtigraphError
from artigraph.model import ArtifactModel
from artigraph.model.compare import equal
from artigraph.model.definition import define, traits_of
from artigraph.model.detached import attach, detach

__all__ = ["assert_migrates", "read_fixture", "write_fixture"]

M = TypeVar("M", bound=ArtifactModel)

_FORMAT = "artigraph-fixture/1"


def write_fixture(model: ArtifactModel, folder: str | PathLike[str], name: str) -> Path:
    """Write a model into a file, as its class stores it now, and return the file's path.

        write_fixture(Report(0.9), "tests/fixtures", "small")  # tests/fixtures/Report-v1-small.json

    A file that exists and has the same content stays. Call it in a script, or in a test that you run once for each
    version of the class. All values are in the file, so use small ones.

    Args:
        model: the model. Its lazy values must be loaded, or never saved.
        folder: the folder of fixtures. It is made if it does not exist.
        name: tells apart the fixtures of one class and version.

    Raises:
        FileExistsError: the file has another content. A fixture never changes: choose another name.
        SerializationError, ModelDefinitionError: the model cannot be saved.
        FieldNotLoadedError: a lazy value is not loaded yet.
    """
    definition = define(type(model))
    rows = [[*node[:-1], _text_of(node[-1])] for node in detach(model, name)]
    text = json.dumps({"format": _FORMAT, "rows": rows}, indent=1) + "\n"
    path = Path(folder) / f"{definition.name}-v{definition.version}-{name}.json"
    if path.exists():
        if path.read_text("utf-8") != text:
            msg = f"{path} has another content. A fixture never changes, so choose another name, or raise the version"
            raise FileExistsError(msg)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def read_fixture(model_type: type[M], path: str | PathLike[str]) -> M:
    """Load the model of a fixture by the classes of today, as `load` loads it from a database.

    Raises:
        ArtigraphError: it cannot be loaded; the error is that of `load`.
        ValueError: the file is no fixture.
    """
    document: Any = json.loads(Path(path).read_text("utf-8"))
    known = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    if known.get("format") != _FORMAT:
        msg = f"{path} is not a file that write_fixture wrote"
        raise ValueError(msg)
    rows: list[list[Any]] = known["rows"]
    nodes: list[Any] = [(*row[:-1], None if row[-1] is None else base64.b64decode(row[-1])) for row in rows]
    return attach(model_type, nodes)


def assert_migrates(
    model_type: type[M],
    fixtures: str | PathLike[str] | Iterable[str | PathLike[str]],
    expected: Mapping[str, M] | None = None,
) -> list[M]:
    """Assert that today's class loads all fixtures, and stores what it loads so that it comes back equal.

        models = assert_migrates(Report, "tests/fixtures", {"Report-v1-small": Report(score=0.9)})

    Args:
        model_type: the class.
        fixtures: the paths of files, or a folder. In a folder, the fixtures of the class and of its aliases are used.
        expected: what a fixture must load as, by the name of its file, with or without `.json`. If the name of the
            class or of the fixture has a "/", its file is in a subfolder, whose name is a part of this one.

    Returns:
        The loaded models, in the order of the names of the files.

    Raises:
        AssertionError: there is no fixture, or one does not load, comes back changed, or is not what is expected. The
            message names the file, and its `__cause__` is the error of the load.
        ModelDefinitionError: the class cannot be stored, or a step of its migrations is missing.
    """
    definition = define(model_type)
    paths = _paths_of(model_type, fixtures)
    wanted = {name.removesuffix(".json"): model for name, model in (expected or {}).items()}
    missing = sorted(name for name in wanted if not any(_is_named(path, name) for path in paths))
    if not paths or missing:
        what = f"named {missing[0]!r}" if missing else f"of {definition.name}: write one with write_fixture"
        msg = f"There is no fixture {what}"
        raise AssertionError(msg)
    models: list[M] = []
    for path in paths:
        try:
            model = read_fixture(model_type, path)
            again = attach(model_type, detach(model, "again"))
        except ArtigraphError as error:
            msg = f"{path.name} does not load: {error}"
            raise AssertionError(msg) from error
        if not equal(again, model):
            msg = f"{path.name} comes back changed after it is saved again: {model!r} became {again!r}"
            raise AssertionError(msg)
        for other in (each for name, each in wanted.items() if _is_named(path, name)):
            if not equal(model, other):
                msg = f"{path.name} loads as {model!r}, not as {other!r}"
                raise AssertionError(msg)
        models.append(model)
    return models


def _paths_of(model_type: type[Any], fixtures: str | PathLike[str] | Iterable[str | PathLike[str]]) -> Sequence[Path]:
    if not isinstance(fixtures, (str, PathLike)):
        return sorted(map(Path, fixtures), key=lambda path: path.name)
    starts = tuple(f"{name}-v" for name in traits_of(model_type).names)
    folder = Path(fixtures)
    found = folder.rglob("*.json")  # a name with "/" is that of a file in a subfolder
    return sorted(path for path in found if path.relative_to(folder).as_posix().startswith(starts))


def _is_named(path: Path, name: str) -> bool:
    """Say whether a path without its suffix is a name, or ends with it after a slash."""
    return f"/{path.with_suffix('').as_posix()}".endswith(f"/{name}")


def _text_of(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")
