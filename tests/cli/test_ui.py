"""`artigraph ui`, which imports the web view when it is used."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable
from typing import Any

import pytest

import artigraph.ui as web_view
from artigraph.cli._exit_codes import ExitCode
from tests.cli.conftest import Call

ADDRESS = "http://127.0.0.1:8710/?token=secret"
ONCE = "http://127.0.0.1:8710/?token=once"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser would show."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", found.append)
    return found


def test_it_prints_the_address_and_opens_a_browser(
    call: Call, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    settings: list[dict[str, Any]] = []

    def serve(announce: Callable[[str, str], None], **given: Any) -> None:
        settings.append(given)
        announce(ADDRESS, ONCE)

    monkeypatch.setattr(web_view, "serve", serve)
    done = call("ui")
    assert (done.code, ADDRESS in done.out, opened) == (0, True, [ONCE])
    assert call("ui", "--no-open", "--host", "::1", "--port", "0", "--allow-host", "a", "--allow-host", "b").code == 0
    assert opened == [ONCE]
    assert ONCE not in done.out
    assert settings == [
        {"host": "127.0.0.1", "port": None, "allowed_hosts": (), "config": None},
        {"host": "::1", "port": 0, "allowed_hosts": ("a", "b"), "config": None},
    ]


def test_it_says_how_to_install_the_web_view(call: Call, monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> None:
    monkeypatch.setitem(sys.modules, "artigraph.ui", None)
    done = call("ui")
    assert (done.code, "pip install 'artigraph[ui]'" in done.err, opened) == (ExitCode.FAILED, True, [])


def test_it_needs_a_store(call: Call, opened: list[str]) -> None:
    done = call("ui", "--port", "0")
    assert (done.code, "There is no store here" in done.err, opened) == (ExitCode.FAILED, True, [])
    assert call("ui", "--port", "70000").code == ExitCode.USAGE
