"""Steps of migration: functions that take the fields of one class version and return the fields of the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from artigraph.errors import ModelDefinitionError, ModelVersionError

Fields = dict[str, Any]
"""The fields of a model by name."""
Step = Callable[[Fields], Fields]
StepT = TypeVar("StepT", bound=Step)

_STEPS = "_artigraph_steps"
"""The attribute of a class that holds its steps. Kept elsewhere, they would keep their own class alive for ever."""


ORIGIN = "_artigraph_origin"
"""The attribute of a class that was made of a generic class by type arguments. It holds the generic class."""


def migration(model_type: type[Any], /, *, from_version: int) -> Callable[[StepT], StepT]:
    """Register a function that takes the fields of one version of a model class and returns the fields of the next.

        @migration(Report, from_version=1)
        def rename_accuracy(data):
            data["score"] = data.pop("accuracy")
            return data

    A load of older data calls the steps one after the other, from the stored version to that of the class. Each step
    gets what the step before it returned, and returns a dict of fields. An instance that no longer fits its class, such
    as a removed member of an enum, is a `StoredEnum` or `StoredStruct` there.

    If the class has a `migrate` of its own, it converts data that is older than the first step. It returns the fields
    of the version from which that step begins. Without steps, it returns the fields of the class.

    Steps belong to one class. Derived classes have steps of their own, but `Box[int]` of a pydantic class has those of
    `Box`. The function itself is returned unchanged. A
    step that is defined again at the same place replaces the former one, so a notebook cell can run twice.

    Raises:
        ModelDefinitionError: `model_type` is not a model class, it has no later version, or it has another step from
            this version. If a version between two steps has none, the first save or load raises this error.
    """
    from artigraph.model.definition import is_model, traits_of

    if not isinstance(model_type, type) or not is_model(model_type):  # pyright: ignore[reportUnnecessaryIsInstance]
        msg = f"migration takes the model class whose older data a function converts, not {model_type!r:.100}"
        raise ModelDefinitionError(msg)
    name, version = model_type.__qualname__, traits_of(model_type).version
    if type(from_version) is not int or not 0 <= from_version < version:
        msg = (
            f"A step of model {name} begins at a version from 0 to {version - 1}, not at {from_version!r:.100}: the "
            f"class is version {version}. Raise the version in its class line first."
        )
        raise ModelDefinitionError(msg)

    def register(step: StepT) -> StepT:
        steps: dict[int, Step] = dict(vars(model_type).get(_STEPS, {}))
        former = steps.get(from_version)
        if former is not None and _place(former) != _place(step):
            msg = f"Model {name} has two steps from version {from_version}: {_place(former)} and {_place(step)}"
            raise ModelDefinitionError(msg)
        setattr(model_type, _STEPS, steps | {from_version: step})
        return step

    return register


def steps_of(cls: type[Any]) -> Mapping[int, Step]:
    """Return the steps of a model class by the version from which they begin.

    A generic class with its type arguments applied also has the steps of that class. Its own ones win.
    """
    steps: Mapping[int, Step] = vars(cls).get(_STEPS, {})
    origin = vars(cls).get(ORIGIN)
    return steps if origin is None else {**steps_of(origin), **steps}


def check_steps(cls: type[Any], version: int) -> None:
    """Check that the steps of a class lead to its version without a gap.

    Raises:
        ModelDefinitionError: a step is missing.
    """
    steps = steps_of(cls)
    if steps and (missing := [each for each in range(min(steps), version) if each not in steps]):
        msg = (
            f"Model {cls.__qualname__} is version {version} and has steps from version {min(steps)} on, but none from "
            f"version {missing[0]}. Write one: @migration({cls.__name__}, from_version={missing[0]})"
        )
        raise ModelDefinitionError(msg)


def migrate(cls: type[Any], path: str, stored: int, version: int, fields: Fields) -> Fields:
    """Return the fields of a class's own version, converted by its `migrate` and by its steps.

    Raises:
        ModelVersionError: a conversion failed, a conversion returned no dict, or the stored version has no step.
        ModelDefinitionError: a step is missing between two others.
    """
    check_steps(cls, version)
    steps, hook = steps_of(cls), hook_of(cls)
    begin = min(steps, default=version)
    if stored < begin:
        if steps and hook is None:
            msg = (
                f"{path} was stored by version {stored} of {cls.__qualname__}, and its first step is from version "
                f"{begin}. Write one from each version before: @migration({cls.__name__}, from_version={stored})"
            )
            raise ModelVersionError(msg)
        if hook is not None:
            name = f"{cls.__qualname__}.migrate"
            fields = _converted(partial(hook, stored, fields), name, path, stored, version)
    for each in range(max(stored, begin), version):
        fields = _converted(partial(steps[each], fields), _place(steps[each]), path, stored, version)
    return fields


def carried(hidden: Mapping[str, object], before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, Any]:
    """Return what a kind hides of a model, after a migration.

    In a set of names of fields stay those whose values are the same objects as before, also under a new name.

    Args:
        hidden: what the kind hides, by name.
        before: the fields that the migration got.
        after: the fields that it returned.
    """
    moved: dict[str, list[str]] = {
        name: [each for each in before.keys() - after.keys() if before[each] is value] if name not in before else [name]
        for name, value in after.items()
    }
    kept: dict[str, Any] = {}
    for key, names in hidden.items():
        if isinstance(names, frozenset):
            kept[key] = frozenset(
                name
                for name, formers in moved.items()
                if formers and names.issuperset(formers) and all(before[each] is after[name] for each in formers)
            )
        else:
            kept[key] = names
    return kept


def _converted(convert: Callable[[], object], name: str, path: str, stored: int, version: int) -> Fields:
    try:
        fields = convert()
    except Exception as error:
        by = "" if name.endswith(".migrate") else f" by {name}"
        msg = f"{path} cannot be migrated from version {stored} to {version}{by}: {error!r}"
        raise ModelVersionError(msg) from error
    if not isinstance(fields, dict):
        msg = f"{name} returned {type(fields).__name__}; it returns the dict of fields"
        raise ModelVersionError(msg)
    return cast("Fields", fields)


def hook_of(cls: type[Any]) -> Callable[[int, Fields], object] | None:
    """Return the `migrate` of a class, of a base that a user wrote, or given to `artifact_class`; None without one."""
    from artigraph.model._base import ArtifactModel
    from artigraph.model.definition import traits_of

    own = traits_of(cls).migrate
    if own is not None or not issubclass(cls, ArtifactModel):
        return own
    method: Any = cls.migrate
    default: Any = ArtifactModel.migrate
    return None if getattr(method, "__func__", None) is default.__func__ else method


def _place(step: object) -> str:
    return f"{getattr(step, '__module__', '?')}.{getattr(step, '__qualname__', repr(step))}"
