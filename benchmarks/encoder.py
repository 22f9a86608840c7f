"""IdEncoder beside scikit-learn's OrdinalEncoder, two columns of ids: python -m benchmarks.encoder [--quick]."""

import argparse

import numpy as np
import pandas as pd
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.timing import in_turn, seconds
from sklearn_ncf import IdEncoder

N_USERS, N_ITEMS = 200_000, 50_000


def tables(n_rows):
    """The same ids as a table of each kind, by the kind's name."""
    rng = np.random.default_rng(0)
    users, items = rng.integers(N_USERS, size=n_rows), rng.integers(N_ITEMS, size=n_rows)
    texts = pd.DataFrame({"user": "user" + pd.Series(users).astype(str), "item": "item" + pd.Series(items).astype(str)})
    spread = rng.permutation(10 * N_USERS)  # large gaps: no table of all numbers in between would pay
    return {
        "integers": np.stack([users, items], axis=1),
        "integers far apart": np.stack([spread[users] * 1_000_003, spread[items] * 1_000_003], axis=1),
        "strings, pandas": texts,
        "strings, object array": texts.to_numpy(dtype=object),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, one round")
    quick = parser.parse_args().quick
    n_rows, rounds = (200_000, 1) if quick else (2_000_000, 5)
    print(f"{n_rows:,} rows, two columns of {N_USERS:,} and {N_ITEMS:,} ids, median seconds of {rounds} rounds:")
    print("| | fit: ours | OrdinalEncoder | ratio | transform: ours | OrdinalEncoder | ratio |\n|" + "---|" * 7)
    for kind, X in tables(n_rows).items():
        ours, theirs = IdEncoder().fit(X), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(X)
        runs = {
            "fit": lambda X=X, ours=ours: seconds(ours.fit, X),
            "their fit": lambda X=X, theirs=theirs: seconds(theirs.fit, X),
            "transform": lambda X=X, ours=ours: seconds(ours.transform, X),
            "their transform": lambda X=X, theirs=theirs: seconds(theirs.transform, X),
        }
        taken = in_turn(runs, rounds)
        cells = [
            f"{taken[name]:.3f} | {taken[f'their {name}']:.3f} | {taken[f'their {name}'] / taken[name]:.1f}"
            for name in ("fit", "transform")
        ]
        print(f"| {kind} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
