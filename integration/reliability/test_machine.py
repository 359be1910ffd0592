"""The state machine of tests/reliability/test_machine.py on servers, where sessions and locks are other ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from integration.support.databases import SERVERS
from tests.support.machine import Machine, check, in_memory
from tests.support.sizes import note

EXAMPLES = {"postgresql": 200, "mysql": 60, "mariadb": 100}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", SERVERS)
def test_whatever_is_done_what_is_stored_is_what_a_dict_says(
    database: str, fresh: Callable[[], AbstractContextManager[str]]
) -> None:
    before, machines = Machine.steps, EXAMPLES[database]
    check(lambda: Machine(fresh, in_memory), examples=machines, derandomize=False)
    note(0, f"{database} and memory", machines=machines, steps=Machine.steps - before, differences=0)
