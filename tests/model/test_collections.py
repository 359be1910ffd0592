from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from artigraph import ArtifactMapping, ArtifactSequence
from artigraph.errors import InvalidLabelError

NAN = float("nan")


def test_a_mapping_is_made_from_a_mapping_pairs_and_keywords() -> None:
    expected = {"a": 1, "b": 2}
    assert ArtifactMapping({"a": 1}, b=2) == expected
    assert ArtifactMapping([("a", 1), ("b", 2)]) == expected
    assert ArtifactMapping(a=1, b=2) == expected
    assert ArtifactMapping(ArtifactMapping(a=1, b=2)) == expected
    assert not ArtifactMapping()


def test_a_mapping_may_have_the_key_items() -> None:
    assert ArtifactMapping(items=1, self=2) == {"items": 1, "self": 2}


def test_a_mapping_is_a_mapping() -> None:
    mapping = ArtifactMapping(b=2, a=1)
    assert isinstance(mapping, Mapping)
    assert list(mapping) == ["b", "a"]
    assert list(mapping.items()) == [("b", 2), ("a", 1)]
    assert (mapping["a"], mapping.get("c"), "b" in mapping, len(mapping)) == (1, None, True, 2)
    with pytest.raises(KeyError):
        mapping["c"]


def test_mappings_are_equal_by_content() -> None:
    assert ArtifactMapping(a=1, b=NAN) == ArtifactMapping(b=float("nan"), a=1)
    assert ArtifactMapping(a=1) != ArtifactMapping(a=2)
    assert ArtifactMapping(a=1) != ArtifactMapping(b=1)
    assert ArtifactMapping(a=1) != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(ArtifactMapping())


def test_mappings_subscript_with_and_without_the_type_of_the_key() -> None:
    assert ArtifactMapping[str, int] == ArtifactMapping[int]  # type: ignore[misc]


@pytest.mark.parametrize("key", [1, None, "a\0b", "\ud800", "x" * 256])
def test_a_mapping_refuses_keys_that_are_no_labels(key: object) -> None:
    with pytest.raises(InvalidLabelError, match="key"):
        ArtifactMapping({cast("str", key): 1})


def test_a_sequence_is_a_sequence() -> None:
    sequence = ArtifactSequence([1, 2, 3])
    assert isinstance(sequence, Sequence)
    assert (sequence[0], sequence[-1], len(sequence)) == (1, 3, 3)
    assert sequence[1:] == ArtifactSequence([2, 3])
    assert isinstance(sequence[::-1], ArtifactSequence)
    assert list(reversed(sequence)) == [3, 2, 1]
    assert sequence.index(2) == 1
    with pytest.raises(IndexError):
        sequence[3]


def test_sequences_are_equal_by_content() -> None:
    assert ArtifactSequence([1, NAN]) == ArtifactSequence([1, float("nan")])
    assert ArtifactSequence([1]) == [1]
    assert ArtifactSequence([1]) != [2]
    assert ArtifactSequence([1, 2]) != ArtifactSequence([2, 1])
    assert ArtifactSequence([1]) != (1,)


def test_containers_do_not_change_with_what_they_were_made_of() -> None:
    items = [1]
    content = {"a": 1}
    sequence, mapping = ArtifactSequence(items), ArtifactMapping(content)
    items.append(2)
    content["b"] = 2
    assert sequence == [1]
    assert mapping == {"a": 1}


def test_reprs_are_short() -> None:
    assert repr(ArtifactMapping(a=1)) == "ArtifactMapping(a=1)"
    assert repr(ArtifactSequence(["x"])) == "ArtifactSequence('x')"
    assert len(repr(ArtifactSequence(["x" * 1000] * 1000))) < 1000
