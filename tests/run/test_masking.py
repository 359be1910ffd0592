"""Nothing stored with a run contains text that looks like a secret. Other text stays readable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from artigraph import Run, RunManager, select, tracked
from artigraph.db import engine_context
from artigraph.run._captured import capture_environment
from artigraph.run._masking import masked_arguments, masked_text

S = "S3cr1tValue"
"""A secret, or the part of it that the test searches for."""
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ{S}.{S}-x"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\nMIIE{S}\n{S}==\n-----END RSA PRIVATE KEY-----"
PYTHON = "/usr/bin/python3.12"

COMMANDS = [
    ["--password", S],
    [f"--password={S}"],
    ["--pass", S],
    [f"--pass={S}"],
    ["-pass", S],
    ["--db-passwd", S],
    ["--pwd", S],
    ["--PASSWORD", f"-{S}"],
    ["--token", S],
    [f"--token={S}"],
    ["--api-key", S],
    [f"--api_key={S}"],
    ["--apikey", S],
    [f"--account-key={S}"],
    ["--account-key", S],
    ["--secret", S],
    [f"--client-secret={S}"],
    ["--access-key", S],
    ["--credential", S],
    [f"--hf-token={S}"],
    ["--auth", S],
    ["--basic-auth", f"me:{S}"],
    [f"/password:{S}"],
    [f"PASSWORD={S}"],
    [f"AWS_SECRET_ACCESS_KEY={S}/a+b="],
    [f"GITHUB_TOKEN={S}"],
    [f"DB_PASS={S} and more {S}"],
    [f"model.secret={S}"],
    [f"--set=db.password={S}"],
    [f"X-Api-Key: {S}"],
    [f"Cookie: session={S}"],
    [f"postgresql://me:{S}@host/db"],
    [f"postgresql://me:{S}@{S}@host/db"],
    [f"postgresql://me:{S}/{S}@host/db"],
    [f"--url=mysql://me:a#{S}?{S}@host/db"],
    [f"redis://:{S}@host"],
    [f"https://{S}@github.com/a/b.git"],
    [f"sqlalchemy.url=postgresql+asyncpg://me:x/{S}@h:5432/db"],
    [f"amqp://me:{S}@a,amqp://me:{S}@b"],
    [f"https://host/x?sv=2022&sig={S}%3D&se=1"],
    [f"https://host/x?token={S}"],
    [f"https://host/?X-Amz-Signature={S}&a=b"],
    [f"DefaultEndpointsProtocol=https;AccountName=me;AccountKey={S}==;EndpointSuffix=core.windows.net"],
    [f"host=db user=me password={S} dbname=x"],
    [f"host=db password='{S} {S}' dbname=x"],
    [f"Server=x;Uid=me;Pwd={S};"],
    [f"Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey={S}="],
    ["AKIAIOSFODNN7EXAMPLE"],
    ["x=ASIAIOSFODNN7EXAMPLE"],
    ["ghp_" + S * 3],
    ["github_pat_" + S * 3],
    ["glpat-" + S * 2],
    ["hf_" + S * 3],
    ["sk-proj-" + S * 2],
    ["sk_live_" + S * 2],
    ["xoxb-1234-" + S],
    ["npm_" + S * 4],
    ["-H", f"Authorization: Bearer {S}{S}"],
    ["-H", f"authorization: token {S}"],
    [f"Bearer {S}"],
    [f"header=Basic {S}="],
    [JWT],
    [KEY],
    ["--pem", KEY],
    ["-u", f"me:{S}"],
    ["--user", f"me:{S}"],
    [f"--user=me:{S}"],
    ["-U", f"me%{S}"],
    ["mysql", "-u", "me", f"-p{S}"],
    ["mysqldump", "-p", S],
    ["/usr/bin/sshpass", "-p", S, "ssh"],
    ["docker", "login", "-u", "me", "-p", S],
    ["redis-cli", "-a", S],
    [f'{{"password": "{S}", "a": 1}}'],
    ["bash", "-c", f"echo {S} | x"],
    ["bash", "-lc", f"login {S}; x"],
    [f"-cprint('{S}')"],
    ["--dsn", f"me/{S}@host"],
    ["--connection-string", f"me {S}"],
    ["--jwt", S],
    [f"--session-id={S}"],
    ["--otp", S],
]
"""Arguments of a program in which there is a secret."""
CODE = [
    ["-c", f"x = '{S}'"],
    ["-Ic", f"x = '{S}'"],
    ["-IBc", S],
    [f"-c{S}"],
    [f"-Ic{S}"],
    ["-W", "error", "-c", S],
    ["-Werror", "-Xdev", "-bc", S],
    ["-X", "dev", f"-ISc{S}", "a"],
]
"""Options of Python after which there is code."""
HARMLESS = [
    [PYTHON, "train.py", "--epochs", "3", "--lr=0.1", "-v", "--output", "/data/out"],
    [PYTHON, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "-k", "tokens and not slow"],
    [PYTHON, "-I", "-X", "dev", "-W", "error", "run.py", "-c", "config.yaml"],
    [PYTHON, "run.py", "-c", "conf/model.toml", "-p", "8080", "--port=5432", "--host", "localhost"],
    [PYTHON, "run.py", "--max-tokens", "512", "--max_tokens=512", "--tokenizer", "bert", "--tokenizer=bert-base"],
    [
        PYTHON,
        "run.py",
        "--author=me",
        "--authors",
        "you",
        "--passes",
        "3",
        "--passes=3",
        "--bypass",
        "x",
        "--compass=n",
    ],
    [PYTHON, "run.py", "https://github.com/org/repo@v1.2", "git+https://github.com/org/repo.git@main#egg=x"],
    [PYTHON, "run.py", "https://host:8080/a?b=1&page=2", "s3://bucket/key@v1/part=3", "file:///data/x.db"],
    [PYTHON, "run.py", "sort_key=name", "--key-column", "id", "--monkey=x", "--keyboard", "x", "design=sig"],
    [PYTHON, "run.py", "--user", "1000:1000", "--date=2024-01-01T00:00:00", "label: a good one", "a=b", "x:y"],
    [PYTHON, "run.py", "--signal=TERM", "--assignee", "you", "--dispatch=x", "--pattern=*.py", "me@example.com"],
    [PYTHON, "run.py", "--db-password", "--verbose"],
    ["/usr/bin/uvicorn", "app:main", "--workers", "4"],
]
"""Command lines without a secret."""


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments)[:40])
def test_no_secret_of_a_command_line_is_left(arguments: list[str]) -> None:
    shown = masked_arguments([PYTHON, "train.py", *arguments])
    assert shown[:2] == [PYTHON, "train.py"]
    text = " ".join(shown)
    assert S not in text
    assert "IOSFODNN7" not in text
    assert "***" in text or "<code>" in text
    assert len(shown) == len(arguments) + 2


@pytest.mark.parametrize("arguments", CODE, ids=" ".join)
def test_no_code_of_a_command_line_is_left(arguments: list[str]) -> None:
    shown = masked_arguments([PYTHON, *arguments, "--x", "1"])
    assert S not in " ".join(shown)
    assert any("<code>" in argument for argument in shown)
    assert shown[-2:] == ["--x", "1"]


@pytest.mark.parametrize("arguments", HARMLESS, ids=lambda arguments: " ".join(arguments[1:])[:60])
def test_harmless_command_lines_stay_readable(arguments: list[str]) -> None:
    assert masked_arguments(arguments) == arguments


def test_a_long_argument_is_left_out() -> None:
    assert masked_arguments([PYTHON, "a.py", "x" * 5000]) == [PYTHON, "a.py", "<5000 characters>"]
    assert len(masked_arguments(["x"] * 5000)) == 2000


def test_harmless_text_stays_readable() -> None:
    text = "Cannot read s3://bucket/a: status 404, tokens: 512"
    assert masked_text(text) == text


def test_what_is_captured_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (["init", "-q"], ["checkout", "-q", "-b", f"token={S}"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    folder = tmp_path / f"password={S}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", None, raising=False)
    found = capture_environment()
    assert found["git_branch"] == "token=***"
    assert found["working_directory"].endswith("password=***")
    assert S not in repr(found)


async def test_what_is_passed_is_stored_as_given(tmp_path: Path) -> None:
    """Changing a value silently would be worse, so callers must leave secrets out."""
    parameters = {
        "database": f"postgresql://me:{S}@host/db",
        "password": S,
        "nested": {"api_key": S, "list": [f"Bearer {S}", {"secret": [S]}], "deep": ({"url": f"amqp://a:{S}@b"},)},
    }
    added = {"token": S, "jwt": JWT}
    tags = {"url": f"https://host/?sig={S}", "token": S}
    environment = {"API_KEY": S, "note": f"password={S}"}

    @tracked(name="whole")
    async def log_in(password: str, url: str) -> int:
        return len(password)

    @tracked(name="safe", exclude=["password"])
    async def log_in_safely(password: str, url: str) -> int:
        return len(password)

    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/a.db", create_tables=True):
        async with RunManager(Run(name="mine", parameters=parameters, tags=tags, environment=environment)) as manager:
            await manager.add_parameters(added)
            await log_in(S, f"ftp://me:{S}@host")
            await log_in_safely(S, "ftp://host")
        found = {run.name: run for run in await select(Run).all()}
    assert found["mine"].parameters == parameters | added
    assert found["mine"].tags == tags
    assert found["mine"].environment == environment
    assert found["whole"].parameters == {"password": S, "url": f"ftp://me:{S}@host"}
    assert found["safe"].parameters == {"url": "ftp://host"}


async def test_no_secret_is_in_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", [PYTHON, "train.py", *[each for command in COMMANDS for each in command]])
    messages = [
        " ".join(command)
        for command in COMMANDS
        if command[0][0] != "-" and len(command) == 1 and "more" not in command[0]
    ]
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/a.db", create_tables=True):
        for message in [*messages, JWT, KEY, f"{{'password': '{S}'}}", f'{{"token":"{S}"}}']:
            with pytest.raises(OSError, match=r"."):
                async with RunManager(Run(), capture_environment=message is JWT):
                    raise OSError(message)
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())  # noqa: ASYNC240
    assert b"train.py" in stored
    assert b"host/db" in stored
    assert S.encode() not in stored
    assert b"IOSFODNN7" not in stored
