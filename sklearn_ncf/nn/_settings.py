"""What a caller may have set for torch in its thread, undone for a block."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

DEVICE_TYPES = ("cpu", "cuda", "mps")


@contextmanager
def default_settings() -> Iterator[None]:
    """Run a block with gradients, without autocast and inference mode, and with the CPU as the default device.

    These settings belong to a thread. The default dtype belongs to the process: it is left alone, and whatever makes a
    tensor names its dtype.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for type_ in DEVICE_TYPES:
            if torch.is_autocast_enabled(type_):
                stack.enter_context(torch.autocast(type_, enabled=False))
        if torch.get_default_device().type != "cpu":  # else left alone: a default device costs time in every call
            stack.enter_context(torch.device("cpu"))
        yield
