"""Test RMSE of row-wise and dense AdamW, defaults else: python -m benchmarks.rowwise [--quick]."""

import argparse
from statistics import mean

from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from benchmarks.ratings import load
from sklearn_ncf import NCFRegressor


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ML-100K alone, one seed")
    quick = parser.parse_args().quick
    seeds = {"ml100k": 1 if quick else 5} | ({} if quick else {"ml1m": 2})
    print("| data, random tenth held out | adamw | rowwise_adamw | difference |\n|---|---|---|---|")
    for name, n_seeds in seeds.items():
        X, y = load(name)
        errors = {"adamw": [], "rowwise_adamw": []}
        for seed in range(n_seeds):
            X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=seed)
            for optimizer, found in errors.items():
                model = NCFRegressor(optimizer=optimizer, random_state=seed, device="cpu").fit(X_train, y_train)
                found.append(root_mean_squared_error(y_test, model.predict(X_test)))
        dense, lazy = (mean(found) for found in errors.values())
        print(f"| {name}, mean of {n_seeds} | {dense:.4f} | {lazy:.4f} | {lazy - dense:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
