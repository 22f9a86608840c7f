"""
GMF, MLP and NeuMF compared
===========================

The three networks of He et al. (2017) on the same ratings: how well each predicts, and how long it trains. Each comes
with and without histories, the vectors of what a user has rated and of who has rated an item.
"""

# %%
# Real ratings, a fifth of them held out.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

X, y = load_movielens(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

# %%
# All other parameters are the defaults, so that a fit is one line. Half the epochs do here. The first line is what each
# of them has to beat: biases of users and films, and no tastes.
biases = BiasRegressor().fit(X_train, y_train)
baseline = root_mean_squared_error(y_test, biases.predict(X_test))
n_biases = len(biases.user_biases_) + len(biases.item_biases_)
rows = [{"architecture": "biases alone", "RMSE": baseline, "weights": n_biases}]
for use_history in (False, True):
    for architecture in ("gmf", "mlp", "neumf"):
        model = NCFRegressor(architecture, use_history=use_history, max_epochs=10, random_state=0)
        model.fit(X_train, y_train)
        rows.append(
            {
                "architecture": architecture,
                "use_history": use_history,
                "RMSE": root_mean_squared_error(y_test, model.predict(X_test)),
                "seconds": model.history_["duration"].sum(),
                "weights": sum(weight.numel() for weight in model.net_.module_.parameters()),
            }
        )
table = pd.DataFrame(rows)
table.round(4)

# %%
# Down and to the left is better. Histories are worth more than the choice of the network, and GMF, a mere product, is
# the fastest. How the three compare on other data: ``docs/defaults.md``.
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.axhline(baseline, color="gray", linestyle=":", label="biases alone")
for (use_history, group), marker in zip(table.groupby("use_history"), "s^", strict=True):
    label = "with histories" if use_history else "without histories"
    axes.plot(group["seconds"], group["RMSE"], marker, markersize=10, label=label)
    for row in group.itertuples():
        axes.annotate(row.architecture, (row.seconds, row.RMSE), xytext=(8, 6), textcoords="offset points")
axes.set(xlabel="seconds to train", ylabel="RMSE on the test set (stars)", title="Three networks, ten epochs each")
axes.margins(0.25, 0.15)
axes.set_xlim(left=0)
axes.grid(alpha=0.4)
axes.legend()
plt.show()
