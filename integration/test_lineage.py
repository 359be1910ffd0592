"""The tests of lineage that depend on the database, on each database."""

from tests.lineage.test_graph import (
    test_a_chain_that_is_deeper_than_databases_recurse_by_themselves,
    test_a_ladder_with_exponentially_many_paths,
    test_an_input_that_is_kept_with_its_run_is_no_product_of_it,
    test_it_is_copied_and_pickled,
    test_lineage_is_what_plain_python_finds,
    test_lineage_of_every_node_of_some_graphs,
    test_nodes_are_what_is_stored,
    test_what_runs_were_served_is_found_along_the_flow_of_data_only,
)
from tests.lineage.test_uses import (
    test_a_deletion_meanwhile_leaves_no_link_to_nothing,
    test_a_session_of_the_callers_is_no_loss_either,
    test_a_session_that_is_rolled_back_loses_no_use,
    test_managers_that_write_the_same_uses_do_not_fail,
    test_thousands_go_in_parts,
    test_what_is_deleted_before_it_is_written_is_left_out,
    test_what_is_loaded_inside_a_run_is_used_by_it,
    test_what_was_used_stays_or_goes_with_the_run,
)

__all__ = [
    "test_a_chain_that_is_deeper_than_databases_recurse_by_themselves",
    "test_a_deletion_meanwhile_leaves_no_link_to_nothing",
    "test_a_ladder_with_exponentially_many_paths",
    "test_a_session_of_the_callers_is_no_loss_either",
    "test_a_session_that_is_rolled_back_loses_no_use",
    "test_an_input_that_is_kept_with_its_run_is_no_product_of_it",
    "test_it_is_copied_and_pickled",
    "test_lineage_is_what_plain_python_finds",
    "test_lineage_of_every_node_of_some_graphs",
    "test_managers_that_write_the_same_uses_do_not_fail",
    "test_nodes_are_what_is_stored",
    "test_thousands_go_in_parts",
    "test_what_is_deleted_before_it_is_written_is_left_out",
    "test_what_is_loaded_inside_a_run_is_used_by_it",
    "test_what_runs_were_served_is_found_along_the_flow_of_data_only",
    "test_what_was_used_stays_or_goes_with_the_run",
]
