"""Train classifiers on real data, and save everything: the data, the models' coefficients, the scores, the lineage.

It runs without any setup: its database and its objects are in the folder `.artigraph`. Start it twice: the second time,
nothing is trained, because neither the data nor the code has changed. Change a line of `train` and start it again.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    ArtifactModelConfig,
    Run,
    RunManager,
    artifact_field,
    load_many,
    origin_of,
    tracked,
)
from artigraph.outline import outline_of
from artigraph.storage.file import FileSystem

objects = FileSystem(".artigraph/quickstart", name="quickstart")


@dataclass
class Dataset(ArtifactModel, version=1, config=ArtifactModelConfig(default_field_storage=objects)):
    """Labeled samples; every field is saved in object storage."""

    features: pd.DataFrame
    labels: npt.NDArray[np.int64]


@dataclass
class Score(ArtifactModel):
    """The score of a classifier."""

    accuracy: float
    confusion: npt.NDArray[np.int64]


@dataclass
class Classifier(ArtifactModel, version=1):
    """A logistic regression: settings in the database, coefficients in object storage."""

    regularization: float
    classes: tuple[str, ...]
    score: Score
    coefficients: npt.NDArray[np.float64] = artifact_field(storage=objects)


@dataclass
class Comparison(ArtifactModel):
    """All classifiers by name, and the best one."""

    best: str
    candidates: ArtifactMapping[str, Classifier] = field(default_factory=ArtifactMapping)


def load_data() -> tuple[Dataset, tuple[str, ...]]:
    """Return the Wisconsin breast cancer data set, which scikit-learn ships: 569 samples of 30 features."""
    bunch: Any = load_breast_cancer(as_frame=True)
    return Dataset(bunch.data, bunch.target.to_numpy()), tuple(str(name) for name in bunch.target_names)


@tracked(cache=True, label="classifier")
def train(data: Dataset, classes: tuple[str, ...], regularization: float) -> Classifier:
    """Fit a classifier and score it on a quarter of the samples that it has not seen."""
    features = StandardScaler().fit_transform(data.features)
    seen, unseen, known, truth = train_test_split(features, data.labels, test_size=0.25, random_state=0)
    model = LogisticRegression(C=1 / regularization, max_iter=1000).fit(seen, known)
    score = Score(float(model.score(unseen, truth)), confusion_matrix(truth, model.predict(unseen)))
    return Classifier(regularization, classes, score, model.coef_)


async def main() -> None:
    """Run the pipeline, load everything back and compare."""
    data, classes = load_data()
    async with RunManager(Run(name="quickstart")) as manager:
        await manager.save_artifact("data", data)
        strengths = {"weak": 0.1, "medium": 1.0, "strong": 10.0}
        # Each call is a run below this one. Threads let them run at the same time.
        trained = await asyncio.gather(*(asyncio.to_thread(train, data, classes, each) for each in strengths.values()))
        origins = [await origin_of(classifier) for classifier in trained]
        candidates = ArtifactMapping(zip(strengths, trained, strict=True))
        best = max(candidates, key=lambda name: candidates[name].score.accuracy)
        comparison = Comparison(best, candidates)
        comparison_id = await manager.save_artifact("comparison", comparison)

    same = [
        await manager.load_artifacts() == {"data": data, "comparison": comparison},
        await Comparison.load(comparison_id) == comparison,
        await load_many(Classifier, [origin.node_id for origin in origins]) == trained,
    ]
    if not all(same):
        sys.exit("What was loaded is not what was saved")

    calls = await manager.load_descendant_runs()
    served = sum(call.cached_from is not None for call in calls)
    print(await outline_of(manager.run.node_id))
    print(f"\nThe best classifier is {best!r}; everything that was loaded equals what was saved.")
    if served:
        print(
            f"{served} of {len(calls)} calls of train were not computed again: their code and arguments are the same."
        )
    else:
        print(f"{len(calls)} calls of train were computed. Start this again, and they are not: nothing has changed.")
    program = command_line()
    print("\nLook at it in a shell:")
    for arguments in ("ls", "show @", "tree run:quickstart", "cache ls"):
        print(f"  {program} {arguments}")
    print(f"or in a browser:\n  {program} ui")


def command_line() -> str:
    """Return how to type `artigraph` here. A shell may not know the environment that runs this script."""
    program = Path(sys.executable).parent / "artigraph"
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else "artigraph"


if __name__ == "__main__":
    asyncio.run(main())
