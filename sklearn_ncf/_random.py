"""From `random_state` to the random generators of one fit, which it shares with nobody."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils import check_random_state

from sklearn_ncf.nn import drawing_from, make_generators


def drawn_seed(random_state):
    """A seed from `random_state`; `None` takes fresh entropy from the system: numpy's global state stays untouched."""
    if random_state is None:
        random_state = np.random.RandomState()
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@contextmanager
def seeded_generators(random_state, device="cpu", seed=None):
    """Run a block whose random numbers come from its own generators; yield their seed, for what else is random.

    A `seed` that another block yielded makes this one its repetition.
    """
    if seed is None:
        seed = drawn_seed(random_state)
    with drawing_from(make_generators(seed, device)):
        yield seed
