"""Run a verb of the justfile in an environment that has all it needs: `python dev.py test`.

It needs only Python 3.11 or newer with pip. The first call makes the virtual environment `.venv` beside this file,
installs uv into it in the version and with the hashes of constraints.txt, and lets uv install the workspace. Later
calls bring the environment up to date, which takes no time if nothing changed. Without a verb, it lists the verbs.

`UV_PROJECT_ENVIRONMENT` names another folder for the environment, for example for a second Python.
"""

import os
import re
import ssl
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / os.environ.get("UV_PROJECT_ENVIRONMENT", ".venv")
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")


def main(*verb: str) -> int:
    """Make the environment ready, run the verb in it, and return its exit code."""
    # The environment's other tools are found by name. uv must not mistake a surrounding environment for this one.
    env = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT),
        "VIRTUAL_ENV": str(ENVIRONMENT),
    }
    if has_system_certificates():
        # Behind a proxy with its own certificate authority, uv must trust what pip trusted when it installed uv.
        env.setdefault("UV_SYSTEM_CERTS", "true")
    provide_uv()
    synced = subprocess.run([str(BIN / "uv"), "sync", "--quiet"], cwd=ROOT, env=env, check=False)
    if synced.returncode:
        return synced.returncode
    return subprocess.run([str(BIN / "just"), *verb], cwd=ROOT, env=env, check=False).returncode


def has_system_certificates() -> bool:
    """Return whether this machine has certificates of authorities; a minimal container may have none."""
    if sys.platform in ("win32", "darwin"):
        return True
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or (paths.capath and any(Path(paths.capath).iterdir())))


def provide_uv() -> None:
    """Make the virtual environment, with the uv that constraints.txt pins."""
    pin = re.search(r"^uv==(\S+)(?: *\\\n +--hash=\S+)+", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    if pin is None:
        sys.exit("constraints.txt does not pin uv; restore the file")
    if not (BIN / ("python.exe" if os.name == "nt" else "python")).exists():
        # Without pip, because Debian's Python cannot provide it. The pip that runs this file installs into the
        # environment.
        venv.create(ENVIRONMENT, symlinks=os.name != "nt")
    if list(ENVIRONMENT.glob(f"**/site-packages/uv-{pin[1]}.dist-info")):
        return
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text(pin[0], "utf-8")
        pip = [sys.executable, "-m", "pip", "--python", str(ENVIRONMENT), "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", "--require-hashes", "--requirement", str(requirement)], check=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 (an older Python gets this message)
        sys.exit(f"Artigraph needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    sys.exit(main(*sys.argv[1:]))
