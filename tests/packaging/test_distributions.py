"""The files in wheels and sdists, and the files that must not be in them."""

import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.distributions import PACKAGES, ROOT, run

pytestmark = pytest.mark.slow

CORE = ("artigraph", "artigraph/storage", "artigraph/serializer")
"""The packages that several distributions share; the core alone has their `__init__.py`."""


def manifest(package: Path) -> dict[str, Any]:
    return tomllib.loads((package / "pyproject.toml").read_text("utf-8"))


def files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def plugins() -> Iterator[tuple[str, str]]:
    """Each plugin's leaf package, with the name of its distribution."""
    for package in PACKAGES:
        if package.name not in {"artigraph", "artigraph-core"}:
            target = manifest(package)["tool"]["hatch"]["build"]["targets"]["wheel"]
            for source in target["only-include"]:
                yield package.name, source.removeprefix("src/")


def test_each_package_builds_a_wheel_and_an_sdist(dists: Path, wheels: dict[str, Path]) -> None:
    names = {package.name for package in PACKAGES}
    assert set(wheels) == names
    assert {path.name.partition("-")[0].replace("_", "-") for path in dists.glob("*.tar.gz")} == names


def test_no_two_wheels_own_one_path(wheels: dict[str, Path]) -> None:
    owners = Counter(name for wheel in wheels.values() for name in files(wheel))
    assert [name for name, count in owners.items() if count > 1] == []


def test_the_shared_packages_are_the_cores(wheels: dict[str, Path]) -> None:
    for name, wheel in wheels.items():
        owned = {folder for folder in CORE if any(f"{folder}/__init__.{end}" in files(wheel) for end in ("py", "pyi"))}
        assert owned == (set(CORE) if name == "artigraph-core" else set()), name


def test_no_wheel_ships_a_marker(wheels: dict[str, Path]) -> None:
    assert [name for wheel in wheels.values() for name in files(wheel) if name.endswith(".pyi")] == []


def test_the_schemas_are_in_the_wheels(wheels: dict[str, Path]) -> None:
    for name, folder in (("artigraph-core", "view"), ("artigraph-cli", "cli")):
        inside = {each for each in files(wheels[name]) if each.startswith(f"artigraph/{folder}/schemas/")}
        assert inside
        source = ROOT / "packages" / name / "src"
        assert inside == {str(path.relative_to(source)) for path in source.glob("artigraph/*/schemas/*.json")}


def test_everything_that_holds_code_says_that_it_is_typed(wheels: dict[str, Path]) -> None:
    assert "artigraph/py.typed" in files(wheels["artigraph-core"])
    for name, leaf in plugins():
        found = {path for path in files(wheels[name]) if path.endswith("py.typed") and path.startswith(f"{leaf}/")}
        public = {f"{leaf}/py.typed"} if not leaf.rpartition("/")[2].startswith("_") else found
        assert found == public, (name, leaf)


def test_a_plugin_ships_its_leaf_packages_only(wheels: dict[str, Path]) -> None:
    for name in {name for name, _ in plugins()}:
        leaves = tuple(f"{leaf}/" for owner, leaf in plugins() if owner == name)
        strays = [path for path in files(wheels[name]) if not path.startswith(leaves) and ".dist-info/" not in path]
        assert strays == [], name
        assert all(f"{leaf}__init__.py" in files(wheels[name]) for leaf in leaves), name


def test_the_umbrella_holds_no_code(wheels: dict[str, Path]) -> None:
    assert [path for path in files(wheels["artigraph"]) if ".dist-info/" not in path] == []


def test_every_module_in_the_tree_is_shipped(wheels: dict[str, Path]) -> None:
    for package in PACKAGES:
        tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "src", cwd=package).splitlines()
        expected = {path.removeprefix("src/") for path in tracked if not path.endswith(".pyi")}
        shipped = {path for path in files(wheels[package.name]) if ".dist-info/" not in path}
        assert shipped == expected, package.name


def test_the_wheel_from_the_sdist_is_the_wheel_from_the_tree(wheels: dict[str, Path], tmp_path: Path) -> None:
    run("uv", "build", "--quiet", "--all-packages", "--wheel", "--out-dir", tmp_path, cwd=ROOT)
    for wheel in wheels.values():
        assert files(wheel) == files(tmp_path / wheel.name), wheel.name


def test_each_wheel_carries_the_licence(wheels: dict[str, Path]) -> None:
    licence = (ROOT / "LICENSE").read_bytes()
    for wheel in wheels.values():
        assert [text for path, text in files(wheel).items() if path.endswith("/LICENSE")] == [licence], wheel.name


def test_the_distributions_of_one_release_belong_together() -> None:
    manifests = {package.name: manifest(package)["project"] for package in PACKAGES}
    (version,) = {project["version"] for project in manifests.values()}
    for project in manifests.values():
        groups = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
        ours = [item for group in groups for item in group if item.startswith("artigraph-")]
        assert all(item.endswith(f"=={version}") for item in ours), project["name"]


def test_the_umbrella_offers_every_extra() -> None:
    extras = set(manifest(ROOT / "packages/artigraph")["project"]["optional-dependencies"])
    assert extras == {
        "aws",
        "azure",
        "gcs",
        "obstore",
        "pandas",
        "numpy",
        "polars",
        "pyarrow",
        "postgresql",
        "mysql",
        "migrations",
        "networkx",
        "scipy",
        "pillow",
        "torch",
        "xarray",
        "geopandas",
        "xgboost",
        "lightgbm",
        "jax",
        "plotly",
        "altair",
        "attrs",
        "msgspec",
        "pydantic",
        "ui",
        "all",
    }
