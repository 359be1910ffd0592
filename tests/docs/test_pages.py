"""The pages that list things list all of them, with true statements."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from artigraph import errors
from artigraph.serializer import get_serializer_by_name
from tests.docs.language import pages
from tests.support.frameworks import SERIALIZERS as FRAMEWORKS
from tests.support.frameworks import is_here
from tests.support.snippets import ROOT, blocks

DOCS = ROOT / "docs"
API = (DOCS / "reference/api.md").read_text("utf-8")
ERRORS = DOCS / "reference/errors.md"
SERIALIZERS = (DOCS / "reference/serializers.md").read_text("utf-8")
MODULES = sorted(set(re.findall(r"^## (artigraph[\w.]*)$", API, re.MULTILINE)))
PARTLY = {"artigraph.db", "artigraph.errors", "artigraph.sync", "artigraph.testing"}
"""Modules whose names docs/reference/api.md does not list one by one. The others are internal, or have a page."""


LARGE = {f"artigraph.serializer.{library}" for library in set(FRAMEWORKS.values()) if not is_here(library)}
"""Modules of libraries that are not installed. `just frameworks` runs these tests with them."""


@pytest.mark.parametrize("module", sorted(set(MODULES) - PARTLY - LARGE))
def test_every_name_of_a_module_is_in_its_section(module: str) -> None:
    section = re.split(r"^## ", API.partition(f"\n## {module}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    listed = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^### .*$", section, re.MULTILINE))))
    assert listed == set(importlib.import_module(module).__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_its_cause_and_its_remedy(name: str) -> None:
    text = ERRORS.read_text("utf-8")
    parent = any(issubclass(getattr(errors, other), getattr(errors, name)) for other in errors.__all__ if other != name)
    remedy = r"[^|]*" if parent else r" [^|]+ "  # an error that has kinds of its own may leave the remedy to them
    assert name == "ArtigraphError" or re.search(rf"^\| `{name}` \| [^|]+ \|{remedy}\|$", text, re.MULTILINE)


def test_the_tree_of_errors_is_as_drawn() -> None:
    tree = next(block.code for block in blocks(ERRORS) if block.language == "text")
    drawn: dict[str, set[str]] = {}
    above: list[str] = []
    for line in tree.splitlines():
        indent, name, builtin = re.fullmatch(r"([│├└─ ]*)(\w+)(?: +\((?:also an? )?(\w+)\))?", line).groups()  # type: ignore[union-attr]
        depth = len(indent) // 4
        above[depth:] = [name]
        drawn.setdefault(name, set()).update({*above[depth - 1 : depth], builtin} - {None})
    assert drawn.keys() == set(errors.__all__)
    for name, bases in drawn.items():
        cls: type[Exception] = getattr(errors, name)
        direct = {base.__name__ for base in cls.__bases__}
        assert bases == direct, name


def test_every_serializer_is_in_the_table() -> None:
    rows = [line for line in SERIALIZERS.splitlines() if line.startswith("| ")]
    modules = [module for module in MODULES if module.startswith("artigraph.serializer.") and module not in LARGE]
    for module in map(importlib.import_module, modules):
        names = {value.name for name, value in inspect.getmembers(module) if name.endswith("_serializer")}
        for name in names:
            assert any(f"`{name}`" in row for row in rows), name
            assert get_serializer_by_name(name).name == name


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_anchors_are_headings(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^):#\s]*)#([^)\s]+)\)", page.read_text("utf-8")):
        text = (page.parent / target if target else page).read_text("utf-8")
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target
