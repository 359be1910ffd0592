"""Case 13 of docs/appendix/reliability.md on servers."""

from integration.reliability.through import on_servers
from tests.reliability import test_power_loss as its
from tests.reliability.test_power_loss import test_objects_and_their_names_are_written_through_before_the_commit

__all__ = ["pytestmark", "test_objects_and_their_names_are_written_through_before_the_commit"]

pytestmark = [*its.pytestmark, on_servers]
