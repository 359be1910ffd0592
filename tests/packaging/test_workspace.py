"""The lists of pyproject.toml follow from the folders in packages/."""

from __future__ import annotations

import tomllib
from pathlib import Path

from scripts.workspace import ROOT, distributions, plugins, public_plugins, updated

SETTINGS = (ROOT / "pyproject.toml").read_text("utf-8")
MANIFEST = """
[project]
name = "artigraph-storage-gcp"
[tool.hatch.build.targets.wheel]
only-include = ["src/artigraph/storage/gcp", "src/artigraph/storage/_shared"]
"""


def test_the_lists_are_up_to_date() -> None:
    assert updated(SETTINGS) == SETTINGS, "run `just workspace`"


def test_a_new_folder_appears_in_each_list(tmp_path: Path) -> None:
    for each in distributions():
        folder = tmp_path / "packages" / each.folder
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text((ROOT / "packages" / each.folder / "pyproject.toml").read_text("utf-8"))
    new = tmp_path / "packages" / "gcp"
    new.mkdir()
    (new / "pyproject.toml").write_text(MANIFEST)
    settings = tomllib.loads(updated(SETTINGS, tmp_path))
    tool, before = settings["tool"], tomllib.loads(SETTINGS)["tool"]
    assert tool["uv"]["sources"] == {**before["uv"]["sources"], "artigraph-storage-gcp": {"workspace": True}}
    assert set(tool["pyright"]["extraPaths"]) - set(before["pyright"]["extraPaths"]) == {"packages/gcp/src"}
    assert set(tool["mypy"]["mypy_path"]) - set(before["mypy"]["mypy_path"]) == {
        "$MYPY_CONFIG_FILE_DIR/packages/gcp/src"
    }
    contracts = [
        {contract["id"]: contract for contract in each["importlinter"]["contracts"]} for each in (tool, before)
    ]
    now, earlier = (set(contract["plugins"]["source_modules"]) for contract in contracts)
    assert now - earlier == {"artigraph.storage.gcp", "artigraph.storage._shared"}
    assert contracts[0]["layers"] == contracts[1]["layers"]


def test_plugins_are_neither_the_core_nor_the_umbrella() -> None:
    storages = [f"storage-{name}" for name in ("aws", "fs", "obstore")]
    names = ["cli", "models", "serializers", *storages, "ui"]
    assert list(plugins()) == [f"artigraph-{name}" for name in names]
    assert public_plugins()["artigraph-storage-fs"] == ["artigraph.storage.file"]
    contracts = tomllib.loads(SETTINGS)["tool"]["importlinter"]["contracts"]
    listed = next(contract["source_modules"] for contract in contracts if contract["id"] == "plugins")
    assert not {"artigraph.cli", "artigraph.ui"} & set(listed)  # tools, which may use the whole core
    assert "artigraph.serializer._support" not in public_plugins()["artigraph-serializers"]
