"""Names that are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import artigraph
from artigraph import orm, view
from artigraph.lazy_import import deferred

NOT_FOR_EVERYBODY = (
    "artigraph.db._sqlite",
    "artigraph.deletion",
    "artigraph.difference",
    "artigraph.lineage",
    "artigraph.orm._classes",
    "artigraph.query",
    "artigraph.tracking",
    "artigraph.versions",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
)


def printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_the_root_imports_only_what_everybody_needs() -> None:
    code = "import sys, artigraph; print(*sys.modules)"
    assert set(printed(code).split()) & set(NOT_FOR_EVERYBODY) == set()


def test_importing_models_runs_and_files_imports_no_http_and_no_masks_of_secrets() -> None:
    code = (
        "import sys, artigraph.model, artigraph.run, artigraph.serializer.file, artigraph.storage.file;"
        "print(*({'urllib.request', 'http.client', 'artigraph.run._masking'} & sys.modules.keys()))"
    )
    assert printed(code) == ""


def test_every_name_is_there_when_it_is_asked_for_first() -> None:
    code = "from artigraph import *; print(*sorted(set(globals()) & set(__import__('artigraph').__all__)))"
    assert printed(code).split() == sorted(artigraph.__all__)


def test_a_submodule_is_an_attribute_as_if_it_had_been_imported() -> None:
    assert printed("import artigraph; print(artigraph.lineage.Lineage.__name__)") == "Lineage"


@pytest.mark.parametrize("package", [artigraph, orm, view])
def test_a_package_lists_its_names_and_refuses_others(package: object) -> None:
    assert set(package.__all__) <= set(dir(package))  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'selct'") as refused:
        package.selct  # type: ignore[attr-defined]  # noqa: B018
    assert (refused.value.name, refused.value.obj) == ("selct", package)


def test_a_name_is_imported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "packaged"
    folder.mkdir()
    (folder / "__init__.py").write_text("here = 1\n", "utf-8")
    (folder / "home.py").write_text("there = object()\n", "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    package = import_module("packaged")
    get, names = deferred("packaged", {"home": "there"})
    assert {"here", "there"} <= set(names())
    assert "packaged.home" not in sys.modules
    there = get("there")
    assert vars(package)["there"] is there
    assert get("home") is sys.modules["packaged.home"]


def test_a_name_that_its_home_lacks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "promising"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "home.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    import_module("promising")
    get, _ = deferred("promising", {"home": "nothing"})
    with pytest.raises(AttributeError, match=r"promising\.home"):
        get("nothing")


def test_the_configuration_is_read_without_the_documents() -> None:
    code = (
        "import sys, artigraph.view.configuration; print(*(n for n in sys.modules if n.startswith('artigraph.view._')))"
    )
    assert printed(code) == ""
    names = (
        "from artigraph.view import *; print(*sorted(set(globals()) & set(__import__('artigraph.view').view.__all__)))"
    )
    assert printed(names).split() == sorted(view.__all__)
