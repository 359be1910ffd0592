from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from artigraph.db import current_database, engine_context, set_engine
from artigraph.db._url import parse_url
from artigraph.errors import ConfigurationError, MissingDependencyError


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite://", "sqlite+aiosqlite"),
        ("sqlite:///x.db", "sqlite+aiosqlite"),
        ("postgresql://u:p@h/d", "postgresql+asyncpg"),
        ("postgres://u:p@h/d", "postgresql+asyncpg"),
        ("mysql://u:p@h/d", "mysql+asyncmy"),
        ("mariadb://u:p@h/d", "mariadb+asyncmy"),
        ("mysql+asyncmy://u:p@h/d", "mysql+asyncmy"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg"),
    ],
)
def test_a_url_without_a_driver_gets_the_asynchronous_one(text: str, driver: str) -> None:
    assert parse_url(text).drivername == driver


def test_a_relative_path_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_url("sqlite:///a/x.db").database == str(tmp_path / "a" / "x.db")
    assert parse_url("sqlite://a/x.db").database == str(tmp_path / "a" / "x.db")
    assert parse_url("sqlite://x.db").database == str(tmp_path / "x.db")
    assert parse_url("sqlite:////tmp/x.db").database == "/tmp/x.db"
    assert parse_url("sqlite:///:memory:").database == ":memory:"
    assert parse_url("sqlite:///file:x.db?uri=true").database == "file:x.db"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "malformed"),
        ("nonsense", "malformed"),
        ("postgresql://u:s3cret@h:port/d", "malformed"),
        ("oracle://u:s3cret@h/d", "SQLite, PostgreSQL, MySQL and MariaDB"),
        ("mssql+aioodbc://u:s3cret@h/d", "SQLite, PostgreSQL, MySQL and MariaDB"),
        ("postgresql+psycopg2://u:s3cret@h/d", "not asynchronous"),
        ("mysql+pymysql://u:s3cret@h/d", r"mysql\+asyncmy"),
        ("mysql+aiomysql://u:s3cret@h/d", r"every value that is bytes; write mysql\+asyncmy"),
        ("sqlite+pysqlite:///x.db", r"sqlite\+aiosqlite"),
        ("postgresql+nodriver://u:s3cret@h/d", "no driver 'nodriver'"),
        ("sqlite://u:s3cret@h/x.db", "neither user nor port"),
    ],
)
def test_what_no_engine_can_be_made_from_is_refused_at_once(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        set_engine(text)
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    ("text", "module", "extra"),
    [
        ("postgresql://u@h/d", "asyncpg", r"artigraph\[postgresql\]"),
        ("mysql://u@h/d", "asyncmy", r"artigraph\[mysql\]"),
    ],
)
def test_a_missing_driver_names_what_to_install(
    text: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=f"pip install '{extra}'"):
        engine_context(text)


def test_a_synchronous_engine_is_refused() -> None:
    engine = create_engine("sqlite://")
    wrong: Any = engine
    with pytest.raises(ConfigurationError, match="create_async_engine"):
        set_engine(wrong)
    engine.dispose()
    wrong = 1
    with pytest.raises(ConfigurationError, match="not by int"):
        set_engine(wrong)


def test_synchronous_is_one_of_two_and_for_engines_of_ours() -> None:
    wrong: Any = "OFF"
    with pytest.raises(ConfigurationError, match="'NORMAL' or 'FULL'"):
        set_engine("sqlite://", sqlite_synchronous=wrong)


async def test_a_path_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no database " * 1000)
    for path in (tmp_path, tmp_path / "text.txt"):
        with pytest.raises(ConfigurationError, match="Name a file that is a database"):
            async with engine_context(f"sqlite:///{path}", create_tables=True):
                await current_database()
