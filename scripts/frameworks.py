"""Run the tests of values of more libraries, such as PyTorch, in an environment that has them: `just frameworks`.

They would make up most of the workspace's environment, or change its versions. uv also takes the builds of PyTorch for
graphics cards, of gigabytes, where pip can be told to take smaller ones. So pip installs scripts/frameworks.txt into an
environment of its own. It lies in a temporary folder, and has the workspace's packages beside them.

A test that needs such a library is skipped elsewhere, and fails here if the library is missing. Arguments go to pytest,
and replace the tests that run by default.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = tuple(f"tests/serializer/test_{each}.py" for each in ("golden", "plugins", "preview_values"))
FOLDERS = ("altair", "geopandas", "jax", "lightgbm", "plotly", "torch", "xarray", "xgboost")
"""Below tests/serializer."""
DOCS = ("tests/docs/test_frameworks.py",)
LOWEST = ("xgboost", "lightgbm")
"""Those whose lowest declared version, in scripts/frameworks_lowest.txt, is another one. They are tested twice."""


def main(*arguments: str) -> int:
    """Make the environments, run the tests in them, and return pytest's exit code."""
    folders = [f"tests/serializer/{each}" for each in FOLDERS]
    code = run("scripts/frameworks.txt", arguments or (*folders, *TESTS, *DOCS))
    if code or arguments:
        return code
    lowest = [f"tests/serializer/{each}" for each in LOWEST]
    return run("scripts/frameworks_lowest.txt", (*lowest, "tests/serializer/test_golden.py"))


def run(requirements: str, tests: tuple[str, ...]) -> int:
    """Make an environment, run tests in it, and return pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="artigraph-frameworks-") as folder:
        python = install(Path(folder), requirements)
        options = ["-n", "auto", "-p", "no:cacheprovider", "-m", "not slow and not long"]
        env = os.environ | {"ARTIGRAPH_TEST_REQUIRE_FRAMEWORKS": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run([python, "-m", "pytest", *options, *tests], cwd=ROOT, env=env, check=False).returncode


def install(folder: Path, requirements: str) -> str:
    """Return the interpreter of a new environment in the folder."""
    environment = folder / "environment"
    venv.create(environment, symlinks=os.name != "nt")
    windows = os.name == "nt"
    python = str(environment / ("Scripts/python.exe" if windows else "bin/python"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = environment / ("Lib/site-packages" if windows else f"lib/{version}/site-packages")
    # As a folder of packages, so that the workspace's editable packages are found too.
    (own / "workspace.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n", "utf-8")
    pip = [base_python(), "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--requirement", requirements], cwd=ROOT, check=True)
    return python


def base_python() -> str:
    """Return the interpreter that made this environment, since that one has pip."""
    return str(Path(sys.base_prefix, "python.exe" if os.name == "nt" else f"bin/python3.{sys.version_info.minor}"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
