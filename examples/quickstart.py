"""From 100,004 real ratings to recommendations, with nothing but scikit-learn's own tools."""

import pickle

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.datasets import load_movielens


class BiasOnly(RegressorMixin, BaseEstimator):
    """Mean + user bias + item bias, by regularised alternating means: what a model has to beat."""

    def fit(self, X, y):
        ratings = X.assign(rest=y - y.mean())
        self.mean_, self.bias_ = y.mean(), {"user": pd.Series(dtype=float), "item": pd.Series(dtype=float)}
        for column, shrinkage in [("item", 5), ("user", 5)] * 10:
            rest = ratings["rest"] - sum(ratings[c].map(self.bias_[c]).fillna(0) for c in self.bias_ if c != column)
            groups = rest.groupby(ratings[column])
            self.bias_[column] = groups.sum() / (groups.count() + shrinkage)
        return self

    def predict(self, X):
        return self.mean_ + sum(X[column].map(bias).fillna(0) for column, bias in self.bias_.items())


movielens = load_movielens()
X, y = movielens.data, movielens.target
pipe = Pipeline([("enc", IdEncoder()), ("ncf", NCFRegressor(random_state=0))])

print(f"{len(y):,} ratings of {X['user'].nunique()} users. RMSE of 5-fold cross-validation:")
folds = KFold(5, shuffle=True, random_state=0)
for name, model in [("global mean", DummyRegressor()), ("bias only", BiasOnly()), ("sklearn-ncf", pipe)]:
    rmse = -cross_val_score(model, X, y, cv=folds, scoring="neg_root_mean_squared_error", n_jobs=2)
    print(f"  {name:12} {rmse.mean():.4f} (std {rmse.std():.4f})", flush=True)

print("\nA small search over the architecture, on a third of the rows:")
few = np.random.default_rng(0).permutation(len(y))[: len(y) // 3]
grid = {"ncf__architecture": ["gmf", "neumf"], "ncf__embedding_dim": [16, 32]}
search = GridSearchCV(pipe, grid, cv=2, scoring="neg_root_mean_squared_error", n_jobs=2, verbose=1, refit=False)
search.fit(X.iloc[few], y.iloc[few])
table = pd.DataFrame(search.cv_results_)[["param_ncf__architecture", "param_ncf__embedding_dim", "mean_test_score"]]
print(table.sort_values("mean_test_score", ascending=False).to_string(index=False))

print("\nFit on everything, and predict:")
pipe.set_params(ncf__verbose=1).fit(X, y)
pairs = pd.DataFrame({"user": [15, 15, -7], "item": [1, 318, 318]})  # user -7 is new
print(pairs.assign(predicted=pipe.predict(pairs)).to_string(index=False))

user, films = 15, movielens.item_frame
unseen = films[~films["item"].isin(X.loc[X["user"] == user, "item"])]
score = pipe.predict(pd.DataFrame({"user": user, "item": unseen["item"]}))
print(f"\nTen films that user {user} has not rated, best first:")
print(unseen.assign(score=score).nlargest(10, "score")[["title", "year", "score"]].to_string(index=False))

reloaded = pickle.loads(pickle.dumps(pipe))
print("\nPickled and reloaded, equal predictions:", np.array_equal(reloaded.predict(X), pipe.predict(X)))
