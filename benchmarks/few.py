"""Few ratings: RMSE of NCFRegressor() and of biases alone on small random parts of ML-100K: python -m benchmarks.few.

--quick draws once instead of five times.
"""

import argparse
import warnings
from statistics import mean

from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import ShuffleSplit

from benchmarks.accuracy import SurpriseModel, ratings_of
from sklearn_ncf import NCFRegressor
from sklearn_ncf.dummy import BiasRegressor

MODELS = {
    "BiasRegressor()": BiasRegressor,
    "Surprise BaselineOnly": lambda: SurpriseModel("BaselineOnly"),
    "NCFRegressor()": lambda: NCFRegressor(random_state=0, device="cpu"),
}
SIZES = (500, 1_000, 5_000, 20_000)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    draws = 1 if parser.parse_args().quick else 5
    warnings.filterwarnings("ignore", message=".*were not seen in fit")
    X, y, _ = ratings_of("ml100k")
    print("| ratings | " + " | ".join(MODELS) + " |\n|---|" + "---|" * len(MODELS))
    for size in SIZES:
        errors = {name: [] for name in MODELS}
        for train, test in ShuffleSplit(draws, train_size=size, test_size=20_000, random_state=0).split(X):
            for name, make in MODELS.items():
                model = make()
                model.fit(X[train], y[train])
                errors[name].append(root_mean_squared_error(y[test], model.predict(X[test])))
        print(f"| {size:,} | " + " | ".join(f"{mean(found):.4f}" for found in errors.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
