"""The page of commands is what the commands say."""

from __future__ import annotations

import re

import pytest

from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._main import COMMANDS
from scripts import cli_examples
from scripts.cli_page import PAGE, page


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `just cli-page`"


def test_the_page_has_every_exit_code() -> None:
    text = PAGE.read_text("utf-8")
    assert [code for code in ExitCode if f"\n| {code.value} | " not in text] == []


def test_every_command_that_shows_a_store_has_an_example() -> None:
    without_output = {
        "completion",
        "db",
        "doctor",
        "ui",
    }  # a script, a server, what differs elsewhere
    assert set(cli_examples.COMMANDS) == set(COMMANDS) - without_output


@pytest.mark.slow
def test_the_recording_is_fresh_and_loads_nothing() -> None:
    text = cli_examples.RECORDING.read_text("utf-8")
    assert text == cli_examples.record(), "run `just cli-page`"
    assert [url for url in re.findall(r"https?://[^\"')]+", text) if not url.startswith("http://www.w3.org/")] == []
