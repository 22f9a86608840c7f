"""Recommending on request: histories, a list, candidates per user: python -m benchmarks.on_request [part [model ...]].

Parts: histories (MovieLens-1M, 500 users held out), requests (10,000 and 300,000 items), candidates (MovieLens-1M).
"""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
import pandas as pd
from sklearn.metrics import root_mean_squared_error

from benchmarks.ratings import load
from benchmarks.timing import in_turn, seconds
from sklearn_ncf import NCFRanker, NCFRegressor, Recommender

N_USERS, K = 500, 10
MODELS = {
    "`NCFRanker()`": lambda: NCFRanker(random_state=0, device="cpu"),
    "`NCFRanker(embedding_dim=64)`": lambda: NCFRanker(embedding_dim=64, random_state=0, device="cpu"),
    "`NCFRegressor()`": lambda: NCFRegressor(random_state=0, device="cpu"),
    '`NCFRegressor("neumf")`': lambda: NCFRegressor("neumf", random_state=0, device="cpu"),
    '`NCFRanker(loss="softmax")`': lambda: NCFRanker(loss="softmax", random_state=0, device="cpu"),
}


def split():
    """Rows of all but 500 users, and a random half of the rows of these users, the history, and the rest."""
    X, y = load("ml1m")
    rng = np.random.default_rng(0)
    held = np.isin(X[:, 0], rng.permutation(np.unique(X[:, 0]))[:N_USERS])
    half = rng.random(len(X)) < 0.5
    frame = pd.DataFrame(X[:, :2], columns=["user", "item"]).assign(rating=y)
    return frame[~held], frame[held & half], frame[held & ~half]


def fitted(make, rows):
    return make().fit(rows[["user", "item"]], rows["rating"])


def ndcg(lists, history, test):
    """NDCG@10 of a table of lists of users, the mean over users with test rows."""
    relevant = {user: set(items) for user, items in test.groupby("user")["item"]}
    discounts = 1 / np.log2(np.arange(K) + 2)
    values = []
    for user, items in lists.groupby("user")["item"]:
        if user in relevant:
            gains = discounts[: len(items)] @ [item in relevant[user] for item in items]
            values.append(gains / discounts[: len(relevant[user])].sum())
    return np.mean(values)


def histories(*names):
    """The models whose titles hold one of the names, or all."""
    train, history, test = split()
    print("| | NDCG@10 | RMSE | ms, one user | ms per user, 500 at once | unchanged | 16 threads |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for title, make in MODELS.items():
        if names and not any(name in title for name in names):
            continue
        model = fitted(make, train)
        rates = isinstance(model, NCFRegressor)
        before = pickle.dumps(model)
        recommender = Recommender(model)
        users = history["user"].unique()
        by_user = dict(list(history.groupby("user")))
        told = {
            user: dict(zip(rows["item"], rows["rating"], strict=True)) if rates else rows["item"].tolist()
            for user, rows in by_user.items()
        }

        def one(user, recommender=recommender, told=told):
            return recommender.recommend_one(user, K, history=told[user])

        answers = {user: one(user) for user in users}
        of_one = [seconds(one, user) for user in users]
        of_all = in_turn({"all": lambda r=recommender: seconds(r.recommend, history=history, n_items=K)}, 3)["all"]
        lists = recommender.recommend(history=history, n_items=K)
        errors = {"none": model.predict(test[["user", "item"]])} if rates else {}
        errors |= {"": recommender.predict(test[["user", "item"]], history=history)} if rates else {}
        with ThreadPoolExecutor(16) as pool:
            same = all(
                all(np.array_equal(*parts) for parts in zip(found, answers[user], strict=True))
                for user, found in zip(users, pool.map(one, users), strict=True)
            )
        unchanged = pickle.dumps(model) == before
        refit = fitted(make, pd.concat([train, history]))
        of_refit = Recommender(refit).recommend(users, K)
        nothing = recommender.recommend(users, K, exclude=history[["user", "item"]])
        if rates:
            errors["refit"] = refit.predict(test[["user", "item"]])
        rows = {"": lists, "refit": of_refit, "none": nothing}
        for name, part in rows.items():
            rmse = f"{root_mean_squared_error(test['rating'], errors[name]):.4f}" if rates else ""
            timed = (
                f"{median(of_one) * 1e3:.2f} | {of_all / len(users) * 1e3:.3f} | {unchanged} | {same}"
                if not name
                else " | | | "
            )
            what = {"": "history", "refit": "fit with these rows", "none": "without the history"}[name]
            print(f"| {title}, {what} | {ndcg(part, history, test):.4f} | {rmse} | {timed} |", flush=True)


def requests():
    print("| items | model | ms, numpy on ready vectors | `recommend_one` | ratio | `Recommender.recommend` |")
    print("|---|---|---|---|---|---|", flush=True)
    rng = np.random.default_rng(0)
    for n_items in (10_000, 300_000):
        users = rng.integers(5000, size=3 * n_items)
        X = pd.DataFrame({"user": users, "item": np.concatenate([rng.permutation(n_items) for _ in range(3)])})
        y = rng.integers(1, 6, size=len(X)).astype(float)
        for make in (NCFRanker, NCFRegressor):
            model = make(max_epochs=1, random_state=0, device="cpu").fit(X, y)
            recommender, asked = Recommender(model), X["user"].unique()[:50].tolist()
            vectors = recommender._requests.products.items
            query = vectors[0].copy()

            def by_numpy(query=query, vectors=vectors):
                scores = vectors @ query
                best = np.argpartition(scores, -K)[-K:]
                return best[np.argsort(-scores[best])]

            times = in_turn(
                {
                    "numpy": lambda run=by_numpy: seconds(run),
                    "one": lambda r=recommender, a=asked: seconds(r.recommend_one, a[int(rng.integers(50))]),
                },
                rounds=500,
            )  # the two alone: what follows a call of torch with several threads waits for these
            times |= in_turn({"frame": lambda r=recommender, a=asked: seconds(r.recommend, a[0])}, rounds=50)
            numpy, one, frame = (times[name] * 1e3 for name in ("numpy", "one", "frame"))
            print(
                f"| {n_items:,} | `{make.__name__}`, {vectors.shape[1]} components | {numpy:.2f} | {one:.2f} "
                f"| {one / numpy:.2f} | {frame:.2f} |",
                flush=True,
            )


def candidates():
    X, y = load("ml1m")
    frame = pd.DataFrame(X[:, :2], columns=["user", "item"])
    users, items = frame["user"].unique(), frame["item"].unique()
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(len(items))[:500] for _ in users])
    table = pd.DataFrame({"user": np.repeat(users, 500), "item": items[rows]})
    print("| | s, 6,040 users with 500 candidates each | s, with 500 exclusions each | equal to brute force |")
    print("|---|---|---|---|", flush=True)
    for make in (NCFRanker, NCFRegressor):
        model = make(max_epochs=2, random_state=0, device="cpu").fit(frame, y)
        recommender = Recommender(model)
        times = in_turn(
            {
                "items": lambda r=recommender: seconds(r.recommend, items=table),
                "exclude": lambda r=recommender: seconds(r.recommend, exclude=table),
            },
            rounds=5,
        )
        found = recommender.recommend(items=table)
        seen = set(map(tuple, frame.to_numpy().tolist()))
        scored = table.assign(score=model.predict(table))
        scored = scored[[pair not in seen for pair in zip(table["user"], table["item"], strict=True)]]
        best = scored.sort_values("score", ascending=False, kind="stable").groupby("user").head(K)
        same = sum(
            rows["item"].tolist() == of_user["item"].tolist()
            for (_, rows), (_, of_user) in zip(found.groupby("user"), best.groupby("user"), strict=True)
        )
        print(
            f"| `{make.__name__}` | {times['items']:.2f} | {times['exclude']:.2f} | {same} of {len(users)} |",
            flush=True,
        )


PARTS = {"histories": histories, "requests": requests, "candidates": candidates}

if __name__ == "__main__":
    if sys.argv[1:]:
        PARTS[sys.argv[1]](*sys.argv[2:])
    else:
        for part in PARTS.values():
            part()
