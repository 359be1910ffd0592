"""Keep a fitted model of scikit-learn as parameters and arrays, without a pickle, and find it again.

    pip install 'artigraph[numpy]' scikit-learn
    python examples/keep_a_model.py

docs/how-to/keep-a-fitted-model.md describes other ways, and what is safe to load.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from artigraph import ArtifactModel, Run, RunManager, columns, select


@dataclass
class Classifier(ArtifactModel):
    """What a logistic regression has learned. Loading it runs no code but this class."""

    parameters: dict[str, Any]
    classes: np.ndarray[Any, Any]
    coefficients: np.ndarray[Any, Any]
    intercept: np.ndarray[Any, Any]
    iterations: np.ndarray[Any, Any]
    library: str
    accuracy: float

    @classmethod
    def of(cls, fitted: Any, accuracy: float) -> Self:
        """Return the parameters and arrays of a fitted estimator."""
        library = f"scikit-learn {sklearn.__version__}"
        arrays = fitted.classes_, fitted.coef_, fitted.intercept_, fitted.n_iter_
        return cls(fitted.get_params(), *arrays, library, accuracy)

    def estimator(self) -> Any:
        """Return an estimator that predicts as the fitted one did."""
        made: Any = LogisticRegression(**self.parameters)
        made.classes_, made.coef_, made.intercept_ = self.classes, self.coefficients, self.intercept
        made.n_iter_, made.n_features_in_ = self.iterations, self.coefficients.shape[1]
        return made


async def main() -> None:
    """Fit classifiers with several strengths, keep them, and load the best one."""
    flowers: Any = load_iris()
    training, test = slice(0, None, 2), slice(1, None, 2)
    async with RunManager(Run(name="iris")) as manager:
        for strength in (0.01, 0.1, 1.0):
            fitted: Any = LogisticRegression(C=strength, max_iter=1000)
            fitted.fit(flowers.data[training], flowers.target[training])
            accuracy = float(fitted.score(flowers.data[test], flowers.target[test]))
            await manager.save_artifact(f"strength {strength}", Classifier.of(fitted, accuracy))

    c = columns(Classifier)
    best = await select(Classifier).order_by(c.accuracy.desc()).first()
    assert best is not None
    accuracy = best.estimator().score(flowers.data[test], flowers.target[test])
    assert accuracy == best.accuracy
    print(f"C={best.parameters['C']} of {best.library} is right about {accuracy:.1%} of the flowers")


asyncio.run(main())
