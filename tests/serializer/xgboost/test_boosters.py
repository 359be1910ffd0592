"""What of XGBoost's boosters is kept and refused, and how broken models are found before XGBoost reads them."""

from __future__ import annotations

import io
import random
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from artigraph.errors import DeserializationError, SerializationError, UnknownSerializerError
from artigraph.serializer import get_serializer_by_type
from tests.serializer.xgboost.values import PARAMETERS, ROWS, boosters, categorical_data, data, trained, xgboost
from tests.support.frameworks import framework

its: Any = framework("artigraph.serializer.xgboost")
serializer: Any = its.booster_serializer


def restored(booster: Any) -> Any:
    return serializer.deserialize(serializer.serialize(booster))


def key(name: str) -> bytes:
    return b"L" + struct.pack(">q", len(name)) + name.encode()


def of_version(file: bytes, major: int) -> bytes:
    """Return a file that says that another version of XGBoost wrote it."""
    before, found, _ = file.rpartition(key("version"))
    assert found
    return before + found + b"[#L" + struct.pack(">q", 3) + b"".join(b"i%c" % each for each in (major, 0, 0)) + b"}"


@pytest.mark.parametrize("name", PARAMETERS)
def test_one_booster_gives_one_file(name: str) -> None:
    booster = trained(name)
    before = serializer.serialize(booster)
    booster.predict(data())
    assert serializer.serialize(booster) == before == serializer.serialize(restored(booster))


def test_xgboost_reads_the_file_itself() -> None:
    booster = trained("binary")
    other = xgboost.Booster()
    other.load_model(bytearray(serializer.serialize(booster)))
    assert other.save_raw("ubj") == booster.save_raw("ubj")


def test_the_best_iteration_is_kept() -> None:
    booster = trained("binary")
    booster.best_iteration, booster.best_score = 1, 0.25
    back = restored(booster)
    assert (back.best_iteration, back.best_score) == (1, 0.25)


@pytest.mark.parametrize("name", ["classes", "constraints", "counts"])
def test_a_training_goes_on_with_the_same_parameters(name: str) -> None:
    booster = trained(name)
    back = restored(booster)
    for each in (booster, back):
        each.update(data(name), 3)
    assert back.save_raw("ubj") == booster.save_raw("ubj")


def test_the_number_of_threads_and_the_device_belong_to_the_machine() -> None:
    booster = trained("forest")
    before = serializer.serialize(booster)
    booster.set_param({"nthread": 3})
    assert serializer.serialize(booster) == before
    assert '"nthread":"0"' in restored(booster).save_config()


def test_a_booster_that_was_not_trained_is_refused() -> None:
    with pytest.raises(SerializationError, match="train it first"):
        serializer.serialize(xgboost.Booster())


def test_attributes_of_the_instance_are_refused() -> None:
    booster = trained("linear")
    booster.mine = 1
    with pytest.raises(SerializationError, match=r"lost \(mine\); store booster.copy\(\)"):
        serializer.serialize(booster)


class Derived(xgboost.Booster):  # type: ignore[misc]
    """A subclass, which would load as another class."""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (xgboost.XGBClassifier, "value.get_booster()"),
        (xgboost.XGBRFRegressor, "value.get_params()"),
        (data, "frame or array that it was made from"),
    ],
    ids=["classifier", "forest", "data"],
)
def test_a_refusal_says_what_to_store(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(SerializationError, match=re.escape(words)):
        serializer.serialize(make())
    with pytest.raises(UnknownSerializerError, match=re.escape(words)):
        get_serializer_by_type(make().__class__)


def test_a_subclass_is_refused() -> None:
    with pytest.raises(SerializationError, match=r"is no xgboost.Booster"):
        serializer.serialize(Derived())


def test_a_file_of_a_newer_version_is_refused() -> None:
    """An older version would take the base score of a newer one for 0.5, and give other predictions."""
    file = serializer.serialize(trained("binary"))
    newer = of_version(file, 127)
    with pytest.raises(DeserializationError, match=r"pip install 'xgboost>=127.0.0'"):
        serializer.deserialize(newer)


def test_trees_with_several_outputs_need_the_version_that_wrote_them() -> None:
    """XGBoost 3.2 ends the process when it reads those of XGBoost 3.0."""
    file = serializer.serialize(trained("several outputs"))
    with pytest.raises(DeserializationError, match=r"pip install 'xgboost==1.0.0'"):
        serializer.deserialize(of_version(file, 1))
    if b"leaf_weights" in file:
        with pytest.raises(DeserializationError, match=r"leaves|one child"):
            serializer.deserialize(file.replace(key("leaf_weights"), key("leaf_weighty")))


ARRAYS = [
    *("left_children", "right_children", "parents", "split_indices", "split_conditions", "base_weights"),
    *("default_left", "split_type", "loss_changes", "sum_hessian"),
    *("categories", "categories_nodes", "categories_segments", "categories_sizes"),
]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_model_without_an_array_is_refused(name: str) -> None:
    """XGBoost itself reads beyond its memory in some of these cases."""
    booster = boosters()[-3]
    file = serializer.serialize(booster)
    broken = file.replace(key(name), key(f"{name[:-1]}_"))
    assert broken != file
    with pytest.raises(DeserializationError):
        serializer.deserialize(broken)


def numbers(name: str) -> tuple[bytes, int, int]:
    """Return a file, where the first array of 32-bit numbers of this name begins in it, and its length."""
    file = serializer.serialize(boosters()[-3])
    start = file.index(key(name) + b"[$") + len(key(name)) + 4
    (count,) = struct.unpack(">q", file[start + 1 : start + 9])
    return file, start + 9, count


@pytest.mark.parametrize("name", ["left_children", "right_children", "split_indices", "categories", "categories_nodes"])
@pytest.mark.parametrize("number", [-7, 1_000, 2**31 - 1])
def test_a_tree_that_leads_out_of_its_arrays_is_refused(name: str, number: int) -> None:
    file, start, _ = numbers(name)
    if name == "categories" and number > 0:
        number = 2**24
    with pytest.raises(DeserializationError, match="tree 0"):
        serializer.deserialize(file[:start] + struct.pack(">i", number) + file[start + 4 :])


def test_a_tree_with_a_cycle_is_refused() -> None:
    """A prediction would never end."""
    file, start, count = numbers("left_children")
    children = struct.unpack(f">{count}i", file[start : start + 4 * count])
    inner = children.index(next(each for each in children[1:] if each > 0))
    cycle = file[: start + 4 * inner] + struct.pack(">i", inner) + file[start + 4 * inner + 4 :]
    with pytest.raises(DeserializationError, match="two parents"):
        serializer.deserialize(cycle)


def test_lengths_beyond_the_file_are_refused() -> None:
    file, start, _ = numbers("left_children")
    for length in (2**40, 2**62, -1):
        with pytest.raises(DeserializationError, match="too early"):
            serializer.deserialize(file[: start - 8] + struct.pack(">q", length) + file[start:])
    deep = file.index(b"{L") + 1
    with pytest.raises(DeserializationError, match="nested"):
        serializer.deserialize(file[:-1] + (key("x") + b"{") * 10_000 + b"}" * 10_001)
    assert deep == 1


def test_the_classes_of_an_objective_are_those_of_the_model() -> None:
    """XGBoost would divide by zero."""
    file = serializer.serialize(trained("classes"))
    place = file.rindex(key("num_class")) + len(key("num_class")) + 10
    assert file[place : place + 1] == b"3"
    with pytest.raises(DeserializationError, match="other classes"):
        serializer.deserialize(file[:place] + b"0" + file[place + 1 :])


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"eta": "0.1', b'"device": "1', "is no parameter of training"),
        (b'"max_depth": "2"', b'"max_depth": "x"', "Invalid|DeserializationError|ValueError"),
        (b'"name": "auc"', b'"name": "xxx"', "metric|Unknown"),
        (b'"trees": 3', b'"trees": 4', "its note is of another model"),
        (b'"version": 1', b'"version": 9', "a newer release of Artigraph wrote it"),
    ],
)
def test_a_note_that_does_not_fit_is_refused(before: bytes, after: bytes, words: str) -> None:
    file = serializer.serialize(trained("binary"))
    length = struct.unpack(">q", file[21:29])[0]
    note = file[29 : 29 + length]
    assert before in note
    broken = note.replace(before, after, 1)
    changed = file[:21] + struct.pack(">q", len(broken)) + broken + file[29 + length :]
    with pytest.raises(DeserializationError, match=words):
        serializer.deserialize(changed)


def test_altered_files_never_end_the_process() -> None:
    """What loads can be used. A file that XGBoost could not walk through would end this process."""
    chance = random.Random(1)
    loaded = 0
    for booster in boosters():
        file = serializer.serialize(booster)
        rows = xgboost.DMatrix(ROWS, feature_names=booster.feature_names) if booster.num_features() == 3 else None
        for _ in range(60):
            place = chance.randrange(len(file))
            number = struct.pack(">i", chance.choice([-1, 0, 1, 2, 7, 2**31 - 1, -(2**31)]))
            try:
                back = serializer.deserialize(file[:place] + number + file[place + 4 :])
            except DeserializationError:
                continue
            loaded += 1
            with xgboost.config_context(verbosity=0), suppress(xgboost.core.XGBoostError):
                back.predict(categorical_data() if rows is None else rows, validate_features=False)
                back.get_dump()  # XGBoost 2.1 has none for trees with several outputs
    assert loaded > 20


def test_a_preview_shows_what_was_trained() -> None:
    booster = boosters()[len(PARAMETERS)]
    shown = serializer.preview(io.BytesIO(serializer.serialize(booster)))
    trees = booster.num_boosted_rounds()
    assert shown.summary.startswith(f"XGBoost gbtree, binary:logistic, {trees} trees, 3 features, ")
    lines = shown.text.split("\n")
    assert "names of features: a, b, \xfc x" in lines
    assert f"attribute: best_iteration = {booster.best_iteration}" in lines
    assert "parameter: max_depth = 2" in lines
    assert "metrics: auc, logloss" in lines
    assert not shown.cut
    assert serializer.preview(io.BytesIO(serializer.serialize(booster)), rows=2).cut


def test_a_change_is_described() -> None:
    before, after = trained("binary"), trained("binary", 4)
    after.set_attr(note="x")
    assert not serializer.equal(before, after)
    assert serializer.describe_change(before, after) == "trees 3 → 4; attributes: note None → x"
    described = serializer.describe_change(before, trained("counts"))
    assert "objective binary:logistic → count:poisson" in described
    assert "3 of the first 3 trees differ, from tree 0 on" in described
    other = restored(before)
    other.set_param({"max_depth": 5})
    assert not serializer.equal(before, other)
    assert serializer.describe_change(before, other) == "parameters: max_depth 2 → 5"
    assert not serializer.equal(before, None)
    assert serializer.size_hint(before) > 0
    assert serializer.size_hint(1) is None
