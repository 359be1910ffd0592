"""Case 9 of docs/appendix/reliability.md on servers."""

from integration.reliability.through import on_servers
from tests.reliability.test_writers import test_processes_that_save_into_one_database, test_writers_in_opposite_order

__all__ = ["pytestmark", "test_processes_that_save_into_one_database", "test_writers_in_opposite_order"]

pytestmark = [on_servers]
