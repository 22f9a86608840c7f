"""
Cold start
==========

How well is somebody predicted of whom nothing is known, and how fast does that get better with each rating? The model
is compared with biases alone: `BiasRegressor` knows how generous a user is and how well a film is liked, and no tastes.
"""

# %%
# Real ratings. A hundred users who rated at least forty films are put aside as newcomers.
import copy
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupShuffleSplit

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

warnings.filterwarnings("ignore", message=".*were not seen in fit")  # that is what this page is about
X, y = load_movielens(return_X_y=True)
counts = X["user"].value_counts()
newcomers = np.random.RandomState(0).choice(np.sort(counts.index[counts >= 40]), 100, replace=False)
new = X["user"].isin(newcomers)

# %%
# Each newcomer's ratings in random order: the first ones are told to the model one after the other, those behind the
# twentieth are to be predicted. `partial_fit` learns the newcomers from their few rows, while all else stays; the
# biases are fitted again.
order = X[new].sample(frac=1, random_state=0).groupby("user").cumcount()
test = order.index[order >= 20]
model = NCFRegressor(random_state=0).fit(X[~new], y[~new])
errors = {"biases alone": [], "NCFRegressor": []}
known = [0, 1, 2, 3, 5, 10, 20]
for n_known in known:
    told = order.index[order < n_known]
    grown = copy.deepcopy(model)
    if n_known:
        grown.partial_fit(X.loc[told], y[told])
    rows = X.index[~new].union(told)
    baseline = BiasRegressor().fit(X.loc[rows], y[rows])
    for name, fitted in (("biases alone", baseline), ("NCFRegressor", grown)):
        errors[name].append(root_mean_squared_error(y[test], fitted.predict(X.loc[test])))
table = pd.DataFrame(errors, index=pd.Index(known, name="ratings known"))
table.round(4)

# %%
# Users who are new, films that are new: a fifth of either is held out whole.
held_out = {}
for column in ("user", "item"):
    [(train, rest)] = GroupShuffleSplit(1, test_size=0.2, random_state=0).split(X, groups=X[column])
    held_out[f"new {column}s"] = {
        name: root_mean_squared_error(y[rest], fitted.fit(X.iloc[train], y[train]).predict(X.iloc[rest]))
        for name, fitted in (("biases alone", BiasRegressor()), ("NCFRegressor", NCFRegressor(random_state=0)))
    }
held_out = pd.DataFrame(held_out).T
held_out.round(4)

# %%
# Of ids that are not known at all, the model says more than biases. After one rating both know little more than how
# generous the user is; from two or three on, tastes pay.
styles = {"biases alone": "s--", "NCFRegressor": "o-"}
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for name, style in styles.items():
    axes.plot(range(len(known)), table[name], style, label=name)
axes.set_xticks(range(len(known)), known)
axes.set(xlabel="ratings known of a new user", ylabel="RMSE of the rest (stars)", title="A new user's first ratings")
axes.grid(alpha=0.4)
axes.legend()

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for name, style in styles.items():
    axes.plot(held_out[name], held_out.index, style[0], markersize=10, label=name)
axes.set(xlabel="RMSE (stars)", title="A fifth of users or items held out whole")
axes.margins(0.3, 0.5)
axes.grid(axis="x", alpha=0.4)
axes.legend()
plt.show()
