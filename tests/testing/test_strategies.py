from __future__ import annotations

import importlib
import sys

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from artigraph.errors import MissingDependencyError
from artigraph.identifiers import check_label
from artigraph.serializer.codec import collect_classes
from artigraph.testing import strategies


@settings(deadline=None)
@given(label=strategies.labels())
def test_labels_are_valid(label: str) -> None:
    assert check_label(label, "it") == label


def test_labels_are_of_every_length() -> None:
    first = settings(deadline=None, phases=[Phase.generate])  # to shrink a long label takes half a minute
    assert find(strategies.labels(), lambda label: len(label) == strategies.LABEL_LENGTH, settings=first)
    assert find(strategies.labels(), lambda label: not label, settings=first) == ""


def test_its_classes_are_those_of_an_annotation() -> None:
    annotation = strategies.Colour | strategies.Level | strategies.Unit | strategies.Access
    found = collect_classes([annotation, strategies.Point, strategies.Box])
    assert found == strategies.CLASSES


def test_hashable_scalars_can_be_keys() -> None:
    @settings(deadline=None)
    @given(items=st.sets(strategies.hashable_scalars()))
    def check(items: set[object]) -> None:
        assert dict.fromkeys(items).keys() == items

    check()


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "artigraph.testing.strategies")
    with pytest.raises(MissingDependencyError, match=r"pip install 'artigraph-core\[testing\]'"):
        importlib.import_module("artigraph.testing.strategies")
