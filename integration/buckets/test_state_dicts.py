"""A state dict of 2 GiB in a bucket. `just long` runs this in the environment of `just frameworks`."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.support.s3 import Server
from tests.long.test_state_dicts import check_one_tensor
from tests.support.frameworks import framework

framework("torch")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_one_tensor_of_two_gibibytes_is_loaded_by_reading_that_tensor(
    s3: object, bucket: str, server: Server, tmp_path: Path
) -> None:
    check_one_tensor(f"s3:{server.url}/{bucket}", tmp_path, 2 * 1024**3)
