"""Check the workspace as users get it: installed, not editable, in the environment build/installed.

`verifytypes` asks pyright whether every public name of every public root is completely typed. `layers` asks
import-linter whether every import goes to a lower layer. Both tools read a single `artigraph` folder, as in an
installation; in an editable checkout there are five.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.workspace import public_plugins

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / "build" / "installed"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")


def main(check: str) -> int:
    """Install, run the check, and return its exit code."""
    install()
    return verifytypes() if check == "verifytypes" else layers()


def install() -> None:
    """Bring the environment up to date. Our distributions are always rebuilt, as uv looks only at their manifests."""
    ours = [f"--reinstall-package={path.parent.name}" for path in ROOT.glob("packages/*/pyproject.toml")]
    env = os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)}
    subprocess.run(["uv", "sync", "--quiet", "--frozen", "--no-editable", *ours], cwd=ROOT, env=env, check=True)


def verifytypes() -> int:
    """Return 1 if a public name is not typed completely, or a public root has none."""
    failed = False
    env = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}  # pyright runs this `python`
    with tempfile.TemporaryDirectory() as elsewhere:  # pyright finds no settings or sources of ours here
        for name in ("artigraph", *(leaf for leaves in public_plugins().values() for leaf in leaves)):
            command = [str(BIN / "pyright"), "--ignoreexternal", "--verifytypes", name]
            result = subprocess.run(command, cwd=elsewhere, env=env, check=False, capture_output=True, text=True)
            score = re.search(r"Type completeness score: \S+", result.stdout)
            print(f"{name}: {score[0] if score else 'not found'}", flush=True)
            if result.returncode:
                failed = True
                print(result.stdout, result.stderr)
    return int(failed)


def layers() -> int:
    """Return 1 if an import goes to a higher layer."""
    command = [str(BIN / "lint-imports"), "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(command, cwd=ENVIRONMENT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
