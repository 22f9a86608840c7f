"""Graphs of lists and what they should give, for .ci/lists_in_node.mjs: python .ci/lists_in_node.py FOLDER."""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor, recommend
from sklearn_ncf.datasets import make_ratings
from sklearn_ncf.export import to_onnx

TOP_N = 10


def main(folder):
    """Write a graph for each model, and a case for each with and without exclusions."""
    X, y = make_ratings(n_users=200, n_items=100, n_ratings=4000, random_state=0)
    cases = []
    for name, estimator, type_ in (
        ("regressor", NCFRegressor(max_epochs=5, random_state=0), int),
        ("ranker", NCFRanker(random_state=0), str),
        ("layers", NCFRegressor("neumf", max_epochs=3, random_state=0), str),
    ):
        table = X.astype(type_).astype(object)
        model = Pipeline([("encoder", IdEncoder()), ("ncf", estimator)]).fit(table, y)
        to_onnx(model, Path(folder) / f"{name}.onnx", top_n=TOP_N)
        users = list(map(type_, np.unique(X["user"])))
        of_user = table.groupby("user")["item"].agg(list)
        for exclude_seen in (False, True):
            lists = recommend(model, users, n_items=TOP_N, exclude_seen=exclude_seen).groupby("user", sort=False)
            cases.append(
                {
                    "graph": f"{name}.onnx",
                    "text": type_ is str,
                    "users": users,
                    "exclude": [of_user[user] if exclude_seen else [] for user in users],
                    "items": [of_one["item"].tolist() for _, of_one in lists],
                    "scores": [of_one["score"].tolist() for _, of_one in lists],
                }
            )
    (Path(folder) / "cases.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main(*sys.argv[1:])
