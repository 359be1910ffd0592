"""The tests of differences between runs that depend on the database, on each database."""

from tests.run.test_run_diff import (
    pytestmark,
    test_a_constant_number_of_statements_and_a_load_for_each_pair_that_differs,
    test_damaged_rows_are_told,
    test_equal_runs_do_not_differ,
    test_named_values_are_compared_by_their_exact_types,
    test_own_inputs_and_runs_below_are_no_results,
    test_recorded_hashes_decide_without_a_read,
    test_results_are_compared_as_models_are,
    test_values_that_cannot_be_read_hide_no_others,
    test_what_is_no_run_is_refused,
)

__all__ = [
    "pytestmark",
    "test_a_constant_number_of_statements_and_a_load_for_each_pair_that_differs",
    "test_damaged_rows_are_told",
    "test_equal_runs_do_not_differ",
    "test_named_values_are_compared_by_their_exact_types",
    "test_own_inputs_and_runs_below_are_no_results",
    "test_recorded_hashes_decide_without_a_read",
    "test_results_are_compared_as_models_are",
    "test_values_that_cannot_be_read_hide_no_others",
    "test_what_is_no_run_is_refused",
]
