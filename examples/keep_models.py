"""Keep a fitted model of each kind, without a pickle: scikit-learn, XGBoost, LightGBM and PyTorch.

    pip install 'artigraph[numpy,xgboost,lightgbm,torch]' scikit-learn skops
    python examples/keep_models.py
    ARTIGRAPH_URL=sqlite:///models.db artigraph show Boosters/boosters

docs/how-to/keep-a-fitted-model.md says what is safe to load, and why.
"""

# These libraries are large, so the environment that checks the types lacks them.
# pyright: reportMissingImports=none
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import skops.io
import torch
import xgboost
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from artigraph import ArtifactModel, File, Run, RunManager, artifact_field
from artigraph.db import set_engine
from artigraph.serializer.torch import StateDict
from artigraph.storage.file import FileSystem

_FLOWERS: Any = load_iris()
ROWS: Any = _FLOWERS.data[:100]
LABELS: Any = _FLOWERS.target[:100]
FILES = FileSystem("models")


@dataclass
class Linear(ArtifactModel):
    """What a logistic regression has learned. A load runs no code but this class."""

    parameters: dict[str, Any]
    classes: np.ndarray[Any, Any]
    coefficients: np.ndarray[Any, Any]
    intercept: np.ndarray[Any, Any]

    def estimator(self) -> Any:
        """Return an estimator that predicts as the fitted one did."""
        made: Any = LogisticRegression(**self.parameters)
        made.classes_, made.coef_, made.intercept_ = self.classes, self.coefficients, self.intercept
        made.n_features_in_ = self.coefficients.shape[1]
        return made


@dataclass
class Pipeline(ArtifactModel):
    """A file of skops, which names the types in it. A load of skops refuses types that are not allowed."""

    model: File = artifact_field(storage=FILES)


@dataclass
class Boosters(ArtifactModel):
    """Trees, as their libraries write them. A load reads numbers, after a check of where they lead."""

    trees: xgboost.Booster
    leaves: lightgbm.Booster = artifact_field(storage=FILES)


@dataclass
class Network(ArtifactModel):
    """The tensors of a module. Your code makes the module."""

    state: StateDict


def told(name: str, before: Any, after: Any) -> None:
    """Compare the predictions of a kept and a loaded model."""
    assert np.array_equal(before, after), name
    print(f"{name}: equal predictions")


async def keep(save: Callable[..., Any], load: Callable[..., Any]) -> None:
    """Fit, save and load a model of each kind."""
    fitted: Any = LogisticRegression().fit(ROWS, LABELS)
    await save("linear", Linear(fitted.get_params(), fitted.classes_, fitted.coef_, fitted.intercept_))
    told("arrays", fitted.predict_proba(ROWS), (await load("linear")).estimator().predict_proba(ROWS))

    pipeline: Any = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    skops.io.dump(pipeline, "pipeline.skops")
    await save("pipeline", Pipeline(File("pipeline.skops")))
    await (await load("pipeline")).model.copy_to("loaded.skops")
    unknown = skops.io.get_untrusted_types(file=Path("loaded.skops"))
    assert not unknown, f"read these before you allow them: {unknown}"
    told("skops", pipeline.predict_proba(ROWS), skops.io.load("loaded.skops", trusted=[]).predict_proba(ROWS))

    trees = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(ROWS, LABELS), 20)
    leaves = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(ROWS, LABELS), 20)
    await save("boosters", Boosters(trees, leaves))
    loaded = await load("boosters")
    told("xgboost", trees.predict(xgboost.DMatrix(ROWS)), loaded.trees.predict(xgboost.DMatrix(ROWS)))
    told("lightgbm", leaves.predict(ROWS), loaded.leaves.predict(ROWS))

    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    await save("network", Network(module.state_dict()))
    other = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    other.load_state_dict((await load("network")).state)
    tensor = torch.tensor(ROWS, dtype=torch.float32)
    told("torch", module(tensor).detach().numpy(), other(tensor).detach().numpy())


async def main() -> None:
    """Keep the models in one run."""
    set_engine("sqlite+aiosqlite:///models.db", create_tables=True)
    async with RunManager(Run(name="models")) as manager:
        await keep(manager.save_artifact, manager.load_artifact)


asyncio.run(main())
