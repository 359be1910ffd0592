"""The tests of tracked functions that depend on the database, on each database."""

from tests.tracking.test_tracking import (
    pytestmark,
    test_a_call_is_a_run_with_its_inputs_and_its_result,
    test_a_sync_function_in_sync_code_and_in_threads,
    test_an_exception_goes_on_and_is_recorded,
    test_calls_nest_also_across_async_and_sync,
    test_values_that_are_no_models,
    test_what_can_be_loaded_no_more_is_kept_anew,
    test_what_cannot_be_stored_is_left_out_with_a_warning_or_refused,
    test_what_cannot_even_be_looked_at_is_left_out_or_refused,
    test_what_one_call_returns_the_next_one_uses,
    test_what_was_loaded_is_used_and_what_changed_is_kept_anew,
)

__all__ = [
    "pytestmark",
    "test_a_call_is_a_run_with_its_inputs_and_its_result",
    "test_a_sync_function_in_sync_code_and_in_threads",
    "test_an_exception_goes_on_and_is_recorded",
    "test_calls_nest_also_across_async_and_sync",
    "test_values_that_are_no_models",
    "test_what_can_be_loaded_no_more_is_kept_anew",
    "test_what_cannot_be_stored_is_left_out_with_a_warning_or_refused",
    "test_what_cannot_even_be_looked_at_is_left_out_or_refused",
    "test_what_one_call_returns_the_next_one_uses",
    "test_what_was_loaded_is_used_and_what_changed_is_kept_anew",
]
