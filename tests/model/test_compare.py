"""Models compare by value: the same class, NaN equal to NaN, arrays and frames by content, at any depth."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence
from artigraph.model.compare import equal

_np: Any = np
_pd: Any = pd
_pa: Any = pa


def nan() -> float:
    """Return a NaN that is a new object."""
    return float("nan")


class Pair(NamedTuple):
    one: Any
    two: Any = None


class Member(NamedTuple):
    x: Any


@dataclass(frozen=True)
class Plain:
    x: Any
    note: str = field(default="", compare=False)


@dataclass
class Model(ArtifactModel, name="compare.Model"):
    x: Any
    note: str = field(default="", compare=False)


@dataclass
class Sub(Model, name="compare.Sub"):
    pass


@dataclass
class Twin(ArtifactModel, name="compare.Twin"):
    x: Any
    note: str = ""


SAME: dict[str, Callable[[], Any]] = {
    "nan": nan,
    "nan in a list": lambda: [1, [nan()]],
    "nan in a tuple": lambda: (nan(),),
    "nan in a named tuple": lambda: Pair(nan(), [nan()]),
    "nan in a dataclass": lambda: Plain([nan()]),
    "nan as a value": lambda: {"a": nan()},
    "nan as a key": lambda: {nan(): 1, "b": 2, None: nan()},
    "nan in a key": lambda: {(1, (nan(),)): [nan()], Pair(nan()): 2},
    "nan in a key of a class": lambda: {Plain(nan()): 1, frozenset({nan()}): 2},
    "nan in a set": lambda: {nan(), 1, (nan(), 2)},
    "nan in a set with other classes": lambda: {nan(), Plain(1), Plain},
    "nan in a frozenset of frozensets": lambda: frozenset({frozenset({nan(), Pair(1, 2)})}),
    "decimal nan": lambda: Decimal("nan"),
    "signalling nan": lambda: [Decimal("sNaN"), Pair(Decimal("sNaN"))],
    "complex nan": lambda: complex(1, nan()),
    "an array": lambda: _np.array([[1.0, nan()]]),
    "arrays inside": lambda: {"a": [_np.arange(3), (_np.array(["x"]),)]},
    "a scalar of numpy": lambda: [_np.float64(1.5), _np.float64("nan"), _np.int8(3), _np.bool_(True)],
    "a frame": lambda: _pd.DataFrame({"a": [1.0, nan()], "b": ["x", None]}),
    "an empty frame": _pd.DataFrame,
    "a series": lambda: _pd.Series([1, None], name="s"),
    "polars": lambda: pl.DataFrame({"a": [1.0, None, nan()]}),
    "arrow": lambda: _pa.table({"a": [1.0, None, nan()]}),
    "nested models": lambda: Model([Model(nan()), {"k": Sub(_np.arange(2))}]),
    "a mapping": lambda: ArtifactMapping(a=_np.arange(2), b=Model(nan())),
    "a sequence": lambda: ArtifactSequence([_np.arange(2), Model(nan())]),
    "an hour that comes twice": lambda: datetime(
        2020, 10, 25, 2, 30, tzinfo=ZoneInfo.no_cache("Europe/Berlin"), fold=1
    ),
    "a time in a zone": lambda: time(2, 30, tzinfo=ZoneInfo.no_cache("Europe/Berlin")),
}

DIFFERENT: dict[str, tuple[Any, Any]] = {
    "value": (1, 2),
    "nan and a number": (nan(), 1.0),
    "nan and None": (nan(), None),
    "quiet and signalling": (Decimal("nan"), Decimal("sNaN")),
    "nan of other types": ([nan()], [Decimal("nan")]),
    "values of several nan keys": ({nan(): 1, nan(): 2}, {nan(): 9, nan(): 2}),
    "number of nan keys": ({nan(): 1, 1: 2}, {nan(): 1, nan(): 2}),
    "sets with nan": ({nan(), 1}, {nan(), 2}),
    "list and tuple": ([1], (1,)),
    "tuple and named tuple of other fields": ([Pair(1)], [Pair(2)]),
    "shape": (_np.zeros((2, 3)), _np.zeros((3, 2))),
    "dtype": (_np.array([1, 2], "i4"), _np.array([1, 2], "i8")),
    "byte order": (_np.array([1], "<i4"), _np.array([1], ">i4")),
    "content": (_np.array([1, 2]), _np.array([1, 3])),
    "array and list": (_np.array([1, 2]), [1, 2]),
    "array and number": (_np.array([1]), 1),
    "frames of other dtypes": (_pd.DataFrame({"a": [1]}), _pd.DataFrame({"a": [1.0]})),
    "frames of other indexes": (_pd.DataFrame({"a": [1]}), _pd.DataFrame({"a": [1]}, index=[5])),
    "frames of other names": (_pd.DataFrame({"a": [1]}), _pd.DataFrame({"b": [1]})),
    "frames of other shapes": (_pd.DataFrame({"a": [1]}), _pd.DataFrame({"a": [1, 2]})),
    "frame and series": (_pd.DataFrame({"a": [1]}), _pd.Series([1])),
    "polars dtypes": (pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [1.0]})),
    "polars shapes": (pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [1, 2]})),
    "schemas": (_pa.table({"a": [1]}), _pa.table({"a": [1.0]})),
    "classes": (Model(1), Twin(1)),
    "subclasses": (Model(1), Sub(1)),
    "length": ([1], [1, 1]),
    "keys": ({"a": 1}, {"b": 1}),
    "plain dataclass": (Plain(1), Plain(2)),
    "fold": (time(2, 30, tzinfo=ZoneInfo("Europe/Berlin")), time(2, 31, tzinfo=ZoneInfo("Europe/Berlin"))),
}


@pytest.mark.parametrize("name", SAME)
def test_what_has_one_content_is_equal(name: str) -> None:
    make = SAME[name]
    assert Model(make()) == Model(make())
    assert not Model(make()) != Model(make())  # noqa: SIM202 (the other operator)
    assert Model([make(), {"k": make()}]) == Model([make(), {"k": make()}])
    assert Model(make()) != Model([make()])
    assert ArtifactMapping(a=make()) == {"a": make()}
    assert [make()] == ArtifactSequence([make()])
    assert equal(make(), make())


WRAPS: list[Callable[[Any], Any]] = [
    lambda x: x,
    lambda x: [x],
    lambda x: {"k": Plain((x,))},
    lambda x: ArtifactSequence([x]),
]


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_is_not_equal(name: str) -> None:
    one, other = DIFFERENT[name]
    for wrap in WRAPS:
        assert Model(wrap(one)) != Model(wrap(other))
        assert Model(wrap(other)) != Model(wrap(one))


def test_models_differ_from_everything_else() -> None:
    assert Model(1) != 1
    assert Model(1) != Plain(1)
    assert Model(1).__eq__(1) is NotImplemented


def test_a_field_that_is_not_compared_counts_nowhere() -> None:
    assert Model(1, "a") == Model(1, "b")
    assert Model([Model(1, "a")]) == Model([Model(1, "b")])
    assert Model([Plain(1, "a"), {Plain(nan(), "a")}]) == Model([Plain(1, "b"), {Plain(nan(), "b")}])


def test_a_class_has_the_equality_that_it_asks_for() -> None:
    @dataclass(eq=False)
    class Identity(ArtifactModel):
        x: int

    one = Identity(1)
    assert one == one
    assert one != Identity(1)
    assert Model(one) == Model(one)
    assert Model(one) != Model(Identity(1))
    assert Model({"k": [one]}) != Model({"k": [Identity(1)]})
    assert hash(one) != hash(Identity(1))


def test_a_users_own_equality_wins() -> None:
    @dataclass(eq=False)
    class Rounded(ArtifactModel):
        x: float

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Rounded) and round(self.x) == round(other.x)

        __hash__ = None  # type: ignore[assignment]

    @dataclass
    class Inherits(Rounded):
        y: int = 0

    @dataclass
    class Folded:
        x: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Folded) and self.x.lower() == other.x.lower()

        __hash__ = None  # type: ignore[assignment]

    class Tuple(NamedTuple):
        x: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Tuple)

        def __hash__(self) -> int:
            return 1

    assert Rounded(1.1) == Rounded(0.9)
    assert Model([Rounded(1.1)]) == Model([Rounded(0.9)])
    assert Model(Rounded(1.1)) != Model(Rounded(2))
    assert Inherits(1.1, 1) == Inherits(0.9, 2)
    assert Model(Folded("A")) == Model(Folded("a"))
    assert Model(Tuple(1)) == Model(Tuple(2))


def test_an_equality_of_ones_own_is_seen_in_code_without_a_file() -> None:
    code = """if True:
        from dataclasses import dataclass
        from artigraph import ArtifactModel
        from artigraph.model.compare import equal
        @dataclass
        class Mine:
            x: int
            def __eq__(self, other):
                return True
        @dataclass
        class M(ArtifactModel):
            x: object
        assert M(Mine(1)) == M(Mine(2))
        assert M([1]) != M([2])
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_mixin_that_is_a_dataclass_does_not_bring_its_equality_and_repr() -> None:
    @dataclass
    class Mixin:
        a: Any

    @dataclass
    class Mixed(Mixin, ArtifactModel):
        b: Any

    assert Mixed(_np.arange(2), 1) == Mixed(_np.arange(2), 1)
    assert Mixed(1, 1) != Mixed(1, 2)
    assert repr(Mixed(1, 2)).endswith("Mixed(a=1, b=2)")


def test_a_repr_of_ones_own_wins_and_a_long_number_is_no_error() -> None:
    @dataclass
    class Shown(ArtifactModel):
        x: int

        def __repr__(self) -> str:
            return f"<shown {self.x}>"

    assert repr(Shown(1)) == "<shown 1>"
    assert repr(Model([Shown(1)])) == "Model(x=[<shown 1>], note='')"
    assert repr(Model(2**20000)) == "Model(x=<int of 20001 bits>, note='')"
    assert repr(Model(_np.zeros((2, 3)))) == "Model(x=<ndarray 2x3 float64>, note='')"
    assert repr(Model(_np.float64(1))).startswith("Model(x=np.float64(1.0)")


def test_frozen_models_are_hashed_by_value_and_others_not_at_all() -> None:
    @dataclass(frozen=True)
    class Frozen(ArtifactModel, frozen=True):
        x: Any
        y: Any = field(default=None, compare=False)

    assert hash(Frozen(1, 2)) == hash(Frozen(1, 3))
    assert len({Frozen(1), Frozen(1), Frozen((1, 2)), Frozen(Frozen(1))}) == 3
    assert Frozen(frozenset({Frozen(1)})) == Frozen(frozenset({Frozen(1)}))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Model(1))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Frozen([]))


def test_containers_equal_other_containers_of_their_content_at_any_depth() -> None:
    deep: Any = 1
    plain: Any = 1
    for _ in range(5000):
        deep, plain = ArtifactMapping(k=ArtifactSequence([deep])), {"k": [plain]}
    assert deep == plain
    assert plain == deep
    assert ArtifactMapping(k=deep) != {"k": [plain]}
    assert ArtifactMapping(a=1) == MappingProxyType({"a": 1})
    assert ArtifactMapping(a=ArtifactSequence([1])) != {"a": (1,)}
    assert ArtifactSequence([1]) != ArtifactMapping(a=1)


def test_what_fails_to_compare_is_not_equal() -> None:
    class Refuses:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("incomparable")

        __hash__ = None  # type: ignore[assignment]

    assert Model(Refuses()) != Model(Refuses())
    same = Refuses()
    assert Model(same) == Model(same)


def test_values_made_anew_at_each_look_are_not_mixed_up() -> None:
    class Fresh(ArtifactModel):
        """Its parts are new objects each time, so Python uses their ids again."""

        def __init__(self, items: list[int]) -> None:
            self.items = items

        def _artigraph_parts(self) -> dict[str, object]:
            return {str(index): [item] for index, item in enumerate(self.items)}

    assert equal(Fresh([1, 2, 3]), Fresh([1, 2, 3]))
    assert not equal(Fresh([3, 1, 2]), Fresh([4, 1, 2]))
    assert not equal(Fresh([1, 2, 4]), Fresh([1, 2, 3]))


def test_wide_sharing_is_compared_once() -> None:
    def ladder() -> Any:
        rung: Any = [1]
        for _ in range(60):
            rung = [rung, rung]
        return rung

    assert Model(ladder()) == Model(ladder())
