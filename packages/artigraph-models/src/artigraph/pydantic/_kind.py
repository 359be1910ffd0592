"""The kind of pydantic's classes: models that derive from `BaseModel`, and dataclasses of pydantic."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, NoReturn, cast

from artigraph.errors import FieldNotLoadedError, ModelDefinitionError, SerializationError
from artigraph.kinds import UNRESOLVED, KindField, ModelKind, has_default
from artigraph.serializer.codec.classes import is_generated
from pydantic import BaseModel, RootModel, TypeAdapter
from pydantic.fields import FieldInfo

UNSET = "model_fields_unset"
"""The name under which the fields are stored that nobody set, so that `model_fields_set` is the same after a load."""


class _PydanticKind:
    """Reads instances past their validators and aliases, and builds them without running a validator."""

    name = "pydantic"
    hidden = frozenset({UNSET})

    def claims(self, cls: type[Any]) -> bool:
        if issubclass(cls, BaseModel):
            return cls not in (BaseModel, RootModel)
        return dataclasses.is_dataclass(cls) and hasattr(cls, "__pydantic_validator__")

    def fields(self, cls: type[Any]) -> Sequence[KindField]:
        if not issubclass(cls, BaseModel):
            return _fields_of_dataclass(cls)
        if not cls.__pydantic_complete__:
            cls.model_rebuild(raise_errors=False)
        if not cls.__pydantic_complete__:
            msg = (
                f"Pydantic could not resolve the annotations of {cls.__qualname__}. Define the classes that they name, "
                f"and call {cls.__qualname__}.model_rebuild()"
            )
            raise ModelDefinitionError(msg)
        if UNSET in cls.model_fields:
            msg = f"Field {UNSET!r} of {cls.__qualname__} has a name that Artigraph stores itself; rename it"
            raise ModelDefinitionError(msg)
        return [
            KindField(name=name, required=info.is_required(), annotation=_annotation(info), repr=info.repr)
            for name, info in cls.model_fields.items()
        ]

    def accepts(self, cls: type[Any], name: str) -> bool:
        if issubclass(cls, BaseModel):
            return name == UNSET or cls.model_config.get("extra") == "allow"
        return _config(cls).get("extra") == "allow"

    def read(self, model: Any) -> Mapping[str, object]:
        cls = _class_of(model)
        if not isinstance(model, BaseModel):
            return _read_dataclass(model)
        held = vars(model)
        names = list(cls.model_fields)
        lacking = next((name for name in names if name not in held), None)
        if lacking is not None:
            raise AttributeError(lacking)
        values = {name: held[name] for name in names}
        extra: Mapping[str, object] = getattr(model, "__pydantic_extra__", None) or {}
        taken = sorted({UNSET, *values} & extra.keys())
        if taken:
            name = taken[0]
            msg = f"the additional field {name!r} has a name that is taken already; rename it"
            raise SerializationError(msg)
        values |= extra
        unset = frozenset(values.keys() - model.model_fields_set)
        return {**values, UNSET: unset} if unset else values

    def build(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        if not issubclass(cls, BaseModel):
            return _build_dataclass(cls, fields)
        unset: frozenset[str] = fields.get(UNSET, frozenset())
        values: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            values[name] = fields[name] if name in fields else _default(info, values)
        extra = {name: value for name, value in fields.items() if name not in values and name != UNSET}
        given = {name for name in fields if name not in unset and name != UNSET}
        model = cls.__new__(cls)
        _fill(model, dict(values), given, extra)
        if cls.__pydantic_post_init__:  # it makes the private attributes, and is the user's own perhaps
            model.model_post_init(None)
            _fill(model, {**vars(model), **values}, given, extra, private=False)
        return model

    def check(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        given = {name: value for name, value in fields.items() if name != UNSET}
        if not issubclass(cls, BaseModel):
            return _check_dataclass(cls, given)
        if issubclass(cls, _ROOT):
            validate: Any = cls.model_validate
            model: Any = validate(given["root"])
        else:
            model = cls.model_validate(given, by_name=True, by_alias=False)
        model.model_fields_set.difference_update(fields.get(UNSET, ()))
        return cast("object", model)

    def parts(self, model: Any) -> Mapping[str, object] | None:
        cls = _class_of(model)
        method: Any = cls.__eq__
        if isinstance(model, BaseModel):
            if method not in _EQUALITIES and not _is_ours(method):
                return None
            return {name: value for name, value in self.read(model).items() if name != UNSET}
        if not is_generated(method) and not _is_ours(method):
            return None
        if not cls.__dataclass_params__.eq:
            return None
        return {field.name: getattr(model, field.name) for field in dataclasses.fields(model) if field.compare}

    def is_frozen(self, cls: type[Any]) -> bool:
        if issubclass(cls, BaseModel):
            return cls.model_config.get("frozen") is True
        return bool(cls.__dataclass_params__.frozen) or _config(cls).get("frozen") is True

    def part_class(self, cls: type[Any], namespace: Mapping[str, object], names: Sequence[str]) -> type[Any]:
        own = {name: value for name, value in namespace.items() if name not in names}
        if issubclass(cls, BaseModel):  # else pydantic would make private attributes of names with an underscore
            own["__annotations__"] = {name: ClassVar[Any] for name in own if not name.startswith("__")}
            own["model_dump_json"] = _refuse_dump_json  # pydantic would wrap the error
        own["__dict__"] = property(_refuse_dump)
        metaclass: Any = type(cls)
        part: type[Any] = metaclass(cls.__name__, (cls,), own)
        for name in names:
            setattr(part, name, namespace[name])
        return part

    def blank(self, cls: type[Any], attributes: Mapping[str, object]) -> object:
        model: Any = object.__new__(cls)
        if isinstance(model, BaseModel):
            object.__setattr__(model, "__pydantic_fields_set__", set[str]())
            object.__setattr__(model, "__pydantic_extra__", None)
            object.__setattr__(model, "__pydantic_private__", None)
        for name, value in attributes.items():
            object.__setattr__(model, name, value)
        return model


def _refuse_dump(model: object) -> NoReturn:
    """Refuse the content of a model that was loaded in part: pydantic serializes and copies it, and it lacks fields.

    Raises:
        FieldNotLoadedError: always.
    """
    msg = (
        f"This {_class_of(model).__qualname__} was loaded in part, so it cannot be dumped or copied. Read its loaded "
        "fields one by one, or load all of it."
    )
    raise FieldNotLoadedError(msg)


def _refuse_dump_json(model: object, *_: object, **__: object) -> NoReturn:
    _refuse_dump(model)


_ROOT: Any = RootModel
_EQUALITIES: tuple[Any, ...] = (BaseModel.__eq__, _ROOT.__eq__)


def _class_of(model: object) -> type[Any]:
    return type(model)


def _annotation(info: FieldInfo) -> object:
    if not info.metadata:
        return info.annotation
    return Annotated[(info.annotation, *info.metadata)]


def _default(info: FieldInfo, values: dict[str, Any]) -> object:
    return cast("object", info.get_default(call_default_factory=True, validated_data=values))


def _fill(
    model: BaseModel, values: dict[str, Any], given: set[str], extra: dict[str, Any], *, private: bool = True
) -> None:
    """Set what an instance holds, as pydantic's own constructor does."""
    object.__setattr__(model, "__dict__", values)
    object.__setattr__(model, "__pydantic_fields_set__", set(given))
    if not isinstance(model, RootModel):
        allowed = type(model).model_config.get("extra") == "allow"
        object.__setattr__(model, "__pydantic_extra__", dict(extra) if allowed else None)
        if private:
            object.__setattr__(model, "__pydantic_private__", None)


def _is_ours(method: Any) -> bool:
    return str(getattr(method, "__module__", "")).startswith("artigraph.model.")


# Dataclasses of pydantic ------------------------------------------------------------------------------------------


def _config(cls: type[Any]) -> Mapping[str, object]:
    found: Mapping[str, object] = getattr(cls, "__pydantic_config__", {})
    return found


def _info(cls: type[Any], name: str) -> FieldInfo | None:
    known: Mapping[str, FieldInfo] = getattr(cls, "__pydantic_fields__", {})
    return known.get(name)


def _fields_of_dataclass(cls: type[Any]) -> Sequence[KindField]:
    if "__dataclass_fields__" not in vars(cls):
        msg = f"{cls.__qualname__} derives from a dataclass and is not one itself: decorate it"
        raise ModelDefinitionError(msg)
    return [
        KindField(
            name=field.name,
            required=_is_required(cls, field),
            annotation=UNRESOLVED,
            repr=field.repr,
            metadata=field.metadata,
        )
        for field in dataclasses.fields(cls)
    ]


def _is_required(cls: type[Any], field: dataclasses.Field[Any]) -> bool:
    info = _info(cls, field.name)
    if info is not None:
        return info.is_required()
    return not has_default(field)


def _read_dataclass(model: Any) -> Mapping[str, object]:
    cls = _class_of(model)
    values = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    if _config(cls).get("extra") == "allow":
        held: dict[str, object] = getattr(model, "__dict__", {})  # a class with slots has none
        values |= {name: value for name, value in held.items() if not name.startswith("__")}
    return values


def _build_dataclass(cls: type[Any], fields: Mapping[str, Any]) -> object:
    values = dict(fields)
    for field in dataclasses.fields(cls):
        if field.name not in values:
            values[field.name] = _default_of(cls, field, values)
    model: object = object.__new__(cls)
    _set_all(model, values)
    hook: Any = getattr(model, "__post_init__", None)
    if hook is not None and not inspect.signature(hook).parameters:  # one that takes InitVars cannot run
        hook()
        _set_all(model, values)
    return model


def _check_dataclass(cls: type[Any], fields: Mapping[str, Any]) -> object:
    """Validate the fields that the constructor takes. Then set the others, as a caller would."""
    derived = {field.name for field in dataclasses.fields(cls) if not field.init}
    taken = {name: value for name, value in fields.items() if name not in derived}
    model: Any = TypeAdapter(cls).validate_python(taken, by_name=True, by_alias=False)
    for name in derived & fields.keys():
        info = _info(cls, name)
        if KIND.is_frozen(cls) or (info is not None and info.frozen):
            object.__setattr__(model, name, fields[name])
        else:
            setattr(model, name, fields[name])
    return cast("object", model)


def _default_of(cls: type[Any], field: dataclasses.Field[Any], values: dict[str, Any]) -> object:
    info = _info(cls, field.name)
    if info is not None:
        return _default(info, values)
    factory: Any = field.default_factory
    if not isinstance(factory, type(dataclasses.MISSING)):
        return cast("object", factory())
    return cast("object", field.default)


def _set_all(model: object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        object.__setattr__(model, name, value)


KIND: Final[ModelKind] = _PydanticKind()
"""The kind, for its entry point."""
