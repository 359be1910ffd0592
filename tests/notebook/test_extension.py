"""`%load_ext artigraph`: lists of results are tables, and `%artigraph` calls the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import artigraph.sync.db as db
from artigraph import ArtifactModel, Loaded, Run, sync
from artigraph.errors import MissingDependencyError
from tests.support.pages import page_of


@dataclass
class Score(ArtifactModel, name="notebook.Score"):
    value: float


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell: Any = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.extension_manager.load_extension("artigraph")
    yield shell
    shell.extension_manager.unload_extension("artigraph")
    InteractiveShell.clear_instance()


def _nothing_found(name: str) -> None:
    del name


def html_of(shell: Any, value: object) -> str | None:
    return shell.display_formatter.format(value)[0].get("text/html")  # type: ignore[no-any-return]


def test_a_list_of_results_is_a_table(shell: Any) -> None:
    shown = html_of(shell, [Score(0.5), Score(0.7)])
    assert shown is not None
    assert page_of(shown).text == "value00.510.72 results"
    assert html_of(shell, [Score(0.5), 1]) is None
    assert html_of(shell, []) is None
    assert html_of(shell, Loaded([Score(0.5)])) == Loaded([Score(0.5)])._repr_html_()
    assert html_of(shell, Score(0.5)) == Score(0.5)._repr_html_()


def test_lists_that_others_show_are_shown_so_still(shell: Any) -> None:
    shell.extension_manager.unload_extension("artigraph")
    formatter = shell.display_formatter.formatters["text/html"]
    assert html_of(shell, [Score(0.5)]) is None
    assert "artigraph" not in shell.magics_manager.magics["line"]

    def show(items: object) -> str:
        return f"<b>{items}</b>"

    formatter.for_type(list, show)
    for _ in range(2):  # loading it again changes nothing
        shell.extension_manager.load_extension("artigraph")
        shell.extension_manager.reload_extension("artigraph")
    assert html_of(shell, [1]) == "<b>[1]</b>"
    assert "<table" in str(html_of(shell, [Score(0.5)]))
    shell.extension_manager.unload_extension("artigraph")
    assert html_of(shell, [Score(0.5)]) == "<b>[Score(value=0.5)]</b>"
    formatter.pop(list)


def test_the_magic_says_what_to_install(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.notebook.find_spec", _nothing_found)
    with pytest.raises(MissingDependencyError, match="pip install artigraph-cli"):
        shell.run_line_magic("artigraph", "ls")


async def test_the_magic_calls_the_command_line_beside_a_running_loop(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Sequence[str], int]] = []

    def main(arguments: Sequence[str], *, width: int) -> int:
        async def work() -> int:
            asked.append((arguments, width))
            return 0

        return asyncio.run(work())

    module: Any = ModuleType("artigraph.cli")
    module.__spec__ = ModuleSpec("artigraph.cli", None)
    module.main = main
    monkeypatch.setitem(sys.modules, "artigraph.cli", module)
    assert shell.run_line_magic("artigraph", "ls --model Report -w 'accuracy > 0.5'") is None
    assert asked == [(["ls", "--model", "Report", "-w", "accuracy > 0.5"], 100)]


def test_the_magic_prints_tables(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("ARTIGRAPH_URL", url)
    with db.engine_context(url, create_tables=True), sync.RunManager(Run(name="train")):
        pass
    capsys.readouterr()
    shell.run_line_magic("artigraph", "ls --runs")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["run_id", "name", "status"]
    assert "\t" not in "".join(lines)
    assert max(map(len, lines)) <= 100
