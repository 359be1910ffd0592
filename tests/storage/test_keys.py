"""Every storage accepts the same keys, and refuses all others."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artigraph.errors import InvalidLocationError
from artigraph.storage import MemoryStorage, check_key, new_key
from artigraph.testing.storage import HOSTILE_LOCATIONS

LETTERS = string.ascii_letters + string.digits + "-"
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{digit}" for name in ("COM", "LPT") for digit in range(10))}
PARTS = st.text(LETTERS, min_size=1, max_size=30).filter(lambda part: part.upper() not in DEVICES)


@given(st.lists(PARTS, min_size=1, max_size=6).map("/".join))
def test_well_formed(key: str) -> None:
    assert check_key(key) == key


@given(st.text(max_size=300))
def test_anything_else_is_refused(text: str) -> None:
    parts = text.split("/")
    well_formed = (
        len(text) <= 200
        and all(part and set(part) <= set(LETTERS) for part in parts)
        and all(part.upper() not in DEVICES for part in parts)
    )
    if well_formed:
        assert check_key(text) == text
    else:
        with pytest.raises(InvalidLocationError) as caught:
            check_key(text)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("location", HOSTILE_LOCATIONS, ids=ascii)
def test_hostile(location: str) -> None:
    with pytest.raises(InvalidLocationError):
        check_key(location)


def test_fresh_keys() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(check_key(key) == key and len(key) == 33 for key in keys)


async def test_what_is_handed_in_is_no_text() -> None:
    for location in (None, 1, b"a", "\ud800"):
        with pytest.raises(InvalidLocationError):
            await MemoryStorage().read(location)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
