"""Text for people: stored text that can neither move the cursor nor add a line, counts, sizes, and lengths of time."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

_PLAIN = re.compile(r"[ -~]*")
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""The categories of Unicode that are escaped.

Controls, formats (with bidirectional and zero-width characters), surrogates, private use, unassigned characters, and
separators of lines and paragraphs.
"""
_NON_JOINER = "\u200c"
_JOINER = "\u200d"
_JOINED = frozenset(
    (
        *("ARABIC", "SYRIAC", "MANDAIC", "MONGOLIAN", "NKO", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA"),
        *("TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN", "BALINESE", "JAVANESE"),
    )
)
"""Scripts in which a joiner or non-joiner changes the shape of letters, as the first word of their letters' names."""
_VIRAMA = 9
"""The combining class of the mark that removes the vowel of a consonant."""
_LONGEST_LINE = 300
_KIB = 1024
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SPANS = ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s"))
_VARIATION = "\ufe0f"
_SKIN = range(0x1F3FB, 0x1F400)


def printable(text: str) -> str:
    r"""Return a text in which every character is visible, for a line of a report, an outline or an error.

    Letters of every script, combining marks and emoji stay unchanged. A zero-width joiner stays between two emoji,
    which it joins into one. Joiners and non-joiners stay where ordinary text has them. That is between two letters of
    one script that joins letters, such as Arabic and the Indic scripts, and after a virama for a joiner.

    A character that would be invisible, or would change how other text looks, is escaped as in Python: `\n`, `\x1b`,
    `\u202e`. A backslash is not escaped, so the result is only for people to read.

    `repr` escapes all of these characters, too. So a message may show stored text by `!r` instead.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(
        character if _shows(text, index) else character.encode("unicode_escape").decode("ascii")
        for index, character in enumerate(text)
    )


def quoted(text: str | None) -> str:
    """Return a text in quotation marks, for a log or an error. Unlike its repr, it keeps what every script needs."""
    if text is None:
        return "None"
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{printable(text).replace(mark, chr(92) + mark)}{mark}"


def shortened(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters, the last of which is "…" if the text was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def one_line(text: str, longest: int = _LONGEST_LINE) -> str:
    """Return a text as one line of printable characters, cut if it is longer."""
    return shortened(printable(text[: longest + 1]), longest)


def count_text(number: int, noun: str) -> str:
    """Return a number of things for people: "1 row", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def bytes_text(size: int) -> str:
    """Return a number of bytes for people, in units of 1,024: "1 byte", "2.5 MiB"."""
    if size < _KIB:
        return f"{size} byte{'' if size == 1 else 's'}"
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    if f"{size / _KIB**power:.1f}" == f"{_KIB}.0" and power < len(_UNITS):  # rounded to the next unit
        power += 1
    return f"{size / _KIB**power:,.1f} {_UNITS[power - 1]}"


def duration_text(span: timedelta) -> str:
    """Return a length of time for people: "1.50 s", "4 min 5 s", "2 h 3 min", "3 d 4 h"."""
    seconds = span.total_seconds()
    if round(seconds) < _MINUTE:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    unit, name, below, name_below = next(each for each in _SPANS if whole >= each[0])
    return f"{whole // unit:,} {name} {whole % unit // below} {name_below}"


def _shows(text: str, index: int) -> bool:
    character = text[index]
    if character == _JOINER and _is_emoji(text, index - 1) and _is_emoji(text, index + 1):
        return True
    if character in (_JOINER, _NON_JOINER):
        script = _joined_script(text, index - 1)
        if script is None:
            return False
        ends_virama = character == _JOINER and unicodedata.combining(text[index - 1]) == _VIRAMA
        return (ends_virama and not _is_joiner(text, index + 1)) or _joined_script(text, index + 1) == script
    return unicodedata.category(character) not in _ESCAPED


def _is_joiner(text: str, index: int) -> bool:
    return text[index : index + 1] in (_JOINER, _NON_JOINER)


def _joined_script(text: str, index: int) -> str | None:
    """Return the script of the letter or mark at a position of a text, if that script joins letters."""
    if not 0 <= index < len(text) or unicodedata.category(text[index])[0] not in "LM":
        return None
    script = unicodedata.name(text[index], "").partition(" ")[0]
    return script if script in _JOINED else None


def _is_emoji(text: str, index: int) -> bool:
    """Say whether the character at a position is an emoji, or modifies the emoji before it."""
    if not 0 <= index < len(text):
        return False
    return text[index] == _VARIATION or ord(text[index]) in _SKIN or unicodedata.category(text[index]) == "So"


_ITEMS = re.compile(r'(?:^|,)\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))')


def split_items(text: str) -> list[str]:
    """Return the items of a text, which are separated by commas: `a, "b,c"` has two. In quotes, `""` is a quote.

    Empty items are left out.
    """
    found: list[tuple[str, str]] = _ITEMS.findall(text)
    return [item for inside, plain in found if (item := inside.replace('""', '"') or plain.strip())]


def quote_item(item: str) -> str:
    """Return an item as `split_items` reads it: in quotes if it has commas, quotes or spaces around it."""
    if "," in item or '"' in item or item != item.strip():
        return '"' + item.replace('"', '""') + '"'
    return item
