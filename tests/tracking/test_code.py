"""The code that a function runs: any change of it is noticed, and nothing else is."""

from __future__ import annotations

import ast
import importlib
import random
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from artigraph.tracking._known_code import CodeIdentity, KnownCode
from artigraph.tracking._ownership import name_of

Files = dict[str, str]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Files], CodeIdentity]]:
    """Return a function that imports a package `prog` and examines `prog.main.step`."""
    count = 0
    outside: Any = ModuleType("outside")
    exec(OUTSIDE, outside.__dict__)
    monkeypatch.setitem(sys.modules, "outside", outside)

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "prog"]:
            del sys.modules[name]

    def examine(files: Files) -> CodeIdentity:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        for name, source in {"__init__.py": "", **files}.items():
            path = folder / "prog" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))
        forget()
        importlib.invalidate_caches()
        sys.path.insert(0, str(folder))
        try:
            main: Any = importlib.import_module("prog.main")
            step: FunctionType = main.step
            return KnownCode(step, "distribution").identity(getattr(main, "ARGUMENTS", ()))
        finally:
            sys.path.remove(str(folder))

    yield examine
    forget()


MAIN = """
    import math
    import re
    from collections import OrderedDict
    from dataclasses import dataclass, field
    from enum import Enum
    from functools import cached_property, lru_cache, partial, singledispatch, wraps

    from artigraph import ArtifactModel
    from outside import Holder, plain_decorator

    from prog import shapes, tools
    from prog.tools import clean as tidy

    LIMIT = 10
    TABLE = {"a": 1, "b": [2, 3]}
    PATTERN = re.compile("a+")
    ROUND = math.floor
    HALVE = partial(tools.scale, factor=2)
    REGISTRY = {"first": tools.first}

    class Color(Enum):
        RED = 1
        BLUE = 2

    @dataclass
    class Options:
        depth: int = 3
        names: list = field(default_factory=list)

    class Base:
        factor = 4

        def start(self, x):
            return x * self.factor

        @property
        def size(self):
            return 5

        @staticmethod
        def fixed(x):
            return x + 6

    class Worker(Base):
        def __init__(self):
            self.state = 7

        def go(self, x):
            return self.start(x) + self.size

        @cached_property
        def cached(self):
            return 8

    WORKER = Worker()
    OPTIONS = Options()
    CHOSEN = Color.RED

    def logged(level):
        def around(function):
            @wraps(function)
            def call(*args):
                return function(*args) if level else None
            return call
        return around

    @logged(9)
    def decorated(x):
        return x + 11

    @lru_cache(maxsize=None)
    def remembered(x):
        return x + 12

    def make(offset):
        def inside(x):
            return x + offset
        return inside

    ADD = make(13)

    def keyword(*, scale=14):
        return scale

    @plain_decorator(28)
    def wrapped_outside(x):
        return x + 29

    HELD = Holder(tools.held)

    @singledispatch
    def dispatched(x):
        return x + 30

    @dispatched.register(int)
    def _(x):
        return x + 31

    class Names(list):
        pass

    class Slotted:
        __slots__ = ("width",)

        def __init__(self, width):
            self.width = width

    NAMES = Names(["a", "b"])
    SLOTTED = Slotted(32)

    def configured(x):
        return configured.rate

    configured.rate = 33

    @dataclass
    class Leaf(ArtifactModel):
        value: float

        def doubled(self):
            return self.value * 34

    class Context:
        def __init__(self):
            self.leaves = [Leaf(1.0)]

    ARGUMENTS = (Context(),)

    def step(x, y=15):
        outer = wrapped_outside(1), HELD, dispatched(1), NAMES, SLOTTED, configured(1)
        def local(z):
            return z + y + 16
        total = [tidy(each) for each in x if each < LIMIT]
        kind = TABLE["a"], PATTERN.match("a"), ROUND(1.5), HALVE(2), REGISTRY["first"](x)
        work = WORKER.go(1) + WORKER.cached + Base.fixed(2)
        more = decorated(1) + remembered(2) + ADD(3) + keyword() + OPTIONS.depth
        from prog import late
        import prog.later
        return local(total), kind, work, more, shapes.area(2), late.now(), prog.later.then(), CHOSEN, (lambda q: q + 17)
"""
TOOLS = """
    DEEP = 20

    def deepest(x):
        return x + DEEP

    def clean(x, k=21):
        return deepest(x) * k

    def scale(x, factor):
        return x * factor + 22

    def first(x):
        return x[0] + 23

    def unused(x):
        return x + 24

    def held(x):
        return x + 35
"""
OUTSIDE = """
from functools import wraps
def plain_decorator(level):
    def around(function):
        def call(*args):
            return function(*args) + level
        return call
    return around

def wrapping_decorator(function):
    @wraps(function)
    def call(*args):
        return function(*args)
    return call

def compose(*functions):
    def call(x):
        for function in functions:
            x = function(x)
        return x
    return call

class Holder:
    def __init__(self, function):
        self.function = function
"""
PROGRAM: Files = {
    "main.py": MAIN,
    "tools.py": TOOLS,
    "shapes/__init__.py": "from prog.shapes._area import area\n",
    "shapes/_area.py": "def area(r):\n    return r * 25\n",
    "late.py": "def now():\n    return 26\n",
    "later.py": "def then():\n    return 27\n",
}

MISSES = {
    "a constant of a module": ("main.py", "LIMIT = 10", "LIMIT = 11"),
    "the type of a constant": ("main.py", "LIMIT = 10", "LIMIT = 10.0"),
    "a constant of the deepest helper": ("tools.py", "DEEP = 20", "DEEP = 29"),
    "a value in a dictionary": ("main.py", "[2, 3]", "[2, 4]"),
    "the order in a dictionary": ("main.py", '"a": 1, "b": [2, 3]', '"b": [2, 3], "a": 1'),
    "a pattern": ("main.py", '"a+"', '"a*"'),
    "which function of another library": ("main.py", "math.floor", "math.ceil"),
    "a keyword of a partial": ("main.py", "factor=2", "factor=3"),
    "which function is registered": ("main.py", "tools.first}", "tools.unused}"),
    "the body of a registered function": ("tools.py", "x[0] + 23", "x[0] + 33"),
    "the body of a function in a partial": ("tools.py", "factor + 22", "factor + 32"),
    "the value of an enum member": ("main.py", "RED = 1", "RED = 3"),
    "which enum member": ("main.py", "CHOSEN = Color.RED", "CHOSEN = Color.BLUE"),
    "a default of a dataclass": ("main.py", "depth: int = 3", "depth: int = 4"),
    "a default factory": ("main.py", "default_factory=list", "default_factory=dict"),
    "an attribute of a base class": ("main.py", "factor = 4", "factor = 5"),
    "a method of a base class": ("main.py", "return x * self.factor", "return x - self.factor"),
    "a property": ("main.py", "return 5", "return 55"),
    "a static method": ("main.py", "x + 6", "x + 66"),
    "a constructor": ("main.py", "self.state = 7", "self.state = 77"),
    "a cached property": ("main.py", "return 8", "return 88"),
    "an argument of a decorator": ("main.py", "@logged(9)", "@logged(0)"),
    "the body of a decorator": ("main.py", "if level else None", "if level else 0"),
    "the body of a decorated function": ("main.py", "x + 11", "x + 111"),
    "the body below lru_cache": ("main.py", "x + 12", "x + 112"),
    "the value of a closure": ("main.py", "make(13)", "make(113)"),
    "a default of a keyword": ("main.py", "scale=14", "scale=114"),
    "a default of the function": ("main.py", "y=15", "y=115"),
    "the body of an inner function": ("main.py", "y + 16", "y + 116"),
    "a lambda": ("main.py", "q + 17", "q + 117"),
    "the deepest helper": ("tools.py", "return x + DEEP", "return x - DEEP"),
    "a default of a helper": ("tools.py", "k=21", "k=22"),
    "a helper behind a package": ("shapes/_area.py", "r * 25", "r * 35"),
    "a helper that is imported when it runs": ("late.py", "return 26", "return 36"),
    "a helper by its dotted name": ("later.py", "return 27", "return 37"),
    "the body below a decorator of another library": ("main.py", "x + 29", "x + 129"),
    "an argument of a decorator of another library": ("main.py", "plain_decorator(28)", "plain_decorator(128)"),
    "a function that an object of another library holds": ("tools.py", "x + 35", "x + 135"),
    "a function for a type": ("main.py", "x + 31", "x + 131"),
    "the function for other types": ("main.py", "x + 30", "x + 130"),
    "the items of a subclass of list": ("main.py", '["a", "b"]', '["a", "c"]'),
    "a value in a slot": ("main.py", "Slotted(32)", "Slotted(132)"),
    "an attribute of a function": ("main.py", "configured.rate = 33", "configured.rate = 133"),
    "a method of an argument, deep inside": ("main.py", "self.value * 34", "self.value * 134"),
    "an operator": ("main.py", "each < LIMIT", "each <= LIMIT"),
    "the order of two parameters": ("tools.py", "def scale(x, factor)", "def scale(factor, x)"),
    "one more item in a tuple": ("main.py", "kind = TABLE", "kind = 0, TABLE"),
    "a generator for a list": (
        "main.py",
        "[tidy(each) for each in x if each < LIMIT]",
        "(tidy(each) for each in x if each < LIMIT)",
    ),
}
HITS = {
    "the name of a local": ("main.py", "total", "amount"),
    "the name of a variable of a comprehension": ("main.py", "each", "one"),
    "the name of a local that an inner function uses": ("main.py", "offset", "a_distance"),
    "the name of an inner function": ("main.py", "local(", "nearby("),
    "a comment": ("tools.py", "return x + DEEP", "return x + DEEP  # the deepest"),
    "a docstring": ("tools.py", "def deepest(x):", 'def deepest(x):\n        "Add."'),
    "a docstring of a class": ("main.py", "class Worker(Base):", 'class Worker(Base):\n        "Works."'),
    "blank lines": ("tools.py", "def deepest", "\n\n\n    def deepest"),
    "line breaks": (
        "tools.py",
        "return deepest(x) * k",
        "return (\n            deepest(x)\n            * k\n        )",
    ),
    "a function that is not used": ("tools.py", "x + 24", "x + 34"),
    "a new function": ("tools.py", "DEEP = 20", "DEEP = 20\n\n    def another():\n        return 1"),
    "an annotation of a local": ("main.py", "work = WORKER", "work: int = WORKER"),
    "an annotation of a parameter": ("tools.py", "def clean(x, k=21)", "def clean(x: int, k: int = 21) -> int"),
    "an annotation of a static method": ("main.py", "def fixed(x)", "def fixed(x: int)"),
    "an import that is not used": ("main.py", "import math", "import math\n    import os"),
    "parentheses": ("tools.py", "deepest(x) * k", "(deepest(x)) * (k)"),
}


def changed(file: str, before: str, after: str) -> Files:
    assert before in PROGRAM[file]
    return {**PROGRAM, file: PROGRAM[file].replace(before, after)}


@pytest.mark.parametrize("what", MISSES)
def test_a_change_of_what_the_code_does_is_noticed(what: str, program: Callable[[Files], CodeIdentity]) -> None:
    assert program(PROGRAM).parts != program(changed(*MISSES[what])).parts


@pytest.mark.parametrize("what", HITS)
def test_a_change_without_effect_is_not_noticed(what: str, program: Callable[[Files], CodeIdentity]) -> None:
    assert program(PROGRAM).parts == program(changed(*HITS[what])).parts


def test_the_order_and_layout_of_files_have_no_effect(program: Callable[[Files], CodeIdentity]) -> None:
    written = {name: ast.unparse(ast.parse(textwrap.dedent(source))) for name, source in PROGRAM.items()}
    assert program(PROGRAM).parts == program(written).parts
    moved = textwrap.dedent(TOOLS).strip().split("\n\n")
    assert program(PROGRAM).parts == program({**PROGRAM, "tools.py": "\n\n".join([moved[0], *moved[:0:-1]])}).parts


BELOW = {
    "without wraps": "@plain_decorator(1)",
    "with wraps": "@wrapping_decorator",
    "of the standard library": "@singledispatch",
}


@pytest.mark.parametrize("decorator", BELOW)
def test_code_below_a_decorator_of_another_library_is_followed(
    decorator: str, program: Callable[[Files], CodeIdentity]
) -> None:
    main = f"""
        from functools import singledispatch
        from outside import plain_decorator, wrapping_decorator
        from prog.tools import clean

        {BELOW[decorator]}
        def step(x):
            return clean(x)
    """
    before = program({**PROGRAM, "main.py": main})
    assert name_of(sys.modules["prog.main"].step).endswith({"without wraps": "(prog.main.step)"}.get(decorator, "step"))
    for after in (main.replace("clean(x)", "clean(x, 3)"), main):
        tools = TOOLS if after != main else TOOLS.replace("x + DEEP", "x - DEEP")
        assert program({**PROGRAM, "tools.py": tools, "main.py": after}).parts != before.parts


def test_it_is_the_same_each_time(program: Callable[[Files], CodeIdentity]) -> None:
    assert program(PROGRAM) == program(PROGRAM)


def test_running_it_changes_nothing(program: Callable[[Files], CodeIdentity]) -> None:
    before = program(PROGRAM)
    main: Any = sys.modules["prog.main"]
    assert main.WORKER.cached == 8
    main.remembered(1)
    assert KnownCode(main.step, "distribution").identity(main.ARGUMENTS) == before


def test_what_cannot_be_followed_is_listed(program: Callable[[Files], CodeIdentity]) -> None:
    main = """
        import numpy as np
        import itertools
        from threading import Lock
        from uuid import uuid4

        ARRAY = np.arange(3)
        LOCK = Lock()
        ITERATOR = itertools.count()

        def helper(name):
            return eval(name)

        def step(x):
            return np.sum(x), helper(x), getattr(x, "name"), LOCK, ITERATOR, ARRAY, uuid4()
    """
    assert program({"main.py": main}).not_followed == (
        "ITERATOR in prog.main.step: the state of a itertools.count",
        "code of numpy, which is another distribution",
        "prog.main.helper calls eval(), which may use names that only exist when it runs",
        "prog.main.step calls getattr(), which may use names that only exist when it runs",
    )
    assert program({"main.py": main}).parts != program({"main.py": main.replace("arange(3)", "arange(4)")}).parts


@pytest.mark.parametrize(
    ("before", "call", "listed"),
    [
        ("from importlib import import_module as get", "get('prog.tools')", "importlib.import_module"),
        ("from operator import attrgetter as get", "get('a')(x)", "operator.attrgetter"),
        ("import inspect", "inspect.getmembers(x)", "getmembers"),
        ("import inspect", "inspect.getsource(step)", "getsource"),
        ("GET = getattr", "GET(x, 'a')", "getattr()"),
        ("GET = globals", "GET()['step']", "globals()"),
        ("from functools import partial\nGET = partial(getattr, int)", "GET('a')", "getattr()"),
        ("from threading import local\nSTATE = local()", "STATE", "_thread._local"),
    ],
)
def test_names_that_only_exist_when_it_runs_are_listed(
    before: str, call: str, listed: str, program: Callable[[Files], CodeIdentity]
) -> None:
    found = program({"main.py": f"{before}\ndef step(x): return {call}\n", "tools.py": "def helper(): ..."})
    assert any(listed in what for what in found.not_followed), found.not_followed


def test_constants_without_state_are_not_listed(program: Callable[[Files], CodeIdentity]) -> None:
    main = """
        from dataclasses import dataclass

        REST = [...]
        NO = (NotImplemented,)

        @dataclass
        class Sizes:
            sizes: tuple[int, ...]

        def step(x):
            return Sizes(x), REST, NO
    """
    found = program({"main.py": main})
    assert found.not_followed == ()
    assert found.parts != program({"main.py": main.replace("[...]", "[NotImplemented]")}).parts


# Generated programs ----------------------------------------------------------------------------------------------


class Generated:
    """A random program of functions in modules that call each other, in which one thing can be changed."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.count = chance.randint(3, 9)
        self.module = [chance.randint(0, 2) for _ in range(self.count)]
        self.calls = [
            [other for other in range(each + 1, self.count) if chance.random() < 0.4] for each in range(self.count)
        ]
        self.ways = {(one, other): chance.randint(0, 3) for one in range(self.count) for other in range(self.count)}
        self.constant = list(range(100, 100 + self.count))
        self.default = list(range(200, 200 + self.count))
        self.global_value = list(range(300, 300 + self.count))
        self.closure = list(range(400, 400 + self.count))
        self.local = [f"name{each}" for each in range(self.count)]
        self.comment = [""] * self.count
        self.shape = [chance.randint(0, 3) for _ in range(self.count)]

    def reached(self) -> set[int]:
        found, pending = set[int](), [0]
        while pending:
            each = pending.pop()
            if each not in found:
                found.add(each)
                pending += self.calls[each]
        return found

    def files(self) -> Files:
        files = {f"part{module}.py": "" for module in range(3)}
        for each in range(self.count):
            files[f"part{self.module[each]}.py"] += self.source(each)
        for module in range(3):
            others = "".join(f"import prog.part{other} as part{other}\n" for other in range(3))
            files[f"part{module}.py"] = others + files[f"part{module}.py"]
        return {**files, "main.py": f"from prog.part{self.module[0]} import f0 as step\n"}

    def source(self, each: int) -> str:
        name = self.local[each]
        calls = [self.call(each, other) for other in self.calls[each]]
        total = " + ".join([f"{name} + G{each} + {self.constant[each]}", *calls])
        body = [
            [f"    {name} = x", f"    return {total}"],
            [f"    {name} = [x for x in range(x)][0] if x else 0", f"    return (lambda: {total})()"],
            [f"    for {name} in (x,):", f"        if {name}:", f"            return {total}", "    return 0"],
            [
                "    try:",
                f"        {name} = x",
                "    except ValueError as error:",
                "        raise",
                f"    return {total}",
            ],
        ][self.shape[each]]
        lines = [
            f"G{each} = {self.global_value[each]}",
            f"def made{each}(outer):",
            f"    def f{each}(x, d={self.default[each]}):",
            *([f"        {self.comment[each]}"] if self.comment[each] else []),
            *(f"    {line}" for line in body),
            "        return d + outer",
            f"    return f{each}",
            f"f{each} = made{each}({self.closure[each]})",
        ]
        return "\n".join(lines) + "\n"

    def call(self, one: int, other: int) -> str:
        module = f"part{self.module[other]}"
        if self.module[one] == self.module[other] and self.ways[one, other] < 2:
            return f"f{other}(x)"
        return (
            f"{module}.f{other}(x)" if self.ways[one, other] % 2 else f"getattr({module}, 'no', {module}.f{other})(x)"
        )


def _add(name: str, number: int) -> Callable[[Generated, int], None]:
    def change(program: Generated, each: int) -> None:
        getattr(program, name)[each] += number

    return change


def _set(name: str, value: str) -> Callable[[Generated, int], None]:
    def change(program: Generated, each: int) -> None:
        getattr(program, name)[each] = value

    return change


CHANGES: list[tuple[Callable[[Generated, int], None], bool]] = [
    (_add("constant", 1000), True),
    (_add("default", 1000), True),
    (_add("global_value", 1000), True),
    (_add("closure", 1000), True),
    (_set("local", "a_new_name"), False),
    (_set("local", "zz_new_name"), False),
    (_set("comment", "# a comment"), False),
    (_set("comment", '"""A docstring."""'), False),
]


@pytest.mark.parametrize("seed", range(6))
def test_one_change_at_a_time_in_generated_programs(seed: int, program: Callable[[Files], CodeIdentity]) -> None:
    before = program(Generated(seed).files()).parts
    reached = Generated(seed).reached()
    for change, has_effect in CHANGES:
        for each in range(Generated(seed).count):
            altered = Generated(seed)
            change(altered, each)
            after = program(altered.files()).parts
            assert (before != after) == (has_effect and each in reached), (each, altered.files())
