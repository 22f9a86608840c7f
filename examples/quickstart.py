"""From 100,004 real ratings to recommendations, with nothing but scikit-learn's own tools."""

import pickle

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend, similar_items
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

movielens = load_movielens()
X, y = movielens.data, movielens.target
pipe = Pipeline([("enc", IdEncoder()), ("ncf", NCFRegressor(random_state=0))])

print(f"{len(y):,} ratings of {X['user'].nunique()} users. RMSE of 5-fold cross-validation:")
folds = KFold(5, shuffle=True, random_state=0)
for name, model in [("biases alone", BiasRegressor()), ("sklearn-ncf", pipe)]:
    rmse = -cross_val_score(model, X, y, cv=folds, scoring="neg_root_mean_squared_error", n_jobs=2)
    print(f"  {name:12} {rmse.mean():.4f} (std {rmse.std():.4f})", flush=True)

print("\nA small search over the architecture, on a third of the rows:")
grid = {"ncf__architecture": ["gmf", "neumf"], "ncf__embedding_dim": [16, 32]}
halves = KFold(2, shuffle=True, random_state=0)  # the rows are sorted by user
search = GridSearchCV(pipe, grid, cv=halves, scoring="neg_root_mean_squared_error", n_jobs=2, verbose=1, refit=False)
search.fit(X[::3], y[::3])
table = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
print(table[["param_ncf__architecture", "param_ncf__embedding_dim", "mean_test_score"]].to_string(index=False))

print("\nFit on everything, and predict:")
pipe.set_params(ncf__verbose=1).fit(X, y)
pairs = pd.DataFrame({"user": [15, 15, -7], "item": [1, 318, 318]})  # user -7 is new
print(pairs.assign(predicted=pipe.predict(pairs)).to_string(index=False))

print("\nTen films that user 15 has not rated, by a model of what users watch next, best first:")
ranker = NCFRanker(random_state=0).fit(X)
films = recommend(ranker, users=15, n_items=10).merge(movielens.item_frame, on="item")
print(films[["rank", "title", "year", "score"]].to_string(index=False))

print("\nThe films most similar to Toy Story:")
similar = similar_items(ranker, 1, n_items=5).merge(movielens.item_frame, left_on="similar_item", right_on="item")
print(similar[["title", "year", "score"]].to_string(index=False))

equal = np.array_equal(pickle.loads(pickle.dumps(pipe)).predict(X), pipe.predict(X))
print("\nPickled and reloaded, equal predictions:", equal)
