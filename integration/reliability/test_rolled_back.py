"""Case 2 of docs/appendix/reliability.md on servers."""

from tests.reliability.test_rolled_back import (
    pytestmark,
    test_objects_of_a_session_that_is_rolled_back_are_named_by_rows_without_nodes,
    test_what_the_database_refuses_leaves_no_row_and_no_hidden_object,
)

__all__ = [
    "pytestmark",
    "test_objects_of_a_session_that_is_rolled_back_are_named_by_rows_without_nodes",
    "test_what_the_database_refuses_leaves_no_row_and_no_hidden_object",
]
