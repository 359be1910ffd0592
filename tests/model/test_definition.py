"""Classes that can be stored, and the errors of those that cannot."""

from __future__ import annotations

import dataclasses
import gc
import sys
import types
from dataclasses import InitVar, dataclass, field
from enum import Enum
from types import ModuleType
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

import pytest

from artigraph import ArtifactModel, ArtifactModelConfig, artifact_field
from artigraph.errors import ModelDefinitionError, ModelNameConflictError, SerializationError
from artigraph.serializer.json import json_serializer
from artigraph.storage import MemoryStorage


class Color(Enum):
    RED = 1


M = TypeVar("M", bound=ArtifactModel)


async def round_trip(model: M) -> M:
    loaded = await type(model).load(await model.save("it"))
    assert type(loaded) is type(model)
    assert loaded == model
    return loaded


@dataclass
class Plain(ArtifactModel, version=1):
    number: int
    text: str = "x"
    constant: ClassVar[int] = 7


@dataclass(slots=True)
class Slotted(ArtifactModel, version=3):
    number: int


@dataclass(frozen=True)
class Frozen(ArtifactModel, frozen=True):
    number: int


@dataclass(kw_only=True)
class KeywordOnly(ArtifactModel, kw_only=True):
    number: int = 1
    text: str


@dataclass
class Derived(Plain):
    more: float = 0.5
    twice: int = field(init=False)

    def __post_init__(self) -> None:
        self.twice = 2 * self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything(Frozen, frozen=True, kw_only=True):
    more: Everything | None = None


@pytest.mark.parametrize(
    "model",
    [
        Plain(1),
        Slotted(2),
        Frozen(3),
        KeywordOnly(text="y"),
        Derived(5, "z", 1.5),
        Everything(number=1, more=Everything(number=2)),
    ],
    ids=lambda model: type(model).__name__,
)
async def test_every_kind_of_dataclass_round_trips(model: ArtifactModel) -> None:
    await round_trip(model)


async def test_fields_without_init_are_derived_and_post_init_runs() -> None:
    loaded = await round_trip(Derived(5))
    assert loaded.twice == 10


async def test_a_class_made_inside_a_function_round_trips() -> None:
    class Shade(Enum):
        DARK = 1

    @dataclass
    class Local(ArtifactModel):
        shade: Shade
        nested: Later | Local | None = None

    @dataclass
    class Later(ArtifactModel):
        local: Local | None = None

    await round_trip(Local(Shade.DARK, Later(Local(Shade.DARK))))


async def test_a_class_line_gives_name_and_version() -> None:
    @dataclass
    class Named(ArtifactModel, name="a name of its own", version=12):
        x: int

    node_id = await Named(1).save("n")
    del Named
    gc.collect()

    @dataclass
    class Renamed(ArtifactModel, name="a name of its own", version=12):
        x: int

    assert await Renamed.load(node_id) == Renamed(1)


def test_the_arguments_of_dataclasses_field_work() -> None:
    @dataclass
    class WithField(ArtifactModel):
        a: int = artifact_field(default=3, metadata={"unit": "m"}, repr=False)
        b: list[int] = artifact_field(default_factory=list, compare=False)
        c: int = artifact_field(kw_only=True, hash=False, init=True)

    model = WithField(c=1)
    assert (model.a, model.b, model.c) == (3, [], 1)
    fields = {f.name: f for f in dataclasses.fields(WithField)}
    assert fields["a"].metadata["unit"] == "m"
    assert "a=" not in repr(model)
    assert WithField(c=1, b=[1]) == WithField(c=1, b=[2])


def test_artifact_field_refuses_what_is_neither_serializer_nor_storage() -> None:
    with pytest.raises(TypeError, match="Serializer"):
        artifact_field(serializer="json")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Storage"):
        artifact_field(storage="s3")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        artifact_field(colour="red")


class NoDataclass(Plain):
    more: int = 1


@dataclass
class WithInitVar(ArtifactModel):
    x: int
    y: InitVar[int] = 2


@dataclass
class Unresolved(ArtifactModel):
    x: Nowhere  # type: ignore[name-defined]  # noqa: F821


@dataclass
class SaysFrozen(ArtifactModel, frozen=True):
    x: int = 1


@dataclass
class TwoSerializers(ArtifactModel):
    x: Annotated[int, json_serializer] = artifact_field(serializer=json_serializer, default=1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NoDataclass(1), "@dataclass"),
        (lambda: WithInitVar(1), "InitVar"),
        (lambda: Unresolved(1), "Nowhere"),
        (lambda: TwoSerializers(1), "several"),
        (lambda: SaysFrozen(1), "frozen=True"),
    ],
)
async def test_a_class_that_cannot_be_stored_is_refused_when_it_is_first_used(make: Any, words: str) -> None:
    model: ArtifactModel = make()
    with pytest.raises(ModelDefinitionError, match=words):
        await ArtifactModel.save(model, "x")
    with pytest.raises(ModelDefinitionError, match=type(model).__name__):
        await ArtifactModel.save(model, "x")


@pytest.mark.parametrize("version", [-1, 1.0, "1", True, 2**31])
def test_a_version_is_a_whole_number(version: Any) -> None:
    with pytest.raises(ModelDefinitionError, match="version"):
        type("Wrong", (ArtifactModel,), {}, version=version)


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 256])
def test_a_name_is_a_label(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|code points") if name else pytest.raises(ModelDefinitionError):
        type("Wrong", (ArtifactModel,), {}, name=name)


def module(monkeypatch: pytest.MonkeyPatch, name: str, class_name: str) -> ModuleType:
    """Return a module that defines a model, as an import or a notebook does."""
    made = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    define_in(made, class_name)
    return made


def define_in(made: ModuleType, class_name: str) -> None:
    source = f"@dataclass\nclass {class_name}(ArtifactModel):\n    number: int\n"
    made.__dict__.update(dataclass=dataclass, ArtifactModel=ArtifactModel)
    exec(source, made.__dict__)


async def test_two_live_classes_of_modules_under_one_name_are_an_error_when_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node_id = await Plain(1).save("before")
    other = module(monkeypatch, "other_module", "Plain")
    with pytest.raises(ModelNameConflictError, match=r"other_module\.Plain.*name='another-name'"):
        await Plain(1).save("x")
    with pytest.raises(ModelNameConflictError):
        await ArtifactModel.load(node_id)
    del other.__dict__["Plain"]
    gc.collect()
    await round_trip(Plain(1))


async def test_defining_a_class_again_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = module(monkeypatch, "notebook", "Cell")
    first = notebook.Cell
    node_id = await first(1).save("x")
    define_in(notebook, "Cell")
    second = notebook.Cell
    assert second is not first
    assert type(await second.load(node_id)) is second
    assert type(await first.load(node_id)) is first
    assert type(await ArtifactModel.load(node_id)) is second


async def test_a_class_that_was_defined_again_is_meant_by_models_that_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = module(monkeypatch, "notebook", "Held")
    holder = "@dataclass\nclass Holder(ArtifactModel):\n    held: Held\n    others: 'list[Held] | Held | None' = None\n"
    exec(holder, notebook.__dict__)
    first = notebook.Holder(notebook.Held(1), [notebook.Held(2)])
    assert type((await notebook.Holder.load(await first.save("x"))).held) is type(first.held)
    define_in(notebook, "Held")
    again = notebook.Holder(notebook.Held(1), [notebook.Held(2)])
    loaded = await notebook.Holder.load(await again.save("x"))
    assert loaded == again
    assert type(loaded.held) is notebook.Held


async def test_of_local_classes_of_one_name_an_annotation_means_the_newest() -> None:
    def make() -> type[Any]:
        @dataclass
        class MadeTwice(ArtifactModel):
            number: int

        return MadeTwice

    def make_again() -> type[Any]:
        @dataclass
        class MadeTwice(ArtifactModel):
            number: int

        return MadeTwice

    older, newest = make(), make_again()
    namespace: dict[str, Any] = {"dataclass": dataclass, "ArtifactModel": ArtifactModel}
    exec("@dataclass\nclass HoldsMadeTwice(ArtifactModel):\n    inner: 'MadeTwice'\n", namespace)
    loaded = await round_trip(namespace["HoldsMadeTwice"](newest(1)))
    assert type(loaded.inner) is newest is not older


async def test_a_class_of_a_loop_means_itself_by_its_name() -> None:
    for version in (1, 2):

        @dataclass
        class Looped(ArtifactModel, version=version):
            number: int
            nested: Looped | None = None

        await round_trip(Looped(1, Looped(2)))


@pytest.mark.parametrize("name", ["load", "migrate", "save"])
def test_a_field_cannot_hide_a_method(name: str) -> None:
    with pytest.raises(ModelDefinitionError, match=f"'{name}' of model Hides would hide"):
        type("Hides", (ArtifactModel,), {"__annotations__": {name: int}})


async def test_the_base_class_itself_cannot_be_saved() -> None:
    with pytest.raises(ModelDefinitionError, match="ArtifactModel itself"):
        await ArtifactModel().save("x")


async def test_annotated_names_storage_and_serializer() -> None:
    storage = MemoryStorage("annotated")

    @dataclass
    class WithAnnotated(ArtifactModel):
        x: Annotated[list[int], storage, json_serializer]

    await round_trip(WithAnnotated([1, 2]))
    assert list(storage._objects.values()) == [b"[1,2]"]


async def test_the_config_gives_defaults_and_is_inherited() -> None:
    storage = MemoryStorage("configured")

    @dataclass
    class Parent(ArtifactModel, config=ArtifactModelConfig(default_field_storage=storage)):
        x: str

    @dataclass
    class Child(Parent):
        y: str

    await round_trip(Child("first", "second"))
    assert sorted(storage._objects.values()) == [b'"first"', b'"second"']


def test_a_config_refuses_what_is_neither_serializer_nor_storage() -> None:
    with pytest.raises(TypeError, match="Storage"):
        ArtifactModelConfig(default_field_storage="s3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="Serializer"):
        ArtifactModelConfig(default_field_serializer=int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_annotated_refuses_a_class_for_an_instance() -> None:
    @dataclass
    class NamesAClass(ArtifactModel):
        x: Annotated[int, MemoryStorage]

    with pytest.raises(ModelDefinitionError, match=r"'x' of model .*NamesAClass names the class"):
        await NamesAClass(1).save("x")


def test_a_class_line_with_a_misspelled_word_says_what_it_takes() -> None:
    with pytest.raises(ModelDefinitionError, match=r"'verison'.*takes version, name, aliases, config"):
        type("Misspelled", (ArtifactModel,), {}, verison=2)


async def test_a_serializer_that_cannot_take_the_value_fails_by_name() -> None:
    from artigraph.serializer.datetime import datetime_serializer

    @dataclass
    class Wrong(ArtifactModel):
        when: int = artifact_field(serializer=datetime_serializer)

    with pytest.raises(SerializationError, match=r"Wrong\.when is a int"):
        await Wrong(1).save("x")


async def test_none_is_stored_whatever_the_serializer() -> None:
    from artigraph.serializer.datetime import datetime_serializer

    @dataclass
    class Optional(ArtifactModel):
        when: object = artifact_field(serializer=datetime_serializer, storage=MemoryStorage("unused"))

    await round_trip(Optional(None))


def test_reprs_are_short() -> None:
    assert repr(Plain(1)) == "Plain(number=1, text='x')"
    deep = Everything(number=1)
    for number in range(5000):
        deep = Everything(number=number, more=deep)
    assert len(repr(deep)) < 200
    assert len(repr(Plain(1, "x" * 10_000))) < 200


def test_saved_ids_are_uuids_in_order() -> None:
    from artigraph.identifiers import new_ids

    ids = new_ids(1000)
    assert ids == sorted(set(ids))
    assert {(type(one), one.version) for one in ids} == {(UUID, 7)}


@dataclass
class Pickled(ArtifactModel, name="definition.Pickled"):
    x: int


async def test_the_frame_of_a_class_that_cloudpickle_makes_and_throws_away_replaces_nothing() -> None:
    node_id = await Pickled(1).save("x")
    frame = types.new_class(
        "Pickled", (ArtifactModel,), {"name": "definition.Pickled"}, lambda space: space.update(__module__=__name__)
    )
    assert type(await ArtifactModel.load(node_id)) is Pickled
    del frame
    gc.collect()
    assert type(await ArtifactModel.load(node_id)) is Pickled


@dataclass
class Spawned(ArtifactModel, name="definition.Spawned"):
    x: int


async def test_the_program_of_a_process_that_was_spawned_is_the_program() -> None:
    Spawned.__module__ = "__main__"
    copy: Any = dataclass(type("Spawned", (Spawned,), {"__module__": "__mp_main__"}, name="definition.Spawned"))
    assert type(await ArtifactModel.load(await copy(1).save("x"))) is copy
