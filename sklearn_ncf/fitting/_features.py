"""Features: what a fitted estimator knows of its users' and items' features, and what these say of unknown ids."""

from typing import NamedTuple

import numpy as np

from sklearn_ncf._encoder import vocabularies_of
from sklearn_ncf.features import RATINGS, ColumnRoles, Description, pack_frame, unpack_frame, updated_frame
from sklearn_ncf.nn import N_SPECIAL, of_network
from sklearn_ncf.storage import parts_of
from sklearn_ncf.training import as_tensors

POOLED = np.array([-1])
IDS_CHUNK_SIZE = 16_384  # bounds the memory of what features say


class Deviations(NamedTuple):
    """How ids of some rows, which have features and no training rows, deviate from the unknown id.

    rows : ndarray of shape (n,), in rising order
    values : float32 of shape (n, width + 1), of the vector and, last, the bias
    """

    rows: np.ndarray
    values: np.ndarray

    def within(self, rows):
        """Those of a slice of the rows."""
        first, last = np.searchsorted(self.rows, [rows.start, rows.stop])
        return Deviations(self.rows[first:last] - rows.start, self.values[first:last])

    def take(self, rows):
        """Those of the rows with some numbers, -1 for none."""
        if not len(self.rows):
            return self
        places = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        found = self.rows[places] == rows
        return Deviations(np.flatnonzero(found), self.values[places[found]])

    def over(self, others):
        """These, and others where these say nothing."""
        left = ~np.isin(others.rows, self.rows)
        rows = np.concatenate([self.rows, others.rows[left]])
        order = np.argsort(rows)
        return Deviations(rows[order], np.concatenate([self.values, others.values[left]])[order])


class Features(NamedTuple):
    """The features of ids, by USER and ITEM, and what was learned of them.

    roles : which columns of a table are features
    frames : dict of DataFrames, one row per id
    descriptions : dict of Descriptions
    pooled : dict of the code of the id -1, which an encoder in a Pipeline gives to all unknown and infrequent ids, -1
        where it has none: it has no features, but each of these ids has
    """

    roles: ColumnRoles
    frames: dict
    descriptions: dict
    pooled: dict

    def resumed(self, roles):
        """The same for a further fit, whose table has these roles; `ValueError` if they have changed."""
        if roles != self.roles and (roles.features or self.roles.features):
            raise ValueError(
                f"The features are not those of the last fit: user_features and item_features named the columns "
                f"{[self.roles.name(column) for columns in self.roles.features.values() for column in columns]}, and "
                f"name {[roles.name(column) for columns in roles.features.values() for column in columns]}. Fit from "
                "scratch, with warm_start=False."
            )
        return self._replace(roles=roles)

    def with_rows(self, X, last_rows, encoder):
        """The same with the features in a table, in the last row of each id; -1 where an id has none."""
        frames, pooled = {}, {}
        for side, last in last_rows.items():
            given = last >= 0
            places = np.where(given, given.cumsum() - 1, -1)
            further = self.roles.frame(X, side, last[given])
            if side in self.descriptions:
                self.descriptions[side].check(further)
            frames[side] = updated_frame(self.frames.get(side), places, further)
            pooled[side] = int(vocabularies_of(encoder)[side].codes(POOLED)[0])
        return self._replace(frames=frames, pooled=pooled)

    def learned(self, network, seen, separator):
        """The same with what features say of the vectors and biases that the training set has shown."""
        descriptions = {}
        numeric = {self.roles.name(column) for column in self.roles.numeric}
        for side, frame in self.frames.items():
            targets, trained = id_targets(network, side), self._trained(seen, side)
            if not len(trained):
                continue
            frame = frame.iloc[trained]
            description = Description(frame, numeric & set(frame), separator)
            width = targets.shape[1] - 1
            groups = [slice(0, width), slice(width, None)]
            description.learn(frame, targets[trained], seen.n_rows_of(side, trained), groups)
            descriptions[side] = description
        return self._replace(descriptions=descriptions)

    def draw(self, network, seen, ids=None, *, back=False):
        """Draw the vectors and biases of ids with few ratings to where their features say, in place.

        An id with n ratings goes the share 10 / (n + 10) of the way of an unknown id: the ridge regression gives it the
        weight that is left. Unknown ids go all of it. `ids` are codes by column, all that have ratings if None; `back`
        undoes it.
        """
        for side, description in self.descriptions.items():
            codes = self._trained(seen, side) if ids is None else ids[side][ids[side] != self.pooled[side]]
            for rows in parts_of(len(codes), IDS_CHUNK_SIZE):
                part = codes[rows]
                values, _ = description.deviations(self.frames[side].iloc[part])
                values *= (RATINGS / (seen.n_rows_of(side, part) + RATINGS))[:, None] * (-1 if back else 1)
                network.move(side, *as_tensors([part, values], network.intercept.device))

    def drawn_by_column(self, side, codes, seen):
        """How far each column of features has drawn the vectors of ids that have ratings: pairs of name and vectors.

        The ids are those of some codes, all of which have training rows; see `draw`.
        """
        description = self.descriptions.get(side)
        if description is None:
            return []
        rows = self.frames[side].iloc[codes.clip(min=0)]
        shares = RATINGS / (seen.n_rows_of(side, codes) + RATINGS) * (codes >= 0) * (codes != self.pooled[side])
        return [(name, shares[:, None] * values[:, :-1]) for name, values in description.deviations_by_column(rows)]

    def deviations_by_column(self, X, side, rows):
        """What each column of a side's features says in some rows of a table: pairs of its name and `Deviations`."""
        if not len(rows):
            return []
        found = self.descriptions[side].deviations_by_column(self.roles.frame(X, side, rows))
        return [(name, Deviations(rows, values)) for name, values in found]

    def deviations(self, X, codes, seen):
        """The `Deviations` of a table's rows, encoded in `codes`, by USER and ITEM."""
        found = {}
        for side, description in self.descriptions.items():
            of_side = codes[:, side]
            unknown = np.flatnonzero(~seen.trained(side, of_side) | (of_side == self.pooled[side]))
            if not len(unknown):
                continue
            values, known = description.deviations(self.roles.frame(X, side, unknown))
            found[side] = Deviations(unknown[known], values[known])
        return found

    def _trained(self, seen, side):
        """The codes of a column's ids that have training rows and features."""
        codes = np.flatnonzero(seen.counts[side][N_SPECIAL:])
        return codes[codes != self.pooled[side]]

    def state(self):
        """What it holds, in dictionaries, lists and arrays."""
        return {
            "roles": list(self.roles),
            "frames": {side: pack_frame(frame) for side, frame in self.frames.items()},
            "descriptions": {side: description.state() for side, description in self.descriptions.items()},
            "pooled": self.pooled,
        }

    @classmethod
    def from_state(cls, state):
        """The features with that state."""
        return cls(
            ColumnRoles(*state["roles"]),
            {side: unpack_frame(frame) for side, frame in state["frames"].items()},
            {side: Description.from_state(of_side) for side, of_side in state["descriptions"].items()},
            state["pooled"],
        )


NO_FEATURES = Features(ColumnRoles(None, [], {}, []), {}, {}, {})


def id_targets(network, side):
    """Vectors, with histories, and biases of a column's ids, float32 of shape (n_ids, width + 1)."""
    vectors, biases = (of_network(network, "id_parameters")(name, side) for name in ("embedding", "bias"))
    biases = vectors.new_zeros(len(vectors)) if biases is None else biases
    return np.column_stack([vectors.float().cpu().numpy(), biases.float().cpu().numpy()])
