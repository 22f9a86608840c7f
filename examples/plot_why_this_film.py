"""
Why this film?
==============

People trust a recommendation more when they see what it is based on. With least squares, a score is a sum over the
films that the user has watched, so that `explain` can say exactly what each of them added.
"""

# %%
# A model of who watched what, and a list for a user with a hundred films.
import matplotlib.pyplot as plt

from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.inspection import ExplanationDisplay, explain

movielens = load_movielens()
X, y, films = movielens.data, movielens.target, movielens.item_frame.set_index("item")
ranker = NCFRanker(random_state=0).fit(X)

films_for_user = recommend(ranker, 5, n_items=5)
why = explain(ranker, films_for_user[["user", "item"]])
print(f"{len(why)} contributions to {len(films_for_user)} scores")

# %%
# The three films that speak most for each film on the list. A score is the sum of all contributions to it.
interactions = why[why["kind"] == "interaction"]
largest = interactions.groupby("row").head(3)
reasons = largest["source"].map(films["title"]).groupby(largest["row"]).agg("; ".join)
films_for_user.assign(
    title=films_for_user["item"].map(films["title"]),
    reasons=reasons.to_numpy(),
    summed=why.groupby("row")["contribution"].sum().to_numpy(),
)[["title", "score", "summed", "reasons"]].round(3)

# %%
# All that added to the first film's score. The vector of the average user hardly counts for somebody with a hundred
# films. The remainder is what training, which takes a few steps towards each solution, has left unsolved.
display = ExplanationDisplay.from_explanation(why, row=0, labels=films["title"])
plt.show()

# %%
# Ratings are explained in stars. A prediction begins at the intercept; the biases say how strictly the user rates and
# how well the film is rated by all. Films that the user has rated add to that, or take from it.
regressor = NCFRegressor(random_state=0).fit(X, y)
rows = films_for_user[["user", "item"]]
ExplanationDisplay.from_estimator(regressor, rows, row=0, labels=films["title"], n_largest=8)
plt.show()
