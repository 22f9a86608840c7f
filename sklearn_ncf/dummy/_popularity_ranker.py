"""PopularityRanker: the same list for everybody, the items with the most rows first."""

import math

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ncf._sklearn_compat import fit_context
from sklearn_ncf.dummy._baseline import Baseline
from sklearn_ncf.dummy._effects import Effects
from sklearn_ncf.fitting import check_weight, encode_table, with_ones
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER


class PopularityRanker(Baseline):
    """Rank items by popularity: how many rows of `fit` each item has.

    What a ranker has to beat. Every user gets the same scores; :func:`~sklearn_ncf.recommend` and
    :class:`~sklearn_ncf.metrics.RankingScorer` leave out what a user has already interacted with.

    Attributes
    ----------
    encoder_ : IdEncoder
        The ids of users and items seen in `fit`.

    item_counts_ : ndarray of shape (n_items,), float64
        Number of rows of each item, or the sum of their weights, in the order of `items_`.

    items_ : ndarray of shape (n_items,)
        The ids of the items seen in `fit`: ``encoder_.categories_[1]``.

    seen_ : DataFrame of shape (n_pairs, 2)
        The pairs of users and items seen in `fit`, each once.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, where they are all strings.

    See Also
    --------
    sklearn_ncf.NCFRanker : Learns what each user likes.
    BiasRegressor : The baseline of ratings.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import recommend
    >>> from sklearn_ncf.dummy import PopularityRanker
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "eve"], "film": ["Alien", "Dune", "Alien", "Bambi"]})
    >>> model = PopularityRanker().fit(X)
    >>> model.predict(pd.DataFrame({"user": ["bob", "bob"], "film": ["Alien", "Solaris"]}))
    array([2., 0.])
    >>> recommend(model, "eve", n_items=2)
      user   film  rank  score
    0  eve  Alien     1    2.0
    1  eve   Dune     2    1.0
    """

    _parameter_constraints = {}

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Count the rows of each item.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features), n_features >= 2
            Users in the first column, items in the second, by ids as :class:`~sklearn_ncf.NCFRanker` takes them.
            Further columns are ignored, and may hold anything.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. A row of weight zero is ignored, its ids too.

        Returns
        -------
        self : PopularityRanker
            The fitted estimator.

        Raises
        ------
        ValueError
            If the shapes or values of `X` or `sample_weight` are not as said above, or every item is a missing id.
        """
        X, y = with_ones(X, "X")
        return self._fit(X, y, check_weight(sample_weight, y, keeps_scale=True))

    def predict(self, X):
        """Return the popularity of the item of each row.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Ids, in the columns of `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Number of rows of the item in `fit`, or the sum of their weights; 0 for an unknown item.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns are not those of `fit`, or hold ids of another type.
        """
        return self._predict(X)

    def score(self, X, y=None):
        """NDCG@10 of held-out positives, the mean over users: what `cross_val_score` takes.

        That is :class:`~sklearn_ncf.metrics.RankingScorer` with its default parameters; use it for other metrics.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Positives that `fit` has not seen, in its columns.
        y : None
            Ignored.

        Returns
        -------
        score : float
            In [0, 1], the higher the better; NaN where no positive is left to rank, since all were in `fit`.
        """
        check_is_fitted(self)
        seen = self._seen.contain(encode_table(self, X)[0])
        return math.nan if seen.all() else RankingScorer()(self, X)

    @property
    def item_counts_(self):
        """Number of rows of each item, or the sum of their weights, in the order of `items_`."""
        return self._effects.of_items[N_SPECIAL:]

    def _effects_of(self, rows, n_ids):
        if not (rows.codes[:, ITEM] >= 0).any():
            raise ValueError("Every item of X is a missing id, so there is nothing to rank.")
        counts = np.bincount(rows.codes[:, ITEM] + N_SPECIAL, weights=rows.weights, minlength=n_ids[ITEM])
        return Effects(0.0, np.zeros(n_ids[USER]), counts.astype(np.float64))
