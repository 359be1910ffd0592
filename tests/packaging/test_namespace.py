"""The two lines that let the distributions share one import root. Other spellings confuse some tools."""

from pathlib import Path

import pytest

from tests.support.distributions import PACKAGES, ROOT

WORDS = ["import pkgutil", "__path__ = pkgutil.extend_path(__path__, __name__)"]


@pytest.mark.parametrize("folder", ["artigraph", "artigraph/storage", "artigraph/serializer"])
def test_each_shared_package_begins_with_them(folder: str) -> None:
    text = Path(ROOT, "packages/artigraph-core/src", folder, "__init__.py").read_text("utf-8")
    _, docstring, code = text.split('"""', 2)
    assert docstring.strip()
    assert [line for line in code.splitlines() if line][:2] == WORDS


@pytest.mark.parametrize("package", [path for path in PACKAGES if (path / "src").exists()], ids=lambda path: path.name)
def test_each_plugin_has_the_marker_and_nothing_above_its_leaves(package: Path) -> None:
    found = [path for path in package.glob("src/artigraph/**/__init__.py*") if not (path.parent / "py.typed").exists()]
    above = [path for path in found if len(path.relative_to(package).parts) < 5]
    above = [path for path in above if not (path.parent.parent / "py.typed").exists()]
    if package.name == "artigraph-core":
        assert [path for path in above if path.suffix == ".pyi"] == []
    else:
        assert [path.relative_to(package).as_posix() for path in above] == ["src/artigraph/__init__.pyi"]
        assert above[0].read_text("utf-8").splitlines() == WORDS
