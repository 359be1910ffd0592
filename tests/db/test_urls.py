from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from artigraph.db import current_database, engine_context, get_engine, set_engine
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
        # missing parts
        ("mysql://", "names no database: mysql://user:password@host/database"),
        ("mariadb://u:s3cret@h", "names no database: mariadb://"),
        ("mysql://u:s3cret@/d", r"names no host: .* add \?unix_socket="),
        ("postgresql://u:s3cret@/d", r"names no host: .* add \?host="),
        ("postgresql://:5432/d", "names no host"),
        # impossible values
        ("postgresql://u:s3cret@h:99999/d", "from 1 to 65535, not 99999"),
        ("mysql://u:s3cret@h:0/d", "from 1 to 65535, not 0"),
        ("postgresql://u:s3cret@ho st/d", "name of a host"),
        ("postgresql://u:s3cret@h..h/d", "name of a host"),
        (f"mysql://u:s3cret@{'h' * 64}/d", "name of a host"),
        (" postgresql://u:s3cret@h/d", "white space"),
        ("postgresql://u:s3cret@h/d\n", "white space"),
        ("sqlite:///a\0b.db", "NUL"),
        ("a/b\0c.db", "malformed"),
        ("postgresql://u:s3cret%00@h/d", "password of the database has a NUL"),
        ("mysql://u:s3cret@h/d\0", "NUL"),
        ("postgresql//u:s3cret@h/d", "malformed"),
        # arguments
        ("postgresql://u:s3cret@h/d?bogus=s3cret", "'asyncpg' takes no argument 'bogus'"),
        ("postgresql+psycopg://u:s3cret@h/d?bogus=s3cret", "'psycopg' takes no argument 'bogus'"),
        ("mysql://u:s3cret@h/d?bogus=s3cret&worse=2", "'asyncmy' takes no argument 'bogus', 'worse'"),
        ("mariadb://u:s3cret@h/d?bogus=s3cret", "'asyncmy' takes no argument 'bogus'"),
        ("sqlite:///x.db?bogus=s3cret", "'aiosqlite' takes no argument 'bogus'"),
        ("sqlite:///file:x.db?bogus=s3cret&uri=true", "'aiosqlite' takes no argument 'bogus'"),
        ("sqlite:///x.db?isolation_level=IMMEDIATE", "takes no argument 'isolation_level'"),
        ("sqlite:///x.db?mode=ro", "mode from a file URI only"),
        ("sqlite:///x.db?mode=ro&uri=true", "mode from a file URI only"),
        ("mysql://u:s3cret@h/d?connect_timeout=s3cret", "cannot be read in argument 'connect_timeout'"),
        ("postgresql://h/d?prepared_statement_cache_size=s3cret", "cannot be read in argument"),
        ("sqlite:///x.db?timeout=s3cret", "cannot be read in argument 'timeout'"),
        (
            "postgresql://h/d?prepared_statement_cache_size=-1",
            "out of range in argument 'prepared_statement_cache_size'",
        ),
        ("postgresql://h/d?timeout=s3cret", "cannot be read in argument 'timeout'"),
        ("postgresql://h/d?timeout=-1", "out of range in argument 'timeout'"),
        ("postgresql://h/d?timeout=nan", "out of range in argument 'timeout'"),
        ("postgresql://h/d?command_timeout=s3cret", "cannot be read in argument 'command_timeout'"),
        ("postgresql://h/d?statement_cache_size=s3cret", "cannot be read in argument 'statement_cache_size'"),
        ("postgresql://h/d?timeout=1&timeout=s3cret", "cannot be read in argument 'timeout'"),
        ("postgresql://h/d?loop=s3cret", "takes no argument 'loop'"),
        ("postgresql://h/d?record_class=s3cret", "takes no argument 'record_class'"),
        ("postgresql+psycopg://h/d?prepare_threshold=s3cret", "cannot be read in argument 'prepare_threshold'"),
        ("postgresql+psycopg://h/d?connect_timeout=s3cret", "cannot be read in argument 'connect_timeout'"),
        ("postgresql+psycopg://h/d?row_factory=s3cret", "takes no argument 'row_factory'"),
        ("postgresql+psycopg://h/d?client_encoding=s3cret", "write client_encoding=utf8"),
        (
            "mysql://h/d?charset=s3cret",
            "cannot send all text, in argument 'charset'. Remove it, or write charset=utf8mb4",
        ),
        ("mariadb://h/d?charset=latin1", "write charset=utf8mb4"),
        ("mysql://h/d?use_unicode=0", "in argument 'use_unicode'. Remove it."),
        ("mysql://h/d?ssl=s3cret", "takes no argument 'ssl'"),
        ("mysql://h/d?conv=s3cret&sock=s3cret", "takes no argument 'conv', 'sock'"),
        ("mysql://h/d?cursor_cls=s3cret", "takes no argument 'cursor_cls'"),
        ("mysql://h/d?connect_timeout=0", "out of range in argument 'connect_timeout'"),
        ("mysql://h/d?connect_timeout=s3cret", "cannot be read in argument 'connect_timeout'"),
        ("mysql://h/d?max_allowed_packet=s3cret", "cannot be read in argument 'max_allowed_packet'"),
        ("sqlite:///x.db?timeout=-1", "out of range in argument 'timeout'"),
        ("postgresql://h/d?s3cret=1@h/d", "may be part of a password"),
    ],
)
def test_what_no_engine_can_be_made_from_is_refused_at_once(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_URL", text.replace("\0", "") or "nonsense")

    def ask_the_environment() -> object:
        if "\0" in text:  # which no variable can hold
            return set_engine(text)
        return get_engine()

    for work in (lambda: set_engine(text), lambda: engine_context(text), ask_the_environment):
        with pytest.raises(ConfigurationError, match=words) as caught:
            work()
        error: BaseException | None = caught.value
        while error is not None:
            assert "s3cret" not in repr(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://",
        "postgresql:///d",
        "postgresql://u@/d?host=/var/run/postgresql",
        "postgresql://h1,h2/d",
        "postgresql://u:p@[::1]:5432/d?ssl=require&command_timeout=5",
        "postgresql://u:p@h:6432/d?prepared_statement_cache_size=0",
        "postgresql+psycopg://u:p@h/d?application_name=me&sslmode=require&connect_timeout=3",
        "postgresql://u:p@h/d?timeout=5.5&statement_cache_size=0&max_cached_statement_lifetime=5&ssl=",
        "postgresql+psycopg://u:p@h/d?prepare_threshold=5&client_encoding=UTF8",
        "mysql://u:p@h/d?charset=UTF8MB4&use_unicode=1&connect_timeout=10&ssl=",
        "mysql:///d",
        "mysql://u@/d?unix_socket=/run/mysqld.sock",
        "mysql://u:p@h/d?charset=utf8mb4&connect_timeout=3&ssl_ca=/etc/ca.pem",
        "mysql://h/?read_default_file=/etc/my.cnf",
        "mariadb://u:p%40%3A%2F@höst/d",
        "sqlite:///x.db?timeout=30&cached_statements=10",
        "sqlite:///file:x.db?mode=ro&immutable=1&uri=true",
        "sqlite:///a b.db",
    ],
)
def test_what_a_driver_takes_is_left_to_it(text: str) -> None:
    set_engine(text)()


@pytest.mark.parametrize("source", [None, 1, 1.5, b"x.db", ["x.db"], object(), True])
def test_other_types_are_refused(source: Any) -> None:
    for work in (set_engine, engine_context):
        with pytest.raises(ConfigurationError, match=f"not by {type(source).__name__}"):
            work(source)


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"x.db"


@pytest.mark.parametrize(
    ("source", "words"),
    [(Path("a\0b"), "NUL"), (BytesPath(), "text or a Path"), ("~nobody-of-this-name/x.db", "home directory")],
)
def test_paths_that_cannot_be_are_refused(source: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        set_engine(source)


async def test_a_value_that_only_the_driver_judges_is_told_when_it_connects() -> None:
    for text in (
        "postgresql://u@127.0.0.1:1/d?ssl=perhaps",
        "postgresql+psycopg://u:s3cret@127.0.0.1:1/d?sslmode=perhaps",
        "mysql://u:s3cret@127.0.0.1:1/d?ssl_ca=/not/there.pem",
    ):
        async with engine_context(text):
            with pytest.raises(ConfigurationError, match="cannot connect with what the database URL says"):
                await current_database()


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
