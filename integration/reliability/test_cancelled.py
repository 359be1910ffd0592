"""Case 18 of docs/appendix/reliability.md on servers."""

from tests.reliability.test_cancelled import (
    pytestmark,
    test_a_save_that_is_cut_off_leaves_nothing_behind,
    test_runs_that_are_cut_off_are_recorded_and_keep_what_they_saved,
)

__all__ = [
    "pytestmark",
    "test_a_save_that_is_cut_off_leaves_nothing_behind",
    "test_runs_that_are_cut_off_are_recorded_and_keep_what_they_saved",
]
