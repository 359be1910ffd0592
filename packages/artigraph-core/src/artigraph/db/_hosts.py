"""URLs with several hosts, and connecting to the first host that is fit."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL
from sqlalchemy.engine import Dialect
from sqlalchemy.util import greenlet_spawn

from artigraph.errors import ConfigurationError

# A user name has no colon and no slash, and a password no `@`, as SQLAlchemy reads them.
_AUTHORITY = re.compile(
    r"(?P<name>[\w+]+://)(?P<user>(?:[^:/]*(?::[^@]*)?@)?)(?P<hosts>[^/?@]*)(?P<rest>.*)", re.DOTALL
)
_HOST = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^:\[\]\s]+))(?::(?P<port>[0-9]{1,5}))?")
_PORT = 5432
_MOST = 65535
_ATTRIBUTES = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
"""The values of `target_session_attrs`, which are libpq's."""
_NOT_WRITING = frozenset({"read-only", "standby", "prefer-standby"})
"""Those with which a connection may refuse to write."""
_STARTING = "57P03"
"""PostgreSQL's code for a server that starts or shuts down."""


def split_hosts(text: str) -> tuple[str, str] | None:
    """Return a URL without its hosts, and the hosts, if it names several: `postgresql://a:5432,b:5433/database`."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or "," not in found["hosts"] or text.startswith("sqlite"):
        return None
    return found["name"] + found["user"] + found["rest"], found["hosts"]


def with_hosts(url: URL, hosts: str = "") -> URL:
    """Return a URL whose several hosts, if it names them in any way, are in its query as drivers take them.

    That is `host=a,b&port=5432,5433`. The ways to name them are `hosts`, the host of the URL, and `?host=a:1&host=b:2`.
    A host without a port has the one of the URL, or else 5432.

    Raises:
        ConfigurationError: a host cannot be read, hosts are named in two ways, or the database takes only one.
    """
    if url.get_backend_name() == "sqlite":
        return url
    given = url.query.get("host", ())
    named = hosts or (url.host if "," in (url.host or "") else "") or ""
    queried = given.split(",") if isinstance(given, str) else list(given)
    if not named and (len(queried) <= 1 or _is_ready(url)):
        return url
    if not url.drivername.startswith("postgres"):
        msg = (
            "The database URL names several hosts, which only PostgreSQL's drivers can try in turn. Name the one of a "
            "proxy that knows the servers, such as ProxySQL, MaxScale or MySQL Router."
        )
        raise ConfigurationError(msg)
    if named and (given or "port" in url.query):
        msg = (
            "The database URL names hosts before the database and after the '?'. Name all of them before the database."
        )
        raise ConfigurationError(msg)
    if not named and "port" in url.query:
        msg = "The database URL names as many hosts as ports, or writes each port after its host: host1:5432,host2:5432"
        raise ConfigurationError(msg)
    pairs = [_host_of(each, url.port or _PORT) for each in (named.split(",") if named else queried)]
    plain = url.set(host=None, port=None).difference_update_query(["host", "port"])
    several = {"host": ",".join(host for host, _ in pairs), "port": ",".join(str(port) for _, port in pairs)}
    return URL.create(
        plain.drivername, plain.username, plain.password, database=plain.database, query={**plain.query, **several}
    )


def _is_ready(url: URL) -> bool:
    hosts, ports = url.query.get("host"), url.query.get("port")
    if not isinstance(hosts, str) or not isinstance(ports, str):
        return False
    each = ports.split(",")
    return len(hosts.split(",")) == len(each) and all(port.isdecimal() and 1 <= int(port) <= _MOST for port in each)


def _host_of(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    number = int(found["port"] or port) if found is not None else 0
    if found is None or not 1 <= number <= _MOST:
        # Not shown, because it may be a part of a password.
        msg = (
            "One of the hosts in the database URL cannot be read. Write a name or an address, and perhaps a port from "
            "1 to 65535: postgresql://user:password@host1:5432,[::1]:5433/database"
        )
        raise ConfigurationError(msg)
    return found["address"] or found["name"], number


def check_attributes(url: URL) -> None:
    """Check which servers a URL accepts.

    Raises:
        ConfigurationError: `target_session_attrs` has an unknown value.
    """
    given = url.query.get("target_session_attrs")
    if given and given not in _ATTRIBUTES:
        msg = f"The database URL has an unknown target_session_attrs. Known values: {', '.join(_ATTRIBUTES)}"
        raise ConfigurationError(msg)


def check_writing(url: URL) -> None:
    """Check that a URL accepts only servers that write.

    Raises:
        ConfigurationError: its `target_session_attrs` accepts others.
    """
    if url.query.get("target_session_attrs") in _NOT_WRITING:
        msg = (
            "The database URL accepts servers that refuse to write (target_session_attrs). Write "
            "target_session_attrs=read-write, pass read_only=True, or give this URL as read_url."
        )
        raise ConfigurationError(msg)


def shown_url(url: URL) -> str:
    """Return a URL for people, with its hosts, and without its password and other arguments."""
    hosts = url.query.get("host")
    if hosts is None:
        return url.set(query={}).render_as_string(hide_password=True)
    names = hosts.split(",") if isinstance(hosts, str) else list(hosts)
    ports = url.query.get("port", "")
    numbers = ports.split(",") if isinstance(ports, str) and ports else []
    pairs = [f"{name}:{port}" for name, port in zip(names, numbers, strict=False)] or names
    user = "" if url.username is None else url.set(host="x", query={}).render_as_string().partition("@")[0] + "@"
    scheme = f"{url.drivername}://"
    return f"{user or scheme}{','.join(pairs)}/{url.database or ''}"


@dataclass(frozen=True, slots=True)
class _Host:
    name: str
    port: int
    attributes: str | None
    """The `target_session_attrs` of the attempt."""


def hosts_to_try(options: Mapping[str, Any]) -> list[_Host]:
    """Return the attempts of asyncpg in their order, or nothing if any server of a single host will do."""
    wanted: str | None = options.get("target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS") or None
    names: Sequence[str] = options.get("host") or []
    ports: Sequence[int] = options.get("port") or [_PORT]
    if isinstance(names, str):
        names = [names] if wanted else []
    if isinstance(ports, int):
        ports = [ports] * len(names)
    rounds: Sequence[str | None] = ("standby", "any") if wanted == "prefer-standby" else (wanted,)
    return [_Host(name, port, attributes) for attributes in rounds for name, port in zip(names, ports, strict=False)]


def share_time(options: dict[str, Any], limit: float | None) -> None:
    """Give each of several hosts an equal part of the time in which libpq connects, unless the URL says otherwise."""
    several = str(options.get("host", "")).count(",") + 1
    if several > 1 and limit is not None and "connect_timeout" not in options:
        options["connect_timeout"] = max(2, int(limit / several))  # libpq takes no less than two seconds


async def connect_to_any(
    connect: Callable[..., Any], dialect: Dialect, options: dict[str, Any], hosts: Sequence[_Host], limit: float | None
) -> Any:
    """Connect by asyncpg to the first host that answers and is fit. Each gets an equal part of the time that is left.

    asyncpg would spend all of the time on a host that does not answer.

    Raises:
        OSError: no host answers, or none is fit.
    """
    loop = asyncio.get_running_loop()
    end = None if limit is None else loop.time() + limit
    last: BaseException | None = None
    unfit: list[str] = []
    for number, host in enumerate(hosts):
        share = None if end is None else max(0.0, end - loop.time()) / (len(hosts) - number)
        chosen = {**options, "host": [host.name], "port": [host.port]}
        if host.attributes is not None:
            chosen["target_session_attrs"] = host.attributes
        try:
            async with asyncio.timeout(share):
                return await greenlet_spawn(connect, dialect, [], chosen)
        except Exception as error:
            if _is_unfit(error):
                unfit.append(f"{host.name}:{host.port}")
            elif not any(_is_absent(one) for one in _with_cause(error)):
                raise
            last = error
    names = ", ".join(dict.fromkeys(f"{host.name}:{host.port}" for host in hosts))
    msg = f"none of the hosts {names} can be used; the last one said: {str(last) or type(last).__name__}"
    if unfit:
        wanted = options.get("target_session_attrs") or hosts[0].attributes
        msg = f"none of the hosts {names} is {wanted} now (target_session_attrs), though {', '.join(unfit)} answered"
    raise ConnectionError(msg) from last


def _with_cause(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the driver's own, which newer releases of SQLAlchemy wrap."""
    yield error
    if error.__cause__ is not None:
        yield error.__cause__


def _is_absent(error: BaseException) -> bool:
    return isinstance(error, OSError) or getattr(error, "sqlstate", None) == _STARTING


def _is_unfit(error: BaseException) -> bool:
    import asyncpg

    return any(isinstance(one, asyncpg.TargetServerAttributeNotMatched) for one in _with_cause(error))
