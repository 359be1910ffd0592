"""URLs with several hosts."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from artigraph.db import Timeouts, current_database, engine_context, set_engine
from artigraph.db._hosts import shown_url
from artigraph.db._url import parse_url
from artigraph.errors import ConfigurationError, DatabaseUnavailableError


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:p%2C@h1:5433,h2/d?target_session_attrs=read-write",
        "postgres://u:p%2C@h1:5433,h2:5432/d?target_session_attrs=read-write",
        "postgresql+asyncpg://u:p%2C@/d?host=h1:5433&host=h2&target_session_attrs=read-write",
        "postgresql://u:p%2C@/d?host=h1:5433,h2:5432&target_session_attrs=read-write",
        "postgresql://u:p%2C@/d?host=h1,h2&port=5433,5432&target_session_attrs=read-write",
    ],
)
def test_all_spellings_of_several_hosts_mean_the_same(text: str) -> None:
    url = parse_url(text)
    assert (url.username, url.password, url.database, url.host) == ("u", "p,", "d", None)
    assert url.query == {"host": "h1,h2", "port": "5433,5432", "target_session_attrs": "read-write"}
    _, options = url.get_dialect()().create_connect_args(url)
    assert options["host"] == ["h1", "h2"]
    assert options["port"] == [5433, 5432]
    assert parse_url(url) == url


def test_hosts_may_be_addresses_and_psycopg_takes_them_too() -> None:
    url = parse_url("postgresql+psycopg://u@[::1]:5433,10.0.0.1/d")
    assert url.query == {"host": "::1,10.0.0.1", "port": "5433,5432"}
    _, options = url.get_dialect()().create_connect_args(url)
    assert (options["host"], str(options["port"])) == ("::1,10.0.0.1", "5433,5432")
    made = URL.create("postgresql", host="h1,h2", port=6000, database="d")
    assert parse_url(made).query == {"host": "h1,h2", "port": "6000,6000"}


@pytest.mark.parametrize(
    "text", ["postgresql://u:a,b@h/d", "postgresql://h/a,b", "postgresql+psycopg://h/d?application_name=a,b"]
)
def test_a_comma_elsewhere_names_no_hosts(text: str) -> None:
    assert parse_url(text).host == "h"
    assert parse_url(text) == make_url(text).set(drivername=parse_url(text).drivername)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postgresql://u:s3cret@h1:port,h2/d", "One of the hosts"),
        ("postgresql://u:s3cret@h1,,h2/d", "One of the hosts"),
        ("postgresql://u:s3cret@h 1,h2/d", "One of the hosts"),
        ("postgresql://u:s3cret@h1,h2:70000/d", "One of the hosts"),
        ("postgresql://u:s3cret@h1:0,h2/d", "One of the hosts"),
        ("postgresql://u:s3cret@::1,h2/d", "One of the hosts"),
        ("postgresql://u:s3cret@h1,h2/d?host=h3", "before the database and after"),
        ("postgresql://u:s3cret@h1,h2/d?port=1,2", "before the database and after"),
        ("postgresql://u:s3cret@/d?host=h1,h2&port=5432", "as many hosts as ports"),
        ("mysql://u:s3cret@h1,h2/d", "only PostgreSQL's drivers .* ProxySQL"),
        ("mariadb://u:s3cret@h1:3306,h2:3306/d", "only PostgreSQL's drivers"),
        ("mysql://u:s3cret@/d?host=h1&host=h2", "only PostgreSQL's drivers"),
        ("postgresql://u:s3cret@h/d?target_session_attrs=never", "unknown target_session_attrs. Known values: any"),
        ("postgresql://u:s3cret@h1,h2/d?target_session_attrs=standby", "refuse to write"),
        ("postgresql://u:s3cret@h1,h2/d?target_session_attrs=prefer-standby", "refuse to write"),
    ],
)
def test_hosts_that_cannot_work_are_refused_at_once(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        set_engine(text)
    assert "s3cret" not in str(raised.value)


def test_a_file_may_have_a_comma_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_url("sqlite://a,b.db").database == str(tmp_path / "a,b.db")
    assert parse_url("sqlite:///a,b.db").database == str(tmp_path / "a,b.db")


def test_standbys_are_for_reading(tmp_path: Path) -> None:
    text = "postgresql://u@h1,h2/d?target_session_attrs=standby"
    set_engine(text, read_only=True)()
    set_engine(tmp_path / "x.db", read_url=text)()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@h1:1,h2/d?ssl=prefer", "postgresql+asyncpg://u:***@h1:1,h2:5432/d"),
        ("postgresql://h1,h2/d", "postgresql+asyncpg://h1:5432,h2:5432/d"),
        ("postgresql://u:p@h1/d?ssl=prefer", "postgresql+asyncpg://u:***@h1/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql+asyncpg:///run/postgresql/d"),
    ],
)
def test_a_url_is_shown_with_its_hosts_and_without_its_password(text: str, shown: str) -> None:
    assert shown_url(parse_url(text)) == shown


@pytest.fixture
def silent() -> Generator[int]:
    """The port of a server that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("attributes", ["", "&target_session_attrs=read-write"])
async def test_an_error_names_all_hosts_that_were_tried(silent: int, attributes: str) -> None:
    url = f"postgresql://u:s3cret@127.0.0.1:1,127.0.0.1:{silent}/d?ssl=disable{attributes}"
    async with engine_context(url, timeouts=Timeouts(connect=0.5, retry=1)):
        with pytest.raises(
            DatabaseUnavailableError, match=rf"none of the hosts 127\.0\.0\.1:1, 127\.0\.0\.1:{silent} "
        ) as e:
            await current_database()
    assert "s3cret" not in str(e.value)
