"""The tests of series and aliases that depend on the database, on each database."""

from tests.query.test_series import (
    test_a_series_is_what_was_saved_under_a_label_as_a_class,
    test_aliases_belong_to_the_transaction_of_a_session,
    test_an_alias_points_and_moves,
    test_an_alias_points_to_a_version_of_its_series_alone,
    test_an_alias_says_when_it_was_moved,
    test_of_many_who_move_an_alias_all_succeed_and_one_is_the_last,
    test_versions_are_found_by_time,
)
from tests.test_aliased import (
    sound,
    test_nothing_is_pointed_to_that_others_delete_meanwhile,
    test_retention_does_not_reach_an_alias_by_a_cascade,
    test_retention_keeps_the_runs_that_such_is_below,
    test_retention_keeps_what_an_alias_points_to,
    test_with_cascade_aliases_go_with_what_they_point_to,
)

__all__ = [
    "sound",
    "test_a_series_is_what_was_saved_under_a_label_as_a_class",
    "test_aliases_belong_to_the_transaction_of_a_session",
    "test_an_alias_points_and_moves",
    "test_an_alias_points_to_a_version_of_its_series_alone",
    "test_an_alias_says_when_it_was_moved",
    "test_nothing_is_pointed_to_that_others_delete_meanwhile",
    "test_of_many_who_move_an_alias_all_succeed_and_one_is_the_last",
    "test_retention_does_not_reach_an_alias_by_a_cascade",
    "test_retention_keeps_the_runs_that_such_is_below",
    "test_retention_keeps_what_an_alias_points_to",
    "test_versions_are_found_by_time",
    "test_with_cascade_aliases_go_with_what_they_point_to",
]
