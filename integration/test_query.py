"""The tests of queries that depend on the database, on each database."""

from tests.query.test_members import (
    test_a_renamed_flag_is_found_also_in_combinations,
    test_a_renamed_member_is_found_by_its_new_name,
    test_long_texts_of_members_may_change,
    test_numbers_of_flags_may_change,
    test_numbers_of_members_may_change,
    test_texts_of_members_may_change,
)
from tests.query.test_order import (
    test_runs_come_in_pythons_order,
    test_texts_that_differ_late_are_compared_to_their_ends,
    test_values_whose_keys_are_cut_come_in_pythons_order,
)
from tests.query.test_run_values import (
    test_conditions_on_runs_combine_as_python_does,
    test_names_and_tags_compare_as_python_does,
    test_parameters_compare_as_python_does,
    test_runs_come_in_the_order_of_names_and_parameters,
)
from tests.query.test_select import (
    test_a_field_of_a_model_in_a_class_is_asked_of_that_class,
    test_comparisons_answer_as_python_does,
    test_conditions_combine_as_python_does,
    test_durations_of_numpy_compare_as_durations,
    test_each_step_narrows_the_question,
    test_fields_of_models_in_models,
    test_many_values_are_asked_for_at_once,
    test_none_is_asked_for_by_name,
    test_one_of_several_values,
    test_results_are_models_and_come_in_batches,
    test_results_come_in_order_and_in_parts,
    test_runs_labels_times_and_classes,
    test_texts_are_found_by_beginning_and_content,
    test_what_older_versions_did_not_have_is_not_there,
    test_what_the_database_decides_it_decides_of_long_values_too,
)
from tests.query.test_select_nodes import (
    test_long_names_and_values_of_runs_are_asked_of_nodes_too,
    test_nodes_are_found_as_a_filter_in_python_finds_them,
    test_properties_are_compared_and_ordered_by,
)
from tests.query.test_select_runs import (
    test_runs_are_found_by_status_times_and_parents,
    test_runs_are_found_by_what_they_used,
    test_runs_come_in_order_and_in_parts,
    test_times_are_compared_to_the_microsecond_in_any_zone,
)

__all__ = [
    "test_a_field_of_a_model_in_a_class_is_asked_of_that_class",
    "test_a_renamed_flag_is_found_also_in_combinations",
    "test_a_renamed_member_is_found_by_its_new_name",
    "test_comparisons_answer_as_python_does",
    "test_conditions_combine_as_python_does",
    "test_conditions_on_runs_combine_as_python_does",
    "test_durations_of_numpy_compare_as_durations",
    "test_each_step_narrows_the_question",
    "test_fields_of_models_in_models",
    "test_long_names_and_values_of_runs_are_asked_of_nodes_too",
    "test_long_texts_of_members_may_change",
    "test_many_values_are_asked_for_at_once",
    "test_names_and_tags_compare_as_python_does",
    "test_nodes_are_found_as_a_filter_in_python_finds_them",
    "test_none_is_asked_for_by_name",
    "test_numbers_of_flags_may_change",
    "test_numbers_of_members_may_change",
    "test_one_of_several_values",
    "test_parameters_compare_as_python_does",
    "test_properties_are_compared_and_ordered_by",
    "test_results_are_models_and_come_in_batches",
    "test_results_come_in_order_and_in_parts",
    "test_runs_are_found_by_status_times_and_parents",
    "test_runs_are_found_by_what_they_used",
    "test_runs_come_in_order_and_in_parts",
    "test_runs_come_in_pythons_order",
    "test_runs_come_in_the_order_of_names_and_parameters",
    "test_runs_labels_times_and_classes",
    "test_texts_are_found_by_beginning_and_content",
    "test_texts_of_members_may_change",
    "test_texts_that_differ_late_are_compared_to_their_ends",
    "test_times_are_compared_to_the_microsecond_in_any_zone",
    "test_values_whose_keys_are_cut_come_in_pythons_order",
    "test_what_older_versions_did_not_have_is_not_there",
    "test_what_the_database_decides_it_decides_of_long_values_too",
]
