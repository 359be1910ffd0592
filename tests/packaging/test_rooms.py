"""The rooms of the library: their layers are documented, and a module's name says who uses it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = (
    *("artigraph.attrs", "artigraph.msgspec", "artigraph.pydantic"),
    *("artigraph.testing", "artigraph.serializer.datetime", "artigraph.serializer.raw"),
)
"""Public addresses that no other room imports."""
GENERATED = ("artigraph.sync", "artigraph.migrations")


LONGEST = 400
"""The most lines of a module that gives no reason for its length."""


def modules() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for source in ROOT.glob("packages/*/src"):
        for path in source.rglob("*.py"):
            name = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
            if not name.startswith(GENERATED):
                found[name] = path
    return found


def imported(path: Path, names: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a module imports, or imports names from."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in names)


def users() -> dict[str, set[str]]:
    """Return, for each module, the modules of other folders that import it."""
    names = modules()
    found: dict[str, set[str]] = defaultdict(set)
    for user, path in names.items():
        for name in imported(path, names):
            folder = name.rpartition(".")[0]
            if not f"{user}.".startswith(f"{folder}."):
                found[name].add(user)
    return found


def test_a_module_with_an_underscore_is_used_in_its_own_folder_only() -> None:
    used = users()
    private = [name for name in modules() if name.rpartition(".")[2].startswith("_")]
    assert len(private) > 100
    assert {name: used[name] for name in private if used[name]} == {}


def test_a_module_with_an_underscore_has_no_list_of_public_names() -> None:
    private = [path for path in modules().values() if path.name.startswith("_") and path.name != "__init__.py"]
    assert len(private) > 100
    assert [path for path in private if re.search(r"^__all__\b", path.read_text("utf-8"), re.MULTILINE)] == []


def test_a_long_module_says_why_it_is_long() -> None:
    texts = {name: path.read_text("utf-8") for name, path in modules().items()}
    long = {name: ast.get_docstring(ast.parse(text)) for name, text in texts.items() if text.count("\n") > LONGEST}
    assert long  # or the test sees nothing
    assert [name for name, reason in long.items() if f"over {LONGEST} lines" not in (reason or "")] == []


def test_a_module_without_an_underscore_is_used_by_other_rooms() -> None:
    used = users()
    shown = [
        name
        for name, path in modules().items()
        if path.name != "__init__.py" and name.count(".") > 1 and "._" not in name and not name.startswith(PUBLIC)
    ]
    assert len(shown) > 20
    assert [name for name in shown if not used[name]] == []


def test_the_page_of_packages_lists_the_rooms_in_their_layers() -> None:
    page = (ROOT / "docs/design/packages.md").read_text("utf-8")
    section = page.partition("## Rooms and layers")[2].partition("\n## ")[0]
    lines = re.findall(r"^ {4}(\S.*?)(?:  +.*)?$", section, re.MULTILINE)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in settings if contract["id"] == "layers")
    assert [line.split() for line in lines] == [re.findall(r"\w+", layer) for layer in layers]


def test_the_layers_list_every_room() -> None:
    roots = ROOT.glob("packages/*/src/artigraph")
    inside = [path for root in roots for path in root.iterdir()]
    rooms = {path.stem for path in inside if (path / "__init__.py").exists() or path.suffix == ".py"}
    page = (ROOT / "docs/design/packages.md").read_text("utf-8")
    section = page.partition("## Rooms and layers")[2].partition("\n## ")[0]
    listed = {word for line in re.findall(r"^ {4}(\S.*?)(?:  +.*)?$", section, re.MULTILINE) for word in line.split()}
    assert listed == rooms - {"__init__", "__main__"}
