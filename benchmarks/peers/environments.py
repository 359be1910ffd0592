"""The environments of the peers: each library has its own dependencies, separate from the project's.

A peer's script declares pinned requirements at its top (PEP 723). For their dependencies, `exclude-newer` of the
project's pyproject.toml applies. Environments are kept in `build/peers`, and made anew when a script's requirements
change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["FOLDER", "OURS", "PEERS", "ROOT", "PeerError", "command", "environment_variables"]

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "build" / "peers"
OURS = "ours"
PEERS = ("artigraph_0_0_4", "artigraph_0_1_0", "aiida", "mlflow", "redun")
_STAMP = "requirements"
"""The file in an environment that records the requirements it was made for."""


class PeerError(Exception):
    """A peer cannot be measured; the text says why."""


def command(name: str) -> list[str]:
    """Return the command that starts a peer's script, after making its environment if needed.

    Raises:
        PeerError: the environment cannot be made.
    """
    python = sys.executable if name == OURS else str(_python(name))
    return [python, "-m", f"benchmarks.peers.{name}"]


def environment_variables() -> dict[str, str]:
    """Return the environment variables for a peer, without any that name another library's folder or database."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIIDA_", "ARTIGRAPH_", "MLFLOW_", "REDUN_", "PYTHON", "UV_PROJECT", "VIRTUAL_ENV"))
    }


def _python(name: str) -> Path:
    script, folder = Path(__file__).with_name(f"{name}.py"), FOLDER / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = f"{sys.version}\n{_requirements(script)}"
    stamp = folder / _STAMP
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: making its environment", flush=True)
    _uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder))
    _uv("pip", "install", "--quiet", "--python", str(python), "--requirements", str(script))
    stamp.write_text(wanted, "utf-8")
    return python


def _requirements(script: Path) -> str:
    lines = script.read_text("utf-8").splitlines()
    return "\n".join(lines[: lines.index("# ///") + 1])


def _uv(*arguments: str) -> None:
    # In the project's folder, so that its exclude-newer applies.
    done = subprocess.run(["uv", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        reason = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("Location")]
        msg = f"it cannot be installed: {' '.join(reason)[:300]}"
        raise PeerError(msg)
