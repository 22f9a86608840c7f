"""Seeds torch for one block of code and leaves its global state as it was."""

import threading
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

LOCK = threading.RLock()  # torch's generator is one for all threads: fits that share it wait for each other


def drawn_seed(random_state):
    """A seed from `random_state`; `None` takes fresh entropy from the system: numpy's global state stays untouched."""
    if random_state is None:
        random_state = np.random.RandomState()
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@contextmanager
def seeded_torch(random_state, device="cpu", seed=None):
    """Run a block with torch seeded from `random_state`; yield the seed, for what else is random in the block.

    A `seed` that another block yielded makes this one its repetition.
    """
    if seed is None:
        seed = drawn_seed(random_state)
    gpus = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with LOCK, torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield seed
