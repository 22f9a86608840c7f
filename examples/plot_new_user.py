"""
A new user's first five ratings
===============================

Somebody new gets what is liked in general. After five ratings the predictions should be theirs: one `partial_fit` on
just those five rows, a fraction of a second, and nobody else's predictions move to speak of.
"""

# %%
# A model of real ratings, and somebody whom it has never met.
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens

movielens = load_movielens()
X, y, films = movielens.data, movielens.target, movielens.item_frame.set_index("item")
model = NCFRegressor(random_state=0).fit(X, y)
popular = X["item"].value_counts().index[:500]  # films that many have seen, and that a newcomer may know


# %%
# Two newcomers rate the same five films, with opposite tastes.
rated = ["Titanic", "Sleepless in Seattle", "Alien", "Terminator, The", "Aliens"]
items = [films.index[films["title"] == title][0] for title in rated]
opinions = {"likes romances": [5, 5, 1, 1, 1], "likes science fiction": [1, 1, 5, 5, 5]}
newcomers = dict(zip(opinions, (-1001, -1002), strict=True))

others = X.sample(5000, random_state=0)
before = model.predict(others)
for who, stars in opinions.items():
    start = time.perf_counter()
    model.partial_fit(pd.DataFrame({"user": newcomers[who], "item": items}), stars)
    print(f"{who}: learnt in {time.perf_counter() - start:.2f} s")
print(f"predictions for everybody else moved by {np.abs(model.predict(others) - before).mean():.4f} on average")

# %%
# Which of the films that they have not rated they are now predicted to rate highest. The newcomers have said what they
# dislike, too: that is why this is a model of ratings, and not `NCFRanker`, which recommends what users choose next.
predicted = pd.DataFrame(
    {who: model.predict(pd.DataFrame({"user": user, "item": popular})) for who, user in newcomers.items()},
    index=popular,
)
unrated = predicted.drop(index=items)
pd.DataFrame({who: films.loc[unrated[who].nlargest(10).index, "title"].to_list() for who in newcomers})

# %%
# Over all 500 films, the two tastes part along the films' genres: how much more the one is predicted to like a genre
# than the other, beside the mean of all films. It is a matter of tenths of a star: five ratings do not say more.
difference = predicted["likes romances"] - predicted["likes science fiction"]
difference -= difference.mean()
genres = films.loc[popular, "genres"].str.get_dummies("|")
genres = genres.loc[:, genres.sum() >= 30]
by_genre = pd.Series({genre: difference[genres[genre] == 1].mean() for genre in genres}).sort_values()

figure, axes = plt.subplots(figsize=(5.6, 4.4), layout="constrained")
axes.barh(by_genre.index, by_genre, color=np.where(by_genre > 0, "tab:pink", "tab:blue"))
axes.axvline(0, color="gray", linewidth=1)
axes.set(
    xlabel="difference in predicted stars\n← likes science fiction       likes romances →",
    title="Five ratings each, and two tastes",
)
axes.locator_params(axis="x", nbins=5)
plt.show()
