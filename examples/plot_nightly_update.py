"""
A nightly update
================

Ratings come in every day, from new users and of new films, and a fit on everything takes its time. `partial_fit` on the
new rows alone keeps a model up to date in between.
"""

# %%
# Real ratings in the order in which they were given. The first 70 % are history; then come four parts, each of which is
# first predicted, then learned from. Most users of a later part are new; the warning that says so is not needed here.
import copy
import time
import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

warnings.filterwarnings("ignore", message=".*were not seen in fit")
frame = load_movielens().frame.sort_values("timestamp", kind="stable")
X, y = frame[["user", "item"]].reset_index(drop=True), frame["rating"].reset_index(drop=True)
edges = np.linspace(0.7, 1, 5)
cuts = (edges * len(y)).astype(int)


def fitted(n_rows):
    """A Pipeline fitted on the first rows, as a fresh fit would be every night."""
    return Pipeline([("enc", IdEncoder()), ("ncf", NCFRegressor(random_state=0))]).fit(X[:n_rows], y[:n_rows])


# %%
# Through a Pipeline, the encoder learns the new ids first, and the estimator then learns from their codes: no code that
# was given before changes.
def grow(pipe, X_new, y_new):
    pipe[0].partial_fit(X_new)
    pipe[-1].partial_fit(pipe[0].transform(X_new), y_new)


stale = fitted(cuts[0])
grown = copy.deepcopy(stale)
rows = []
for start, stop in pairwise(cuts):
    clock = [time.perf_counter()]
    fresh = fitted(start)
    clock.append(time.perf_counter())
    biases = BiasRegressor().fit(X[:start], y[:start])
    known = X["user"][start:stop].isin(X["user"][:start]).mean()
    part = slice(start, stop)
    errors = {
        name: root_mean_squared_error(y[part], model.predict(X[part]))
        for name, model in (
            ("biases alone", biases),
            ("never updated", stale),
            ("grown", grown),
            ("fitted again", fresh),
        )
    }
    clock.append(time.perf_counter())
    grow(grown, X[part], y[part])
    clock.append(time.perf_counter())
    rows.append(
        {
            "ratings so far": start,
            **errors,
            "known users": known,
            "fresh s": clock[1] - clock[0],
            "update s": clock[3] - clock[2],
        }
    )
table = pd.DataFrame(rows).set_index("ratings so far")
print(table.round(3).to_string())

# %%
# The grown model keeps close to the fresh fits, at a fraction of their time. A fresh fit now and then is still a good
# idea: `partial_fit` leaves alone all that the new rows do not speak of.
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
styles = {"biases alone": "D:", "never updated": "s:", "grown": "o-", "fitted again": "^--"}
colors = {"biases alone": "0.6", "never updated": "C0", "grown": "C1", "fitted again": "C2"}
for name, style in styles.items():
    axes.plot(table.index, table[name], style, color=colors[name], label=name)
axes.set(xlabel="ratings so far", ylabel="RMSE of the next part (stars)", title="Each part predicted, then learned")
axes.xaxis.set_major_formatter("{x:,.0f}")
axes.legend()

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.bar(["grown", "fitted again"], [table["update s"].median(), table["fresh s"].median()], color=["C1", "C2"])
axes.set(ylabel="seconds (median of the four parts)", title="What a night costs")
plt.show()
