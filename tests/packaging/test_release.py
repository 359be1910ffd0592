"""The checks of the release workflow before it builds: one version everywhere, and news with a date."""

import re
import shutil
from pathlib import Path

import pytest

from scripts.release import ROOT, problems

VERSION = "9.8.7"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A checkout as it is right before its release."""
    for path in ROOT.glob("packages/*/pyproject.toml"):
        target = tmp_path / "packages" / path.parent.name / path.name
        target.parent.mkdir(parents=True)
        text = path.read_text("utf-8")
        target.write_text(text.replace(re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1], VERSION), "utf-8")  # type: ignore[index]
    (tmp_path / "CHANGELOG.md").write_text(f"# News\n\n## {VERSION} (2027-01-31)\n", "utf-8")
    return tmp_path


def test_ready(ready: Path) -> None:
    assert list(problems(ready, f"v{VERSION}")) == []


@pytest.mark.parametrize("tag", [VERSION, "v9.8", "version", f"v{VERSION}.dev0"])
def test_tag_that_is_not_a_version(ready: Path, tag: str) -> None:
    assert any("is not a version" in problem for problem in problems(ready, tag))


def test_other_version(ready: Path) -> None:
    found = list(problems(ready, "v9.8.8"))
    assert len([one for one in found if "the tag says 9.8.8" in one]) == len(list(ready.glob("packages/*")))
    assert any("artigraph requires 'artigraph-core==9.8.7'" in one for one in found)


def test_requirement_without_version(ready: Path) -> None:
    path = ready / "packages" / "artigraph-storage-fs" / "pyproject.toml"
    path.write_text(path.read_text("utf-8").replace(f"artigraph-core=={VERSION}", "artigraph-core"), "utf-8")
    assert list(problems(ready, f"v{VERSION}")) == [
        f"artigraph-storage-fs requires 'artigraph-core'; write =={VERSION}."
    ]


def test_news_without_date(ready: Path) -> None:
    shutil.copy(ROOT / "CHANGELOG.md", ready / "CHANGELOG.md")
    assert list(problems(ready, f"v{VERSION}")) == [f"CHANGELOG.md has no section '## {VERSION} (YYYY-MM-DD)'."]
