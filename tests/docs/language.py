"""Find the sentences of pages and docstrings that break the rules of docs/design/language.md.

As a program it prints what it finds: `python -m tests.docs.language [FILE...]`, by default in all pages and docstrings.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parent.parent.parent
LONG, TOO_LONG = 30, 45
"""Numbers of words. Few sentences may have more than the first, and none more than the second."""
BANNED = (
    *("is to go", "are to go", "that which", "such as are", "such as is", "is none", "are none", "there is none"),
    *("is nothing to", "is told", "are told", "comes of it", "came of it", "so many", "in the place of"),
    *("as a whole", "on its way", "on their way", "not any more", "goes on", "stands in", "hears of", "knows of"),
    *("is to be", "are to be", "was to be", "were to be", "what is known", "whoever", "is not there", "are not there"),
)
"""Phrases that leave out the noun, invert the sentence, or are not technical English."""
BRITISH = (
    *("afterwards", "artefact", "behaviour", "cancelled", "cancelling", "catalogue", "centre", "colour", "favour"),
    *("grey", "honour", "initialise", "labelled", "modelled", "neighbour", "normalise", "optimise", "organise"),
    *("recognise", "serialise", "summarise", "towards", "whilst"),
)
"""How words are not spelled here, outside of code: the status `cancelled` of a run is stored, and keeps its name."""
_WORDS = re.compile(
    "|".join(rf"\b[{phrase[0]}{phrase[0].upper()}]{re.escape(phrase[1:])}\b" for phrase in (*BANNED, *BRITISH))
)
_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_`\[]*[A-Z0-9`])")


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the file that contains it."""

    path: Path
    text: str

    @property
    def words(self) -> int:
        """The number of words. Code and links count by the words that a reader sees."""
        return len(self.text.split())

    @property
    def banned(self) -> list[str]:
        """The banned phrases in it, outside of code."""
        return _WORDS.findall(re.sub(r"`[^`]*`", "", self.text))


def pages() -> list[Path]:
    """Return every page that people read."""
    patterns = ("*.md", "docs/**/*.md", "packages/**/*.md", "benchmarks/*.md", "integration/*.md")
    return sorted({page for pattern in patterns for page in ROOT.glob(pattern)})


def modules() -> list[Path]:
    """Return every module whose docstrings are read; the sync twin's are copies."""
    return sorted(path for path in ROOT.glob("packages/*/src/**/*.py") if "sync" not in path.parts)


def sentences(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a page, or of a module's docstrings, without tables, code and headings."""
    text = path.read_text("utf-8")
    for part in _docstrings(ast.parse(text)) if path.suffix == ".py" else [text]:
        for paragraph in _paragraphs(part):
            for sentence in _END.split(paragraph):
                yield Sentence(path, sentence.strip())


def _docstrings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        body: object = getattr(node, "body", None)
        for statement in cast("list[object]", body) if isinstance(body, list) else []:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield inspect.cleandoc(value.value)


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs and the items of lists, each as one line."""
    text = re.sub(r"^([ ]*)(```+).*?^\1\2[ ]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        item = re.match(r"\s*(?:[-*]|\d+\.) ", line)
        code = line.startswith("    ") and not lines and not item
        ends = not line.strip() or code or re.match(r"\s*([|#>]|Args:|Returns:|Raises:)", line)
        if (ends or item) and lines:
            yield re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(lines))
            lines = []
        if not ends:
            lines.append(line[item.end() if item else 0 :].strip())


def main(*names: str) -> int:
    """Print the long sentences and the banned phrases; return 1 if there are any."""
    paths = [Path(name).resolve() for name in names] or [*pages(), *modules()]
    found = [sentence for path in paths for sentence in sentences(path)]
    long = [sentence for sentence in found if sentence.words > LONG]
    banned = [sentence for sentence in found if sentence.banned]
    for sentence in sorted(long, key=lambda sentence: -sentence.words):
        print(f"{sentence.path.relative_to(ROOT)}: {sentence.words} words: {sentence.text}")
    for sentence in banned:
        print(f"{sentence.path.relative_to(ROOT)}: {', '.join(sentence.banned)}: {sentence.text}")
    share = 100 * len(long) / len(found) if found else 0.0
    worst = max((sentence.words for sentence in found), default=0)
    print(f"{len(found)} sentences, {share:.1f}% over {LONG} words, the longest {worst}; {len(banned)} banned phrases")
    return 1 if long or banned else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
