"""Models and values of pydantic, attrs and msgspec on every database; tests/kinds runs the same on SQLite."""

import pytest

from tests.kinds.test_attrs import (
    test_attributes_come_back_without_converters,
    test_migrated_data_goes_through_init,
)
from tests.kinds.test_generics import test_a_field_has_the_type_that_the_subclass_gives_it
from tests.kinds.test_msgspec import test_structs_come_back
from tests.kinds.test_pydantic import (
    test_additional_fields_are_stored,
    test_aliases_are_never_stored,
    test_instances_are_values_where_the_annotation_names_the_class,
    test_lazy_fields_and_arrays,
    test_only_migrated_data_is_validated,
    test_the_fields_that_were_set_are_kept,
)
from tests.kinds.test_round_trip import (
    test_a_code_of_the_class_changes_nothing_on_load,
    test_every_plain_value_comes_back_in_a_model_of_each_kind,
    test_every_plain_value_comes_back_in_a_value_of_each_kind,
    test_lists_of_several_kinds_come_back,
)
from tests.kinds.test_third_party import (
    test_diff_series_runs_and_functions_take_them,
    test_they_are_nodes_of_their_own_in_other_models,
    test_they_are_saved_loaded_and_found,
)

pytestmark = pytest.mark.usefixtures("engine")

__all__ = [
    "test_a_code_of_the_class_changes_nothing_on_load",
    "test_a_field_has_the_type_that_the_subclass_gives_it",
    "test_additional_fields_are_stored",
    "test_aliases_are_never_stored",
    "test_attributes_come_back_without_converters",
    "test_diff_series_runs_and_functions_take_them",
    "test_every_plain_value_comes_back_in_a_model_of_each_kind",
    "test_every_plain_value_comes_back_in_a_value_of_each_kind",
    "test_instances_are_values_where_the_annotation_names_the_class",
    "test_lazy_fields_and_arrays",
    "test_lists_of_several_kinds_come_back",
    "test_migrated_data_goes_through_init",
    "test_only_migrated_data_is_validated",
    "test_structs_come_back",
    "test_the_fields_that_were_set_are_kept",
    "test_they_are_nodes_of_their_own_in_other_models",
    "test_they_are_saved_loaded_and_found",
]
