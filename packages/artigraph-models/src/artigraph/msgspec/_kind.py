"""The kind of msgspec's structs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from artigraph.errors import SerializationError
from artigraph.kinds import KindField, ModelKind

_NO_DEFAULT = msgspec.NODEFAULT


class _MsgspecKind:
    """Reads structs by their fields, never by their encoded names, and builds them by their constructor.

    The constructor of a struct validates nothing. What `__post_init__` changes is set to the stored value again.
    """

    name = "msgspec"
    hidden: frozenset[str] = frozenset()

    def claims(self, cls: type[Any]) -> bool:
        return issubclass(cls, msgspec.Struct) and cls is not msgspec.Struct

    def fields(self, cls: type[Any]) -> Sequence[KindField]:
        return [KindField(name=name, required=default is _NO_DEFAULT) for name, default in _defaults(cls).items()]

    def accepts(self, cls: type[Any], name: str) -> bool:
        return False

    def read(self, model: Any) -> Mapping[str, object]:
        cls = _class_of(model)
        held: dict[str, object] = getattr(model, "__dict__", {})  # only with dict=True
        if held and not hasattr(cls, "__post_init__"):  # else that hook makes it anew, as with other kinds
            for name in held:
                if not isinstance(inspect.getattr_static(cls, name, None), functools.cached_property):
                    msg = (
                        f"attribute {name!r} is no field of struct {cls.__qualname__}, so it is not stored: declare it"
                    )
                    raise SerializationError(msg)
        return _values(model)

    def build(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        model: Any = cls(**fields)
        if hasattr(cls, "__post_init__"):
            for name, value in fields.items():
                msgspec.structs.force_setattr(model, name, value)
        return cast("object", model)

    def check(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        encoded = dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))
        given = {encoded[name]: value for name, value in fields.items()}
        config: Any = cls.__struct_config__
        if config.tag is not None:
            given[config.tag_field] = config.tag
        if config.array_like:
            return cast("object", cls(**fields))
        return cast("object", msgspec.convert(given, cls, dec_hook=_as_it_is))

    def parts(self, model: Any) -> Mapping[str, object] | None:
        cls: Any = _class_of(model)
        ours = str(getattr(cls.__eq__, "__module__", "")).startswith("artigraph.model.")
        if not cls.__struct_config__.eq or not (ours or cls.__eq__ is _EQUAL):
            return None
        return _values(model)

    def is_frozen(self, cls: Any) -> bool:
        return bool(cls.__struct_config__.frozen)

    def part_class(self, cls: type[Any], namespace: Mapping[str, object], names: Sequence[str]) -> type[Any]:
        own = {name: value for name, value in namespace.items() if name not in names}
        metaclass: Any = type(cls)
        part: type[Any] = metaclass(
            cls.__name__, (cls,), {**own, "__post_init__": _do_nothing}, dict=True, weakref=True, gc=True
        )
        for name in names:
            setattr(part, name, namespace[name])
        return part

    def blank(self, cls: Any, attributes: Mapping[str, object]) -> object:
        model: Any = cls(**dict.fromkeys(cls.__struct_fields__))
        bases: Sequence[type[Any]] = cls.__mro__[1:]
        for name in cls.__struct_fields__:  # msgspec reads these itself, and refuses to encode unset ones
            slot: Any = next(vars(base)[name] for base in bases if name in vars(base))
            slot.__delete__(model)
        model.__dict__.update(attributes)
        return cast("object", model)


_EQUAL: Any = vars(msgspec.Struct.__mro__[1]).get("__eq__")
"""The `__eq__` of structs that define none."""


def _class_of(model: object) -> type[Any]:
    return type(model)


def _values(model: Any) -> dict[str, object]:
    """Return the values of the fields, but not `UNSET` if it is the default."""
    values: dict[str, object] = {name: getattr(model, name) for name in model.__struct_fields__}
    if any(value is msgspec.UNSET for value in values.values()):
        defaults = _defaults(_class_of(model))
        values = {name: part for name, part in values.items() if not part is defaults[name] is msgspec.UNSET}
    return values


def _defaults(cls: Any) -> dict[str, object]:
    """Return the fields of a struct with their defaults."""
    names: tuple[str, ...] = cls.__struct_fields__
    defaults: tuple[object, ...] = cls.__struct_defaults__
    return dict(zip(names, (*[_NO_DEFAULT] * (len(names) - len(defaults)), *defaults), strict=True))


def _as_it_is(expected: type[Any], value: object) -> object:
    """Accept a value of a class that msgspec does not know, such as a frame. Its type is checked by msgspec."""
    del expected
    return value


def _do_nothing(_: object) -> None:
    """Take the place of a `__post_init__`, which needs values."""


KIND: Final[ModelKind] = _MsgspecKind()
"""The kind, for its entry point."""
