"""
New items, ranked by their features
===================================

A film that nobody has rated has no vector. Its features, here genres and year, say what such films have in
common, so a new film can be predicted and recommended before its first rating.
"""

# %%
# Real ratings with features of the films. Of the films with at least 20 ratings, 300 are held out whole: they are the
# new ones.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import root_mean_squared_error

from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

warnings.filterwarnings("ignore", message=".*were not seen in fit")  # what is compared with: new films, no features
movielens = load_movielens(features=True)
X, y, titles = movielens.data, movielens.target, movielens.item_frame.set_index("item")["title"]
counts = X["item"].value_counts().sort_index()
new = np.random.RandomState(0).choice(counts.index[counts >= 20], 300, replace=False)
is_new = X["item"].isin(new)
print(f"{(~is_new).sum()} ratings to learn from, {is_new.sum()} ratings of new films")
X.head(3)

# %%
# Ratings of the new films, predicted from more and more features. A column of features is named once; all else stays as
# it is without features. The baseline has a bias for each user, and none for a new film.
baseline = BiasRegressor().fit(X[~is_new], y[~is_new])
errors = {"biases alone": root_mean_squared_error(y[is_new], baseline.predict(X[is_new]))}
print(f"biases alone: RMSE {errors['biases alone']:.4f}")
for features in ([], ["genres"], ["year"], ["genres", "year"]):
    columns = ["user", "item", *features]
    model = NCFRegressor(item_features=features, separator="|", random_state=0)
    model.fit(X.loc[~is_new, columns], y[~is_new])
    name = " and ".join(features) or "no features"
    errors[name] = root_mean_squared_error(y[is_new], model.predict(X.loc[is_new, columns]))
    print(f"{name}: RMSE {errors[name]:.4f}")

# %%
# Lists of new films. The table of candidates has a row per film, with its features. The films stand in random order:
# without features, all of them would have the same score, and the order of the table would decide.
ranker = NCFRanker(item_features=["genres", "year"], separator="|", random_state=0).fit(X[~is_new])
candidates = X.drop_duplicates("item").set_index("item").loc[new, ["genres", "year"]].reset_index()
rated = X.loc[is_new, ["user", "item"]].assign(rated=True)
users = rated["user"].unique()
lists = recommend(ranker, users, n_items=10, items=candidates)

# %%
# The first five films for two users with different tastes. `rated` says which of these films the user has rated; the
# model does not know these ratings.
for user in (13, 17):
    print(f"user {user} has rated {(rated['user'] == user).sum()} of the {len(new)} new films")
two = lists[lists["user"].isin([13, 17]) & (lists["rank"] <= 5)].merge(rated, how="left").merge(candidates)
two = two.assign(title=two["item"].map(titles), rated=two["rated"].notna())
two[["user", "rank", "title", "year", "genres", "rated"]]


# %%
# Recall: the share of the new films rated by a user that stand in the user's list of ten, a mean over users. It is
# compared with one list for everybody, that of an unknown user, and with the ten new films that have the most ratings.
# Nobody knows how often a new film will be rated: this says how good a list can be that is the same for all.
def recall_of(lists):
    hits = rated.merge(lists, how="left")
    return hits["rank"].notna().groupby(hits["user"]).mean().mean()


def same_for_all(items):
    return pd.DataFrame({"item": items, "rank": range(1, len(items) + 1)})


general = recommend(ranker, -1, n_items=10, items=candidates)["item"]
recalls = {
    "ten at random": 10 / len(new),
    "features, one list for all": recall_of(same_for_all(general)),
    "features, a list per user": recall_of(lists),
    "most ratings\n(not known of a new film)": recall_of(same_for_all(counts[new].nlargest(10).index)),
}
for name, recall in recalls.items():
    print(f"{' '.join(name.split())}: recall {recall:.3f}")

# %%
# Genres and year lower the error, and most of what the lists gain is due to the users' own tastes.
figure, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
axes.plot(list(errors.values()), list(errors), "o", markersize=10)
for name, error in errors.items():
    axes.annotate(f"{error:.3f}", (error, name), (0, 9), textcoords="offset points", ha="center")
axes.set(xlabel="RMSE (stars)", title="Ratings of 300 new films")
axes.grid(axis="x", alpha=0.4)
axes.invert_yaxis()
axes.margins(0.15, 0.25)

figure, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
bars = axes.barh(list(recalls), list(recalls.values()), color=["tab:gray", "tab:blue", "tab:orange", "lightgray"])
axes.bar_label(bars, fmt="%.3f", padding=3)
axes.set(xlabel="recall at 10 among the 300", title="Lists of new films")
axes.invert_yaxis()
axes.margins(x=0.15)
plt.show()
