"""The reason of an error page is in the log, also if the program set up none."""

from __future__ import annotations

import io
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artigraph.ui import create_app
from tests.ui.conftest import client_of

REASON = "/runs cannot be answered: "


@contextmanager
def without_logging() -> Generator[None]:
    """Take the handlers of pytest away, as in a program that did not configure logging."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = kept


async def ask_in_vain(folder: Path) -> None:
    async with client_of(create_app(f"sqlite:///{folder}/missing/store.db")) as client:
        answer = await client.get("/runs")
        assert (answer.status_code, "The log of the server says why" in answer.text) == (503, True)


async def test_a_program_without_logging_writes_the_reason_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create_app(f"sqlite:///{tmp_path}/another.db")  # which adds no second line
    with without_logging():
        await ask_in_vain(tmp_path)
    shown = capsys.readouterr().err
    assert shown.startswith(REASON)
    assert shown.count("cannot be answered") == 1


@pytest.mark.parametrize("name", ["", "artigraph", "artigraph.ui"])
async def test_a_handler_of_the_program_gets_the_reason_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    handled = io.StringIO()
    handler = logging.StreamHandler(handled)
    logger = logging.getLogger(name)
    with without_logging():
        logger.addHandler(handler)
        try:
            await ask_in_vain(tmp_path)
        finally:
            logger.removeHandler(handler)
    assert handled.getvalue().startswith(REASON)
    assert capsys.readouterr().err == ""
