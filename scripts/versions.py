"""Run the tests that depend on versions of other libraries on another set of them: `just versions lowest`.

- `lowest`: the lowest declared version of every dependency.
- `sqlalchemy-2.0`: the newest version of every dependency, with the newest SQLAlchemy 2.0.

The workspace's own environment has the newest version of everything. Each set gets its own environment in a temporary
folder, with the workspace installed in it. Tools that only the tests need have the versions of constraints.txt.
Arguments after the name of the set go to pytest, and replace the tests that it runs by default.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "lowest": (["--resolution", "lowest-direct"], [], ["tests/kinds", "tests/serializer", "tests/storage", "tests/ui"]),
    "sqlalchemy-2.0": ([], ["sqlalchemy<2.1"], []),  # serializers and storages do not use it
}
"""By name: uv's resolution, extra requirements, and the tests to run beside those of every set."""
LARGE = frozenset({"altair", "geopandas", "jax", "lightgbm", "plotly", "torch", "xarray", "xgboost"})
"""Extras that are not installed here. scripts/frameworks.py tests one version of each, which is the lowest declared."""
TOOLS = (
    *("cloudpickle", "httpx", "jsonschema", "moto", "psycopg", "psycopg-binary", "pytest-asyncio", "pytest-timeout"),
    *("pytest-xdist", "pytz", "tzdata"),
)
EXTRAS = {"moto": "[s3,server]"}
TESTS = (
    *("tests/db", "tests/graph", "tests/migrations", "tests/model", "tests/orm", "tests/query", "tests/run"),
    *("tests/stored", "tests/table", "tests/testing", "tests/tracking"),
    *("tests/test_deletion.py", "tests/test_difference.py", "tests/test_run.py"),
)


def main(name: str = "", *arguments: str) -> int:
    """Make the environment, print its packages, run the tests in it, and return pytest's exit code."""
    if name not in SETS:
        sys.exit(f"{name!r} is not a set of versions. Choose from: {', '.join(SETS)}")
    with tempfile.TemporaryDirectory(prefix="artigraph-versions-") as folder:
        options, extra, more = SETS[name]
        python = install(Path(folder), options, extra)
        tests = ["-n", "auto", "-p", "no:cacheprovider", "-m", "not slow and not long", *(arguments or (*TESTS, *more))]
        return subprocess.run([python, "-m", "pytest", *tests], cwd=ROOT, check=False).returncode


def install(folder: Path, options: list[str], extra: list[str]) -> str:
    """Return the interpreter of a new environment in the folder."""
    environment = folder / "environment"
    python = str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join([*declared(), *extra, *tools()]), "utf-8")
    ours = [option for path in sorted(ROOT.glob("packages/*/")) for option in ("--editable", str(path))]
    # In our folder, since its pyproject.toml has the date that limits uv's search.
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(environment)], cwd=ROOT, check=True)
    pip = ["uv", "pip", "install", "--quiet", "--python", python]
    subprocess.run([*pip, *options, "--requirements", str(requirements)], cwd=ROOT, check=True)
    subprocess.run([*pip, "--no-deps", *ours], cwd=ROOT, check=True)
    subprocess.run(["uv", "pip", "freeze", "--exclude-editable", "--python", python], cwd=ROOT, check=True)
    return python


def declared() -> list[str]:
    """Return the distributions' requirements with every extra, as direct ones, so that uv takes the lowest versions."""
    found: set[str] = set()
    for manifest in ROOT.glob("packages/*/pyproject.toml"):
        project = tomllib.loads(manifest.read_text("utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        found.update(project.get("dependencies", []), *(extras[name] for name in extras.keys() - LARGE))
    return sorted(requirement for requirement in found if not requirement.startswith("artigraph"))


def tools() -> list[str]:
    """Return the versions in constraints.txt of the tools that only the tests need."""
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    found = re.findall(rf"^({'|'.join(TOOLS)})(==[^\s;]+)", pins, re.MULTILINE)
    return [f"{name}{EXTRAS.get(name, '')}{version}" for name, version in found]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
