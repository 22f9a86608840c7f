"""Save fitted models with the versions installed, or load those that other versions have saved.

python .ci/across_versions.py save FOLDER
python .ci/across_versions.py load FOLDER
"""

import pickle
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import skops.io
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.datasets import make_ratings

TYPES = [f"{type_.__module__}.{type_.__name__}" for type_ in (IdEncoder, NCFRanker, NCFRegressor)]


def models():
    """Models to fit or to compare with, and their data."""
    X, y = make_ratings(n_ratings=2000, random_state=0)
    X = X.astype(str)
    for name, estimator in (
        ("regressor", NCFRegressor("neumf", max_epochs=2, random_state=0, early_stopping=True)),
        ("ranker", NCFRanker(max_epochs=2, random_state=0)),
    ):
        yield name, Pipeline([("enc", IdEncoder()), ("ncf", estimator)]), X, y


def main(action, folder):
    """Save or load."""
    warnings.simplefilter("ignore", InconsistentVersionWarning)  # scikit-learn's, of its own Pipeline
    for name, model, X, y in models():
        stem = Path(folder) / name
        if action == "save":
            model.fit(X, y)
            stem.with_suffix(".pkl").write_bytes(pickle.dumps(model))
            joblib.dump(model, stem.with_suffix(".joblib"))
            skops.io.dump(model, stem.with_suffix(".skops"))
            np.save(stem.with_suffix(".npy"), model.predict(X))
            continue
        expected = np.load(stem.with_suffix(".npy"))
        for loaded in (
            pickle.loads(stem.with_suffix(".pkl").read_bytes()),
            joblib.load(stem.with_suffix(".joblib")),
            skops.io.load(stem.with_suffix(".skops"), trusted=TYPES),
        ):
            np.testing.assert_allclose(loaded.predict(X), expected, rtol=1e-5)
            loaded["ncf"].partial_fit(loaded["enc"].transform(X), y)


if __name__ == "__main__":
    main(*sys.argv[1:])
