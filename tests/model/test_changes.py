"""Classes that change after their data was stored. It loads, or the error says what to write, and that works."""

from __future__ import annotations

import gc
import re
import sys
import textwrap
from collections.abc import Generator
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.errors import ArtigraphError

IMPORTS = """
from dataclasses import dataclass, field
from enum import Enum, Flag, IntEnum
from typing import Any, NamedTuple
from artigraph import ArtifactMapping, ArtifactModel, artifact_field
"""


@dataclass(frozen=True)
class Case:
    """A change of classes."""

    before: str
    stored: str
    """The expression of the model that is saved before the change."""
    after: str
    loaded: str
    """The expression of the model that is loaded after the change."""
    value: str = ""
    """What the user writes for `VALUE` or `NEW_NAME` in the code of the message."""
    loads: bool = False
    """Whether the data loads without any further code."""
    alias: bool = False
    """Whether to follow the advice on a renamed member, instead of the code."""


COLOR = "class Color(Enum):\n    RED = 1\n    BLUE = 2\n"
BLUE = "class Color(Enum):\n    BLUE = 2\n"
PLACE = "@dataclass\nclass Place:\n    x: int\n    y: int = 0\n"


def model(*fields: str, version: int = 1, name: str = "M", line: str = "") -> str:
    body = "\n".join(f"    {field}" for field in fields)
    return f"@dataclass\nclass {name}(ArtifactModel, version={version}{line}):\n{body}\n"


COLLECTIONS = "import collections\n"
PART = model("a: int", name="Part")
CASES = {
    "a field with a default added": Case(model("x: int"), "M(1)", model("x: int", "y: int = 2"), "M(1, 2)", loads=True),
    "a field without a default added": Case(model("x: int"), "M(1)", model("x: int", "y: int"), "M(1, 7)", value="7"),
    "a field renamed": Case(model("rate: float"), "M(0.5)", model("speed: float"), "M(0.5)"),
    "a field removed": Case(model("x: int", "y: int"), "M(1, 2)", model("x: int"), "M(1)"),
    "a type widened": Case(model("x: int"), "M(1)", model("x: float"), "M(1)", loads=True),
    "a type changed": Case(model("x: int"), "M(1)", model("x: str"), "M(1)", loads=True),
    "an optional field made required": Case(
        model("x: int | None = None"), "M(None)", model("x: int"), "M(None)", loads=True
    ),
    "a nested model changed": Case(
        model("a: int", name="Part") + model("part: Part"),
        "M(Part(3))",
        model("b: int", name="Part") + model("part: Part"),
        "M(Part(3))",
    ),
    "a nested class gone": Case(
        model("a: int", name="Gone") + model("part: Any"),
        "M(Gone(3))",
        model("part: Any", version=2)
        + "\n    @classmethod\n    def migrate(cls, version, data):\n"
        + "        return {'part': data['part'].fields['a']}\n",
        "M(3)",
        loads=True,
    ),
    "a field of a dataclass renamed": Case(
        PLACE + model("place: Place"),
        "M(Place(1, 2))",
        PLACE.replace("x:", "east:") + model("place: Place"),
        "M(Place(1, 2))",
    ),
    "a field of a dataclass removed": Case(
        PLACE + model("place: Place"),
        "M(Place(1, 2))",
        PLACE.replace("    y: int = 0\n", "") + model("place: Place"),
        "M(Place(1))",
    ),
    "a field of a dataclass added": Case(
        PLACE.replace("    y: int = 0\n", "") + model("place: list[Place]"),
        "M([Place(1)])",
        PLACE.replace(" = 0", "") + model("place: list[Place]"),
        "M([Place(1, 9)])",
        value="9",
    ),
    "a dataclass renamed": Case(
        PLACE + model("place: dict[str, Place]"),
        "M({'a': Place(1, 2)})",
        PLACE.replace("Place", "Spot") + model("place: dict[str, Spot]"),
        "M({'a': Spot(1, 2)})",
    ),
    "a dataclass removed": Case(
        PLACE + model("place: Place"), "M(Place(1, 2))", model("place: Any"), "M({'x': 1, 'y': 2})"
    ),
    "a field of a named tuple renamed": Case(
        "class Pair(NamedTuple):\n    a: int\n    b: int\n" + model("pair: Pair"),
        "M(Pair(1, 2))",
        "class Pair(NamedTuple):\n    a: int\n    c: int\n" + model("pair: Pair"),
        "M(Pair(1, 2))",
    ),
    "a member renamed, with an alias": Case(
        COLOR + model("color: Color"),
        "M(Color.RED)",
        COLOR.replace("RED", "ROSE") + model("color: Color"),
        "M(Color.ROSE)",
        value="ROSE",
        alias=True,
    ),
    "a member removed": Case(
        COLOR + model("color: Color"), "M(Color.RED)", BLUE + model("color: Color"), "M(Color.BLUE)", value="Color.BLUE"
    ),
    "a member in a set in a dict removed": Case(
        COLOR + model("colors: dict[str, set[Color]]"),
        "M({'a': {Color.BLUE, Color.RED}, 'b': set()})",
        COLOR.replace("RED", "ROSE") + model("colors: dict[str, set[Color]]"),
        "M({'a': {Color.BLUE, Color.ROSE}, 'b': set()})",
        value="Color.ROSE",
    ),
    "a member in a dataclass in a list removed": Case(
        COLOR + "@dataclass\nclass Paint:\n    color: Color\n" + model("paints: list[Paint]"),
        "M([Paint(Color.BLUE), Paint(Color.RED)])",
        BLUE + "@dataclass\nclass Paint:\n    color: Color\n" + model("paints: list[Paint]"),
        "M([Paint(Color.BLUE), Paint(Color.BLUE)])",
        value="Color.BLUE",
    ),
    "a member in a mapping removed": Case(
        COLOR + model("colors: ArtifactMapping[str, Color]"),
        "M(ArtifactMapping(a=Color.RED))",
        BLUE + model("colors: ArtifactMapping[str, Color]"),
        "M(ArtifactMapping(a=Color.BLUE))",
        value="Color.BLUE",
    ),
    "a field of a dataclass in a deque renamed": Case(
        COLLECTIONS + PLACE + model("places: collections.deque[Place]"),
        "M(collections.deque([Place(1, 2)], 3))",
        COLLECTIONS + PLACE.replace("x:", "east:") + model("places: collections.deque[Place]"),
        "M(collections.deque([Place(1, 2)], 3))",
    ),
    "a field of a dataclass in a defaultdict renamed": Case(
        COLLECTIONS + PLACE + model("places: collections.defaultdict[str, list[Place]]"),
        "M(collections.defaultdict(list, a=[Place(1, 2)]))",
        COLLECTIONS + PLACE.replace("x:", "east:") + model("places: collections.defaultdict[str, list[Place]]"),
        "M(collections.defaultdict(list, a=[Place(1, 2)]))",
    ),
    "a field of a dataclass in an OrderedDict in a dict renamed": Case(
        COLLECTIONS + PLACE + model("places: dict[str, collections.OrderedDict[str, Place]]"),
        "M({'b': collections.OrderedDict(a=Place(1, 2))})",
        COLLECTIONS + PLACE.replace("x:", "east:") + model("places: dict[str, collections.OrderedDict[str, Place]]"),
        "M({'b': collections.OrderedDict(a=Place(1, 2))})",
    ),
    "a member that is a key in a dict in a dict removed": Case(
        COLOR + model("colors: dict[str, dict[Color, int]]"),
        "M({'a': {Color.RED: 5}})",
        BLUE + model("colors: dict[str, dict[Color, int]]"),
        "M({'a': {Color.BLUE: 5}})",
        value="Color.BLUE",
    ),
    "a member in keys of a Counter removed": Case(
        COLLECTIONS + COLOR + model("colors: collections.Counter[tuple[Color, int]]"),
        "M(collections.Counter({(Color.RED, 1): 5}))",
        COLLECTIONS + BLUE + model("colors: collections.Counter[tuple[Color, int]]"),
        "M(collections.Counter({(Color.BLUE, 1): 5}))",
        value="Color.BLUE",
    ),
    "a member in a tuple of nodes removed": Case(
        COLOR + PART + model("colors: tuple[Part | Color, ...]"),
        "M((Part(1), Color.RED))",
        BLUE + PART + model("colors: tuple[Part | Color, ...]"),
        "M((Part(1), Color.BLUE))",
        value="Color.BLUE",
    ),
    "a member in a dict of nodes by numbers removed": Case(
        COLOR + PART + model("colors: dict[int, Part | Color]"),
        "M({1: Part(1), 2: Color.RED})",
        BLUE + PART + model("colors: dict[int, Part | Color]"),
        "M({1: Part(1), 2: Color.BLUE})",
        value="Color.BLUE",
    ),
    "the value of a member changed": Case(
        COLOR + model("color: Color"),
        "M(Color.RED)",
        COLOR.replace("1", "7") + model("color: Color"),
        "M(Color.RED)",
        loads=True,
    ),
    "an enum renamed": Case(
        COLOR + model("color: Color"),
        "M(Color.RED)",
        COLOR.replace("Color", "Colour") + model("color: Colour"),
        "M(Colour.RED)",
    ),
    "an enum removed": Case(
        COLOR + model("color: Color"), "M(Color.RED)", model("color: str"), "M('red')", value="stored.member.lower()"
    ),
    "flags removed": Case(
        "class Mode(Flag):\n    A = 1\n    B = 2\n    C = 4\n" + model("mode: Mode"),
        "M(Mode.A | Mode.C)",
        "class Mode(Flag):\n    A = 1\n    B = 2\n" + model("mode: Mode"),
        "M(Mode.A)",
        value="Mode.A",
    ),
    "a large value with a member removed": Case(
        COLOR + model("colors: list[Color]"),
        "M([Color.RED] * 100_000)",
        BLUE + model("colors: list[Color]"),
        "M([Color.BLUE] * 100_000)",
        value="Color.BLUE",
    ),
    "a class moved to another module": Case(model("x: int"), "M(1)", "# moved\n" + model("x: int"), "M(1)", loads=True),
    "a class renamed": Case(model("x: int", name="Curve"), "Curve(1)", model("x: int", name="NewCurve"), "NewCurve(1)"),
    "two versions older": Case(model("x: int"), "M(1)", model("y: int", version=3), "M(1)"),
    "older with a migrate of its own": Case(
        model("x: int"),
        "M(1)",
        model("y: int", version=2) + "\n    @classmethod\n    def migrate(cls, version, data):\n        return data\n",
        "M(1)",
    ),
    "older with a step of its own": Case(
        model("x: int"),
        "M(1)",
        model("y: int", version=2)
        + "from artigraph import migration\n@migration(M, from_version=1)\ndef step(data):\n    return data\n",
        "M(1)",
    ),
}


@pytest.fixture(autouse=True)
def forgotten() -> Generator[None]:
    """Forget the classes of a case after it."""
    yield
    for name in ("changing", "elsewhere"):
        sys.modules.pop(name, None)
    gc.collect()


def run(name: str, code: str) -> dict[str, Any]:
    """Run the code of a module, and return its names. Classes find their module by its name."""
    sys.modules[name] = ModuleType(name)
    exec(IMPORTS + code, vars(sys.modules[name]))
    return vars(sys.modules[name])


async def store(code: str, expression: str) -> UUID:
    """Save a model, and drop its classes."""
    node_id: UUID = await eval(expression, run("changing", code)).save("it")
    del sys.modules["changing"]
    gc.collect()
    return node_id


def class_of(value: Any) -> Any:
    """Return the class of a value, of any type to a type checker."""
    return value.__class__


def followed(code: str, message: str, case: Case) -> str:
    """Return the code of a module after its user has done what a message says."""
    if case.alias:
        found = re.search(r"end the body of (\w+) with (.+?)\.( |$)", message)
        assert found, message
        line = found[2].replace("NEW_NAME", case.value)
        return re.sub(rf"(class {found[1]}\(.*\n(    .*\n)+)", rf"\g<1>    {line}\n", code)
    words, _, block = message.partition("\n\n")
    block = textwrap.dedent(block).replace("VALUE", case.value)
    raised = re.search(r"Write version=(\d+) in the class line of (\w+), and below the class:$", words)
    if raised:
        code, count = re.subn(rf"(class {raised[2]}\(ArtifactModel, version=)\d+", rf"\g<1>{raised[1]}", code)
        assert count == 1
        return f"{code}\n{block}\n"
    if words.endswith("Write below the class:"):
        return f"{code}\n{block}\n"
    if words.endswith("of M do this:"):
        return code.replace("return data", f"{block}; return data")
    renamed = re.search(r"class Renamed\(ArtifactModel, (aliases=.*?\))\)", message)
    assert renamed, message
    return re.sub(r"(class NewCurve\(ArtifactModel, version=1)", rf"\g<1>, {renamed[1]}", code)


@pytest.mark.parametrize("name", CASES)
async def test_data_loads_after_a_change_or_the_message_says_what_to_write(name: str, engine: AsyncEngine) -> None:
    case = CASES[name]
    node_id = await store(case.before, case.stored)
    code = case.after
    if not case.loads:
        message = await refusal(code, case, node_id)
        gc.collect()
        code = followed(code, message, case)
    expected: Any = eval(case.loaded, run("elsewhere" if "# moved" in code else "changing", code))
    loaded = await class_of(expected).load(node_id)
    assert loaded == expected
    assert type(loaded) is type(expected)
    # Also the types of collections, and what else they have. A set is shown in the order of its hashes.
    assert sorted(repr(loaded)) == sorted(repr(expected))


async def refusal(code: str, case: Case, node_id: UUID) -> str:
    """Return the message of the error with which a load fails."""
    expected: Any = eval(case.loaded, run("changing", code))
    with pytest.raises(ArtigraphError) as caught:
        await class_of(expected).load(node_id)
    assert caught.value.node_id == node_id
    assert caught.value.label == "it"
    return str(caught.value)
