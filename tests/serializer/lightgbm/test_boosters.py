"""What of LightGBM's boosters is kept and refused, and how broken texts are found before LightGBM reads them."""

from __future__ import annotations

import copy
import io
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artigraph.errors import DeserializationError, SerializationError, UnknownSerializerError
from artigraph.serializer import get_serializer_by_type
from tests.serializer.lightgbm.values import PARAMETERS, ROWS, boosters, dataset, lightgbm, trained
from tests.support.frameworks import framework

its: Any = framework("artigraph.serializer.lightgbm")
serializer: Any = its.booster_serializer


def restored(booster: Any) -> Any:
    return serializer.deserialize(serializer.serialize(booster))


@pytest.mark.parametrize("name", PARAMETERS)
def test_one_booster_gives_one_file(name: str) -> None:
    booster = trained(name)
    before = serializer.serialize(booster)
    booster.predict(ROWS)
    assert serializer.serialize(booster) == before == serializer.serialize(restored(booster))


def test_lightgbm_reads_the_file_itself(tmp_path: Path) -> None:
    booster = boosters()[-2]
    path = tmp_path / "model.txt"
    path.write_bytes(serializer.serialize(booster))
    other = lightgbm.Booster(model_file=path)
    assert other.model_to_string(num_iteration=-1) == booster.model_to_string(num_iteration=-1)
    assert other.pandas_categorical == booster.pandas_categorical == [["x", "y", "z", "\xe9"]]


def test_all_iterations_are_kept_with_the_best_one() -> None:
    booster = boosters()[-2]
    booster.best_iteration = 1
    back = restored(booster)
    assert back.best_iteration == 1 < back.num_trees()
    assert back.best_score == booster.best_score
    assert type(back.best_score) is type(booster.best_score)


def test_numbers_of_numpy_in_the_parameters_keep_their_types() -> None:
    booster = trained("binary")
    booster.params = {"a": [np.float32(0.1), np.int64(2**60)], "b": {"c": np.bool_(True)}, "d": float("nan")}
    assert repr(restored(booster).params) == repr(booster.params)


def test_a_training_goes_on_from_a_loaded_booster() -> None:
    booster = trained("binary")
    params = {"verbose": -1, "num_threads": 1, "objective": "binary"}
    both = [lightgbm.train(params, dataset(), 2, init_model=each) for each in (booster, restored(booster))]
    assert both[0].model_to_string() == both[1].model_to_string()


def test_a_booster_in_training_is_refused_and_a_copy_is_stored() -> None:
    booster = trained("binary", keep_training_booster=True)
    with pytest.raises(SerializationError, match=r"more digits.*copy.copy\(booster\)"):
        serializer.serialize(booster)
    assert restored(copy.copy(booster)).predict(ROWS).tobytes() == booster.predict(ROWS).tobytes()


def test_what_the_text_does_not_have_is_refused() -> None:
    booster = trained("binary")
    booster.params["objective"] = lambda: None
    with pytest.raises(SerializationError, match="params cannot be stored; make them plain values"):
        serializer.serialize(booster)
    booster = trained("binary")
    booster.mine = 1
    with pytest.raises(SerializationError, match=r"attributes that would be lost \(mine\)"):
        serializer.serialize(booster)
    booster = trained("binary")
    booster.pandas_categorical = [(1, 2)]
    with pytest.raises(SerializationError, match="same model"):
        serializer.serialize(booster)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lightgbm.LGBMClassifier, "value.booster_"),
        (lightgbm.LGBMRanker, "value.get_params()"),
        (dataset, "frame or array that it was made from"),
        (lightgbm.CVBooster, "value.boosters"),
    ],
    ids=["classifier", "ranker", "data", "cross-validation"],
)
def test_a_refusal_says_what_to_store(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(SerializationError, match=re.escape(words)):
        serializer.serialize(make())
    with pytest.raises(UnknownSerializerError, match=re.escape(words)):
        get_serializer_by_type(make().__class__)


def broken(before: str, after: str, name: str = "binary") -> bytes:
    """Return the file of a booster with a change in its text, and the sizes of its trees made right."""
    file: bytes = serializer.serialize(boosters()[-2] if name == "categories" else trained(name))
    found = re.sub(before.encode(), after.encode(), file, count=1, flags=re.MULTILINE)
    assert found != file
    trees = re.findall(rb"Tree=\d+\n.*?\n\n\n", found, re.DOTALL)
    return re.sub(rb"(?m)^tree_sizes=.*$", b"tree_sizes=" + b" ".join(b"%d" % len(tree) for tree in trees), found)


BROKEN = {
    "child": (r"^left_child=\S+", "left_child=99", "no node|tree 0"),
    "leaf": (r"^right_child=\S+", "right_child=-99", "no node"),
    "cycle": (r"^left_child=\S+", "left_child=0", "no node"),
    "leaf of two": (r"^left_child=(.*)$\nright_child=.*$", r"left_child=\1\nright_child=\1", "two parents"),
    "feature": (r"^split_feature=\S+", "split_feature=3", "not there"),
    "negative feature": (r"^split_feature=\S+", "split_feature=-1", "not there"),
    "count": (r"^num_leaves=\d+", "num_leaves=400", "are not"),
    "many leaves": (r"^num_leaves=\d+", "num_leaves=2147483647", "more leaves"),
    "short": (r"^leaf_value=\S+ ", "leaf_value=", "are not"),
    "text": (r"^threshold=\S+", "threshold=x", "no numbers"),
    "kind": (r"^decision_type=\S+", "decision_type=16", "no kind"),
    "category": (r"^decision_type=\S+", "decision_type=1", "whole number"),
    "line": (r"^leaf_value=.*$\n", "", "leaf_value"),
    "twice": (r"^(leaf_value=.*$\n)", r"\1\1", "twice"),
    "features": (r"^max_feature_idx=2", "max_feature_idx=2000000000", "other features"),
    "info": (r"^feature_infos=\[[^]]*\]", "feature_infos=[12]", "range of a feature"),
    "classes": (r"^num_class=1", "num_class=2", "other classes"),
    "parameter": (r"^\[boosting: gbdt\]", "[boosting]", "no parameter"),
    "carriage return": (r"^num_class=1", "num_class=1\\r", "characters"),
    "version": (r"^version=v4", "version=v9", "version"),
    "note": (r"^artigraph:.*$\n", "", "no note"),
    "release": (r'"version": 1', '"version": 2', "newer release"),
    "iteration": (r'best_iteration\\":-?\d+', r'best_iteration\\":null', "iteration"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_text_that_would_end_the_process_is_refused(case: str) -> None:
    before, after, words = BROKEN[case]
    with pytest.raises(DeserializationError, match=words):
        serializer.deserialize(broken(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"^cat_boundaries=0 ", "cat_boundaries=0 9"),
        (r"^cat_threshold=", "cat_threshold=-"),
        (r"^num_cat=1", "num_cat=2"),
        (r"^cat_threshold=.*$\n", ""),
    ],
)
def test_categories_that_are_not_there_are_refused(before: str, after: str) -> None:
    with pytest.raises(DeserializationError):
        serializer.deserialize(broken(before, after, "categories"))


@pytest.mark.parametrize("number", ["1e999", "inf", "1e-310", "1e-999"])
def test_a_coefficient_out_of_range_is_refused(number: str) -> None:
    """LightGBM would end the process."""
    with pytest.raises(DeserializationError, match=r"finite|too close to 0"):
        serializer.deserialize(broken(r"^leaf_const=\S+", f"leaf_const={number}", "linear"))


def test_the_classes_of_an_objective_are_those_of_the_model() -> None:
    """LightGBM would write beyond its memory."""
    with pytest.raises(DeserializationError, match="other classes"):
        serializer.deserialize(broken("multiclass num_class:3", "multiclass num_class:9", "classes"))


def test_altered_files_never_end_the_process() -> None:
    """What loads can be used. A text that LightGBM could not walk through would end this process."""
    chance = random.Random(1)
    loaded = 0
    for booster in boosters():
        file = serializer.serialize(booster)
        numbers = [found.span() for found in re.finditer(rb"-?\d+(?:\.\d+)?", file)]
        for _ in range(60):
            start, stop = chance.choice(numbers)
            number = chance.choice([b"-1", b"0", b"1", b"2", b"99", b"2147483647", b"1e999", b"nan", b""])
            changed = file[:start] + number.ljust(stop - start, b"0") + file[stop:]
            try:
                back = serializer.deserialize(changed)
            except DeserializationError:
                continue
            loaded += 1
            back.dump_model()
            if back.num_feature() == ROWS.shape[1]:
                back.predict(ROWS, num_threads=1)
    assert loaded > 20


def test_a_preview_shows_what_was_trained() -> None:
    booster = boosters()[-2]
    file = serializer.serialize(booster)
    shown = serializer.preview(io.BytesIO(file))
    trees = booster.num_trees()
    assert shown.summary.startswith(f"LightGBM, binary sigmoid:1, {trees} trees, 3 features, ")
    lines = shown.text.split("\n")
    assert "names of features: a, \xfc, c" in lines
    assert f"best iteration: {booster.best_iteration}" in lines
    assert any(line.startswith("best score, \xfc: binary_logloss = 0.") for line in lines)
    assert "parameter: num_leaves = 4" in lines
    assert not shown.cut
    assert serializer.preview(io.BytesIO(file), rows=2).cut


def test_a_change_is_described() -> None:
    before, after = trained("binary"), trained("binary", 4)
    after.best_iteration = 2
    assert not serializer.equal(before, after)
    assert serializer.describe_change(before, after).startswith("trees 3 → 4; best iteration ")
    described = serializer.describe_change(before, trained("quantile"))
    assert "objective binary sigmoid:1 → quantile" in described
    assert "3 of the first 3 trees differ, from tree 0 on" in described
    assert not serializer.equal(before, None)
    assert serializer.size_hint(before) > 0
    assert serializer.size_hint(1) is None
