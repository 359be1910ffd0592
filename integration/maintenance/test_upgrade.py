"""Rewriting artifacts of older class versions, on every database."""

from tests.maintenance.test_upgrade import (
    test_a_nested_model_alone_is_upgraded_where_it_is,
    test_a_renamed_class_is_stored_under_its_name_of_today,
    test_an_artifact_keeps_its_identity_and_gets_the_form_of_today,
    test_an_upgrade_that_ends_early_goes_on_where_it_was,
    test_failures_are_reported_and_the_others_go_on,
    test_replaced_objects_are_left_to_gc,
    test_upgrades_readers_and_deletions_at_once,
)
from tests.model.test_renamed import (
    test_a_series_has_the_versions_of_all_names,
    test_an_alias_moves_between_versions_of_all_names,
    test_an_empty_select_says_once_which_names_have_no_class,
    test_conditions_on_nested_models_find_former_ones,
    test_former_and_new_models_are_loaded_found_and_counted_together,
    test_uses_and_loads_of_a_run_know_the_former_name,
)

__all__ = [
    "test_a_nested_model_alone_is_upgraded_where_it_is",
    "test_a_renamed_class_is_stored_under_its_name_of_today",
    "test_a_series_has_the_versions_of_all_names",
    "test_an_alias_moves_between_versions_of_all_names",
    "test_an_artifact_keeps_its_identity_and_gets_the_form_of_today",
    "test_an_empty_select_says_once_which_names_have_no_class",
    "test_an_upgrade_that_ends_early_goes_on_where_it_was",
    "test_conditions_on_nested_models_find_former_ones",
    "test_failures_are_reported_and_the_others_go_on",
    "test_former_and_new_models_are_loaded_found_and_counted_together",
    "test_replaced_objects_are_left_to_gc",
    "test_upgrades_readers_and_deletions_at_once",
    "test_uses_and_loads_of_a_run_know_the_former_name",
]
