"""Write or check constraints.txt: the names, versions, hashes and markers of everything that is installed here.

The resolution starts from nothing, in a separate folder. An older `uv.lock` has no influence, so everyone gets the same
file. The file holds no address of a package index.
"""

import difflib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
HEADER = """\
# What this project is built and tested with; written by `just pin`, checked by `just constraints`.
# For pip: `pip install --require-hashes -r constraints.txt` (docs/design/packages.md says why not `--constraint`).
"""
LARGE = ("altair", "geopandas", "jax", "lightgbm", "plotly", "torch", "xarray", "xgboost")
"""Extras that are not installed here, but by scripts/frameworks.py. Some would bring gigabytes."""
EXPORT = [
    *("uv", "export", "--quiet", "--frozen", "--no-emit-workspace", "--all-packages", "--all-extras", "--all-groups"),
    *("--no-header", "--no-annotate", "--format", "requirements-txt"),
    *(option for extra in LARGE for option in ("--no-extra", extra)),
]


def main(*arguments: str) -> int:
    """Write the file, or with `--check` compare it; return the exit code."""
    wanted = resolve()
    if "--check" not in arguments:
        CONSTRAINTS.write_text(wanted, "utf-8", newline="\n")
        return 0
    found = CONSTRAINTS.read_text("utf-8")
    changes = list(difflib.unified_diff(found.splitlines(), wanted.splitlines(), "constraints.txt", "resolved", n=0))
    for line in changes[:40]:
        print(line)
    if changes:
        print("constraints.txt is not what uv resolves. Run `just pin`, and read what changed before you commit it.")
    return 1 if changes else 0


def resolve() -> str:
    """Return the text that constraints.txt should have."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for manifest in [ROOT / "pyproject.toml", *ROOT.glob("packages/*/pyproject.toml")]:
            copy = folder / manifest.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(manifest, copy)
        subprocess.run(["uv", "lock", "--quiet"], cwd=folder, check=True)
        exported = subprocess.run(EXPORT, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    if "://" in exported:
        sys.exit("uv exported an address: constraints.txt must not name a package index")
    return HEADER + exported


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
