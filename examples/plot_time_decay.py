"""
Recent ratings count more
=========================

A model that will be asked about tomorrow is tested on the newest ratings, not on random ones. Where tastes change, what
people thought years ago says less than what they think now: `sample_weight` lets old ratings fade.
"""

# %%
# Synthetic users whose tastes turn slowly into others, over ten years, so that it is known that there is something to
# gain. The first 70 % are to train on, the next 15 % to choose the half-life, the last to test.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import root_mean_squared_error

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import make_ratings

n_ratings, rng = 40_000, np.random.RandomState(0)
X, _, early = make_ratings(600, 300, n_ratings, return_truth=True, random_state=0)
_, _, late = make_ratings(600, 300, n_ratings, return_truth=True, random_state=1)
years = np.sort(rng.uniform(0, 10, size=n_ratings))
user, item, angle = X["user"].to_numpy(), X["item"].to_numpy(), np.pi / 2 * years[:, None] / 10
tastes = np.cos(angle) * early.user_factors[user] + np.sin(angle) * late.user_factors[user]
match = (tastes * early.item_factors[item]).sum(axis=1)
y = early.mean + early.user_bias[user] + early.item_bias[item] + match + rng.normal(scale=0.3, size=n_ratings)
y = np.clip(np.round(2 * y) / 2, 1, 5)
first, second = int(0.7 * n_ratings), int(0.85 * n_ratings)


def error(half_life, n_train, until):
    """RMSE on the rows behind the first `n_train`, whose ratings lose half their weight in `half_life` years."""
    weight = 0.5 ** ((years[n_train - 1] - years[:n_train]) / half_life)
    model = NCFRegressor(random_state=0).fit(X[:n_train], y[:n_train], sample_weight=weight)
    return root_mean_squared_error(y[n_train:until], model.predict(X[n_train:until]))


# %%
# An infinite half-life weighs all ratings alike.
half_lives = [0.5, 1.0, 2.0, 4.0, 8.0, np.inf]
validation = [error(half_life, first, second) for half_life in half_lives]
best = half_lives[int(np.argmin(validation))]
for half_life, found in zip(half_lives, validation, strict=True):
    print(f"half-life {half_life:4} years: RMSE {found:.4f} on the validation part")

# %%
# The half-life is chosen; what it is worth is measured on ratings that had no part in the choice.
faded, plain = (error(half_life, second, None) for half_life in (best, np.inf))
print(f"test set: half-life of {best} years {faded:.4f}, all alike {plain:.4f}")

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.plot(range(len(half_lives)), validation, "o-", label="validation part")
axes.plot([half_lives.index(best), len(half_lives) - 1], [faded, plain], "s", color="tab:orange", label="test set")
axes.set_xticks(range(len(half_lives)), [*(f"{half_life:g}" for half_life in half_lives[:-1]), "none"])
axes.set(xlabel="half-life of a rating's weight, years", ylabel="RMSE (stars)", title="Old ratings fade")
axes.legend()
plt.show()
