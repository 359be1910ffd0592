"""Case 4 of docs/appendix/reliability.md on servers."""

from tests.reliability.test_half_deleted import (
    pytestmark,
    test_a_deletion_that_was_killed_is_done_as_a_whole_or_not_and_can_be_done_again,
)

__all__ = ["pytestmark", "test_a_deletion_that_was_killed_is_done_as_a_whole_or_not_and_can_be_done_again"]
