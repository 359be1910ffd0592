"""Clusters of servers of our own: PostgreSQL with a standby, MariaDB Galera, and MySQL Group Replication."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from integration.support.databases import run_apart
from integration.support.mysql_programs import mysqld
from integration.support.s3 import free_ports
from integration.support.servers import OwnServer, own_folder, programs_of_postgresql, run_as
from tests.support.system import missing

__all__ = ["Galera", "Group", "PostgreSQLPair", "Router", "ask", "galera", "group_replication", "postgresql_pair"]

_PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
_PATIENCE = 60.0


async def ask(url: str | URL, *statements: str) -> Any:
    """Execute statements on a connection of its own, and return the first row of the last one, or None."""
    row: Any = None
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
                row = result.first() if result.returns_rows else None
            return row
    finally:
        await engine.dispose()


def _wait_until(url: str, statement: str, expected: object, server: OwnServer) -> None:
    """Wait until a server answers a statement with a row that ends in a value."""
    ends = time.monotonic() + _PATIENCE
    said: Any = None
    while time.monotonic() < ends:
        try:
            said = run_apart(ask(url, statement))
        except (SQLAlchemyError, OSError) as error:
            said = error
        else:
            if said is not None and tuple(said)[-1] == expected:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{said!r} instead of {expected!r}\n{server.log}")


@contextmanager
def _folder() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# PostgreSQL ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PostgreSQLPair:
    """A primary, and a standby that has each transaction on its disk before the primary acknowledges it."""

    primary: OwnServer
    standby: OwnServer

    @property
    def both(self) -> str:
        """A URL of whichever server writes."""
        hosts = ",".join(f"127.0.0.1:{make_url(server.url).port}" for server in (self.primary, self.standby))
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    async def promote(self) -> None:
        """Make the standby a primary, and return when it writes."""
        row = await ask(self.standby.url, "SELECT pg_promote(true, 60)")
        assert row[0] is True


@contextmanager
def postgresql_pair() -> Generator[PostgreSQLPair]:
    """Start a primary and its standby; skip the test where PostgreSQL's programs are not installed."""
    programs = programs_of_postgresql()
    with _folder() as folder:
        servers = [_postgresql(folder / name, programs) for name in ("primary", "standby")]
        primary, standby = servers
        data = Path(primary.command[2])
        run_as(["initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", str(data)], "postgres", programs)
        try:
            # Only on its command line, because the standby has a copy of its files.
            primary.start("-c", "synchronous_standby_names=*")
            _wait_until(primary.url, "SELECT 1", 1, primary)
            copy = ["pg_basebackup", "-R", "--checkpoint=fast", "--no-sync", "-h", "127.0.0.1", "-U", "postgres"]
            copy += ["-p", str(make_url(primary.url).port), "-D", standby.command[2]]
            run_as(copy, "postgres", programs)
            standby.start()
            _wait_until(primary.url, "SELECT sync_state FROM pg_stat_replication", "sync", standby)
            yield PostgreSQLPair(primary, standby)
        finally:
            for server in servers:
                server.stop(signal.SIGQUIT)


def _postgresql(folder: Path, programs: Path) -> OwnServer:
    folder.mkdir(mode=0o755)
    data, [port] = own_folder(folder, "postgres"), free_ports(1)
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "wal_retrieve_retry_interval=200ms"]
    url = f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres"
    return OwnServer(url, command, "postgres", folder, signal.SIGINT, signal.SIGQUIT)


# Galera --------------------------------------------------------------------------------------------------------------


class Galera:
    """A cluster of MariaDB servers, which all write."""

    def __init__(self, nodes: Sequence[OwnServer]) -> None:
        self.nodes = nodes

    @property
    def urls(self) -> list[str]:
        """The URL of each node."""
        return [node.url for node in self.nodes]

    def kill(self, number: int) -> None:
        """Kill a node with SIGKILL."""
        self.nodes[number].kill()

    def rejoin(self, number: int) -> None:
        """Start a killed node again, and return when it is synced. It continues from where its log ends."""
        node = self.nodes[number]
        recovered = node.run([*node.command, "--wsrep-recover"])
        [position] = re.findall(r"Recovered position: (\S+)", recovered)
        node.start(f"--wsrep-start-position={position}")
        self.wait(number)

    def wait(self, number: int) -> None:
        """Wait until a node is synced, and has applied all that the others committed."""
        node = self.nodes[number]
        _wait_until(_server(node), "SHOW STATUS LIKE 'wsrep_local_state_comment'", "Synced", node)
        run_apart(ask(_server(node), "SET SESSION wsrep_sync_wait = 1", "SELECT 1"))


def _server(node: OwnServer) -> str:
    return make_url(node.url).set(database="").render_as_string(hide_password=False)


@contextmanager
def galera() -> Generator[Galera]:
    """Start a cluster of three nodes; skip the test where MariaDB or Galera is not installed."""
    if shutil.which("mariadbd") is None or not _PROVIDER.exists():
        missing("MariaDB with Galera is not installed (apt-get install mariadb-server galera-4 rsync)")
    with _folder() as folder:
        ports = free_ports(12)
        peers = ports[1::4]
        nodes = [_node(folder / f"node{number}", ports[4 * number : 4 * number + 4], peers) for number in range(3)]
        data = [folder / f"node{number}" / "data" for number in range(3)]
        install = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        run_as([*install, f"--datadir={data[0]}"], "mysql")
        cluster = Galera(nodes)
        try:
            # The others begin as copies of the first node. Without that, each would wait for a copy from it.
            nodes[0].start("--wsrep-new-cluster")
            cluster.wait(0)
            run_apart(ask(_server(nodes[0]), "CREATE DATABASE test"))
            nodes[0].stop(signal.SIGTERM)
            for copy in data[1:]:
                run_as(["cp", "-a", f"{data[0]}/.", str(copy)], "mysql")
            nodes[0].start("--wsrep-new-cluster")
            cluster.wait(0)
            for node in nodes[1:]:
                node.start()
            for number in (1, 2):
                cluster.wait(number)
            yield cluster
        finally:
            for node in nodes:
                node.stop(signal.SIGKILL)


def _node(folder: Path, ports: Sequence[int], peers: Sequence[int]) -> OwnServer:
    folder.mkdir(mode=0o755)
    data, (port, peer, copies, changes) = own_folder(folder, "mysql"), ports
    provider = {
        "base_host": "127.0.0.1",
        "base_port": peer,
        "gmcast.listen_addr": f"tcp://127.0.0.1:{peer}",
        "ist.recv_addr": f"127.0.0.1:{changes}",
        "gcache.size": "64M",
        # Notice sooner that a node is gone than a cluster on several machines would.
        "evs.keepalive_period": "PT0.3S",
        "evs.join_retrans_period": "PT0.3S",
        "evs.inactive_check_period": "PT0.2S",
        "evs.suspect_timeout": "PT1.5S",
        "evs.inactive_timeout": "PT3S",
    }
    command = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={data}/socket", f"--port={port}"]
    command += ["--bind-address=127.0.0.1", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2"]
    command += ["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2", "--wsrep-on=ON"]
    address = ",".join(f"127.0.0.1:{each}" for each in peers)
    command += [f"--wsrep-provider={_PROVIDER}", f"--wsrep-cluster-address=gcomm://{address}"]
    command += [f"--wsrep-cluster-name={folder.parent.name}", f"--wsrep-node-name={folder.name}"]
    command += [f"--wsrep-node-address=127.0.0.1:{peer}", "--wsrep-sst-method=rsync"]
    command += [f"--wsrep-sst-receive-address=127.0.0.1:{copies}", "--wsrep-slave-threads=2"]
    command += ["--wsrep-provider-options=" + ";".join(f"{name}={value}" for name, value in provider.items())]
    url = f"mysql+asyncmy://root@127.0.0.1:{port}/test"
    return OwnServer(url, command, "mysql", folder, signal.SIGTERM, signal.SIGKILL)


# MySQL Group Replication ---------------------------------------------------------------------------------------------

_GROUP = "ad0f9bb4-7c1a-4f6f-9d0e-0e0c6f7a1f01"
_PRIMARY = (
    "SELECT member_port FROM performance_schema.replication_group_members "
    "WHERE member_role = 'PRIMARY' AND member_state = 'ONLINE'"
)
_ONLINE = "SELECT count(*) FROM performance_schema.replication_group_members WHERE member_state = 'ONLINE'"


@dataclass(frozen=True)
class Group:
    """MySQL servers of which one, the primary, writes. The others elect a new one when it fails."""

    members: Sequence[OwnServer]

    async def primary(self, of: Sequence[OwnServer]) -> int:
        """Return the port of the primary, once these members agree on one of them."""
        ports = {make_url(member.url).port for member in of}
        async with asyncio.timeout(_PATIENCE):
            while True:
                found = {row and row[0] for row in [await ask(_server(member), _PRIMARY) for member in of]}
                if len(found) == 1 and found <= ports:
                    return int(found.pop())
                await asyncio.sleep(0.1)

    async def set(self, member: OwnServer, variable: str, value: int) -> None:
        """Set a global variable of a member."""
        await ask(_server(member), f"SET GLOBAL {variable} = {value}")

    def rejoin(self, member: OwnServer) -> None:
        """Start a killed member again, and return when it has got what the others committed meanwhile."""
        member.start()
        run_apart(ask(_server(member), "START GROUP_REPLICATION USER='root'"))
        _wait_until(_server(member), _ONLINE, len(self.members), member)

    def wait(self, member: OwnServer) -> None:
        """Wait until a member has applied all that the group has committed."""
        for other in self.members:
            [committed] = run_apart(ask(_server(other), "SELECT @@global.gtid_executed"))
            _wait_until(_server(member), f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{committed}', 10)", 0, member)


class Router:
    """Forwards each new connection to the port that is set, as MySQL Router does to the primary."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self.target)
            except OSError:
                return
            with closing(back):
                await asyncio.wait(
                    [asyncio.ensure_future(_copy(reader, back)), asyncio.ensure_future(_copy(there, writer))],
                    return_when=asyncio.FIRST_COMPLETED,
                )


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


@contextmanager
def group_replication() -> Generator[Group]:
    """Start a group of three servers; skip the test without MySQL's programs."""
    program = mysqld()
    folder = Path(tempfile.mkdtemp())
    members: list[OwnServer] = []
    try:
        ports = free_ports(6)
        members += [_member(program, folder, number, ports) for number in range(3)]
        first = folder / "0/data"
        run_as([*program, "--initialize-insecure", f"--datadir={first}"], "root")
        for number in (1, 2):
            run_as(["cp", "-a", str(first), str(folder / f"{number}/data")], "root")
            (folder / f"{number}/data/auto.cnf").unlink()  # each server has an identity of its own
        for member in members:
            member.start()
        begin = "SET GLOBAL group_replication_bootstrap_group = "
        run_apart(ask(_server(members[0]), f"{begin} ON", "START GROUP_REPLICATION", f"{begin} OFF"))
        for member in members[1:]:
            run_apart(ask(_server(member), "START GROUP_REPLICATION"))
        for member in members:
            _wait_until(_server(member), _ONLINE, 3, member)
        run_apart(ask(_server(members[0]), "CREATE DATABASE test"))
        yield Group(members)
    finally:
        for member in members:
            member.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def _member(program: Sequence[str], folder: Path, number: int, ports: Sequence[int]) -> OwnServer:
    own = folder / str(number)
    own.mkdir()
    peers = [f"127.0.0.1:{port}" for port in ports[3:]]
    command = [*program, f"--datadir={own}/data", f"--socket={own}/socket", f"--pid-file={own}/pid"]
    command += [f"--port={ports[number]}", "--bind-address=127.0.0.1", "--report-host=127.0.0.1", "--log-bin=binlog"]
    command += [f"--server-id={number + 1}", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--sync-binlog=0"]
    command += ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M"]
    command += ["--plugin-load-add=group_replication.so"]
    settings = {
        "group_name": _GROUP,
        "start_on_boot": "OFF",
        "local_address": peers[number],
        "group_seeds": ",".join(peers),
        "ip_allowlist": "127.0.0.1/8",
        "member_expel_timeout": 0,
        "recovery_get_public_key": "ON",
    }
    command += [f"--loose-group-replication-{name.replace('_', '-')}={value}" for name, value in settings.items()]
    url = f"mysql+asyncmy://root@127.0.0.1:{ports[number]}/test"
    return OwnServer(url, command, "root", own, signal.SIGTERM, signal.SIGKILL)
