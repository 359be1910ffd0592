"""Every snippet of the documentation runs, every command in it exists, and so does every file that it links to."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import snippets
from tests.support.moto import s3_server
from tests.support.snippets import PAGES, ROOT, Block, blocks, clean_environment

VERBS = set(re.findall(r"^([a-z]\w*)(?: [*+]?\w+)*:(?!=)", (ROOT / "justfile").read_text("utf-8"), re.MULTILINE))
_ELSEWHERE = {*ROOT.glob("examples/*_pipeline.py"), snippets.LARGE_EXAMPLE}
EXAMPLES = sorted(set(ROOT.glob("examples/*.py")) - _ELSEWHERE)
"""test_pipelines.py runs those with other people's schedulers, test_frameworks.py that with large libraries."""
SHELL = {"bash", "console", "sh", "shell"}
ids = [page.relative_to(ROOT).as_posix() for page in PAGES]


def shell_commands(page: Path) -> Iterator[list[str]]:
    for block in blocks(page):
        if block.language in SHELL and block.runs:
            lines = block.code.replace("\\\n", " ").splitlines()
            for line in lines if block.language != "console" else [each for each in lines if each.startswith("$ ")]:
                words = shlex.split(line.removeprefix("$ "), comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words = words[1:]
                if words:
                    yield words


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """An S3 server, as the environment variables that lead to it; with the buckets that the documentation names."""
    with s3_server() as url:
        env = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for page in PAGES:
            for bucket in re.findall(r"S3Storage\(\s*\"([^\"]+)\"", page.read_text("utf-8")):
                request = urllib.request.Request(f"{url}/{bucket}", method="PUT")
                urllib.request.urlopen(request).close()
        yield env


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_python_snippets_run(page: Path, tmp_path: Path, s3: dict[str, str]) -> None:
    command = [sys.executable, "-W", "error", snippets.__file__, str(page)]
    env = clean_environment() | s3
    result = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_the_first_snippet_of_the_readme_is_a_script(tmp_path: Path) -> None:
    first = next(block for block in blocks(ROOT / "README.md") if block.language == "python")
    (tmp_path / "script.py").write_text(first.code, "utf-8")
    command = [sys.executable, "-W", "error", "script.py"]
    env = clean_environment()
    result = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("saved and loaded ")
    assert (tmp_path / ".artigraph" / "artigraph.db").is_file()


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    page = ROOT / "docs/tutorial.md"
    shown = "\n".join(block.code for block in blocks(page) if block.language in ("text", "mermaid"))
    command = [sys.executable, "-W", "error", snippets.__file__, str(page)]
    env = clean_environment()
    result = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert without_chance(result.stdout) == without_chance(shown)


def without_chance(output: str) -> str:
    """Return the output without ids, durations, sizes and line breaks, which differ from run to run."""
    output = re.sub(r"\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8})\b", "ID", output)
    return re.sub(r"\b[\d.,]+ (s|bytes)\b", r"N \1", " ".join(output.split()))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_run(example: Path, tmp_path: Path, s3: dict[str, str]) -> None:
    command = [sys.executable, "-W", "error", str(example)]
    env = clean_environment() | s3
    result = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=170)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.strip()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_commands_exist(page: Path) -> None:
    project = tomllib.loads((ROOT / "packages/artigraph/pyproject.toml").read_text("utf-8"))["project"]
    for words in shell_commands(page):
        program = {"python": sys.executable, "pip": sys.executable}.get(words[0], words[0])
        assert shutil.which(program, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"), words
        if words[0].startswith("python") and len(words) > 1 and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), words
        if words[:1] == ["just"] or words[1:2] == ["dev.py"]:
            verb = words[1:] if words[0] == "just" else words[2:]
            assert not verb or verb[0] in VERBS, words
        if words[:2] == ["pip", "install"]:
            for name, extras in re.findall(r"(?<![\w-])(artigraph)(?:\[([\w,]+)\])?(?![\w-])", " ".join(words)):
                assert set(extras.split(",")) - {""} <= set(project["optional-dependencies"]), (name, words)


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("docs/design/*.md")], ids=str)
def test_the_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_names_its_two_commands() -> None:
    commands = [words for words in shell_commands(ROOT / "README.md") if words[1:2] == ["dev.py"]]
    assert ["python", "dev.py", "quickstart"] in commands
    assert ["python", "dev.py", "test"] in commands


def test_a_block_without_a_reason_runs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- no-run -->\n```python\nx = 1\n```\n\n<!-- no-run: needs a server -->\n```python\nx = 2\n```\n"
        "- item\n  ```sh\n  just test\n  ```\n"
    )
    assert list(blocks(page)) == [
        Block("python", "x = 1\n", 3, runs=True),
        Block("python", "x = 2\n", 8, runs=False),
        Block("sh", "just test\n", 12, runs=True),
    ]


@pytest.mark.parametrize(("code", "passes"), [("await sleep(0)\nassert x == 2", True), ("assert x == 1", False)])
def test_snippets_share_one_namespace_and_may_await(code: str, passes: bool, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        f"```python\nfrom asyncio import sleep\nx = 1\n```\n```python\nx += 1\n```\n```python\n{code}\n```\n"
    )
    command = [sys.executable, snippets.__file__, str(page)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode == 0) is passes
    assert passes or 'page.md", line 9' in result.stderr
