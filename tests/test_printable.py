"""Stored text shows as one line in its own place; what would not show is escaped."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from artigraph import ArtifactModel, Run, RunManager, ancestors, delete
from artigraph.db import engine_context
from artigraph.outline import outline_of
from artigraph.printable import bytes_text, duration_text, printable, quoted

ESCAPED = {
    "a\nb\r\tc": "a\\nb\\r\\tc",
    "\x1b[31mred\x7f\x9b": "\\x1b[31mred\\x7f\\x9b",
    "a\u202eb\u2066c\u200fd\u061c": "a\\u202eb\\u2066c\\u200fd\\u061c",
    "a\u200bb\ufeffc\u00add\u200d": "a\\u200bb\\ufeffc\\xadd\\u200d",
    "a\u2028b\u2029c\x85": "a\\u2028b\\u2029c\\x85",
    "a\u200cb \u0645\u200c \u200c\u0645": "a\\u200cb \u0645\\u200c \\u200c\u0645",  # not between letters
    "\u0645\u200c\u200c\u0645": "\u0645\\u200c\\u200c\u0645",  # two
    "\u0645\u200c\u0915 \u0645\u200ca": "\u0645\\u200c\u0915 \u0645\\u200ca",  # of two scripts
    "\u0434\u200c\u0434 \u4e2d\u200d\u6587 \u05d0\u200d\u05d0": (
        "\u0434\\u200c\u0434 \u4e2d\\u200d\u6587 \u05d0\\u200d\u05d0"  # of scripts that do not join
    ),
    "\u0d28\u0d4d\u200d\u200d \u0d28\u0d4d\u200c": "\u0d28\u0d4d\\u200d\\u200d \u0d28\u0d4d\\u200c",
    "\udcff\ue000\U000e0001\U0010ffff": "\\udcff\\ue000\\U000e0001\\U0010ffff",
}
PERSIAN = "\u0645\u06cc\u200c\u0631\u0648\u0645 \u06a9\u062a\u0627\u0628\u200c\u0647\u0627"
"""With two non-joiners."""
PLAIN = [
    PERSIAN,
    "\u0915\u094d\u200d\u0937 \u0915\u094d\u200c\u0937 \u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Hindi, Sinhala
    "\u0d05\u0d35\u0d28\u0d4d\u200d \u0d35\u0d28\u0d4d\u200d",  # Malayalam, a joiner after a virama
    "plain text, 1.5 (a/b) C:\\x",
    "\u00e9e\u0301 \u4e2d\u6587 \u05e2\u05d1\u05e8\u05d9\u05ea \u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22",
    "\U0001f600 \U0001f469\u200d\U0001f4bb \U0001f469\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f468",
]


@pytest.mark.parametrize("text", ESCAPED, ids=ascii)
def test_what_would_not_show_is_escaped(text: str) -> None:
    assert printable(text) == ESCAPED[text]


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_what_shows_stays(text: str) -> None:
    assert printable(text) == text


def test_every_character_is_one_or_the_other() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        assert (printable(character) == character) != hidden
        # So messages may show stored text by its repr.
        assert not hidden or character not in repr(f"a{character}b")


@pytest.mark.parametrize("text", [*ESCAPED, *PLAIN], ids=ascii)
def test_a_repr_escapes_all_that_is_escaped(text: str) -> None:
    kept = {character for character in repr(text) if not character.isprintable()}
    assert not kept
    assert printable(repr(text)) == repr(text)


@pytest.mark.parametrize("text", ["", "plain", "it's", 'say "x"', "a\nb\u202e", "\x1b[2K", "both ' and \"", "\u00e9"])
def test_a_quoted_text_is_its_repr_but_for_joiners(text: str) -> None:
    assert quoted(text) == repr(text)


def test_a_quoted_text_keeps_what_its_script_needs() -> None:
    assert quoted(PERSIAN) == f"'{PERSIAN}'" != repr(PERSIAN)
    assert quoted(None) == "None"


async def test_no_label_fakes_a_line(tmp_path: Path) -> None:
    @dataclass
    class Shown(ArtifactModel):
        value: int

    hostile = "a\n└── fake: Shown\u202e (version 9)\x1b[2K"
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/a.db", create_tables=True):
        async with RunManager(Run(name=hostile)) as manager:
            node_id = await manager.save_artifact(hostile, Shown(1))
        outline = str(await outline_of(manager.run.node_id))
        lineage = await ancestors(node_id)
        report = (await delete(node_id, dry_run=True)).render()
        texts = [outline, lineage.to_mermaid(), lineage._repr_html_(), report]
    assert len(outline.splitlines()) == 3
    for text in texts:
        assert "fake" in text
        assert not any(bad in text for bad in ("\u202e", "\x1b", "\n└── fake"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (1.5, "1.50 s"),
        (59.4, "59.40 s"),
        (59.6, "1 min 0 s"),
        (245, "4 min 5 s"),
        (3599.9, "1 h 0 min"),
        (7380, "2 h 3 min"),
        (86_400 * 3 + 4 * 3600 + 59, "3 d 4 h"),
        (86_400 * 1_500, "1,500 d 0 h"),
    ],
)
def test_a_length_of_time_has_two_units(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1.0 MiB"),
        (2**20, "1.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**70, "1,048,576.0 PiB"),
    ],
)
def test_sizes_are_shown_in_one_unit(size: int, text: str) -> None:
    assert bytes_text(size) == text
