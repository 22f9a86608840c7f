"""Features of users and items compared with peers that take them: python -m benchmarks.features [--only PART ...].

ratings: new items of MovieLens with genres and year, folds by item.
users: new users of MovieLens with age, gender and occupation, folds by user.
known: ratings of known users and items, and each user's last item on Beauty and Yelp, with and without features.
rankings: a tenth of the items is new; each user's new items among all new ones.
memory: peak memory and seconds of fit with a block of 384 numbers per item.
--tune: choose the peers' settings on a validation set: a fifth of the ids of the first fold's training set (ratings,
users), a tenth of the other items (rankings). What it found is in SETTINGS.
--peers leaves out our models with features, --models takes parts of the names of the models to run.
"""

import argparse
import time
import warnings
from functools import partial
from statistics import mean

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, ParameterGrid, ShuffleSplit

from benchmarks import features_peers as peers
from benchmarks.memory import in_fresh_process, peak
from benchmarks.ratings import features, join, load
from benchmarks.sparse import AT_ONCE, in_time_order, ours, split
from benchmarks.timing import seconds
from sklearn_ncf import NCFRanker, NCFRegressor, recommend
from sklearn_ncf.metrics import ndcg_at_k, recall_at_k

PARTS = ("ratings", "users", "known", "rankings", "memory")
FEATURES = {"item": ["genres", "year"], "user": ["age", "gender", "occupation"]}
K = 20
ALS = "`implicit` ALS, mapped"
SETTINGS = {  # what --tune finds best, for new ids on ml100k, and for lists on each data set
    ("items", "ridge regression"): {"numbers": "one-hot", "alpha": 10.0, "without": "new"},
    ("items", "myFM"): {"numbers": "number", "rank": 20, "histories": "known", "without": "new"},
    ("users", "ridge regression"): {"numbers": "number", "alpha": 3.0},
    ("users", "myFM"): {"numbers": "number", "rank": 5, "histories": "known", "without": "new"},
    ("beauty", ALS): {"tfidf": False, "regularization": 50.0, "penalty": 0.1, "factors": 256, "alpha": 40.0},
    ("yelp", ALS): {"tfidf": False, "regularization": 10.0, "penalty": 10.0, "factors": 256, "alpha": 4.0},
    ("ml1m", ALS): {"tfidf": True, "regularization": 50.0, "penalty": 0.3, "factors": 64, "alpha": 4.0},
    ("beauty", "LightFM"): {
        "rows": "as they are",
        "no_components": 64,
        "learning_rate": 0.05,
        "item_alpha": 1e-6,
        "epochs": 30,
    },
    ("yelp", "LightFM"): {
        "rows": "as they are",
        "no_components": 64,
        "learning_rate": 0.02,
        "item_alpha": 1e-5,
        "epochs": 30,
    },
    ("ml1m", "LightFM"): {  # of the first seven draws
        "ids": False,
        "rows": "as they are",
        "no_components": 128,
        "learning_rate": 0.1,
        "item_alpha": 1e-6,
        "epochs": 10,
    },
    ("beauty", "irspack IALS"): {
        "vectors": "predicted",
        "tfidf": True,
        "n_components": 128,
        "alpha0": 0.003,
        "reg": 0.03,
        "nu": 0.5,
        "lambda_item_feature": 0.1,
    },
    ("yelp", "irspack IALS"): {
        "vectors": "predicted",
        "tfidf": True,
        "n_components": 64,
        "alpha0": 0.01,
        "reg": 0.01,
        "lambda_item_feature": 10.0,
    },
    ("ml1m", "irspack IALS"): {
        "vectors": "predicted",
        "n_components": 128,
        "alpha0": 0.01,
        "reg": 0.03,
        "nu": 0.5,
        "lambda_item_feature": 0.001,
        "feature_warmup_epochs": 4,
    },
}


def table_of(name, sides=("user", "item")):
    """Rows of a data set with the features of some sides, and its ratings."""
    X, y = load(name)
    frame = pd.DataFrame(X, columns=["user", "item"])
    for side in sides:
        frame = join(frame, features(name, f"{side}s"), FEATURES[side])
    return frame, pd.Series(y)


class Regressor:
    """NCFRegressor with the features of some sides; age is a number where it is in years, not in groups."""

    def __init__(self, frame, sides=()):
        self.columns = ["user", "item", *(name for side in sides for name in FEATURES[side])]
        params = {f"{side}_features": FEATURES[side] for side in sides}
        if "user" in sides and frame["age"].nunique() > 10:
            params["numeric_features"] = ["age"]
        if "item" in sides:
            params["separator"] = "|"
        self.model = NCFRegressor(random_state=0, device="cpu", **params)

    def fit(self, frame, y):
        self.model.fit(frame[self.columns], y)

    def predict(self, frame):
        return self.model.predict(frame[self.columns])


def rating_models(frame, side):
    """Models for new ids of a side, each a function from settings to an estimator, by name."""
    known, described = "user" if side == "item" else "item", {side: FEATURES[side]}

    def with_side(model, **params):
        names = {"known": known, "new": side}
        if params.get("histories"):
            params["histories"] = [names[params["histories"]]]
        if params.get("without"):
            params["without"] = names[params["without"]]
        return model(described, **params)

    return {
        f"mean per {known}": partial(peers.MeanPer, known),
        "ridge regression": partial(with_side, peers.OneHotRidge),
        "myFM": partial(with_side, peers.MyFM),
        "`NCFRegressor()`": partial(Regressor, frame),
        f"`NCFRegressor({side}_features=...)`": partial(Regressor, frame, [side]),
    }


def score(model, frame, y, train, test):
    """RMSE and seconds of a fit."""
    taken = seconds(model.fit, frame.iloc[train], y.iloc[train])
    return root_mean_squared_error(y.iloc[test], model.predict(frame.iloc[test])), taken


def new_ids(side, arguments):
    """Ratings of new ids of a side."""
    for name in arguments.data or ["ml100k", "ml1m"]:
        frame, y = table_of(name, [side])
        models = chosen(rating_models(frame, side), arguments)
        folds = list(GroupKFold(5).split(frame, y, frame[side]))
        if arguments.tune:
            train = folds[0][0]
            inner = GroupShuffleSplit(1, test_size=0.2, random_state=0).split(train, groups=frame[side].iloc[train])
            fold = [train[rows] for rows in next(inner)]
            for title, make in models.items():
                for params in ParameterGrid(peers.RATING_GRIDS[title]) if title in peers.RATING_GRIDS else []:
                    rmse, taken = score(make(**params), frame, y, *fold)
                    print(f"| {name}, new {side}s | {title} | {params} | {rmse:.4f} | {taken:.1f} |", flush=True)
            continue
        folds = [folds[number] for number in arguments.folds]
        print(f"\n{name}, new {side}s, folds {arguments.folds} of 5:\n| | RMSE | fit s |\n|---|---|---|")
        for title, make in models.items():
            params = SETTINGS.get((f"{side}s", title), {})
            report(title, [score(make(**params), frame, y, *fold) for fold in folds])


def report(title, found):
    """A line of means over folds, and the first number of each."""
    means = [mean(column) for column in zip(*found, strict=True)]
    each = ", ".join(f"{first:.4f}" for first, *_ in found)
    numbers = " | ".join(f"{value:.4f}" for value in means[:-1])
    print(f"| {title} | {numbers} | {means[-1]:.1f} | {each if len(found) > 1 else ''}", flush=True)


def known_ids(arguments):
    """Ratings of known users and items, and the last items of known users, with and without features."""
    for name in arguments.data or ["ml100k", "ml1m", "beauty", "yelp"]:
        if name in ("beauty", "yelp"):
            known_rankings(name, arguments)
            continue
        frame, y = table_of(name)
        both = {side: FEATURES[side] for side in ("user", "item")}
        models = {
            "myFM": partial(peers.MyFM, {}),
            "myFM with histories": partial(peers.MyFM, {}, histories=["user", "item"]),
            "myFM with histories, item features": partial(
                peers.MyFM, {"item": FEATURES["item"]}, histories=["user", "item"]
            ),
            "myFM with histories, features of both": partial(peers.MyFM, both, histories=["user", "item"]),
            "`NCFRegressor()`": partial(Regressor, frame),
            "`NCFRegressor(item_features=...)`": partial(Regressor, frame, ["item"]),
            "`NCFRegressor(user_features=..., item_features=...)`": partial(Regressor, frame, ["user", "item"]),
        }
        splitter = (
            ShuffleSplit(1, test_size=0.1, random_state=0) if name == "ml1m" else KFold(5, shuffle=True, random_state=0)
        )
        folds = list(splitter.split(frame))
        folds = [folds[number] for number in arguments.folds if number < len(folds)]
        print(f"\n{name}, known ids, {len(folds)} of {splitter}:\n| | RMSE | fit s |\n|---|---|---|")
        for title, make in chosen(models, arguments).items():
            report(title, [score(make(), frame, y, *fold) for fold in folds])


def known_rankings(name, arguments):
    """HR@10 and NDCG@10 of each user's last item, among all that the user has not interacted with."""
    train, test = split(in_time_order(name))
    with_features = [join(rows, features(name, "items"), ["attributes"]) for rows in (train, test)]
    models = {
        "`NCFRanker()`": partial(ours, train, test),
        "`NCFRanker(item_features=...)`": partial(ours, *with_features, item_features=["attributes"]),
    }
    print(f"\n{name}, each user's last item:\n| | HR@10 | NDCG@10 | fit s |\n|---|---|---|---|")
    for title, run in chosen(models, arguments).items():
        taken, hits, ndcg = run()
        report(title, [(hits, ndcg, taken)])


def ranker(data, train, table, new):
    """The place of each new item in the lists of NCFRanker, from the last one, 0 where it is in no list."""
    columns = table.columns.drop("item").tolist()
    separator = {"separator": "|"} if "genres" in columns else {}
    model = NCFRanker(item_features=columns, random_state=0, device="cpu", **separator)
    model.fit(join(train, table, columns))
    candidates = table[table["item"].isin(new)]

    def scores(ids):
        lists = recommend(model, ids, n_items=K, items=candidates)
        found = np.zeros((len(ids), len(new)))
        rows, columns = pd.Index(ids).get_indexer(lists["user"]), pd.Index(new).get_indexer(lists["item"])
        found[rows, columns] = K + 1 - lists["rank"]
        return found

    return scores


def lists(fit, test, new):
    """Recall@20, NDCG@20 and the seconds of a fit, means over the users of the test rows."""
    start = time.perf_counter()
    scores = fit()
    taken, found = time.perf_counter() - start, []
    users, rows = np.unique(test[:, 0], return_inverse=True)
    relevant = sp.csr_array((np.ones(len(test)), (rows, np.searchsorted(new, test[:, 1]))), (len(users), len(new)))
    for block in np.split(np.arange(len(users)), range(AT_ONCE, len(users), AT_ONCE)):
        truth, predicted = (relevant[block] > 0).toarray(), scores(users[block])
        found.append((recall_at_k(truth, predicted, k=K), ndcg_at_k(truth, predicted, k=K)))
    sizes = np.diff([*range(0, len(users), AT_ONCE), len(users)])
    return *(np.average(values, weights=sizes) for values in zip(*found, strict=True)), taken


def hold_out(X, seed=0):
    """Rows of nine tenths of the items, rows of the others by users who have some of the first, and the other items."""
    items = np.unique(X[:, 1])
    new = np.sort(np.random.default_rng(seed).permutation(items)[: len(items) // 10])
    is_new = np.isin(X[:, 1], new)
    train = X[~is_new]
    return train, X[is_new & np.isin(X[:, 0], train[:, 0])], new


def attributes_of(table):
    """A matrix of ones: items, by id, and their attributes, or their genres and decades."""
    if "attributes" in table:
        cells = table["attributes"]
    else:
        decades = (table["year"] // 10).map("decade {}".format)
        cells = [[*genres.split("|"), decade] for genres, decade in zip(table["genres"], decades, strict=True)]
    codes, values = pd.factorize(np.concatenate([np.asarray(cell, dtype=object) for cell in cells]))
    rows = np.repeat(table["item"].to_numpy(), [len(cell) for cell in cells])
    return sp.csr_array((np.ones(len(codes)), (rows, codes)), (table["item"].max() + 1, len(values)))


def rankings(arguments):
    """Lists of new items."""
    for name in arguments.data or ["beauty", "yelp", "ml1m"]:
        X = load(name)[0].astype(np.int64) if name == "ml1m" else in_time_order(name)
        table = features(name, "items")[["item", *(FEATURES["item"] if name == "ml1m" else ["attributes"])]]
        train, test, new = hold_out(X)
        if arguments.tune:
            train, test, new = hold_out(train, seed=1)
        data = peers.NewItems(train, attributes_of(table), new)
        models = {
            "chance": partial(peers.chance, data),
            "popularity of attributes": partial(peers.attribute_popularity, data),
            "cosine of attributes": partial(peers.cosines, data),
            ALS: partial(peers.mapped_als, data),
            "LightFM": partial(peers.light_fm, data),
            "irspack IALS": partial(peers.feature_ials, data),
            "`NCFRanker(item_features=...)`": partial(ranker, data, train, table, new),
        }
        models = chosen(models, arguments)
        if arguments.tune:
            for title, fit in models.items():
                for params in peers.draws(fit.func):
                    recall, ndcg, taken = lists(partial(fit, **params), test, new)
                    print(f"| {name} | {title} | {params} | {recall:.4f} | {ndcg:.4f} | {taken:.1f} |", flush=True)
            continue
        n_users = len(np.unique(test[:, 0]))
        print(
            f"\n{name}, {len(new)} new items, {n_users} users:\n| | recall@{K} | NDCG@{K} | fit s |\n|---|---|---|---|"
        )
        for title, fit in models.items():
            params = SETTINGS.get((name, title), {})
            report(title, [lists(partial(fit, **params), test, new)])


def block_fit(estimator, n_rows, n_items, with_block):
    """Print the peak memory and the seconds of a fit; cells of a column share one array per item."""
    random = np.random.default_rng(0)
    users, items = random.integers(n_items // 2, size=n_rows), random.integers(n_items, size=n_rows)
    X, params = pd.DataFrame({"user": users, "item": items}), {}
    if with_block:
        block = random.standard_normal((n_items, 384), dtype=np.float32)
        cells = pd.Series(list(block), dtype=object)
        X, params = X.assign(vector=cells.take(items).set_axis(X.index)), {"item_features": ["vector"]}
    y = random.integers(1, 6, size=n_rows).astype(np.float64)
    before = peak()
    model = estimator(random_state=0, device="cpu", max_epochs=2, **params)
    taken = seconds(model.fit, X, y)
    kind = "with" if with_block else "without"
    print(f"| `{estimator.__name__}`, {kind} the block | {before:,.0f} | {peak():,.0f} | {taken:.1f} |", flush=True)


def memory(arguments):
    share = 10 if arguments.quick else 1
    n_rows, n_items = 2_000_000 // share, 200_000 // share
    print(f"\n{n_rows:,} rows, {n_items:,} items, 2 epochs, MiB:\n| | before fit | peak | fit s |\n|---|---|---|---|")
    for estimator in (NCFRegressor, NCFRanker):
        for with_block in (False,) if arguments.peers else (False, True):
            in_fresh_process(block_fit, estimator, n_rows, n_items, with_block)


def chosen(models, arguments):
    """The models to run."""
    return {
        title: model
        for title, model in models.items()
        if any(part in title for part in arguments.models) and not (arguments.peers and "features=" in title)
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--data", nargs="+", choices=["ml100k", "ml1m", "beauty", "yelp"])
    parser.add_argument("--folds", nargs="+", type=int, default=range(5), help="numbers of the folds, from 0")
    parser.add_argument("--models", nargs="+", default=[""], help="parts of the names of the models to run")
    parser.add_argument("--quick", action="store_true", help="the first fold, a tenth of the rows of memory")
    parser.add_argument("--peers", action="store_true", help="leave out our models with features")
    parser.add_argument("--tune", action="store_true", help="choose the peers' settings")
    arguments = parser.parse_args()
    arguments.folds = [0] if arguments.quick else list(arguments.folds)
    warnings.filterwarnings("ignore", message=".*(were not seen in fit|pkg_resources is deprecated).*")
    runs = {
        "ratings": partial(new_ids, "item"),
        "users": partial(new_ids, "user"),
        "known": known_ids,
        "rankings": rankings,
        "memory": memory,
    }
    for part in arguments.only:
        runs[part](arguments)


if __name__ == "__main__":
    main()
