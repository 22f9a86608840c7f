"""How long it takes to an error: python -m benchmarks.time_to_error [--quick] [--data NAME ...] [--picture FILE].

Each model is fitted from scratch with more and more passes, and tested on the same random tenth; only the fit is timed.
"""

import argparse

import numpy as np
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from benchmarks.accuracy import MyFM, SurpriseModel
from benchmarks.ratings import load
from benchmarks.timing import seconds
from sklearn_ncf import NCFRegressor

TITLES = {"ml100k": "MovieLens-100K", "ml1m": "MovieLens-1M"}
MODELS = {
    "Surprise SVD++": (lambda n: SurpriseModel("SVDpp", n_epochs=n), {"ml100k": (5, 10, 20, 40), "ml1m": (5, 10, 20)}),
    "myFM": (lambda n: MyFM(n_iter=n), {"ml100k": (10, 25, 50, 100, 200, 400), "ml1m": (10, 25, 50, 100, 200)}),
    "NCFRegressor": (
        lambda n: NCFRegressor(max_epochs=n, random_state=0, device="cpu"),
        {"ml100k": (2, 4, 6, 8, 10, 15, 20, 40), "ml1m": (2, 4, 6, 8, 10, 15, 20, 40)},
    ),
}


def measure(name, quick):
    """Passes, seconds and RMSE of each model, one list of triples for each."""
    X, y = load(name)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=0)
    NCFRegressor(max_epochs=1, device="cpu").fit(X_train[:1000], y_train[:1000])  # what is imported at first use
    found = {}
    for title, (make, passes) in MODELS.items():
        for n in passes[name][: 2 if quick else None]:
            model = make(n)
            taken = seconds(model.fit, X_train, y_train)
            error = root_mean_squared_error(y_test, model.predict(X_test))
            found.setdefault(title, []).append((n, taken, error))
            print(f"| {title} | {n} | {taken:.1f} | {error:.4f} |", flush=True)
    return found


def time_to(error, measured):
    """Seconds of the shortest fit that is as good, or NaN."""
    return min((taken for _, taken, reached in measured if reached <= error), default=np.nan)


def draw(found, path):
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 9}):
        figure, axes = plt.subplots(1, len(found), figsize=(4.2 * len(found), 3.2), layout="constrained", squeeze=False)
        for axis, (name, measured) in zip(axes[0], found.items(), strict=True):
            for (title, points), marker in zip(measured.items(), "so^", strict=True):
                axis.plot(*zip(*[point[1:] for point in points], strict=True), marker=marker, markersize=4, label=title)
            axis.set(xscale="log", xlabel="seconds to fit", ylabel="RMSE on the test ratings", title=TITLES[name])
            axis.xaxis.set_major_formatter("{x:g}")
            axis.grid(alpha=0.3)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        figure.savefig(path, metadata={"Date": None} if str(path).endswith("svg") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the two shortest fits of each")
    parser.add_argument("--data", nargs="+", choices=TITLES, default=TITLES)
    parser.add_argument("--picture", help="a file to draw error against seconds in")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.data:
        print(f"\n{TITLES[name]}:\n| | passes | fit s | RMSE |\n|---|---|---|---|")
        found[name] = measure(name, arguments.quick)
        for title, measured in found[name].items():
            if title != "NCFRegressor":
                error = min(point[2] for point in measured)
                theirs, ours = (time_to(error, of) for of in (measured, found[name]["NCFRegressor"]))
                print(f"{error:.4f}, the best of {title}: {theirs:.1f} s, NCFRegressor {ours:.1f} s")
    if arguments.picture:
        draw(found, arguments.picture)


if __name__ == "__main__":
    main()
