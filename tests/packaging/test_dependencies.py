"""Each distribution declares what it imports, and imports what it declares."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

from tests.support.distributions import PACKAGES, ROOT

WITH_CODE = [package for package in PACKAGES if (package / "src").exists()]
NOT_IMPORTED = {"aiosqlite", "asyncmy", "asyncpg", "tzdata"}
"""Drivers, which SQLAlchemy imports by the database's URL, and the time zones of the standard library's zoneinfo."""

LATER_STDLIB = {"annotationlib"}
"""Modules of newer Pythons' standard libraries."""

BROUGHT_ALONG = {"dateutil", "pytz"}
"""Libraries of time zones that a stored frame may need. A process without them gets an error that names them."""


def declared(package: Path) -> set[str]:
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    return {normalized(re.split(r"[\[<>=!~; ]", item)[0]) for group in groups for item in group}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(package: Path) -> Iterator[str]:
    """The top-level names that a distribution's code imports, at any depth of the code."""
    for path in package.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                yield from (ast.literal_eval(it).partition(".")[0] for it in node.args if isinstance(it, ast.Constant))


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda path: path.name)
def test_what_is_imported_is_declared(package: Path) -> None:
    names = set(imported(package)) - {"artigraph"} - sys.stdlib_module_names - LATER_STDLIB - BROUGHT_ALONG
    owners = packages_distributions()
    wanted = {name: {normalized(owner) for owner in owners.get(name, [name])} for name in names}
    assert {name: owners for name, owners in wanted.items() if not owners & declared(package)} == {}


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda path: path.name)
def test_what_is_declared_is_imported(package: Path) -> None:
    owners = packages_distributions()
    used = {normalized(owner) for name in set(imported(package)) for owner in owners.get(name, [name])}
    assert declared(package) - used - NOT_IMPORTED - {path.name for path in PACKAGES} == set()


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda path: path.name)
def test_a_distribution_names_those_of_ours_that_it_imports(package: Path) -> None:
    """Everything but the core imports the core's packages, and nothing of a sibling's."""
    siblings = {
        ".".join(path.parent.relative_to(other / "src").parts): other.name
        for other in WITH_CODE
        for path in other.glob("src/artigraph/**/py.typed")
        if other != package and other.name != "artigraph-core"
    }
    for path in package.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                assert not any(module == leaf or module.startswith(f"{leaf}.") for leaf in siblings), (path, module)


SAFE = {"asyncmy": "0.2.12", "pyarrow": "23.0.1"}
"""The first releases without a hole that stored or passed data could use (docs/concepts/security.md)."""


@pytest.mark.parametrize(("name", "floor"), SAFE.items())
def test_no_release_with_a_known_hole_is_allowed(name: str, floor: str) -> None:
    """The floor in every distribution, and the pinned release, is that release or a later one."""
    floors = [found for package in PACKAGES for found in asked(package, name)]
    assert floors
    assert all(found is not None and numbers(found) >= numbers(floor) for found in floors), floors
    pinned = re.findall(rf"^{name}==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned
    assert all(numbers(found) >= numbers(floor) for found in [*pinned, version(name)])


def asked(package: Path, name: str) -> Iterator[str | None]:
    """The floors of a requirement; None where it has none."""
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    for item in (item for group in groups for item in group):
        if re.match(rf"{name}(?![\w-])", item):
            found = re.search(r">=\s*([\d.]+)", item)
            yield found[1] if found else None


def numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])
