"""The pages and docstrings keep to docs/design/language.md, as far as a program can see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.language import LONG, ROOT, TOO_LONG, Sentence, modules, pages, sentences

RULES = ROOT / "docs/design/language.md"
"""It quotes the phrases that are banned."""


def found(paths: list[Path]) -> list[Sentence]:
    return [sentence for path in paths for sentence in sentences(path) if path != RULES]


@pytest.mark.parametrize("paths", [pages(), modules()], ids=["pages", "docstrings"])
def test_sentences_are_short(paths: list[Path]) -> None:
    all_of_them = found(paths)
    assert len(all_of_them) > 1_000
    assert [sentence for sentence in all_of_them if sentence.words > TOO_LONG] == []
    assert sum(sentence.words > LONG for sentence in all_of_them) <= len(all_of_them) / 50


@pytest.mark.parametrize("paths", [pages(), modules()], ids=["pages", "docstrings"])
def test_no_phrase_is_banned(paths: list[Path]) -> None:
    assert [(sentence.path.name, sentence.banned, sentence.text) for sentence in found(paths) if sentence.banned] == []


def test_the_program_sees_what_it_looks_for(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What is to go\n\nIt is `told` so. What is to go\nis cancelled. See [the\npage](that-which.md).\n\n"
        "- One item.\n- Two of\n  them\n\n| whoever | reads |\n\n```python\nwhoever = 1\n```\n\n    whoever\n\nEnd.\n"
    )
    assert [(sentence.text, sentence.banned) for sentence in sentences(page)] == [
        ("It is `told` so.", []),
        ("What is to go is cancelled.", ["is to go", "cancelled"]),
        ("See the page.", []),
        ("One item.", []),
        ("Two of them", []),
        ("End.", []),
    ]
    module = tmp_path / "module.py"
    module.write_text('"""First line.\n\nArgs:\n    x: whoever.\n"""\n\nX = 1\n"""Of it."""\n')
    assert [sentence.text for sentence in sentences(module)] == ["First line.", "Of it."]
