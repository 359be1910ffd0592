"""The tests of deletion that have to do with the database, on each one."""

from tests.test_deletion import (
    empty,
    test_a_run_goes_with_all_below_it,
    test_a_run_that_used_something_goes_without_it,
    test_a_run_that_was_lost_has_an_age,
    test_all_but_the_newest_of_a_label_go,
    test_an_artifact_goes_as_a_whole_with_the_objects_that_nobody_else_has,
    test_content_that_is_saved_again_meanwhile_stays,
    test_everything_older_goes,
    test_failed_runs_go,
    test_in_a_session_rows_go_with_it_and_objects_are_left,
    test_many_trees_and_deep_ones_go,
    test_runs_nested_deep_go_whatever_their_ids_say,
    test_saves_meanwhile_go_as_a_whole_or_are_refused,
    test_what_a_run_has_used_is_refused_unless_the_run_goes_too,
    test_with_cascade_all_that_depends_on_it_goes_and_nothing_else,
    test_with_cascade_the_runs_that_used_it_go_too,
)

__all__ = [
    "empty",
    "test_a_run_goes_with_all_below_it",
    "test_a_run_that_used_something_goes_without_it",
    "test_a_run_that_was_lost_has_an_age",
    "test_all_but_the_newest_of_a_label_go",
    "test_an_artifact_goes_as_a_whole_with_the_objects_that_nobody_else_has",
    "test_content_that_is_saved_again_meanwhile_stays",
    "test_everything_older_goes",
    "test_failed_runs_go",
    "test_in_a_session_rows_go_with_it_and_objects_are_left",
    "test_many_trees_and_deep_ones_go",
    "test_runs_nested_deep_go_whatever_their_ids_say",
    "test_saves_meanwhile_go_as_a_whole_or_are_refused",
    "test_what_a_run_has_used_is_refused_unless_the_run_goes_too",
    "test_with_cascade_all_that_depends_on_it_goes_and_nothing_else",
    "test_with_cascade_the_runs_that_used_it_go_too",
]
