"""Fixtures of stored models, and the assertion that classes of today load them."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artigraph import ArtifactMapping, ArtifactModel, File, Lazy, artifact_class, artifact_field, migration
from artigraph.errors import ModelDefinitionError, ModelVersionError
from artigraph.storage import MemoryStorage
from artigraph.testing import assert_migrates, read_fixture, write_fixture

memory = MemoryStorage("fixtures")


def old() -> Any:
    @dataclass
    class Kept(ArtifactModel, name="fixture.Kept"):
        accuracy: float
        text: str = artifact_field(storage=memory, default="")
        parts: ArtifactMapping[str, Any] = artifact_field(default_factory=ArtifactMapping)
        lazy: Lazy[bytes] | None = None

    return Kept


def new(*, good: bool = True) -> Any:
    gc.collect()

    @dataclass
    class Kept(ArtifactModel, name="fixture.Kept", version=2):
        score: float
        text: str
        parts: ArtifactMapping[str, Any]
        lazy: Any

    if good:

        @migration(Kept, from_version=1)
        def rename(data: dict[str, Any]) -> dict[str, Any]:
            data["score"] = data.pop("accuracy")
            return data

    return Kept


def write(folder: Path) -> list[Path]:
    cls = old()
    models = {
        "small": cls(0.5),
        "large": cls(1.5, "x" * 100_000, ArtifactMapping(a=1, b=[cls(2.5)]), Lazy(b"y" * 5000)),
    }
    return [write_fixture(model, folder, name) for name, model in models.items()]


def test_fixtures_of_older_versions_load_by_the_class_of_today(tmp_path: Path) -> None:
    paths = write(tmp_path / "folder")
    assert [path.name for path in paths] == ["fixture.Kept-v1-small.json", "fixture.Kept-v1-large.json"]
    cls = new()
    large = cls(1.5, "x" * 100_000, ArtifactMapping(a=1, b=[cls(2.5, "", ArtifactMapping(), None)]), b"y" * 5000)
    small = cls(0.5, "", ArtifactMapping(), None)
    assert read_fixture(cls, paths[1]) == large
    assert assert_migrates(cls, tmp_path / "folder", {"fixture.Kept-v1-small": small}) == [large, small]
    assert assert_migrates(cls, paths) == [large, small]
    with pytest.raises(AssertionError, match=r"v1-small\.json loads as Kept"):
        assert_migrates(cls, paths, {"fixture.Kept-v1-small.json": large})


def test_a_fixture_that_does_not_load_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    cls = new(good=False)
    with pytest.raises(AssertionError, match=r"v1-large\.json does not load: .*'accuracy' is not one") as caught:
        assert_migrates(cls, tmp_path)
    assert isinstance(caught.value.__cause__, ModelVersionError)


def test_a_class_that_changes_what_it_loads_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    gc.collect()

    @dataclass
    class Kept(ArtifactModel, name="fixture.Kept", version=2):
        accuracy: Any
        text: str
        parts: Any
        lazy: Any

        def __eq__(self, other: object) -> bool:
            return self is other

        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(AssertionError, match="comes back changed"):
        assert_migrates(Kept, tmp_path)


def test_a_gap_in_the_steps_is_found(tmp_path: Path) -> None:
    write(tmp_path)
    gc.collect()

    @dataclass
    class Kept(ArtifactModel, name="fixture.Kept", version=4):
        accuracy: float

    migration(Kept, from_version=1)(dict)
    migration(Kept, from_version=3)(dict)
    with pytest.raises(ModelDefinitionError, match="none from version 2"):
        assert_migrates(Kept, tmp_path)


def test_no_fixture_is_a_failure(tmp_path: Path) -> None:
    cls = old()
    with pytest.raises(AssertionError, match="no fixture of"):
        assert_migrates(cls, tmp_path)
    write(tmp_path)
    with pytest.raises(AssertionError, match="no fixture named 'other'"):
        assert_migrates(cls, tmp_path, {"other": cls(1.0)})


def test_a_fixture_never_changes(tmp_path: Path) -> None:
    cls = old()
    path = write_fixture(cls(0.5), tmp_path, "x")
    before = path.read_bytes()
    assert write_fixture(cls(0.5), tmp_path, "x") == path
    with pytest.raises(FileExistsError, match="another name"):
        write_fixture(cls(0.6), tmp_path, "x")
    assert path.read_bytes() == before


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ("[]", '{"format": "other"}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="not a file that write_fixture wrote"):
            read_fixture(old(), path)


def test_a_file_is_in_its_fixture(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("content")

    @dataclass
    class Holder(ArtifactModel, name="fixture.Holder"):
        file: File

    write_fixture(Holder(File(source)), tmp_path, "x")
    (model,) = assert_migrates(Holder, tmp_path)
    assert model.file == File(source)


def test_arrays_and_nan_of_a_class_that_was_made_a_model_are_compared_by_content(tmp_path: Path) -> None:
    @dataclass
    class Plain:
        array: Any
        number: float

    made: Any = artifact_class(Plain, name="fixture.Plain")
    write_fixture(made(np.array([1.0, float("nan")]), float("nan")), tmp_path, "x")
    (model,) = assert_migrates(
        made, tmp_path, {"fixture.Plain-v1-x": made(np.array([1.0, float("nan")]), float("nan"))}
    )
    assert model.array.tolist()[0] == 1.0
    with pytest.raises(AssertionError, match="loads as"):
        assert_migrates(made, tmp_path, {"fixture.Plain-v1-x": made(np.array([2.0]), float("nan"))})


@pytest.mark.parametrize(("name", "fixture"), [("team/Report", "x"), ("Report", "case/x"), ("team/Report", "case/x.y")])
def test_a_name_with_a_slash_is_found_again(tmp_path: Path, name: str, fixture: str) -> None:
    @dataclass
    class Report(ArtifactModel, name=name):
        score: float

    @dataclass
    class Other(ArtifactModel, name=f"other/{name}"):
        score: float

    path = write_fixture(Report(0.5), tmp_path, fixture)
    write_fixture(Other(1.5), tmp_path, fixture)
    assert assert_migrates(Report, tmp_path) == [Report(0.5)]
    for source in (tmp_path, [path]):
        key = f"{name}-v1-{fixture}"
        assert assert_migrates(Report, source, {key: Report(0.5)}) == [Report(0.5)]
        assert assert_migrates(Report, source, {f"{key}.json": Report(0.5)}) == [Report(0.5)]
        with pytest.raises(AssertionError, match="loads as"):
            assert_migrates(Report, source, {key: Report(0.6)})
        with pytest.raises(AssertionError, match="no fixture named"):
            assert_migrates(Report, source, {f"a{key}": Report(0.5)})
