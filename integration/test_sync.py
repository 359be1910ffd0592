"""The tests of the sync twin that depend on the database, on each database."""

from tests.sync.test_sync import (
    test_a_session_is_one_transaction,
    test_a_session_of_another_database_leaves_the_one_around_it_open,
    test_it_works_where_a_loop_is_running,
    test_lazy_values_are_loaded_when_they_are_asked_for,
    test_models_come_back,
    test_models_of_either_kind_are_saved_and_loaded_by_either,
    test_runs_nest_and_record_how_they_ended,
    test_tables_and_connections,
    test_threads_do_not_mix,
    test_what_is_asked_for_comes_typed_in_order_and_in_parts,
    test_what_is_kept_is_deleted_collected_and_checked,
    test_what_sync_code_loads_is_used_by_the_run_that_is_active,
)

__all__ = [
    "test_a_session_is_one_transaction",
    "test_a_session_of_another_database_leaves_the_one_around_it_open",
    "test_it_works_where_a_loop_is_running",
    "test_lazy_values_are_loaded_when_they_are_asked_for",
    "test_models_come_back",
    "test_models_of_either_kind_are_saved_and_loaded_by_either",
    "test_runs_nest_and_record_how_they_ended",
    "test_tables_and_connections",
    "test_threads_do_not_mix",
    "test_what_is_asked_for_comes_typed_in_order_and_in_parts",
    "test_what_is_kept_is_deleted_collected_and_checked",
    "test_what_sync_code_loads_is_used_by_the_run_that_is_active",
]
