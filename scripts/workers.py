"""Run the tests with workers of Ray and Spark, in an environment that has them: `just workers`.

They are large, so uv installs scripts/workers.txt into an environment of its own, in a temporary folder. It has only
the packages that the tests' program needs, because each process of an engine imports what it finds. pytest runs in the
workspace's environment and starts the program there. Spark also needs Java.

A missing engine, Java or S3 server is a failure here. Arguments go to pytest. `just integration` runs the test of Dask,
which the workspace's environment has. The blocks of docs/how-to/use-workers.md run here with all three engines.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "artigraph-core",
    "artigraph-models[attrs,pydantic]",
    "artigraph-serializers[numpy]",
    "artigraph-storage-aws",
    "artigraph-storage-fs",
)


def main(*arguments: str) -> int:
    """Make the environment, run the tests, and return pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="artigraph-workers-") as folder:
        environment = Path(folder, "environment")
        python = str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(environment)], cwd=ROOT, check=True)
        ours = [option for name in PACKAGES for option in ("--editable", f"packages/{name}")]
        pip = ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
        subprocess.run([*pip, *ours, "--requirements", "scripts/workers.txt"], cwd=ROOT, check=True)
        env = os.environ | {"ARTIGRAPH_TEST_WORKERS_PYTHON": python, "ARTIGRAPH_TEST_REQUIRE_SERVERS": "1"}
        tests = ["-p", "no:cacheprovider", "-k", "not dask", "integration/workers", *arguments]
        return subprocess.run([sys.executable, "-m", "pytest", *tests], cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
