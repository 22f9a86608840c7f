"""What lists are like, whatever is relevant: arrays alone."""

import numpy as np
from scipy.sparse import csr_array


def self_information(n_users_of_items, n_users):
    """Bits that each item conveys: minus the logarithm of the share of users; nobody counts as one user."""
    return np.log2(max(n_users, 1)) - np.log2(np.maximum(n_users_of_items, 1))


def unit_vectors(vectors):
    """Vectors at length one; those of zeros stay."""
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=vectors, where=lengths > 0)


def novelties(lists, items, n_lists, information):
    """The mean information of the items of each list, NaN where it is empty.

    lists, items : for each recommendation, its list and its item
    """
    lengths = np.bincount(lists, minlength=n_lists)
    total = np.bincount(lists, weights=information[items], minlength=n_lists)
    return np.divide(total, lengths, out=np.full(n_lists, np.nan), where=lengths > 0)


def diversities(lists, items, n_lists, units):
    """The mean of one minus the cosine over the pairs of items of each list: 0 of one item, NaN where it is empty.

    `units` are the items' vectors, at length one: the sum over all pairs follows from the sum of the vectors.
    """
    lengths = np.bincount(lists, minlength=n_lists)
    membership = csr_array((np.ones(len(lists)), (lists, items)), shape=(n_lists, len(units)))
    squares = ((membership @ units) ** 2).sum(axis=1) - membership @ (units**2).sum(axis=1)
    n_pairs = lengths * (lengths - 1)
    cosines = np.divide(squares, n_pairs, out=np.ones(n_lists), where=n_pairs > 0)
    return np.where(lengths > 0, (1 - cosines).clip(0, 2), np.nan)
