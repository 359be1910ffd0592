"""The tests of tracked functions that depend on the database, on each database."""

from tests.tracking.test_cache_overview import (
    test_altered_rows_are_no_error,
    test_an_old_run_is_compared_with_the_runs_before_it,
    test_an_outline_says_from_which_run_a_call_was_served,
    test_clearing_forgets_results_and_keeps_runs_and_artifacts,
    test_deleting_a_run_takes_it_out_of_the_list_and_its_hits_stay,
    test_explanations_of_runs,
    test_functions_are_listed_with_their_results_and_hits,
    test_the_statements_are_few_and_use_the_index,
)
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
    "test_altered_rows_are_no_error",
    "test_an_exception_goes_on_and_is_recorded",
    "test_an_old_run_is_compared_with_the_runs_before_it",
    "test_an_outline_says_from_which_run_a_call_was_served",
    "test_calls_nest_also_across_async_and_sync",
    "test_clearing_forgets_results_and_keeps_runs_and_artifacts",
    "test_deleting_a_run_takes_it_out_of_the_list_and_its_hits_stay",
    "test_explanations_of_runs",
    "test_functions_are_listed_with_their_results_and_hits",
    "test_the_statements_are_few_and_use_the_index",
    "test_values_that_are_no_models",
    "test_what_can_be_loaded_no_more_is_kept_anew",
    "test_what_cannot_be_stored_is_left_out_with_a_warning_or_refused",
    "test_what_cannot_even_be_looked_at_is_left_out_or_refused",
    "test_what_one_call_returns_the_next_one_uses",
    "test_what_was_loaded_is_used_and_what_changed_is_kept_anew",
]
