"""What the class line of a model says, which also travels to other processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary, ref

from artigraph.model._classes import expect, module_names
from artigraph.model.fields import ArtifactModelConfig


@dataclass(slots=True, weakref_slot=True)
class ModelTraits:
    """The arguments in the class line of a model, and the names visible where the class was defined.

    cloudpickle takes them along when it makes the class again in another process, where no class line runs. In the
    process that they come from, they unpickle as the object that is there.
    """

    names: tuple[str, ...]
    """All names under which models of the class may be stored, the present one first."""
    version: int
    config: ArtifactModelConfig
    local: dict[str, Any]
    """The values of names in its annotations, as seen in the function that defines the class."""
    expected: dict[str, bool]
    """The arguments of the decorator that the class line repeats for type checkers."""
    migrate: Callable[[int, dict[str, Any]], dict[str, Any]] | None = None
    """Converts the fields of an older version of a class that is not derived from `ArtifactModel`."""
    owner: ref[type[Any]] | None = field(default=None, compare=False, repr=False)
    """The class."""
    token: str = field(default_factory=lambda: uuid4().hex, compare=False, repr=False)
    """Tells these traits from all others, in all processes."""

    def __reduce__(self) -> tuple[object, ...]:
        _traveled[self.token] = self
        owner = None if self.owner is None else self.owner()
        local = self.local if owner is None else module_names(owner) | self.local
        line = (self.names, self.version, self.config, local, self.expected, self.migrate)
        return _arrive, (self.token, line)

    @property
    def name(self) -> str:
        """The name under which the model is stored."""
        return self.names[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which the class was stored before it was renamed."""
        return self.names[1:]


_traveled: WeakValueDictionary[str, ModelTraits] = WeakValueDictionary()
"""The traits that were pickled or unpickled here, by token."""


def _arrive(token: str, line: tuple[Any, ...]) -> ModelTraits:
    """Return the traits with a token. Make them if this process has none."""
    traits = _traveled.get(token)
    if traits is None:
        made = ModelTraits(*line)
        made.token = token
        traits = _traveled.setdefault(token, made)
        if traits is made:
            expect(traits)
    return traits
