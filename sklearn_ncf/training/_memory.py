"""Whether tables fit into memory, said before anything is allocated."""

import psutil
import torch

BYTES = 4  # of a float32
OF_MOMENTS = 2  # tables as large as that of the embeddings, beside itself
OF_HISTORY = 6  # vectors, sums, two moments, and two sums of gradients


def check_memory(n_rows: int, width: int, *, has_moments: bool, use_history: bool, device: str) -> None:
    """Raise `MemoryError` where the tables of a training, of `n_rows` rows of `width` numbers, are sure not to fit."""
    needed = n_rows * width * BYTES * (1 + OF_MOMENTS * has_moments + OF_HISTORY * use_history)
    available = available_memory(device)
    if needed > available:
        raise MemoryError(
            f"The table of embeddings has {n_rows:,} rows of {width:,} numbers. With what training keeps beside it, "
            f"that takes at least {needed / 2**30:,.1f} GiB, but {available / 2**30:,.1f} GiB are free on "
            f"{device}. Lower embedding_dim, {'set use_history=False, ' if use_history else ''}or let rare ids share a "
            "vector with IdEncoder(min_frequency=...)."
        )


def available_memory(device: str) -> int:
    """Bytes that can still be allocated on a device."""
    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available + psutil.swap_memory().free
