"""
What a genre is worth
=====================

What has the model learned of genres and years? An unknown film with one feature at a time answers that: how much higher
or lower it is predicted than a film of which nothing is known.
"""

# %%
# A model of real ratings with the films' genres and years.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens

movielens = load_movielens(features=True)
X, y = movielens.data, movielens.target
model = NCFRegressor(item_features=["genres", "year"], separator="|", random_state=0).fit(X, y)


# %%
# Each user's prediction for an unknown film (no film has the id -1) that is described by some features alone. Features
# that are not given are missing, and missing features count as those of an average film.
users = np.sort(X["user"].unique())


def predictions(genres=None, year=np.nan):
    return model.predict(pd.DataFrame({"user": users, "item": -1, "genres": genres, "year": year}))


nothing_known = predictions()
print(f"nothing known: {nothing_known.mean():.2f} stars, the mean over users")

# %%
# The change for each genre: its mean over all users, and the range that holds the middle 80 % of them. The ends of the
# range are far from the mean where tastes differ.
genres = movielens.item_frame["genres"].str.split("|").explode().value_counts()
genres = genres.drop("(no genres listed)", errors="ignore").index
changes = {genre: predictions(genres=genre) - nothing_known for genre in genres}
table = pd.DataFrame(
    {genre: [change.mean(), *np.quantile(change, [0.1, 0.9])] for genre, change in changes.items()},
    index=["mean", "10 % of users below", "10 % of users above"],
).T.sort_values("mean")
table.round(2)

# %%
# The change with the year of release, in each decade. The model learns a curve of straight lines, which bends where the
# number of films asks for it: each of eight bins holds as many films.
years = np.arange(1930, 2016)
by_year = np.array([predictions(year=float(year)) - nothing_known for year in years])
decades = pd.Series(by_year.mean(axis=1), index=years // 10 * 10).groupby(level=0).mean()
print(decades.round(2).rename("change, stars").to_string())

# %%
# A feature says what is predicted of a film of which nothing else is known. It is no cause: old films may be rated high
# since people still watch the good ones alone. The values are cautious, too: the fewer films have a feature, the nearer
# its value is to zero.
figure, axes = plt.subplots(figsize=(5.6, 5.6), layout="constrained")
mean, low, high = table.to_numpy().T
axes.barh(table.index, mean, color=np.where(mean > 0, "tab:orange", "tab:blue"), alpha=0.8)
axes.hlines(table.index, low, high, color="black", linewidth=1, label="middle 80 % of users")
axes.axvline(0, color="gray", linewidth=1)
axes.set(xlabel="change of the prediction (stars)", title="What a genre is worth")
axes.margins(y=0.01)
axes.grid(axis="x", alpha=0.4)
axes.legend(loc="lower right")

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
low, high = np.quantile(by_year, [0.1, 0.9], axis=1)
axes.fill_between(years, low, high, alpha=0.25, label="middle 80 % of users")
axes.plot(years, by_year.mean(axis=1), linewidth=2, label="mean over users")
axes.axhline(0, color="gray", linewidth=1)
axes.set(xlabel="year of release", ylabel="change of the prediction (stars)", title="What a year is worth")
axes.grid(alpha=0.4)
axes.legend()
plt.show()
