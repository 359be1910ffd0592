"""Print which share of the lines are imports and `__all__`, and fail above the bar: `just imports`.

The lines are those of `packages/*/src`, without the generated sync twin. Imports inside functions count, too.
Many imports for little code are a sign of modules that are too small, or far from the code that uses them.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BAR = 8.0
"""The most percent of the lines."""
_GENERATED = "src/artigraph/sync/"


class Lines(NamedTuple):
    """How many lines there are, and how many of them are imports or `__all__`."""

    imports: int
    every: int

    @property
    def percent(self) -> float:
        """The share of imports and `__all__`."""
        return 100 * self.imports / max(self.every, 1)


def lines_of(text: str) -> Lines:
    """Count the lines of a module."""
    imports = sum(node.end_lineno - node.lineno + 1 for node in _found(ast.parse(text)) if node.end_lineno)
    return Lines(imports, len(text.splitlines()))


def _found(module: ast.Module) -> Iterator[ast.stmt]:
    """Yield the imports, and what assigns or extends `__all__`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                yield node


def packages(root: Path = ROOT) -> dict[str, Lines]:
    """Return the lines of each package."""
    found: dict[str, Lines] = {}
    for source in sorted(root.glob("packages/*/src")):
        files = (path for path in source.rglob("*.py") if _GENERATED not in path.as_posix())
        found[source.parent.name] = total(lines_of(path.read_text("utf-8")) for path in files)
    return found


def total(parts: Iterable[Lines]) -> Lines:
    """Return the sum of the lines of several parts."""
    every = list(parts)
    return Lines(sum(part.imports for part in every), sum(part.every for part in every))


def main() -> int:
    """Print the share of each package and of all, and return 1 if it is above the bar."""
    found = packages()
    whole = total(found.values())
    for name, lines in [*found.items(), ("all", whole)]:
        print(f"{name:<28} {lines.imports:>6,} of {lines.every:>7,} lines  {lines.percent:5.2f} %")
    if whole.percent <= BAR:
        return 0
    print(f"Imports and __all__ are more than {BAR} % of the lines. Merge modules that are always read together")
    return 1


if __name__ == "__main__":
    sys.exit(main())
