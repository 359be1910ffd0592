"""A small store in the working directory, and the command line on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from artigraph.cli import json_schema, main
from tests.support.documents import check_document
from tests.support.small_store import SmallStore, fill


@dataclass
class Result:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in an empty folder. It works on the store there, if a test makes one.

    With `--json`, what it prints is checked against its schema.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        if "--json" in arguments:
            for text in filter(None, (captured.out, captured.err)):
                document = json.loads(text)
                check_document(document, json_schema(document.get("schema", "artigraph.error/1")))
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def store(call: Call, tmp_path: Path) -> SmallStore:
    """A store, whose storage is the first in artigraph.toml. The second one is empty."""
    name = f"file:small-{uuid4().hex}"  # storages stay registered in this process
    (tmp_path / "artigraph.toml").write_text(
        f'[database]\nurl = "sqlite:///store.db"\n[storage."{name}"]\ntype = "file"\ndirectory = "objects"\n'
        f'durable = false\n[storage."{name}-more"]\nurl = "file:more"\n'
    )
    return asyncio.run(fill("sqlite:///store.db", tmp_path / "objects", name))
