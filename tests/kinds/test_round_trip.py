"""Models and values of each kind load exactly as they were saved, whatever code of their own would change."""

from __future__ import annotations

from collections.abc import Callable
from decimal import InvalidOperation
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from artigraph import columns, load, save, select
from artigraph.testing.strategies import instances, plain_values, scalars
from tests.support.identical import assert_identical
from tests.support.kinds import MODELS, VALUES, Holder, OfPydantic, wrap

pytestmark = pytest.mark.usefixtures("engine")

checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
several = settings(deadline=None, max_examples=15, suppress_health_check=checks)
each_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
each_value = pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)


async def round_trip(model: Any) -> Any:
    cls: type[OfPydantic] = model.__class__
    loaded: Any = await load(cls, await save(model, "it"))
    assert_identical(loaded, model)
    return loaded


@each_model
@several
@given(value=plain_values(), known=plain_values(scalars() | instances()))
async def test_every_plain_value_comes_back_in_a_model_of_each_kind(
    make: Callable[..., Any], value: Any, known: Any
) -> None:
    try:
        model = make(anything=value, something=value, known=[known], stored=value)
    except InvalidOperation:  # pydantic takes reprs, and that of a Counter compares its counts, NaN among them
        reject()
    assert model.anything == wrap(value) or value != value or model.anything[1] is value
    loaded = await round_trip(model)
    again = await round_trip(loaded)
    assert_identical(again.anything, model.anything)


@each_value
@several
@given(value=plain_values())
async def test_every_plain_value_comes_back_in_a_value_of_each_kind(make: Callable[..., Any], value: Any) -> None:
    one = make(content=value, name="x")
    assert type(one.content) is tuple
    await round_trip(Holder(one, [one, make(name="y")], {"a": one, "b": None}))


@each_model
async def test_a_code_of_the_class_changes_nothing_on_load(make: Callable[..., Any]) -> None:
    model = make(anything=4)
    node_id = await save(model, "it")
    cls: type[OfPydantic] = cast("Any", make)
    loaded: Any = await load(cls, node_id)
    assert loaded.anything == ("wrapped", 4)
    assert type(loaded) is make
    found: list[Any] = await select(cls).where(columns(cls).something.is_(None)).all()
    assert_identical(found, [model])
    part: Any = await load(cls, node_id, fields=["anything"])
    assert part.anything == ("wrapped", 4)
    assert isinstance(part, cls)


@given(values=st.lists(st.sampled_from(list(VALUES)), max_size=4))
@several
async def test_lists_of_several_kinds_come_back(values: list[str]) -> None:
    await round_trip(Holder(None, [VALUES[name](content=index) for index, name in enumerate(values)]))
