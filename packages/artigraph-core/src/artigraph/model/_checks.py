"""Contracts: checks of a field's values that run before a save."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.errors import ArgumentError, CheckFailedError
from artigraph.graph.run_rows import RunValueRow
from artigraph.graph.runs import replace_in
from artigraph.identifiers import LABEL_LENGTH, check_label
from artigraph.printable import count_text, printable
from artigraph.serializer.codec import encode
from artigraph.serializer.codec.classes import is_pydantic
from artigraph.serializer.search_key import search_key

OnFail = Literal["refuse", "record"]

_EXAMPLES = 5
"""The most findings in an error or a tag."""
_MOST_TAGS = 1000
"""The most tags of a run."""
_log = logging.getLogger("artigraph")


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the values of a field; `check` makes it."""

    schema: Any
    on_fail: OnFail
    name: str

    def findings(self, value: object) -> list[str]:
        """Return what the schema finds wrong with a value. It runs code of the user."""
        try:
            if hasattr(self.schema, "validate_python"):
                self.schema.validate_python(value)
                return []
            if hasattr(self.schema, "validate"):
                self.schema.validate(value, lazy=True)
                return []
            return _as_texts(self.schema(value))
        except Exception as error:  # how schemas report what they find
            return _reported(error)


def check(schema: Any, *, on_fail: OnFail = "refuse", name: str | None = None) -> Check:
    """Make a check of a field's values.

        predictions: Annotated[pd.DataFrame, check(schema)]

    It runs in a thread before each save of a model with the field, and before anything is written. It never runs at a
    load, and not for None.

    Args:
        schema: one of these:

            - a pandera schema, or anything with a method `validate(value, lazy=True)` that raises an exception;
            - a pydantic `TypeAdapter`, or anything with a method `validate_python(value)` that raises an exception;
            - a function of the value. It returns or yields findings, which are texts. None, True and an empty
              collection are no findings. An exception is one. A bool of another library, such as
              that of `(array > 0).all()`, counts as a bool.
        on_fail: "refuse" raises a `CheckFailedError`, and nothing is saved. "record" saves the model. The tag
            `check:Model.field:name` of its run is "passed" or begins with "failed".
        name: the name of the check, by default that of the schema or function.

    Raises:
        ArgumentError: the schema is of another type (also an async function or a pydantic class), or `on_fail` is
            neither "refuse" nor "record".
        InvalidLabelError: the name is not valid.
    """
    if not (callable(schema) or hasattr(schema, "validate") or hasattr(schema, "validate_python")):
        msg = f"check takes a pandera schema, a pydantic TypeAdapter or a function, not {schema!r:.100}"
        raise ArgumentError(msg)
    if isinstance(schema, type) and is_pydantic(schema):
        msg = (
            f"check takes no class of pydantic, such as {schema.__name__}: write check(TypeAdapter({schema.__name__}))"
        )
        raise ArgumentError(msg)
    if any(is_async(each) for each in (schema, type(schema).__call__) for is_async in _IS_ASYNC):
        msg = (
            f"check takes no async function, such as {_name_of(schema)}, because checks run in a thread: write def "
            "instead of async def. Run what is async there with asyncio.run(...)"
        )
        raise ArgumentError(msg)
    if on_fail not in ("refuse", "record"):
        msg = f"on_fail is 'refuse' or 'record', not {on_fail!r:.100}"
        raise ArgumentError(msg)
    found = name or getattr(schema, "name", None) or _name_of(schema)
    return Check(schema, on_fail, check_label(found, "The name of a check"))


_IS_ASYNC = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)


def _name_of(schema: Any) -> str:
    return getattr(schema, "__name__", None) or type(schema).__name__


class CheckedValue(NamedTuple):
    """A value of a field with checks."""

    model_name: str
    field_name: str
    checks: Sequence[Check]
    value: object


class _Outcome(NamedTuple):
    checked: CheckedValue
    check: Check
    findings: list[str]

    def describe(self) -> str:
        some = "; ".join(printable(each) for each in self.findings[:_EXAMPLES])
        return f"{count_text(len(self.findings), 'finding')}: {some}"

    @property
    def tag(self) -> str:
        return f"check:{self.checked.model_name}.{self.checked.field_name}:{self.check.name}"[:LABEL_LENGTH]


async def run_checks(
    values: Sequence[CheckedValue], parent_id: UUID | None
) -> Callable[[AsyncConnection], Awaitable[None]] | None:
    """Run the checks of values in a thread. Return what records their outcome in the transaction of the save, or None.

    Raises:
        CheckFailedError: a check that refuses has findings.
    """
    outcomes = await asyncio.to_thread(_run, values)
    for outcome in outcomes:
        if outcome.findings and outcome.check.on_fail == "refuse":
            msg = (
                f"{outcome.checked.model_name}.{outcome.checked.field_name} fails the check {outcome.check.name!r} "
                f"with {outcome.describe()}. Nothing was saved."
            )
            raise CheckFailedError(msg)
    recorded: dict[str, str] = {}
    for outcome in outcomes:
        if outcome.check.on_fail == "record":
            text = f"failed with {outcome.describe()}"[:LABEL_LENGTH] if outcome.findings else "passed"
            if recorded.get(outcome.tag, "passed") == "passed":
                recorded[outcome.tag] = text
            if outcome.findings:
                _log.warning("%s %s", outcome.tag, text)
    if not recorded or parent_id is None:
        return None
    rows = [RunValueRow("tag", name, encode(text), search_key(text)) for name, text in sorted(recorded.items())]

    async def record(connection: AsyncConnection) -> None:
        await replace_in(connection, parent_id, rows, most=_MOST_TAGS)

    return record


def _run(values: Sequence[CheckedValue]) -> list[_Outcome]:
    return [
        _Outcome(checked, each, each.findings(checked.value))
        for checked in values
        if checked.value is not None
        for each in checked.checks
    ]


def _as_texts(found: object) -> list[str]:
    """Return the findings that a function returned."""
    found = _as_bool(found)
    if found is None or found is True:
        return []
    if found is False:
        return ["the check returned False"]
    if isinstance(found, str) or not isinstance(found, Iterable):
        return [_text(found)]
    return [_text(each) for each in cast("Iterable[object]", found)]


def _as_bool(found: object) -> object:
    """Return the bool that is the only value in an object of another library; other objects as they are."""
    for name in ("item", "as_py"):  # of NumPy, pandas, polars and most others; of Arrow
        method: Any = getattr(found, name, None)
        value: object = None
        if callable(method):
            with contextlib.suppress(Exception):  # it holds several values, say
                value = method()
        if isinstance(value, bool):
            return value
    return found


def _reported(error: Exception) -> list[str]:
    """Return the findings in an exception: of pandera, of pydantic, or its text."""
    cases: Any = getattr(error, "failure_cases", None)
    if hasattr(cases, "to_dicts"):  # of polars
        return [_case(case) for case in cases.to_dicts()]
    if hasattr(cases, "to_dict"):  # of pandas
        return [_case(case) for case in cases.to_dict("records")]
    errors: Any = getattr(error, "errors", None)
    if callable(errors):
        reported: Any = errors()
        items: list[Any] = [*reported] if hasattr(reported, "__iter__") else []
        return [_item(each) for each in items] or [_text(error)]
    return [f"{type(error).__name__}: {_text(error)}"]


def _case(case: dict[str, Any]) -> str:
    where = "" if case.get("column") is None else f"{case['column']}: "
    index = "" if case.get("index") is None else f" at {case['index']}"
    return _text(f"{where}{case.get('check')} fails for {case.get('failure_case')!r}{index}")


def _item(item: Any) -> str:
    try:
        return _text(f"{'.'.join(map(str, item['loc']))}: {item['msg']}".removeprefix(": "))
    except (KeyError, TypeError):
        return _text(item)


def _text(value: object) -> str:
    """Return a finding in one line that a tag can hold."""
    return printable(str(value)[: 4 * LABEL_LENGTH]).replace("\0", "")
