"""The run that is active: the innermost one that was entered, else the one that the environment names."""

from __future__ import annotations

import os
from typing import Literal, overload

from artigraph.errors import InvalidToken, NoActiveRunError
from artigraph.graph import Uses, inherit_uses
from artigraph.run.manager import RunManager, active_manager
from artigraph.run.state import Run
from artigraph.run.token import RunToken, parse_token

__all__ = ["run_manager"]

ENVIRONMENT = "ARTIGRAPH_RUN"
"""The environment variable that holds the token of the run that is active in a process which has no other."""


@overload
def run_manager(allow_none: Literal[False] = ...) -> RunManager: ...
@overload
def run_manager(allow_none: bool) -> RunManager | None: ...  # noqa: FBT001 (as it was published)
def run_manager(allow_none: bool = False) -> RunManager | None:  # noqa: FBT001, FBT002 (as published)
    """Return the manager of the innermost active run; where there is none, of the run that `ARTIGRAPH_RUN` names.

    The environment's run is joined when its manager is first used, as by `RunManager.resume`.

    Raises:
        NoActiveRunError: (a LookupError) there is none and `allow_none` is false.
        InvalidToken: the environment variable holds something else than a token.
    """
    manager = active_manager.get() or _inherited_manager()
    if manager is None and not allow_none:
        msg = "There is no active run here. Enter one: async with RunManager(Run()) as manager: ..."
        raise NoActiveRunError(msg)
    return manager


class _InheritedManager(RunManager):
    """The manager of the run that the environment names, which is joined when something is first done in it."""

    def __init__(self, token: RunToken) -> None:
        super().__init__(Run(node_id=token.run_id))
        self._token, self._joins = token, True
        self._uses = Uses(token.run_id, token.store_id, at_once=True)

    @property
    def uses(self) -> Uses | None:
        """What is noted as used, which is written at once: the process leaves no block that could end it."""
        return self._uses

    async def _ready(self) -> None:
        if self.run.status == "new":
            await self._join(f"The run that {ENVIRONMENT} names")


_inherited: dict[tuple[int, str], _InheritedManager] = {}
"""By process, for a forked child holds the run for itself, and by token."""


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
    except InvalidToken:  # who asks for the run is told; a load has nothing to do with it
        return None
    return None if manager is None else manager.uses


inherit_uses(_inherited_uses)
