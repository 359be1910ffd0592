"""Write the lists of pyproject.toml that follow from the folders in packages/: `just workspace`.

These are uv's sources, the source folders of pyright and mypy, and the plugins of the import-linter contract. The
manifest of each distribution says what they contain. A fast test fails if a list is out of date.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "pyproject.toml"
CORE = "artigraph-core"
TOOLS = frozenset({"artigraph-cli", "artigraph-ui"})
"""Distributions that use the whole core. They implement no contract, as plugins do."""


@dataclass(frozen=True)
class Distribution:
    """One distribution of the workspace."""

    name: str
    folder: str
    packages: tuple[str, ...]
    """The import packages that its wheel contains. The umbrella contains none."""


def distributions(root: Path = ROOT) -> list[Distribution]:
    """Return the distributions of the workspace by name, as their manifests describe them."""
    found: list[Distribution] = []
    for manifest in root.glob("packages/*/pyproject.toml"):
        said = tomllib.loads(manifest.read_text("utf-8"))
        folders = said["tool"]["hatch"]["build"]["targets"]["wheel"].get("only-include", [])
        packages = [folder.removeprefix("src/").replace("/", ".") for folder in folders]
        found.append(Distribution(said["project"]["name"], manifest.parent.name, tuple(packages)))
    return sorted(found, key=lambda each: each.name)


def plugins(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the import packages of each distribution but the core and the umbrella."""
    return {each.name: list(each.packages) for each in distributions(root) if each.packages and each.name != CORE}


def public_plugins() -> dict[str, list[str]]:
    """Return the import packages of each plugin that are for users."""
    return {name: [each for each in found if "._" not in each] for name, found in plugins().items()}


def updated(settings: str, root: Path = ROOT) -> str:
    """Return the text of pyproject.toml with all lists as the manifests say."""
    found = distributions(root)
    sources = [f"packages/{each.folder}/src" for each in found if each.packages]
    leaves = sorted(leaf for name, packages in plugins(root).items() if name not in TOOLS for leaf in packages)
    settings = re.sub(
        r"(?<=^\[tool\.uv\.sources\]\n)(?:\S+ = \{ workspace = true \}\n)*",
        "".join(f"{each.name} = {{ workspace = true }}\n" for each in found),
        settings,
        count=1,
        flags=re.MULTILINE,
    )
    settings = _with_list(settings, "[tool.pyright]", "extraPaths", sources)
    mypy_path = ["$MYPY_CONFIG_FILE_DIR", *(f"$MYPY_CONFIG_FILE_DIR/{source}" for source in sources)]
    settings = _with_list(settings, "[tool.mypy]", "mypy_path", mypy_path)
    return _with_list(settings, 'id = "plugins"', "source_modules", leaves)


def _with_list(settings: str, line: str, key: str, items: list[str]) -> str:
    """Return the text with another list of strings for the first such key below a line, one item a line."""
    before, found, after = settings.partition(f"{line}\n")
    lines = "".join(f'    "{item}",\n' for item in items)
    after, count = re.subn(rf"^{key} = \[\n(?: .*\n)*\]$", f"{key} = [\n{lines}]", after, count=1, flags=re.MULTILINE)
    if not found or not count:
        sys.exit(f"pyproject.toml has no list {key} below {line}")
    return before + found + after


def main() -> None:
    """Write the lists."""
    SETTINGS.write_text(updated(SETTINGS.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
