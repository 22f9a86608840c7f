"""IdParameters: what a fitted network holds of each id, as arrays."""

import pandas as pd

from sklearn_ncf.nn import ITEM, USER, of_network

NAMES = {"embedding": "embeddings", "bias": "biases"}


class IdParameters:
    """Vectors and biases of users and items, beside `BaseNCF`."""

    @property
    def user_embeddings_(self):
        """Vectors of the users, in the order of ``encoder_.categories_[0]``."""
        return self._of_ids("embedding", USER)

    @property
    def item_embeddings_(self):
        """Vectors of the items, in the order of ``encoder_.categories_[1]``."""
        return self._of_ids("embedding", ITEM)

    @property
    def user_biases_(self):
        """Biases of the users, in the order of ``encoder_.categories_[0]``."""
        return self._of_ids("bias", USER)

    @property
    def item_biases_(self):
        """Biases of the items, in the order of ``encoder_.categories_[1]``."""
        return self._of_ids("bias", ITEM)

    @property
    def user_features_(self):
        """Features of the users, one row per id in the order of ``encoder_.categories_[0]``."""
        return self._features_of("user", USER)

    @property
    def item_features_(self):
        """Features of the items, one row per id in the order of ``encoder_.categories_[1]``."""
        return self._features_of("item", ITEM)

    def _features_of(self, side, column):
        frame = self._features.frames.get(column)
        if frame is None:
            raise AttributeError(f"This {type(self).__name__} has not been fitted with {side}_features.")
        ids = self.encoder_.categories_[column]
        return frame.set_axis(pd.Index(ids, dtype=ids.dtype, name=side), axis=0)

    def _of_ids(self, name, column):
        """What the network's table of that name, with histories in the vectors, holds of a column's ids."""
        net = getattr(self, "net_", None)
        if net is None:
            raise AttributeError(f"This {type(self).__name__} has no {NAMES[name]} before fit.")
        module = net.module_
        found = of_network(module, "id_parameters")(name, column)
        if found is None:
            without = " with use_bias=False, or fitted by least squares" if name == "bias" else ""
            raise AttributeError(f"{type(module).__name__}{without} has no table of {NAMES[name]}.")
        return found.cpu().numpy()
