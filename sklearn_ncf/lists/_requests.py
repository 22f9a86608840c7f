"""Requests: arrays from which one user's list is made at the cost of the request alone."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from sklearn_ncf.encoding import MISSING, as_objects
from sklearn_ncf.interactions import SeenByUser
from sklearn_ncf.lists._id_arguments import ONE
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER

FEW_NUMBERS = 2**24  # of vectors: 64 MiB


class Requests:
    """What a request for one user reads of a fitted model; nothing in it changes.

    Parameters
    ----------
    ids : PipelineIdMapper
    items, item_codes : arrays
        Raw ids and codes of the candidates.

    Attributes
    ----------
    products : Products or None
        Of the candidates, where scores are products of vectors.
    """

    def __init__(self, ids, items, item_codes):
        self.ids, fitted = ids, ids.fitted
        self.items, self.item_codes = items, item_codes
        n_users = len(ids.estimator.encoder_.categories_[USER])
        users, self.user_codes = ids.all_named(USER)
        self._users, self._items = (_hashed(known) for known in (users, items))
        # An unknown id of the same type as the known ones, as all ids in numbers or strings are, is like any other.
        kind = infer_dtype(users)
        is_plain = all(step.encoded is not None for step in ids.steps.undone)
        self._types = {"integer": (int, np.integer), "string": str}.get(kind, ()) if is_plain else ()
        self._of_unknown = None  # the code of such an id, found when first asked for
        self.products = None if ids.target_transformers or not len(items) else fitted.products(item_codes)
        self._of_users = None  # vectors of all users, where they take little memory
        if self.products is not None and (n_users + N_SPECIAL) * self.products.items.shape[1] <= FEW_NUMBERS:
            queries = np.full((n_users + N_SPECIAL, ids.n_columns - 1), MISSING)
            queries[:, USER] = np.arange(-N_SPECIAL, n_users)
            self._of_users = self.products.of_queries(queries)
        self._all_trained = bool(fitted.seen.trained(ITEM, item_codes).all())
        self._seen = SeenByUser(fitted.seen, held_out=True)
        self._columns = np.full(len(ids.estimator.encoder_.categories_[ITEM]), MISSING)
        self._columns[item_codes] = np.arange(len(items))

    def columns(self, items):
        """The places among the candidates of those of some raw items that are candidates."""
        columns = _places(self._items, items)
        return columns[columns != MISSING]

    def user(self, user):
        """The code of a raw user, and whether it is the user's own."""
        place = _place(self._users, user)
        if place != MISSING:
            return self.user_codes[place], True
        if user is None:
            return MISSING, False
        if not isinstance(user, self._types) or isinstance(user, bool):
            return self._code_of(user), False
        if self._of_unknown is None:
            self._of_unknown = self._code_of(user)
        return self._of_unknown, False

    def _code_of(self, user):
        return self.ids.codes_of(USER, as_objects([user]))[0]

    def codes(self, items):
        """Codes of raw items."""
        items = list(items)
        columns = _places(self._items, items)
        codes = np.where(columns == MISSING, MISSING, self.item_codes[columns])
        unknown = np.flatnonzero(columns == MISSING)
        if len(unknown):
            codes[unknown] = self.ids.codes_of(ITEM, as_objects([items[place] for place in unknown]))
        return codes

    def seen_columns(self, code):
        """The places among the candidates of the items that a user has interacted with."""
        columns = self._columns[self._seen.items_of_one(code)]
        return columns[columns != MISSING]

    def has_products_for(self, code, has_history):
        """Whether scores of a user are products: the score of a pair of two unknown ids is none."""
        if self.products is None:
            return False
        return has_history or self._all_trained or self.ids.fitted.seen.trained(USER, np.array([code]))[0]

    def scores(self, query, deviations):
        """Products of a query, of shape (1, n_columns - 1), with all candidates, and what is added to them."""
        items, place = self.products.items, 0
        if self._of_users is None or deviations:
            vectors, added = self.products.of_queries(query, deviations)
            if deviations and items.size <= FEW_NUMBERS:  # numpy's threads wait for those of torch, which solved
                return self.products.with_items(vectors[0]), added[0]
        else:
            vectors, added = self._of_users
            place = query[0, USER] + N_SPECIAL
        return items @ vectors[place], added[place]


def as_id_list(ids):
    """One id, or a collection of ids, as a list."""
    return [ids] if isinstance(ids, ONE) or not isinstance(ids, Iterable) else list(ids)


def _hashed(ids):
    """Ids as an index that has filled its hash table, which pandas would show to other threads half filled."""
    index = pd.Index(ids, dtype=ids.dtype)
    index.get_indexer(index[:1])
    return index


def places_among_ids(ids):
    """A function from raw ids to the places that those of them that are among some ids have there."""
    index = _hashed(ids)

    def places(asked):
        found = _places(index, asked)
        return found[found != MISSING]

    return places


def _places(index, ids):
    """The place of each of some ids in an index, -1 where it is not in it."""
    ids = list(ids)
    array = as_objects(ids) if index.dtype == object else np.asarray(ids)
    if array.dtype == index.dtype:
        return index.get_indexer(array)
    return np.array([_place(index, id_) for id_ in ids], dtype=np.intp)


def _place(index, id_):
    """The place of an id in an index, -1 where it is not in it."""
    try:
        place = index.get_loc(id_)
    except (KeyError, TypeError):  # a type of id that the index cannot hold
        return MISSING
    return place if isinstance(place, int) else MISSING
