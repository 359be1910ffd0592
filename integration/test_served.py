"""What the rest of the library makes of calls that the cache served, on each database."""

from tests.tracking.test_served import (
    pytestmark,
    test_a_cascade_from_an_input_leaves_what_another_run_computed,
    test_a_link_that_no_served_run_has_is_found,
    test_a_result_can_be_deleted_although_it_was_served,
    test_a_result_is_up_to_date_if_it_was_served_with_the_newest_version,
    test_lineage_leads_from_a_served_run_to_its_result,
    test_prune_keeps_the_runs_above_and_not_what_serves_no_call,
    test_prune_keeps_what_can_serve_calls,
    test_runs_are_found_by_what_served_them,
    test_the_document_of_lineage_has_what_was_served,
    test_the_documents_of_runs_say_what_was_served,
)

__all__ = [
    "pytestmark",
    "test_a_cascade_from_an_input_leaves_what_another_run_computed",
    "test_a_link_that_no_served_run_has_is_found",
    "test_a_result_can_be_deleted_although_it_was_served",
    "test_a_result_is_up_to_date_if_it_was_served_with_the_newest_version",
    "test_lineage_leads_from_a_served_run_to_its_result",
    "test_prune_keeps_the_runs_above_and_not_what_serves_no_call",
    "test_prune_keeps_what_can_serve_calls",
    "test_runs_are_found_by_what_served_them",
    "test_the_document_of_lineage_has_what_was_served",
    "test_the_documents_of_runs_say_what_was_served",
]
