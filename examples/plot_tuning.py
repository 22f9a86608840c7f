"""
Tuning
======

Every parameter is a flat one, so scikit-learn's searches reach it: behind the name of its step in a Pipeline,
``ncf__embedding_dim``.
"""

# %%
# Real ratings. To keep this page quick, the searches see an eighth of them.
import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - HalvingRandomSearchCV is not there without it
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, KFold, train_test_split
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

X, y = load_movielens(return_X_y=True)
X, _, y, _ = train_test_split(X, y, train_size=0.125, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
pipe = Pipeline([("enc", IdEncoder()), ("ncf", NCFRegressor(max_epochs=6, random_state=0))])
scoring = "neg_root_mean_squared_error"

# %%
# A grid: every combination of two lists, in two folds each. The folds are shuffled, since tables of ratings are often
# sorted by user.
folds = KFold(2, shuffle=True, random_state=0)
grid = {"ncf__learning_rate": [0.001, 0.01, 0.1], "ncf__weight_decay": [0.0001, 0.001, 0.01]}
search = GridSearchCV(pipe, grid, cv=folds, scoring=scoring, n_jobs=2).fit(X_train, y_train)
print(f"best of {len(search.cv_results_['params'])}: {search.best_params_}, RMSE {-search.best_score_:.4f}")

# %%
# Successive halving: many random candidates train for a few epochs, the better third of them for three times as many,
# and so on. So a wide space costs little more than the candidates that last.
space = {
    "ncf__embedding_dim": [8, 16, 32, 64, 128],
    "ncf__embedding_dropout": uniform(0, 0.8),
    "ncf__learning_rate": loguniform(1e-3, 1e-1),
    "ncf__use_history": [True, False],
}
halving = HalvingRandomSearchCV(
    pipe,
    space,
    n_candidates=9,
    resource="ncf__max_epochs",
    min_resources=2,
    max_resources=18,
    factor=3,
    cv=folds,
    scoring=scoring,
    n_jobs=2,
    random_state=0,
).fit(X_train, y_train)
print(f"best of {len(halving.cv_results_['params'])} fits: RMSE {-halving.best_score_:.4f}")
pd.Series(halving.best_params_)

# %%
# A search is fitted again on all its rows, and then predicts. The first line is a baseline with its own parameter,
# biases of users and films. From so few ratings, in so few epochs, little more can be learned.
biases = GridSearchCV(BiasRegressor(), {"shrinkage": [2, 5, 10, 20]}, cv=folds, scoring=scoring).fit(X_train, y_train)
for name, found in (("biases alone", biases), ("grid", search), ("halving", halving)):
    print(f"{name}: RMSE {root_mean_squared_error(y_test, found.predict(X_test)):.4f} on the test set")

# %%
# First the grid, where each cell is a candidate. Then the halving, where each line is a random candidate; those that
# stop were left behind.
results = pd.DataFrame(search.cv_results_)
cells = -results.pivot(index="param_ncf__learning_rate", columns="param_ncf__weight_decay", values="mean_test_score")
low, high = cells.stack().quantile([0, 0.8])  # one bad cell should not make all others look alike
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.imshow(cells, cmap="viridis", aspect="auto", vmin=low, vmax=high)
for row, values in enumerate(cells.to_numpy()):
    for column, value in enumerate(values):
        color = "white" if value < (low + high) / 2 else "black"
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=color, fontsize="large")
axes.set_xticks(range(cells.shape[1]), cells.columns)
axes.set_yticks(range(cells.shape[0]), cells.index)
axes.set(xlabel="weight_decay", ylabel="learning_rate", title="GridSearchCV: RMSE (the darker, the better)")

results = pd.DataFrame(halving.cv_results_)
results["candidate"] = results["params"].map(
    lambda params: str({name: value for name, value in params.items() if name != "ncf__max_epochs"})
)
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for _, group in results.groupby("candidate"):
    best = len(group) == results["iter"].nunique()
    axes.plot(group["n_resources"], -group["mean_test_score"], "o-", color="C1" if best else "0.6", zorder=2 + best)
axes.plot([], [], "o-", color="C1", label="trained to the end")
axes.plot([], [], "o-", color="0.6", label="left behind")
axes.set_xscale("log")
axes.set_xticks(sorted(results["n_resources"].unique()), sorted(results["n_resources"].unique()))
axes.minorticks_off()
axes.set(xlabel="epochs", ylabel="RMSE (stars)", title="HalvingRandomSearchCV")
axes.legend()
plt.show()
