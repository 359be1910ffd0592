"""The tests of tests/reliability that depend only on the database, on each server."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.support.databases import SERVERS
from tests.reliability.test_depth import (
    test_a_large_artifact_is_saved_loaded_and_deleted,
    test_five_thousand_levels_are_saved_loaded_and_deleted,
    test_runs_in_runs_are_found_and_go_with_the_first_of_them,
)
from tests.reliability.test_elsewhere import (
    test_a_forked_child_saves_for_itself_and_its_parent_goes_on,
    test_a_session_in_another_thread_is_an_error_and_goes_on_here,
    test_tasks_that_share_a_session_take_turns,
    test_threads_with_loops_of_their_own_do_not_mix,
)
from tests.reliability.test_labels import test_a_label_is_valid_on_every_database_or_on_none
from tests.reliability.test_runs import (
    test_a_run_that_many_processes_end_ends_once,
    test_a_run_that_many_tasks_end_ends_once,
)
from tests.support.racing import Objects, files

__all__ = [
    "test_a_forked_child_saves_for_itself_and_its_parent_goes_on",
    "test_a_label_is_valid_on_every_database_or_on_none",
    "test_a_large_artifact_is_saved_loaded_and_deleted",
    "test_a_run_that_many_processes_end_ends_once",
    "test_a_run_that_many_tasks_end_ends_once",
    "test_a_session_in_another_thread_is_an_error_and_goes_on_here",
    "test_five_thousand_levels_are_saved_loaded_and_deleted",
    "test_runs_in_runs_are_found_and_go_with_the_first_of_them",
    "test_tasks_that_share_a_session_take_turns",
    "test_threads_with_loops_of_their_own_do_not_mix",
]

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(params=SERVERS)
def database(request: pytest.FixtureRequest) -> str:
    """The name of each server in turn."""
    return str(request.param)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """A storage that several processes can open."""
    return files(tmp_path / "objects")
