"""Case 1 of docs/appendix/reliability.md on servers."""

from tests.reliability.test_killed import (
    pytestmark,
    test_killed_at_any_moment_a_save_is_whole_or_not_there,
)

__all__ = ["pytestmark", "test_killed_at_any_moment_a_save_is_whole_or_not_there"]
