"""From a table to the rows of codes that a network reads."""

from typing import NamedTuple

import numpy as np

from sklearn_ncf._encoder import IdEncoder, encode_columns, learn_ids, learn_ids_in_parts
from sklearn_ncf.encoding import MISSING, chunks_of, read_table
from sklearn_ncf.fitting._features import Features
from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import N_SPECIAL
from sklearn_ncf.storage import is_large, parts_of, shuffle_blocks, storage_of


class TrainingData(NamedTuple):
    """What a fit starts from: an encoder that knows all ids, the rows encoded, the network's output, the device.

    output : parameters of the network, ``output_range``, ``output_center`` and ``output_scale``
    features : of all ids, not learned from yet
    """

    encoder: IdEncoder
    interactions: Interactions
    output: dict
    device: str
    features: Features

    @property
    def n_ids(self):
        """How many ids each column has."""
        return [len(ids) for ids in self.encoder.categories_]


def codes_of(encoder, columns, *, tells_missing_apart):
    """Codes of columns, and an `UnknownIds` for each.

    -1 stands for unknown ids, -2 for missing ones, which models see as -1 too unless they tell them apart.
    """
    columns = list(columns)
    codes, unknown = encode_columns(encoder, columns)
    if tells_missing_apart:
        for j, column in enumerate(columns):
            codes[column.positions == MISSING, j] = -N_SPECIAL
    return codes, unknown


def learn_rows(encoder, X, y, sample_weight, *, tells_missing_apart, resumes, described=()):
    """The interactions of rows whose ids the encoder learns, from scratch unless the training `resumes`.

    Many rows are shuffled in blocks, and are stored on disk where the table or the ratings are. With them comes, for
    each of the columns `described`, the last row of each id, -1 where it has none.
    """
    n_rows = len(y)
    last_rows = {}

    def note_last(codes, start):
        for column in described:
            last = last_rows.setdefault(column, np.full(len(encoder.categories_[column]), -1))
            known = np.flatnonzero(codes[:, column] >= 0)
            last[codes[known, column]] = known + start

    if not is_large(n_rows):
        codes, _ = codes_of(encoder, learn_ids(encoder, X, reset=not resumes), tells_missing_apart=tells_missing_apart)
        note_last(codes, 0)
        return Interactions(codes, y, sample_weight), last_rows
    if resumes:
        learn_ids(encoder, X, reset=False)
    else:
        learn_ids_in_parts(encoder, X)

    storage = storage_of(X, y)

    def parts():
        for table, rows in zip(chunks_of(X), parts_of(n_rows), strict=True):
            _, columns = read_table(table, estimator=encoder)
            codes, _ = codes_of(encoder, columns, tells_missing_apart=tells_missing_apart)
            note_last(codes, rows.start)
            yield codes, y[rows], None if sample_weight is None else sample_weight[rows]
            storage.release_pages(X, y)

    weighted = sample_weight is not None
    rows = shuffle_blocks(parts(), n_rows, encoder.n_features_in_, weighted=weighted, storage=storage)
    return Interactions(*rows), last_rows
