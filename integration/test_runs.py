"""The tests of runs that depend on the database, on each database."""

from tests.run.test_lease import (
    test_a_lease_begins_and_ends_with_its_run,
    test_a_lost_run_is_as_old_as_the_last_moment_of_its_lease,
    test_a_run_of_an_older_store_stays_as_it_is,
    test_a_run_that_comes_back_is_taken_up_again,
    test_a_run_that_is_deleted_takes_its_lease_along,
    test_a_run_that_was_taken_for_lost_ends_all_the_same,
    test_a_run_whose_lease_ran_out_is_lost_wherever_it_is_read,
    test_a_start_marks_what_was_lost_once_a_minute,
    test_a_thread_renews_where_an_engine_is_made_for_any_loop,
    test_marking_is_a_function_too,
    test_no_lost_run_ended_before_it_began,
    test_the_longest_of_several_leases_counts,
)
from tests.run.test_read_only import (
    test_a_field_of_a_run_that_was_entered_is_read_only,
    test_parameters_are_added_as_tags_are,
    test_the_parameters_of_a_run_have_a_limit_over_several_calls,
)
from tests.run.test_token import (
    test_a_run_that_ended_takes_artifacts_and_stays_ended,
    test_a_run_that_was_joined_goes_on_when_it_is_left,
    test_joining_a_lost_run_takes_it_up_again,
)
from tests.run.test_values import (
    test_more_values_that_cannot_be_kept,
    test_tags_are_added_to_runs_that_are_there,
    test_the_tags_of_a_run_have_a_limit_however_they_are_added,
    test_what_is_known_of_a_run_comes_back,
    test_what_is_stored_can_be_searched_by_any_session,
)

__all__ = [
    "test_a_field_of_a_run_that_was_entered_is_read_only",
    "test_a_lease_begins_and_ends_with_its_run",
    "test_a_lost_run_is_as_old_as_the_last_moment_of_its_lease",
    "test_a_run_of_an_older_store_stays_as_it_is",
    "test_a_run_that_comes_back_is_taken_up_again",
    "test_a_run_that_ended_takes_artifacts_and_stays_ended",
    "test_a_run_that_is_deleted_takes_its_lease_along",
    "test_a_run_that_was_joined_goes_on_when_it_is_left",
    "test_a_run_that_was_taken_for_lost_ends_all_the_same",
    "test_a_run_whose_lease_ran_out_is_lost_wherever_it_is_read",
    "test_a_start_marks_what_was_lost_once_a_minute",
    "test_a_thread_renews_where_an_engine_is_made_for_any_loop",
    "test_joining_a_lost_run_takes_it_up_again",
    "test_marking_is_a_function_too",
    "test_more_values_that_cannot_be_kept",
    "test_no_lost_run_ended_before_it_began",
    "test_parameters_are_added_as_tags_are",
    "test_tags_are_added_to_runs_that_are_there",
    "test_the_longest_of_several_leases_counts",
    "test_the_parameters_of_a_run_have_a_limit_over_several_calls",
    "test_the_tags_of_a_run_have_a_limit_however_they_are_added",
    "test_what_is_known_of_a_run_comes_back",
    "test_what_is_stored_can_be_searched_by_any_session",
]
