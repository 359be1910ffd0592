"""Start the web view from the files of docs/how-to/serve-the-web-view.md, with the addresses of this machine."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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


async def test_the_files_of_the_page_serve_a_team(team: Team, bucket: str, server: Server, tmp_path: Path) -> None:
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
    async with started(tmp_path, {**secrets, **keys}) as client:
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
