"""Run a verb of the justfile in an environment that has all it needs: `python dev.py test`.

Needs Python 3.11 or newer with pip, and nothing else. The first call makes the virtual environment `.venv` beside this
file, installs uv into it (the version and hashes that constraints.txt names) and has uv install the workspace; later
calls bring it up to date, which takes no time where nothing changed. Without a verb the verbs are listed.

`UV_PROJECT_ENVIRONMENT` names another folder for the environment, as for a second Python.
"""

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")


def main(*verb: str) -> int:
    """Make the environment ready, then run the verb in it; return its exit code."""
    # Other tools of the environment are found by name, and uv must not take a surrounding environment for ours.
    env = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT),
        "VIRTUAL_ENV": str(ENVIRONMENT),
    }
    provide_uv()
    synced = subprocess.run([str(BIN / "uv"), "sync", "--quiet"], cwd=ROOT, env=env, check=False)
    if synced.returncode:
        return synced.returncode
    return subprocess.run([str(BIN / "just"), *verb], cwd=ROOT, env=env, check=False).returncode


def provide_uv() -> None:
    """Make the virtual environment, with the uv that constraints.txt pins."""
    pin = re.search(r"^uv==(\S+)(?: *\\\n +--hash=\S+)+", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    if pin is None:
        sys.exit("constraints.txt does not pin uv; restore the file")
    if not (BIN / ("python.exe" if os.name == "nt" else "python")).exists():
        # Without pip, for Debian's Python cannot give it one: the pip that runs here installs into the environment.
        venv.create(ENVIRONMENT, symlinks=os.name != "nt")
    if list(ENVIRONMENT.glob(f"**/site-packages/uv-{pin[1]}.dist-info")):
        return
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text(pin[0], "utf-8")
        pip = [sys.executable, "-m", "pip", "--python", str(ENVIRONMENT), "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", "--require-hashes", "--requirement", str(requirement)], check=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 (this is where an older Python is told so)
        sys.exit(f"Artigraph needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    sys.exit(main(*sys.argv[1:]))
