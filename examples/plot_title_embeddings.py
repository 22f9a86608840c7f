"""
Text embeddings as features
===========================

A column whose cells are lists of floats, all of the same length, is a block: an embedding of text or of an image. Here
it is made from the films' titles with scikit-learn alone. Does it say anything about new films that their genres and
years do not?
"""

# %%
# Titles, and titles with genres, as 50 numbers each: latent semantic analysis of the words.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

warnings.filterwarnings("ignore", message=".*were not seen in fit")  # what is compared with: new films, no features
movielens = load_movielens(features=True)
X, y, films = movielens.data, movielens.target, movielens.item_frame.set_index("item")
title = films["title"].fillna("").astype(str)
genres = films["genres"].str.replace("|", " ").astype(str)


def embedding(strings):
    lsa = make_pipeline(TfidfVectorizer(min_df=2, stop_words="english"), TruncatedSVD(50, random_state=0))
    return pd.Series([*lsa.fit_transform(strings)], index=strings.index)


X["title words"] = X["item"].map(embedding(title))
X["title and genre words"] = X["item"].map(embedding(title + " " + genres))

# %%
# The error on new films, with each choice of features: a fifth of the films is held out whole, twice. Vectors of 16
# numbers train faster than the default of 64, and are enough to compare features. The first line is a baseline that has
# a bias for each user, and none for a new film.
choices = [
    [],
    ["title words"],
    ["title and genre words"],
    ["genres"],
    ["genres", "year"],
    ["genres", "year", "title words"],
]
errors = {}
splits = GroupShuffleSplit(2, test_size=0.2, random_state=0).split(X, groups=X["item"])
for train, test in splits:
    baseline = BiasRegressor().fit(X.iloc[train], y.iloc[train])
    error = root_mean_squared_error(y.iloc[test], baseline.predict(X.iloc[test]))
    errors.setdefault("biases alone", []).append(error)
    for features in choices:
        table = X[["user", "item", *features]]
        model = NCFRegressor(embedding_dim=16, item_features=features, separator="|", random_state=0)
        model.fit(table.iloc[train], y.iloc[train])
        error = root_mean_squared_error(y.iloc[test], model.predict(table.iloc[test]))
        errors.setdefault(" + ".join(features) or "no features", []).append(error)
errors = pd.DataFrame(errors, index=["first split", "second split"]).T
print(errors.round(4).to_string())

# %%
# The words of a title say little: films of a series share a word, but most titles share no word with any other. Genres
# as words in an embedding do nearly as well as a column of genres, and no better: where categories are known, give them
# as categories. Titles add hardly anything to genres and years. Text that says what an item is about, such as a
# description, may say more, and so may the embeddings of a language model: they go into a block in the same way.
gain = errors.loc["no features"] - errors.loc["no features":]
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for k, split in enumerate(errors):
    axes.plot(gain[split], np.arange(len(gain)), "os"[k], markersize=9, alpha=0.8, label=split)
axes.set_yticks(range(len(gain)), gain.index)
axes.axvline(0, color="gray", linewidth=1)
axes.set(xlabel="decrease of the RMSE (stars)", title="What text says of new films")
axes.grid(axis="x", alpha=0.4)
axes.invert_yaxis()
axes.locator_params(axis="x", nbins=5)
axes.legend(loc="upper right")
plt.show()
