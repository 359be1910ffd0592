"""The tests of transactions of runs and tracked calls, on each database."""

from tests.tracking.test_transactions import (
    looked,
    pytestmark,
    test_a_call_with_known_and_other_inputs_takes_two_transactions_too,
    test_a_canceled_start_is_recorded_once_with_its_end,
    test_a_result_and_the_end_are_written_together_or_not_at_all,
    test_a_run_is_there_before_its_inputs_and_until_its_result_is_put,
    test_a_run_takes_two_statements_at_each_end,
    test_a_tracked_call_takes_two_transactions,
    test_in_a_session_a_call_belongs_to_it,
)

__all__ = [
    "looked",
    "pytestmark",
    "test_a_call_with_known_and_other_inputs_takes_two_transactions_too",
    "test_a_canceled_start_is_recorded_once_with_its_end",
    "test_a_result_and_the_end_are_written_together_or_not_at_all",
    "test_a_run_is_there_before_its_inputs_and_until_its_result_is_put",
    "test_a_run_takes_two_statements_at_each_end",
    "test_a_tracked_call_takes_two_transactions",
    "test_in_a_session_a_call_belongs_to_it",
]
