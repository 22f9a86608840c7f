"""
What each user wants next
=========================

Ratings become implicit feedback: what counts is that somebody has seen a film. Each user's last film is held out and
ranked among all films that the user had not seen before.
"""

# %%
# The rows in time order, as `LeaveLastOut` asks for.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import cross_validate

from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import PopularityRanker
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.model_selection import LeaveLastOut

movielens = load_movielens()
frame = movielens.frame.sort_values("timestamp", kind="stable").reset_index(drop=True)
X, y = frame[["user", "item"]], frame["rating"]

# %%
# A ranker learns from the pairs alone, a regressor from the ratings. To predict ratings well is another task than to
# say what comes next: the films that a user would rate highest are not those that the user will see. The baseline knows
# how many users have seen a film, and ranks for all alike.
scoring = {f"{metric}@10": RankingScorer(metric, k=10) for metric in ("hit_rate", "ndcg", "reciprocal_rank")}
models = {
    "PopularityRanker": PopularityRanker(),
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
