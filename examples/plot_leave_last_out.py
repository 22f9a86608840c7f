"""
What each user wants next
=========================

Ratings become implicit feedback: what counts is that somebody has seen a film. Each user's last film is held out and
ranked among all films that the user had not seen before.
"""

# %%
# The rows in time order, as `LeaveLastOut` asks for.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import cross_validate

from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.metrics import RankingScorer, hit_rate_at_k, ndcg_at_k, reciprocal_rank_at_k
from sklearn_ncf.model_selection import LeaveLastOut

movielens = load_movielens()
frame = movielens.frame.sort_values("timestamp", kind="stable").reset_index(drop=True)
X, y = frame[["user", "item"]], frame["rating"]

# %%
# A ranker learns from the pairs alone, a regressor from the ratings. To predict ratings well is another task than to
# say what comes next: the films that a user would rate highest are not those that the user will see.
scoring = {f"{metric}@10": RankingScorer(metric, k=10) for metric in ("hit_rate", "ndcg", "reciprocal_rank")}
models = {
    "NCFRegressor": NCFRegressor(max_epochs=8, random_state=0),
    "NCFRanker, loss='bce'": NCFRanker(loss="bce", embedding_dropout=0.5, max_epochs=8, random_state=0),
    "NCFRanker": NCFRanker(max_epochs=8, random_state=0),
}
table = pd.DataFrame(
    {
        name: {metric: scores[f"test_{metric}"].mean() for metric in scoring}
        for name, scores in (
            (name, cross_validate(model, X, y, cv=LeaveLastOut(), scoring=scoring)) for name, model in models.items()
        )
    }
)

# %%
# What everybody likes is where to start from: the films that most users have seen, for all alike.
[(train, test)] = LeaveLastOut().split(X)
films = np.sort(X["item"].unique())
popularity = X["item"].iloc[train].value_counts().reindex(films, fill_value=0).to_numpy(dtype=float)
scores, relevance = np.tile(popularity, (len(test), 1)), np.zeros((len(test), len(films)))
row_of = pd.Series(np.arange(len(test)), index=X["user"].iloc[test])
seen = X.iloc[train][X["user"].iloc[train].isin(row_of.index)]
scores[row_of[seen["user"]], np.searchsorted(films, seen["item"])] = -np.inf
relevance[np.arange(len(test)), np.searchsorted(films, X["item"].iloc[test])] = 1
popular = [metric(relevance, scores, k=10) for metric in (hit_rate_at_k, ndcg_at_k, reciprocal_rank_at_k)]
table.insert(0, "most popular films", popular)
table.T.round(4)

# %%
# A list for somebody, from a ranker that has seen everything.
ranker = models["NCFRanker"].fit(X)
found = recommend(ranker, users=15, n_items=10).merge(movielens.item_frame, on="item")
found[["rank", "title", "year"]]

# %%
# Popularity is hard to beat, and a model of ratings does not.
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
table.plot.bar(ax=axes, rot=0, width=0.8, color=["0.6", "tab:blue", "tab:orange", "tab:green"])
axes.set(ylabel="mean over users", title="Each user's last film among all 9,000")
plt.show()
