"""Baseline: what the baselines share, from a table of raw ids to a sum of effects and back to predictions."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_ncf._encoder import IdEncoder, check_unknown
from sklearn_ncf._fitted import publish, snapshot
from sklearn_ncf._stamp import add_version, check_version
from sklearn_ncf.dummy._effects import AdditiveModel, Effects
from sklearn_ncf.encoding import as_local, read_table, take_as_series, take_rows
from sklearn_ncf.features import ColumnRoles
from sklearn_ncf.fitting import NO_FEATURES, IdEstimator, encode_table, learn_rows
from sklearn_ncf.interactions import Interactions, Seen
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER

COLUMNS = [USER, ITEM]
NAMES = ["user", "item"]  # where the columns have none


class Baseline(IdEstimator):
    """Encoding, prediction and pickling of a sum of effects; a subclass says in `_effects_of` what these are."""

    def _effects_of(self, rows, n_ids):
        """The `Effects` that encoded rows show."""
        raise NotImplementedError

    @property
    def items_(self):
        """The ids of the items seen in `fit`."""
        return self.encoder_.categories_[ITEM]

    @property
    def seen_(self):
        """The pairs of users and items seen in `fit`."""
        names = list(getattr(self, "feature_names_in_", NAMES))[: len(COLUMNS)]
        pairs = self._seen.pairs
        columns = {}
        for column, name in zip(COLUMNS, names, strict=True):
            ids = self.encoder_.categories_[column]
            of_pairs = pairs[:, column]
            if (of_pairs < 0).any():
                ids = np.append(ids.astype(object), None)  # which the code -1 takes
            columns[name] = take_as_series(ids, of_pairs.clip(min=-1))
        return pd.DataFrame(columns)

    def _fit(self, X, y, sample_weight):
        """Learn from checked targets and weights."""
        if sample_weight is not None and not sample_weight.all():
            weighted = np.flatnonzero(sample_weight)  # no weight is no row: its ids are not learned either
            X, y, sample_weight = take_rows(X, weighted), y[weighted], sample_weight[weighted]
        learned = snapshot(self)
        header, _ = read_table(X, estimator=self, min_columns=len(COLUMNS))
        validate_data(learned, header, reset=True, skip_check_array=True)
        learned.encoder_ = IdEncoder()
        table = learned._roles.id_table(X)
        rows, _ = learn_rows(learned.encoder_, table, y, sample_weight, tells_missing_apart=True, resumes=False)
        n_ids = [len(ids) for ids in learned.encoder_.categories_]
        learned._effects = learned._effects_of(rows, [n + N_SPECIAL for n in n_ids])
        positives = Interactions(rows.codes, np.ones(len(rows), np.float32))
        learned._seen = Seen().with_rows(positives, n_ids).in_memory()
        publish(self, learned)
        return self

    @property
    def _roles(self):
        """Users come first, items second; all further columns are ignored."""
        names = getattr(self, "feature_names_in_", None)
        further = tuple(range(len(COLUMNS), self.n_features_in_))
        return ColumnRoles(None if names is None else list(names), COLUMNS, {}, [], further)

    def _fitted_model(self):
        return AdditiveModel(self._effects, self._seen, NO_FEATURES._replace(roles=self._roles))

    def _further_users(self):
        return self._effects

    def _predict(self, X):
        """The sums of effects of a table's rows."""
        check_is_fitted(self)
        fitted = snapshot(self)
        codes, unknown, _ = encode_table(fitted, as_local(X, "X"))
        check_unknown(fitted.encoder_, unknown)
        return fitted._fitted_model().scores(codes)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_seen" in state:
            state["_seen"] = vars(state["_seen"])
            state["_effects"] = list(state["_effects"])
        return add_version(state)

    def __setstate__(self, state):
        state = check_version(state, self)
        if "_seen" in state:
            seen = Seen()
            vars(seen).update(state["_seen"])
            state |= {"_seen": seen, "_effects": Effects(*state["_effects"])}
        super().__setstate__(state)
