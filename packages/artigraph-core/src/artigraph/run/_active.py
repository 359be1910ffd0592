"""The active run: the innermost one that was entered, or else the one that the environment names."""

from __future__ import annotations

import os
from typing import Literal, overload

from artigraph.db import read_primary_while
from artigraph.errors import InvalidTokenError, NoActiveRunError
from artigraph.graph import Uses, inherit_uses
from artigraph.run._current import active_manager
from artigraph.run._manager import RunManager
from artigraph.run._state import Run
from artigraph.run._token import RunToken, parse_token

ENVIRONMENT = "ARTIGRAPH_RUN"
"""The environment variable that holds the token of the run that is active if the process has entered no other."""


@overload
def run_manager(allow_none: Literal[False] = ...) -> RunManager: ...
@overload
def run_manager(allow_none: bool) -> RunManager | None: ...  # noqa: FBT001 (as it was published)
def run_manager(allow_none: bool = False) -> RunManager | None:  # noqa: FBT001, FBT002 (as published)
    """Return the manager of the innermost active run, or else of the run that `ARTIGRAPH_RUN` names.

    The environment's run is joined when its manager is first used, as by `RunManager.resume`.

    Raises:
        NoActiveRunError: (a LookupError) no run is active and `allow_none` is false.
        InvalidTokenError: the environment variable holds no token.
    """
    manager = active_manager() or _inherited_manager()
    if manager is None and not allow_none:
        msg = "There is no active run here. Enter one: async with RunManager(Run()) as manager: ..."
        raise NoActiveRunError(msg)
    return manager


class _InheritedManager(RunManager):
    """The manager of the run that the environment names; its first operation joins the run."""

    def __init__(self, token: RunToken) -> None:
        super().__init__(Run(node_id=token.run_id))
        self._token, self._joins = token, True
        self._uses = Uses(token.run_id, token.store_id, at_once=True)

    @property
    def uses(self) -> Uses | None:
        """The uses that were noted. They are written at once: no block ends here that could write them."""
        return self._uses

    async def _ready(self) -> None:
        if self.run.status == "new":
            await self._join(f"The run that {ENVIRONMENT} names")


_inherited: dict[tuple[int, str], _InheritedManager] = {}
"""Managers by process id and token. The key has the process id, as a forked child holds the run for itself."""


def _inherited_manager() -> _InheritedManager | None:
    text = os.environ.get(ENVIRONMENT)
    if not text:
        return None
    key = os.getpid(), text
    manager = _inherited.get(key)
    if manager is None:
        manager = _inherited.setdefault(key, _InheritedManager(parse_token(text, f"The variable {ENVIRONMENT}")))
    return manager


def _inherited_uses() -> Uses | None:
    try:
        manager = _inherited_manager()
    except InvalidTokenError:  # asking for the run raises this error; a load does not depend on the run
        return None
    return None if manager is None else manager.uses


def _in_run() -> bool:
    return active_manager() is not None or bool(os.environ.get(ENVIRONMENT))


inherit_uses(ENVIRONMENT, _inherited_uses)
read_primary_while(_in_run)  # a run reads what it wrote
