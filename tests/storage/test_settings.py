"""Numbers that storages take: what is no such number is refused by name, before any I/O."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from artigraph.errors import ConfigurationError
from artigraph.storage import check_seconds, check_whole
from artigraph.storage.aws import S3Storage
from artigraph.storage.file import FileSystem
from artigraph.storage.obstore import ObjectStorage

NO_NUMBERS: tuple[Any, ...] = (math.nan, math.inf, -math.inf, 0, -1, True, False, "5", None, 1j, 10**30)
KINDS: dict[str, Callable[..., object]] = {
    "S3Storage": partial(S3Storage, "bucket"),
    "ObjectStorage": partial(ObjectStorage, "memory://settings"),
}
file_system: Callable[..., object] = FileSystem
SECONDS = ("deadline", "connect_timeout", "read_timeout")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", SECONDS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_limit_is_a_positive_number_of_seconds(kind: str, setting: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{setting} is a positive number of seconds"):
        KINDS[kind](**{setting: value})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [1, 0.5, 3600.0])
def test_usual_limits_are_taken(kind: str, value: float) -> None:
    storage: Any = KINDS[kind](**dict.fromkeys(SECONDS, value))
    assert [getattr(storage, setting) for setting in SECONDS] == [value] * 3


@pytest.mark.parametrize("value", [*NO_NUMBERS, 0.5, 64.0], ids=repr)
def test_counts_and_sizes_are_whole_numbers(value: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^max_connections is a whole number"):
        S3Storage("bucket", max_connections=value)
    with pytest.raises(ConfigurationError, match=r"^part_size is a whole number"):
        ObjectStorage("memory://settings", part_size=value)
    for mode in ("file_mode", "folder_mode"):
        with pytest.raises(ConfigurationError, match=f"^{mode} is a whole number"):
            file_system(tmp_path, **{mode: value or -1})


@pytest.mark.parametrize("value", [1, 0, None, "yes"], ids=repr)
def test_durable_is_a_bool(value: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="durable is True or False"):
        FileSystem(tmp_path, durable=value)


def test_storages_of_others_can_check_their_settings() -> None:
    check_seconds(one=1, other=0.25)
    check_whole(0, 5, one=0, other=5)
    with pytest.raises(ConfigurationError, match="other is"):
        check_seconds(one=1, other=math.nan)
    with pytest.raises(ConfigurationError, match="other is a whole number from 0 to 5, not 6"):
        check_whole(0, 5, one=5, other=6)
