"""
From ratings to recommendations
===============================

A table of users, films and ratings; a model that predicts ratings, and how good it is; a model that recommends films.
"""

# %%
# 100,004 real ratings, a fifth of them held out.
from textwrap import shorten

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

movielens = load_movielens()
X, y = movielens.data, movielens.target
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
X.head()

# %%
# Fit and predict, as with any regressor. The encoder in front is not needed, since the estimator takes raw ids itself;
# in a Pipeline it is where infrequent ids can be pooled.
pipe = Pipeline([("enc", IdEncoder()), ("ncf", NCFRegressor(random_state=0))])
pipe.fit(X_train, y_train)

# %%
# The error on the held-out ratings, in stars, compared with a baseline that knows no tastes: the mean rating, how
# generous the user is, and how well the film is liked.
biases = BiasRegressor().fit(X_train, y_train)
predicted = pipe.predict(X_test)
print(f"RMSE of biases alone: {root_mean_squared_error(y_test, biases.predict(X_test)):.3f}")
print(f"RMSE of the model:    {root_mean_squared_error(y_test, predicted):.3f}")

# %%
# A list is another task: the films that a user would rate highest are not the ones that the user will watch next.
# `NCFRanker` learns which films users have watched, whatever they thought of them. It recommends films that the user
# has not rated. Raw ids come back, which other tables can be joined with.
ranker = NCFRanker(random_state=0).fit(X)
films = recommend(ranker, users=15, n_items=10).merge(movielens.item_frame, on="item")
films[["rank", "title", "year", "score"]]

# %%
# The films most similar to Toy Story.
similar = similar_items(ranker, 1, n_items=5).merge(movielens.item_frame, left_on="similar_item", right_on="item")
similar[["rank", "title", "year", "score"]]

# %%
# What is predicted where users gave half a star, one star, ... five; and the list of ten.
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
stars = np.unique(y)
parts = axes.violinplot(
    [predicted[y_test == star] for star in stars], stars, widths=0.45, showmedians=True, showextrema=False
)
for body in parts["bodies"]:
    body.set(facecolor="tab:blue", alpha=0.6)
parts["cmedians"].set_label("median")
axes.plot([0.5, 5], [0.5, 5], ":", color="gray", label="as given")
axes.set(xlabel="rating given (stars)", ylabel="rating predicted (stars)", title="Held-out ratings")
axes.legend()

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.hlines(films["rank"], 0, films["score"], color="tab:orange", linewidth=2)
axes.plot(films["score"], films["rank"], "o", color="tab:orange", markersize=8)
axes.set_yticks(films["rank"], [shorten(title, 28, placeholder="…") for title in films["title"]])
axes.invert_yaxis()
axes.set(xlabel="score (the higher, the better)", title="Ten films for user 15")
plt.show()
