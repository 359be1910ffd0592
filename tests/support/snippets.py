"""The fenced blocks of the documentation, and a program that runs the Python ones of a page.

As a program it runs every Python block of one page, in order, in one namespace and one event loop, in the current
folder: `python snippets.py PAGE`. A block may await at its top level, as in a notebook. `<!-- no-run: REASON -->` on
the line before a block keeps it from being run. `<!-- frameworks -->` and `<!-- workers -->` name the verb of the
justfile that has the libraries of a block. The option of that name, such as `--workers`, runs these blocks too.
"""

import ast
import asyncio
import inspect
import linecache
import os
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted(
    page
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "packages/*.md", "packages/*/README.md")
    for page in ROOT.glob(pattern)
    if "design" not in page.relative_to(ROOT).parts
)
LARGE_EXAMPLE = ROOT / "examples/keep_models.py"
"""The example that needs libraries that only `just frameworks` has."""
BLOCK = re.compile(
    r"^(?P<indent>[ ]*)(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<code>.*?)^[ ]*(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
NO_RUN = re.compile(r"<!-- (?:no-run: \S.*|(?P<verb>frameworks|workers)) -->\n+[ ]*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its code, where it begins, and whether to run it."""

    language: str
    code: str
    line: int
    runs: bool
    verb: str = ""
    """The verb of the justfile that runs it, if no other one does."""


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text("utf-8")
    for match in BLOCK.finditer(text):
        before = text[: match.start()]
        code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        kept = NO_RUN.search(before)
        verb = "" if kept is None else kept["verb"] or ""
        yield Block(match["language"], code, before.count("\n") + 2, kept is None, verb)


def load(page: Path) -> list[Block]:
    """Read a page, and let tracebacks show its lines."""
    linecache.cache[str(page)] = (0, None, page.read_text("utf-8").splitlines(keepends=True), str(page))
    return list(blocks(page))


async def run(page: Path, verb: str | None = None) -> None:
    """Run the Python blocks of a page, also those that only one verb runs if it is given."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    for block in load(page):
        if block.language == "python" and (block.runs or block.verb == verb):
            source = "\n" * (block.line - 1) + block.code
            code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            result = types.FunctionType(code, module.__dict__)()
            if inspect.isawaitable(result):
                await result


def clean_environment() -> dict[str, str]:
    """The surrounding environment without what would lead a snippet to someone's database or account."""
    mine = ("ARTIGRAPH_", "AWS_", "COV_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(mine)}


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), "".join(sys.argv[2:]).removeprefix("--") or None))
