"""Metrics of lists that do not ask what is relevant: how many items they reach, how novel and how diverse they are."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_consistent_length

from sklearn_ncf._sklearn_compat import Interval, validate_params
from sklearn_ncf.encoding import MISSING, Vocabulary, as_local, as_numbers, as_objects, read_table, shown
from sklearn_ncf.lists import ONE, as_list, names_of, read_ids
from sklearn_ncf.metrics._list_values import diversities, novelties, self_information, unit_vectors

CONSTRAINTS = {"k": [Interval(Integral, 1, None, closed="left"), None]}


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def catalog_coverage(recommendations, catalog, *, k=None):
    """Share of the catalog that is in at least one list.

    Parameters
    ----------
    recommendations : DataFrame or array-like of shape (n_users, n_items)
        Lists: a table as :func:`~sklearn_ncf.recommend` returns, with the columns of the user, the item and ``rank``,
        or rows of item ids, the best first. Rows may differ in length; missing ids (``None``, ``NaN``) are ignored.

    catalog : collection of ids
        All items that could have been recommended, such as ``model.encoder_.categories_[1]``.

    k : int, default=None
        Only the first `k` items of each list count. ``None`` is all.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If an item of the lists is not in the catalog, the lists or the catalog are empty, or `k` is less than 1.

    References
    ----------
    Ge, M., C. Delgado-Battenfeld, D. Jannach (2010). "Beyond Accuracy: Evaluating Recommender Systems by Coverage and
    Serendipity", RecSys.

    Examples
    --------
    >>> from sklearn_ncf.metrics import catalog_coverage
    >>> catalog_coverage([["Alien", "Bambi"], ["Alien", "Dune"]], ["Alien", "Bambi", "Casablanca", "Dune"])
    0.75
    """
    catalog = list(catalog) if isinstance(catalog, set | frozenset) else as_list(catalog, "catalog")
    catalog = read_ids(as_objects(catalog), "catalog").ids
    found = _read_lists(recommendations, k).coded(catalog, "that is not in the catalog")
    return len(np.unique(found.items)) / len(catalog)


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def novelty(recommendations, interactions, *, k=None):
    r"""Mean self-information of the recommended items: how little known they are.

    The self-information of an item is :math:`-\log_2` of the share of users who have interacted with it: 0 bits if all
    have, 1 bit if half of them have. An item that nobody has interacted with counts as one with a single user.

    Parameters
    ----------
    recommendations : DataFrame or array-like of shape (n_users, n_items)
        Lists, as in :func:`catalog_coverage`.

    interactions : table of shape (n_samples, n_features)
        What users have interacted with: the user in the first column, the item in the second, such as the training set.

    k : int, default=None
        Only the first `k` items of each list count. ``None`` is all.

    Returns
    -------
    float
        In bits, at least 0: the mean over lists of the mean over their items.

    Raises
    ------
    ValueError
        If the lists or the interactions are empty, or `k` is less than 1.

    References
    ----------
    Zhou, T., Z. Kuscsik, J.-G. Liu, M. Medo, J. R. Wakeling, Y.-C. Zhang (2010). "Solving the apparent
    diversity-accuracy dilemma of recommender systems", PNAS 107(10).

    Examples
    --------
    >>> from sklearn_ncf.metrics import novelty
    >>> interactions = [["ann", "Alien"], ["bob", "Alien"], ["eve", "Alien"], ["zoe", "Dune"]]
    >>> round(novelty([["Dune"], ["Alien"]], interactions), 3)  # (log2(4 / 1) + log2(4 / 3)) / 2
    1.208
    """
    users, items = read_table(as_local(interactions, "interactions"), estimator=None, min_columns=2, only=[0, 1])[1]
    known = (users.positions != MISSING) & (items.positions != MISSING)
    pairs = pd.unique(users.positions[known] * len(items.ids) + items.positions[known])  # a number for each
    n_users_of_items = np.bincount(pairs % max(len(items.ids), 1), minlength=len(items.ids))
    n_users = len(pd.unique(users.positions[known]))
    information = self_information(np.append(n_users_of_items, 0), n_users)  # the last one: unknown items
    lists = _read_lists(recommendations, k).coded(items.ids)
    return float(np.nanmean(novelties(lists.lists, lists.items, lists.n_lists, information)))


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def intra_list_diversity(recommendations, items, vectors, *, k=None):
    """Mean distance of the items within a list: one minus the cosine of their vectors.

    Parameters
    ----------
    recommendations : DataFrame or array-like of shape (n_users, n_items)
        Lists, as in :func:`catalog_coverage`.

    items : collection of ids of shape (n_items,)
        The items that have vectors, such as ``model.encoder_.categories_[1]``.

    vectors : array-like of shape (n_items, n_components)
        Their vectors in the same order, such as ``model.item_embeddings_``, or features of the items.

    k : int, default=None
        Only the first `k` items of each list count. ``None`` is all.

    Returns
    -------
    float
        In [0, 2]: the mean over lists of the mean over the pairs of their items. A list of one item counts as 0.

    Raises
    ------
    ValueError
        If an item of the lists has no vector, an id is repeated, the lists are empty, or `k` is less than 1.

    References
    ----------
    Ziegler, C.-N., S. M. McNee, J. A. Konstan, G. Lausen (2005). "Improving Recommendation Lists Through Topic
    Diversification", WWW.

    Examples
    --------
    >>> from sklearn_ncf.metrics import intra_list_diversity
    >>> lists = [["Alien", "Dune"], ["Alien", "Bambi"]]
    >>> intra_list_diversity(lists, ["Alien", "Bambi", "Dune"], [[1, 0], [0, 1], [1, 0]])  # (0 + 1) / 2
    0.5
    """
    ids = read_ids(as_objects(as_list(items, "items")), "items")
    vectors = check_array(as_numbers(vectors, "vectors"), input_name="vectors", dtype=np.float64)
    check_consistent_length(ids.positions, vectors)
    if len(np.unique(ids.positions)) < len(vectors) or MISSING in ids.positions:
        raise ValueError("items must be distinct and not missing, one for each vector.")
    ordered = np.empty_like(vectors)
    ordered[ids.positions] = vectors
    found = _read_lists(recommendations, k).coded(ids.ids, "that has no vector")
    return float(np.nanmean(diversities(found.lists, found.items, found.n_lists, unit_vectors(ordered))))


class _Lists(NamedTuple):
    """Recommendations: the list and the item of each, as numbers, and what the ids of the items are."""

    lists: np.ndarray
    items: np.ndarray
    n_lists: int
    ids: np.ndarray

    def coded(self, ids, trouble=None):
        """The same with positions among other ids as items, -1 where one is none of them; `trouble` refuses these."""
        codes = Vocabulary(ids).codes(self.ids)
        used = np.unique(self.items)
        unknown = used[codes[used] == MISSING]
        if trouble is not None and len(unknown):
            raise ValueError(f"recommendations holds an item {trouble}: {shown(self.ids[unknown])}.")
        return self._replace(items=codes[self.items], ids=ids)


def _read_lists(recommendations, k):
    """The first `k` recommendations of each list, of a table or of rows of ids."""
    recommendations = as_local(recommendations, "recommendations")
    names = names_of(recommendations)
    if names is None:
        lists, ranks, n_lists, items = _from_rows(recommendations)
    elif "rank" in names and names.index("rank") > 1:
        *of_lists, items, ranks = read_table(recommendations, estimator=None, only=range(names.index("rank") + 1))[1]
        of_lists = np.stack([column.positions for column in of_lists], axis=1)
        _, lists = np.unique(of_lists, axis=0, return_inverse=True)
        lists, ranks = lists.ravel(), ranks.ids[ranks.positions]
        n_lists = lists.max() + 1
    else:
        raise ValueError(
            "recommendations, as a table, must have the columns of recommend: the user, the item and then 'rank'; got "
            f"{names}."
        )
    kept = items.positions != MISSING
    if k is not None:
        kept &= ranks <= int(k)
    if not kept.any():
        raise ValueError("recommendations holds no item.")
    return _Lists(lists[kept], items.positions[kept], n_lists, items.ids)


def _from_rows(rows):
    """The list and the rank of each recommendation in rows of ids, how many lists there are, and the items."""
    if any(isinstance(row, ONE) or not hasattr(row, "__len__") for row in rows):
        raise ValueError("recommendations must be rows of item ids, one row for each user, or a table of recommend.")
    lengths = [len(row) for row in rows]
    ids = as_objects([id_ for row in rows for id_ in row])
    ranks = np.concatenate([np.arange(1, length + 1) for length in lengths]) if lengths else np.empty(0)
    return np.repeat(np.arange(len(lengths)), lengths), ranks, len(lengths), read_ids(ids, "recommendations")
