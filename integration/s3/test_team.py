"""Start the web view from the files of docs/how-to/serve-the-web-view.md, with the addresses of this machine."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import URL, make_url, text

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import engine_context
from artigraph.storage.aws import S3Storage
from integration.support.databases import fresh_database
from integration.support.s3 import Server
from tests.support.snippets import ROOT, blocks
from tests.support.system import missing

PAGE = ROOT / "docs/how-to/serve-the-web-view.md"
HOST = "results.example.com"
TEXT = "The text of the report. " * 500


@dataclass
class Report(ArtifactModel, name="integrations3.TeamReport"):
    text: str


def written(name: str) -> str:
    """Return a file of the page, whose first line names it."""
    [code] = [block.code for block in blocks(PAGE) if block.code.startswith((f"# {name}\n", f"-- {name}\n"))]
    return code


def replaced(given: str, **words: str) -> str:
    """Replace words of a text, each of which it must have."""
    for old, new in words.items():
        assert old in given
        given = given.replace(old, new)
    return given


@dataclass(frozen=True)
class Team:
    """A store, and the user who only reads it."""

    database: URL
    reader: str
    report: UUID


@pytest.fixture
async def team(server: Server, bucket: str, tmp_path: Path) -> AsyncGenerator[Team]:
    storage = S3Storage(
        bucket,
        region="us-east-1",
        endpoint_url=server.url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    ).register()
    reader = f"artigraph_reader_{uuid4().hex[:12]}"
    [statements] = [block.code for block in blocks(PAGE) if block.language == "sql"]
    with fresh_database("postgresql", tmp_path) as url:
        async with engine_context(url, create_tables=True, large_value_storage=storage, inline_limit=1_024) as engine:
            async with RunManager(Run(name="train")) as manager:
                report = await manager.save_artifact("report", Report(TEXT))
            async with engine.begin() as connection:
                for statement in statements.split(";\n")[:-1]:
                    await connection.execute(text(statement.replace(" reader", f" {reader}")))
            yield Team(make_url(url), reader, report)
            async with engine.begin() as connection:
                await connection.execute(text(f"DROP OWNED BY {reader}"))
                await connection.execute(text(f"DROP ROLE {reader}"))


@asynccontextmanager
async def started(folder: Path, environment: dict[str, str]) -> AsyncGenerator[httpx.AsyncClient]:
    """Start what the systemd unit starts, and ask as the proxy does."""
    unit = written("/etc/systemd/system/results.service")
    [command] = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart=")]
    program, *arguments = command.split()
    socket = folder / "socket"
    assert program.endswith("/uvicorn")
    arguments[arguments.index("/run/results/socket")] = str(socket)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "uvicorn", *arguments), cwd=folder, env={**os.environ, **environment}, stderr=log
        )
    try:
        async with asyncio.timeout(60):
            while not socket.exists():
                assert process.returncode is None
                await asyncio.sleep(0.05)
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", timeout=60) as client:
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture
async def client(team: Team, bucket: str, server: Server, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """Ask the application of the page, which runs in the temporary folder with the settings and the secrets."""
    place = f"{team.reader}@{team.database.host}:{team.database.port}/{team.database.database}"
    settings = replaced(written("/srv/results/artigraph.toml"), **{"reader@db.example.com/results": place})
    settings = replaced(settings, **{"s3:results": f"s3:{bucket}", "s3://results": f"s3://{bucket}"})
    (tmp_path / "artigraph.toml").write_text(
        replaced(settings, **{'"eu-central-1"': f'"us-east-1"\nendpoint_url = "{server.url}"'})
    )
    (tmp_path / "results.py").write_text(written("/srv/results/results.py"))
    lines = (line.partition("=") for line in shlex.split(written("/etc/results/secrets"), comments=True))
    secrets = {name: value for name, _, value in lines}
    keys = {"AWS_ACCESS_KEY_ID": server.access_key_id, "AWS_SECRET_ACCESS_KEY": server.secret_access_key}
    assert keys.keys() < secrets.keys()
    async with started(tmp_path, {**secrets, **keys}) as made:
        yield made


@asynccontextmanager
async def proxied(folder: Path, *servers: str) -> AsyncGenerator[None]:
    """Start nginx with some blocks of servers, in a folder with the socket of the application."""
    nginx = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if nginx is None:
        missing("nginx is not installed (apt-get install nginx-light)")
    kept = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{name}_temp_path {folder}/{name};\n" for name in kept)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.users").write_text("ada:{PLAIN}secret\n")
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{''.join(servers)}}}\n"
    )
    process = await asyncio.create_subprocess_exec(nginx, "-e", "stderr", "-c", str(folder / "nginx.conf"))
    try:
        async with asyncio.timeout(30):
            while not (folder / "nginx.pid").exists():
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def proxy(folder: Path, port: int, **words: str) -> str:
    """Return the server of the page without encryption, on a port, with other words replaced."""
    given = replaced(written("/etc/nginx/sites-enabled/results"), **{"listen 443 ssl": f"listen 127.0.0.1:{port}"})
    given = re.sub(r"    ssl_.*\n", "", given)
    given = replaced(given, **words, **{"/run/results/socket": f"{folder}/socket"})
    return given.replace("/etc/nginx/results.users", f"{folder}/nginx.users")


def single_sign_on() -> dict[str, str]:
    """Return what the page replaces for single sign-on, and by what."""
    [by] = [block.code for block in blocks(PAGE) if block.language == "nginx" and "auth_request " in block.code]
    whole = written("/etc/nginx/sites-enabled/results")
    return {whole[whole.index("    auth_basic ") :]: by}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        port: int = made.getsockname()[1]
        return port


async def test_the_files_of_the_page_serve_a_team(team: Team, client: httpx.AsyncClient, tmp_path: Path) -> None:
    assert (await client.get("/runs")).status_code == 403
    client.headers["x-forwarded-user"] = "ada"
    runs = await client.get("/runs?format=json")
    assert [run["name"] for run in runs.json()["data"]] == ["train"]
    page = await client.get(f"/artifacts/{team.report}")
    assert (page.status_code, "The text of the report." in page.text, "ada" in page.text) == (200, True, True)
    content = await client.get(f"/artifacts/{team.report}/content?path=text")
    assert content.json() == TEXT  # as texts are stored
    assert (await client.get("/runs", headers={"host": "evil.example"})).status_code == 400
    async with engine_context(team.database) as engine, engine.begin() as connection:
        await connection.execute(text(f"REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {team.reader}"))
    refused = await client.get("/runs")
    assert (refused.status_code, "The log of the server says why" in refused.text) == (503, True)
    assert "/runs cannot be answered: " in (tmp_path / "log").read_text()


async def test_the_proxy_of_the_page_names_the_user(team: Team, client: httpx.AsyncClient, tmp_path: Path) -> None:
    plain, below, signed, login = (free_port() for _ in range(4))
    answers = 'if ($http_cookie !~ "session=good") { return 401; } add_header X-User bob; return 200;'
    servers = (
        proxy(tmp_path, plain),
        proxy(tmp_path, below, **{"location / {": "location /results/ {"}),
        proxy(tmp_path, signed, **single_sign_on(), **{"127.0.0.1:4180": f"127.0.0.1:{login}"}),
        f"server {{ listen 127.0.0.1:{login}; location / {{ {answers} }} }}\n",
    )
    forged = {"host": HOST, "x-forwarded-user": "root", "x-user": "root"}
    async with proxied(tmp_path, *servers), httpx.AsyncClient(headers=forged, follow_redirects=True) as browser:

        async def user(address: str, **options: Any) -> str | int:
            answer = await browser.get(f"http://127.0.0.1:{address}", **options)
            found = re.search(r'<span class="user">(.*?)</span>', answer.text)
            return answer.status_code if found is None else found[1]

        ada = ("ada", "secret")
        assert await user(f"{plain}/runs") == 401
        assert await user(f"{plain}/runs", auth=("ada", "guessed")) == 401
        assert await user(f"{plain}/", auth=ada) == "ada"
        assert await user(f"{plain}/runs", auth=ada, headers={"host": "evil.example"}) == 400
        assert await user(f"{below}/results/", auth=ada) == "ada"
        assert await user(f"{below}/results/artifacts/{team.report}", auth=ada) == "ada"
        assert await user(f"{signed}/runs") == 401
        assert await user(f"{signed}/runs", headers={"cookie": "session=good"}) == "bob"
        assert await user(f"{signed}/login", headers={"cookie": "session=good"}) == 404
        content = await browser.get(f"http://127.0.0.1:{plain}/artifacts/{team.report}/content?path=text", auth=ada)
        assert content.json() == TEXT
