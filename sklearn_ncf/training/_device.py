"""From the `device` parameter to a torch device that is there."""

import torch


def resolve_device(device: str) -> str:
    """Return the name of the device to use: a CUDA GPU where there is one for "auto", else the one asked for.

    Raises `ValueError` where it is none, or not there.
    """
    available = available_devices()
    if device == "auto":
        return available[-1] if available[-1].startswith("cuda") else "cpu"
    try:
        asked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is no torch device; available here: {', '.join(available)}.") from error
    name = asked.type if asked.index is None else f"{asked.type}:{asked.index}"
    if name not in available and asked.type != "cpu":
        raise ValueError(
            f"device={device!r} is not available; available here: {', '.join(available)}. Use one of these, or "
            'device="auto".'
        )
    return name


def available_devices() -> list[str]:
    """Names of the devices of this machine, the CPU first, CUDA GPUs last."""
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.append("mps")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices += [f"cuda:{index}" for index in range(n_gpus)]
    return devices + (["cuda"] if n_gpus else [])
