"""The peers that benchmarks.features compares with, and the grids of their settings.

Ratings: factorization machines and ridge regression on one-hot columns. Rankings of new items: each peer is a function
that fits, and returns a function from users to the scores of the new items.
"""

import contextlib
import io

import numpy as np
import scipy.sparse as sp
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, normalize

from benchmarks.ranking import Implicit

SEVERAL = ["genres"]  # columns of strings that join several values
NUMBERS = ["year", "age"]


def split_values(cell):
    """The values that a string joins."""
    return cell.split("|")


class Side:
    """Columns of the ids (if wanted) and of the features of the users or of the items, one-hot, a row per id."""

    def __init__(self, id_column, features, numbers, ids=True):
        self.id_column, self.features, self.numbers, self.ids = id_column, features, numbers, ids

    def fit(self, frame):
        one_hot, number = OneHotEncoder(handle_unknown="ignore"), make_pipeline(SimpleImputer(), StandardScaler())
        steps = [(self.id_column, one_hot, [self.id_column])] if self.ids else []
        for name in self.features:
            if name in SEVERAL:
                steps.append((name, CountVectorizer(analyzer=split_values, binary=True), name))
            elif name in NUMBERS and self.numbers != "one-hot":
                steps.append((name, number, [name]))
            else:
                steps.append((name, one_hot, [name]))
            if name in NUMBERS and self.numbers == "both":
                steps.append((f"{name} one-hot", one_hot, [name]))
        self.columns_ = ColumnTransformer(steps, sparse_threshold=1).fit(frame.drop_duplicates(self.id_column))
        return self

    def sizes(self):
        """The number of columns of the ids and of each feature."""
        return [part.stop - part.start for name, part in self.columns_.output_indices_.items() if name != "remainder"]

    def transform(self, frame):
        """The ids of a table as codes, and a matrix with a row per code."""
        codes, ids = frame[self.id_column].factorize()
        matrix = self.columns_.transform(frame.drop_duplicates(self.id_column))
        return codes, ids.to_numpy(), sp.csr_matrix(matrix, dtype=np.float64)


class MyFM:
    """Bayesian factorization machine by Gibbs sampling; a group of columns for the ids and for each feature.

    `histories`: for which of users and items the columns include the other ids that they came with, as in SVD++.
    `without`: whether the users or the items have no columns of ids, but features alone.
    """

    def __init__(self, features, numbers="number", rank=10, histories=(), without=None, n_iter=200):
        self.features, self.numbers, self.rank = features, numbers, rank
        self.histories, self.without, self.n_iter = histories, without, n_iter

    def fit(self, frame, y):
        from myfm import MyFMRegressor

        self.sides_, self.histories_, sizes = [], {}, []
        for side, other in (("user", "item"), ("item", "user")):
            self.sides_.append(Side(side, self.features.get(side, []), self.numbers, side != self.without).fit(frame))
            sizes += self.sides_[-1].sizes()
            if side in self.histories:
                (rows, ids), (columns, others) = frame[side].factorize(), frame[other].factorize()
                matrix = sp.csr_matrix((np.ones(len(frame)), (rows, columns)), shape=(len(ids), len(others)))
                self.histories_[side] = ids, normalize(matrix)
                sizes.append(len(others))
        self.model_ = MyFMRegressor(rank=self.rank, random_seed=0)
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            self.model_.fit(
                sp.csr_matrix((len(frame), 0)),
                np.asarray(y),
                X_rel=self.blocks(frame),
                group_shapes=sizes,
                n_iter=self.n_iter,
                n_kept_samples=self.n_iter * 19 // 20,
            )

    def blocks(self, frame):
        from myfm import RelationBlock

        blocks = []
        for side in self.sides_:
            codes, ids, matrix = side.transform(frame)
            if side.id_column in self.histories_:
                known, history = self.histories_[side.id_column]
                rows = known.get_indexer(ids)
                of_known = sp.diags_array((rows >= 0).astype(np.float64)) @ history[rows]
                matrix = sp.csr_matrix(sp.hstack([matrix, of_known]))
            blocks.append(RelationBlock(codes, matrix))
        return blocks

    def predict(self, frame):
        return self.model_.predict(sp.csr_matrix((len(frame), 0)), X_rel=self.blocks(frame))


class OneHotRidge:
    """Ridge regression on one-hot users, one-hot items and features; `without` leaves one of the two out."""

    def __init__(self, features, numbers="number", alpha=10.0, without=None):
        self.features, self.numbers, self.alpha, self.without = features, numbers, alpha, without

    def fit(self, frame, y):
        self.sides_ = [
            Side(side, self.features.get(side, []), self.numbers, side != self.without).fit(frame)
            for side in ("user", "item")
        ]
        self.model_ = Ridge(self.alpha, solver="sparse_cg").fit(self.matrix(frame), y)

    def matrix(self, frame):
        parts = []
        for side in self.sides_:
            codes, _, matrix = side.transform(frame)
            parts.append(matrix[codes])
        return sp.csr_matrix(sp.hstack(parts))

    def predict(self, frame):
        return self.model_.predict(self.matrix(frame))


class MeanPer:
    """The mean rating of the id of a column, the mean of all ratings for an unknown one."""

    def __init__(self, id_column):
        self.id_column = id_column

    def fit(self, frame, y):
        self.means_, self.mean_ = y.groupby(frame[self.id_column]).mean(), y.mean()

    def predict(self, frame):
        return frame[self.id_column].map(self.means_).fillna(self.mean_).to_numpy()


class NewItems:
    """Interactions with the known items, attributes of the known and of the new items; codes for ids."""

    def __init__(self, train, attributes, new):
        self.users, rows = np.unique(train[:, 0], return_inverse=True)
        known, columns = np.unique(train[:, 1], return_inverse=True)
        self.rows = np.stack([rows, columns], axis=1)
        shape = len(self.users), len(known)
        self.matrix = sp.csr_matrix((np.ones(len(train), dtype=np.float32), self.rows.T), shape=shape)
        self.matrix.data[:] = 1
        self.known, self.new = attributes[known], attributes[new]

    def weighted(self, tfidf):
        """Attributes of known and of new items as rows of length 1, rare ones weighted up if wanted."""
        if not tfidf:
            return normalize(self.known), normalize(self.new)
        weights = TfidfTransformer().fit(self.known)
        return weights.transform(self.known), weights.transform(self.new)

    def by_vectors(self, users, items, biases=0.0):
        """A function from users to the products of vectors."""
        return lambda ids: users[np.searchsorted(self.users, ids)] @ items.T + biases


def chance(data):
    random = np.random.default_rng(0)
    return lambda ids: random.random((len(ids), data.new.shape[0]))


def attribute_popularity(data):
    """The mean number of interactions with an item that has an attribute, a mean over an item's attributes."""
    counts = np.asarray(data.matrix.sum(axis=0)).ravel()
    means = (data.known.T @ counts) / np.maximum(data.known.sum(axis=0), 1)
    scores = data.new @ means / np.maximum(data.new.sum(axis=1), 1)
    return lambda ids: np.tile(scores, (len(ids), 1))


def cosines(data, tfidf=True):
    """Cosines of a new item's attributes with the mean of those of the user's items."""
    known, new = data.weighted(tfidf)
    return data.by_vectors(normalize(data.matrix @ known).toarray(), new.toarray())


def light_fm(data, ids=True, rows="scaled", epochs=20, **params):
    """LightFM with a vector per attribute, and one per known item (`ids`)."""
    from lightfm import LightFM

    known, new = data.known, data.new
    if ids:
        known = sp.hstack([sp.eye_array(known.shape[0]), known])
        new = sp.hstack([sp.csr_matrix((new.shape[0], data.known.shape[0])), new])
    known, new = (sp.csr_matrix(part, dtype=np.float32) for part in (known, new))
    for matrix in (known, new):  # LightFM reads indices of 32 bits alone
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    if rows == "scaled":
        known, new = normalize(known, "l1"), normalize(new, "l1")
    model = LightFM(loss="warp", random_state=0, **params)
    model.fit(data.matrix.tocoo(), item_features=known, epochs=epochs, num_threads=2)
    _, users = model.get_user_representations()
    biases, items = model.get_item_representations(new)
    return data.by_vectors(users, items, biases)


def feature_ials(data, tfidf=False, vectors="solved", lambda_item_feature=1.0, **params):
    """irspack's least squares, whose vectors are drawn towards what their features predict."""
    from irspack import IALSRecommender

    known, new = data.weighted(tfidf)
    params = {"lambda_item_feature": lambda_item_feature, "n_threads": 2, "random_seed": 0, **params}
    model = IALSRecommender(data.matrix, item_features=known, **params)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        model.learn()
    if vectors == "solved":
        items = model.compute_item_embedding_from_features(new)
    else:
        items = model.trainer_as_ials.transform_item_feature(new)
    return data.by_vectors(model.get_user_embedding(), items)


def mapped_als(data, tfidf=True, penalty=1.0, **params):
    """implicit's least squares, then a ridge regression from attributes to the items' vectors (Gantner et al. 2010)."""
    known, new = data.weighted(tfidf)
    model = Implicit("ALS", iterations=15, **params)
    model.fit(data.rows)
    items = Ridge(penalty).fit(known.toarray(), model.items_).predict(new.toarray())
    return data.by_vectors(model.users_, items)


RATING_GRIDS = {
    "myFM": {
        "numbers": ["number", "one-hot"],
        "rank": [5, 10, 20],
        "histories": [(), "known"],  # of the side whose ids are known
        "without": [None, "new"],
    },
    "ridge regression": {
        "numbers": ["number", "one-hot", "both"],
        "alpha": [1.0, 3.0, 10.0, 30.0, 100.0],
        "without": [None, "new"],
    },
}
RANKING_GRIDS = {
    cosines: {"tfidf": [False, True]},
    light_fm: {
        "ids": [True, False],
        "rows": ["scaled", "as they are"],
        "epochs": [10, 30],
        "no_components": [64, 128],
        "learning_rate": [0.02, 0.05, 0.1],
        "item_alpha": [0.0, 1e-6, 1e-5],
    },
    feature_ials: {
        "tfidf": [False, True],
        "vectors": ["solved", "predicted"],
        "n_components": [64, 128],
        "alpha0": [0.001, 0.003, 0.01, 0.03, 0.1],
        "reg": [1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
        "nu": [0.5, 1.0],
        "lambda_item_feature": [1e-3, 1e-2, 1e-1, 1.0, 10.0],
        "feature_warmup_epochs": [0, 4],
    },
    mapped_als: {
        "tfidf": [False, True],
        "penalty": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0],
        "factors": [64, 128, 256],
        "alpha": [4.0, 10.0, 40.0],
        "regularization": [10.0, 50.0],
    },
}
TRIALS = {light_fm: 12, feature_ials: 48, mapped_als: 18}  # settings of a grid that --tune draws, others try all


def draws(fit):
    """The settings of a model for lists that --tune tries."""
    grid = RANKING_GRIDS.get(fit)
    if grid is None:
        return []
    return ParameterSampler(grid, TRIALS[fit], random_state=0) if fit in TRIALS else ParameterGrid(grid)
