"""What must not be in this repository: code that runs because of data, and words that belong to one machine."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    check=True,
    stdout=subprocess.PIPE,
    text=True,
).stdout.splitlines()
FILES = [path for name in TRACKED if (path := ROOT / name).is_file()]
CODE = [path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in {"packages", "examples"}]

MODULES = {"cloudpickle", "cPickle", "dill", "joblib", "marshal", "pickle", "shelve"}
CALLS = {"eval", "exec", "compile", "__import__"}
ALLOWED = {("packages/artigraph-core/src/artigraph/tracking/_bytecode.py", "compile")}
"""It compiles the source of modules that are imported already, and hashes the result. Nothing runs it."""
RUNNING = {"os.popen", "os.system", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "yaml.load_all"}
"""Calls of modules that are harmless otherwise."""
HOSTS = re.compile(
    "|".join(("pypi" + r"\.org", "files" + r"\.pythonhosted", "registry" + r"\.npmjs", r"/simple" + "/"))
)
MACHINE = re.compile("|".join(("/" + "work/", "/" + "root/", r"/home/\w+/", r"C:\\" + "Users")))


def offences(path: Path) -> Iterator[str]:
    """Parts of a module that could run code that came with data."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield node.module or ""
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield node.func.id
        elif isinstance(node, ast.Attribute) and node.attr in {"read_pickle", "to_pickle", "PyExtensionType"}:
            yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in RUNNING:
            yield ast.unparse(node.func)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not is_false(node.value):
            yield "allow_pickle"


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "def f(x):\n    return eval(x)",
        "import numpy\nnumpy.load(f, allow_pickle=True)",
        "import numpy\nnumpy.load(f, allow_pickle=flag)",
        "import pandas\npandas.read_pickle(f)",
        "import cloudpickle",
        "exec(x)",
        "import yaml\nyaml.load(f)",
        "import yaml\nyaml.load(f, Loader=yaml.SafeLoader)",
        "import os\nos.system(x)",
    ],
)
def test_an_offence_is_seen(code: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(code)
    assert list(offences(path))


def test_nothing_runs_because_of_what_is_stored() -> None:
    assert CODE
    found = {(path.relative_to(ROOT).as_posix(), offence) for path in CODE for offence in offences(path)}
    assert found == ALLOWED


@pytest.mark.parametrize("pattern", [HOSTS, MACHINE], ids=["index hosts", "machine paths"])
def test_no_file_names_a_package_index_or_a_machine(pattern: re.Pattern[str]) -> None:
    found = [(str(path.relative_to(ROOT)), match[0]) for path in FILES for match in pattern.finditer(text(path))]
    assert found == []


def test_the_lock_file_stays_out() -> None:
    assert "uv.lock" not in TRACKED


def test_constraints_are_pinned_with_hashes() -> None:
    lines = [line for line in text(ROOT / "constraints.txt").splitlines() if not line.startswith("#")]
    stanzas = re.split(r"\n(?=\S)", "\n".join(lines))
    for stanza in stanzas:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==\S+( ; [^\\\n]+)? \\\n    --hash=sha256:", stanza), (
            stanza
        )


def text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:  # a picture, or an object of a fixture
        return ""
