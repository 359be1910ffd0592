"""The code of a function is kept only as long as nothing of it changes."""

from __future__ import annotations

import builtins
import importlib
import pickle
import queue
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from artigraph.tracking._known_code import KnownCode

HELPERS = """
    from __future__ import annotations

    from dataclasses import dataclass, field
    from typing import Annotated

    FACTOR = 3

    class Unit:
        size = 4

    KINDS = {"a": int}
    LEAST = [1]

    def at_least():
        return LEAST[0]

    @dataclass
    class Options:
        depth: int = 3
        size: KINDS["a"] = 1
        width: Annotated[int, at_least()] = 1
        unit: Unit | None = None
        names: list[str] = field(default_factory=list)
        kind: str = field(default="a", metadata={"shown": True})

    def scale(x, factor=2, *, offset=5):
        return x * factor + offset + FACTOR

    def other(x):
        return x
"""
MAIN = """
    import enum
    import functools
    import json
    import logging
    from collections import namedtuple
    from dataclasses import dataclass
    from typing import Annotated, Generic, NewType, TypeVar

    import numpy as np
    import pydantic
    from artigraph import ArtifactModel
    from kept import helpers
    from kept.helpers import Options, scale as scaled

    LIMIT = 10
    TABLE = {"a": 1, "b": [2, 3]}
    NAMES = ["x", "y"]
    CHOICES = {1, 2}
    PAIR = (1, ("a", 2.0))
    HANDLERS = {"first": scaled}
    BOUND = functools.partial(scaled, factor=7)
    ARRAY = np.arange(3)
    LOG = logging.getLogger("kept")
    Meters = NewType("Meters", int)
    OPTIONS = Options()

    class Color(enum.Enum):
        RED = 1
        BLUE = 2

    class Settings(pydantic.BaseModel):
        rate: float = pydantic.Field(default=0.5, gt=0)

    SETTINGS = Settings()

    @dataclass
    class Sample(ArtifactModel, name="kept.Sample"):
        value: Annotated[float, "volts"]
        meters: Meters = Meters(1)

    class Unit:
        size = 4

    UNIT = Unit()
    NOTES = ["volts"]
    Number = TypeVar("Number", bound=Annotated[int, UNIT])

    class Base:
        noted: Annotated[int, NOTES]
        numbers: list[Number]
        factor = 4
        tags = ["t"]

        def start(self, x):
            return x * self.factor

        @property
        def size(self):
            return 5

        @staticmethod
        def fixed(x):
            return x + 6

        @classmethod
        def named(cls, x):
            return x + 7

    class Worker(Base):
        def __init__(self):
            self.state = [7]

        @functools.cached_property
        def cached(self):
            return 8

    WORKER = Worker()

    def make(offset):
        def inside(x):
            return x + offset + sum(LISTED)
        return inside

    LISTED = [1]
    ADD = make(13)

    @functools.lru_cache
    def rated(x):
        return x + rated.rate

    rated.rate = 1
    Pair = namedtuple("Pair", "one two")

    class Boxed(Base, Generic[Number]):
        pass

    def slots():
        def get():
            return late
        def put(value):
            nonlocal late
            late = value
        if False:
            late = 1
        return get, put

    GET, PUT = slots()

    def decorate(function):
        @functools.wraps(function)
        def call(*args):
            return function(*args)
        return call

    @decorate
    def decorated(x):
        return x + helpers.other(x)

    @functools.lru_cache
    def remembered(x):
        return x + 12

    def step(sample, x=1):
        from kept import late
        LOG.info("step")
        total = scaled(x) + helpers.scale(x) + LIMIT + TABLE["a"] + len(NAMES) + len(CHOICES) + PAIR[0]
        total += HANDLERS["first"](x) + BOUND(x) + ARRAY.sum() + OPTIONS.depth + SETTINGS.rate + Color.RED.value
        total += rated(x) + Pair(1, 2).one + Boxed().start(x) + GET()
        total += WORKER.start(x) + WORKER.size + ADD(x) + decorated(x) + remembered(x) + late.VALUE
        return total, json.dumps(NAMES), missing
"""
LATE = "VALUE = 1\n"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the main module of a package."""
    for name, source in {"__init__": "", "helpers": HELPERS, "main": MAIN, "late": LATE}.items():
        path = tmp_path / "kept" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield importlib.import_module("kept.main")
    for name in [name for name in sys.modules if name.partition(".")[0] == "kept"]:
        del sys.modules[name]


CHANGES: dict[str, str] = {
    "a constant": "LIMIT = 11",
    "a constant of another type": "LIMIT = 10.0",
    "an item of a dictionary": "TABLE['a'] = 2",
    "a new item of a dictionary": "TABLE['c'] = 2",
    "an item deep inside": "TABLE['b'].append(4)",
    "an equal item of another type": "TABLE['a'] = True",
    "a list": "NAMES.append('z')",
    "the order of a list": "NAMES.reverse()",
    "a set": "CHOICES.add(3)",
    "a tuple": "PAIR = (1, ('a', 2))",
    "a function in a dictionary": "HANDLERS['first'] = helpers.other",
    "a partial": "BOUND.keywords['factor'] = 8",
    "the items of an array": "ARRAY[0] = 9",
    "the type of an array": "ARRAY = ARRAY.astype('float32')",
    "an attribute of an instance": "OPTIONS.depth = 9",
    "a new attribute of an instance": "OPTIONS.more = 9",
    "what an instance holds": "WORKER.state.append(8)",
    "an instance of pydantic": "SETTINGS.rate = 0.75",
    "an attribute of a class": "Base.factor = 5",
    "a new attribute of a class": "Base.start_more = 5",
    "a deleted attribute of a class": "del Base.fixed",
    "a method": "Base.start = lambda self, x: x",
    "the code of a method": "Base.start.__code__ = (lambda self, x: x).__code__",
    "a list of a class": "Base.tags.append('u')",
    "a property": "Base.size = property(lambda self: 6)",
    "the code of a property": "Base.size.fget.__code__ = (lambda self: 6).__code__",
    "the code of a static method": "Base.fixed.__code__ = (lambda x: x).__code__",
    "a new attribute of a static method": "Base.__dict__['fixed'].unit = 3",
    "the code of a class method": "Base.named.__func__.__code__ = (lambda cls, x: x).__code__",
    "the code of a cached property": "Worker.__dict__['cached'].func.__code__ = (lambda self: 9).__code__",
    "the bases of a class": "class Base2(Base): factor = 9\nWorker.__bases__ = (Base2,)",
    "the code of a helper": "scaled.__code__ = (lambda x, factor, *, offset: x).__code__",
    "a default of a helper": "scaled.__defaults__ = (3,)",
    "a keyword default of a helper": "scaled.__kwdefaults__['offset'] = 6",
    "new keyword defaults of a helper": "scaled.__kwdefaults__ = {'offset': 7}",
    "a constant of a helper": "helpers.FACTOR = 4",
    "a helper that is named by its module": "helpers.other = lambda x: 2 * x",
    "an attribute of a function": "scaled.unit = 'm'",
    "a changed attribute of a function": "scaled.unit = []\nlist(map(scaled.unit.append, [1]))",
    "a variable of a closure": "ADD.__closure__[0].cell_contents = 14",
    "a global of a closure": "LISTED.append(2)",
    "the code below a decorator": "decorated.__wrapped__.__code__ = (lambda x: x).__code__",
    "the function below a decorator": "decorated.__wrapped__ = lambda x: 0",
    "the code below lru_cache": "remembered.__wrapped__.__code__ = (lambda x: x).__code__",
    "a name that was missing": "missing = 1",
    "a name that is missing": "del LIMIT",
    "a module that is imported late": "import kept.late\nkept.late.VALUE = 2",
    "another module that is imported late": (
        "import sys, types, kept\nnew = types.ModuleType('kept.late')\nnew.VALUE = 3\n"
        "sys.modules['kept.late'] = kept.late = new"
    ),
    "a module that makes attributes": "helpers.__getattr__ = len",
    "what an annotation names": "helpers.Unit = type('Unit', (), {'size': 5, '__module__': 'kept.helpers'})",
    "an attribute of what an annotation names": "helpers.Unit.size = 5",
    "an annotation": "helpers.Options.__annotations__['depth'] = 'float'",
    "the meaning of a type name": "Meters.__supertype__ = float",
    "an item that an annotation takes": "helpers.KINDS['a'] = float",
    "what a function returns to an annotation": "helpers.LEAST[0] = 2",
    "a list in an annotation": "NOTES.append('amperes')",
    "what a type variable is bound to": "UNIT.size = 5",
    "a default of a dataclass": "helpers.Options.depth = 4",
    "what a field of a dataclass says": "helpers.Options.__dataclass_fields__['depth'].default = 4",
    "the factory of a field": "helpers.Options.__dataclass_fields__['names'].default_factory = tuple",
    "a field of an argument": "Sample.__dataclass_fields__['meters'].default = 2",
    "a method of an argument": "Sample.more = lambda self: 1",
    "a field of pydantic": "Settings.__pydantic_fields__['rate'].default = 0.6",
    "a member of an enum": "Color.RED.shade = 'dark'",
    "the name of a function": "scaled.__qualname__ = 'other_scale'",
    "an attribute below lru_cache": "rated.rate = 2",
    "the defaults of a named tuple": "Pair.__new__.__defaults__ = (3,)",
    "the bases of a generic class": "class Base3(Base): factor = 9\nBoxed.__bases__ = (Base3, Generic)",
    "the value that a variable of a closure gets": "PUT(None)",
    "a module with a class of its own": (
        "import types\nclass Own(types.ModuleType):\n    other = property(lambda self: scaled)\nhelpers.__class__ = Own"
    ),
    "the package of a module that is imported late": (
        "import sys, types, kept\nold = sys.modules['kept']\nnew = types.ModuleType('kept')\n"
        "new.__path__ = old.__path__\nnew.late = types.ModuleType('kept.late')\nnew.late.VALUE = 9\n"
        "sys.modules['kept'] = new"
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_in_the_running_program_is_noticed(what: str, kept: Any) -> None:
    step: FunctionType = kept.step
    arguments = (kept.Sample(1.0), 2)
    known = KnownCode(step, "distribution")
    before = known.identity(arguments)
    assert known.identity(arguments) is before, "nothing changed, so it is kept"
    exec(CHANGES[what], kept.__dict__)
    after = known.identity(arguments)
    assert after == KnownCode(step, "distribution").identity(arguments)
    assert after.parts != before.parts


def test_a_name_that_becomes_built_in_is_noticed(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownCode(kept.step, "distribution")
    before = known.identity(())
    assert known.identity(()) is before
    monkeypatch.setattr(builtins, "missing", kept.rated, raising=False)
    after = known.identity(())
    assert after == KnownCode(kept.step, "distribution").identity(())
    assert after.parts != before.parts


def _pieces(module: ModuleType) -> Iterator[tuple[Callable[[object], None], object]]:
    """Yield how to set each part of a module and of its functions and classes, and what it is now."""
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        yield lambda new, name=name: setattr(module, name, new), value  # type: ignore[misc]
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            for part, held in list(vars(value).items()):
                if not part.startswith("_") and not isinstance(held, value):  # members of an enum stay
                    yield lambda new, value=value, part=part: setattr(value, part, new), held  # type: ignore[misc]
        if isinstance(value, FunctionType):
            yield lambda new, value=value: setattr(value, "__defaults__", new), value.__defaults__  # type: ignore[misc]


def test_whatever_is_replaced_and_restored_it_is_as_a_new_walk_finds_it(kept: Any) -> None:
    step: FunctionType = kept.step
    arguments = (kept.Sample(1.0), 2)
    known = KnownCode(step, "distribution")
    before = known.identity(arguments)
    replaced = 0
    for module in (kept, kept.helpers):
        for put, value in _pieces(module):
            for new in ((123456,), ("other",)):
                put(new)
                replaced += 1
                assert known.identity(arguments) == KnownCode(step, "distribution").identity(arguments)
            put(value)
            assert known.identity(arguments) == before
    assert replaced > 80


def test_it_is_kept_for_each_class_of_arguments(kept: Any) -> None:
    known = KnownCode(kept.step, "distribution")
    one, other = known.identity((kept.Sample(1.0),)), known.identity((1,))
    assert one != other
    assert known.identity((kept.Sample(2.0),)) is one
    assert known.identity((2,)) is other
    kept.Sample.more = 1
    assert known.identity((2,)) is not other or "kept.main.Sample" not in other.parts
    assert known.identity((kept.Sample(2.0),)) != one


def held_queue() -> object:
    return QUEUE


QUEUE: queue.SimpleQueue[int] = queue.SimpleQueue()


def test_a_pickle_holds_nothing_that_was_read() -> None:
    assert isinstance(held_queue, FunctionType)
    known = KnownCode(held_queue, "distribution")
    found = known.identity(())
    copy = pickle.loads(pickle.dumps(known))  # a queue cannot be pickled
    assert copy.identity(()) == found
