"""The races of tests/reliability/test_races.py on servers."""

from __future__ import annotations

import pytest

from tests.reliability.test_races import (
    test_a_label_that_many_want_has_one_winner,
    test_an_alias_that_many_move_points_to_what_is_there,
    test_content_that_many_save_at_once_is_one_object,
    test_deleting_one_never_breaks_another_that_shares_its_content,
)

__all__ = [
    "test_a_label_that_many_want_has_one_winner",
    "test_an_alias_that_many_move_points_to_what_is_there",
    "test_content_that_many_save_at_once_is_one_object",
    "test_deleting_one_never_breaks_another_that_shares_its_content",
]

pytestmark = pytest.mark.timeout(1200)
