"""What each default is worth, on validation parts inside the training parts: python -m benchmarks.defaults [--quick].

Of every data set the test set of benchmarks.accuracy's first fold is put aside and never read; a tenth of the rest
validates. Each line changes one parameter of NCFRegressor().
"""

import argparse
from statistics import mean

from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from benchmarks.accuracy import ratings_of
from sklearn_ncf import NCFRegressor
from sklearn_ncf.training import RATING_OBJECTIVES

VARIATIONS = [
    {},
    {"architecture": "neumf"},
    {"architecture": "mlp"},
    {"use_history": False},
    {"embedding_dim": 128},
    {"embedding_dropout": 0.3},
    {"optimizer": "adamw"},
    {"weight_decay": "a third"},
    {"weight_decay": "three times"},
    {"learning_rate": 0.007},
    {"learning_rate": 0.028},
    {"learning_rate_schedule": "constant"},
    {"max_epochs": 40},
    {"embedding_dim": 128, "max_epochs": 40},
]


def settings_of(variation, n_ratings):
    factor = {"a third": 1 / 3, "three times": 3}.get(variation.get("weight_decay"))
    return variation if factor is None else {"weight_decay": factor * RATING_OBJECTIVES["squared_error"].l2 / n_ratings}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without ML-1M, one seed")
    quick = parser.parse_args().quick
    names = ["ml100k", "load_movielens"] + ([] if quick else ["ml1m"])
    parts = {}
    for name in names:
        X, y, splitter = ratings_of(name)
        train, _ = next(splitter.split(X))
        parts[name] = train_test_split(X[train], y[train], test_size=0.1, random_state=1)
    print("| | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for variation in VARIATIONS:
        cells = []
        for name, (X, X_val, y, y_val) in parts.items():
            seeds = range(1 if quick or name == "ml1m" else 2)
            models = [NCFRegressor(**settings_of(variation, len(y)), random_state=seed, device="cpu") for seed in seeds]
            errors = [root_mean_squared_error(y_val, model.fit(X, y).predict(X_val)) for model in models]
            cells.append(f"{mean(errors):.4f}")
        title = ", ".join(f"`{name}={value!r}`" for name, value in variation.items()) or "`NCFRegressor()`"
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
