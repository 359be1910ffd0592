"""The distributions of the workspace, and environments to install them in."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))


class Environment:
    """A virtual environment in a folder of its own, far from the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        run("uv", "venv", "--quiet", "--python", sys.executable, folder / "env")

    def install(self, *requirements: str, dists: Path) -> None:
        """Install from our wheels and, for what others make, from the package index in the pinned versions."""
        pins = ("--constraints", ROOT / "constraints.txt")
        run("uv", "pip", "install", "--quiet", "--python", self.python, "--find-links", dists, *pins, *requirements)

    def pip(self, *arguments: str) -> None:
        """Call the pip of the environment."""
        run(self.python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)

    def uninstall(self, *names: str) -> None:
        run("uv", "pip", "uninstall", "--quiet", "--python", self.python, *names)

    def run(self, code: str) -> str:
        """Run a program outside the checkout, warnings being errors; return what it prints."""
        program = self.folder / "program.py"
        program.write_text(code, "utf-8")
        return run(self.python, "-W", "error", program, cwd=self.folder)

    def distributions(self) -> set[str]:
        lines = run("uv", "pip", "list", "--quiet", "--python", self.python, "--format", "freeze").splitlines()
        return {line.partition("==")[0] for line in lines}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return its output; what it says when it fails becomes the test's message."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ARTIGRAPH_", "COV_", "PYTHON"))}
    env.pop("VIRTUAL_ENV", None)
    arguments = [str(part) for part in command]
    result = subprocess.run(arguments, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(arguments)}\n{result.stdout}\n{result.stderr}"
    return result.stdout
