"""Which random generators training draws from: its own, where it has any, else torch's global ones."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

LOCK = threading.RLock()  # held while the state of a fit stands in torch's global generators
RANDOM = torch.Tag.nondeterministic_seeded

_of_thread = threading.local()


def make_generators(seed: int, device: str) -> dict[str, torch.Generator]:
    """Seeded generators for the CPU and, if it is another device, for `device`, by type of device."""
    devices = {torch.device(place).type: place for place in ("cpu", device)}
    return {type_: torch.Generator(place).manual_seed(seed) for type_, place in devices.items()}


def generator_on(device: torch.device | str) -> torch.Generator | None:
    """The generator of this thread's fit on a device; None, torch's global one, outside of a fit."""
    generators = getattr(_of_thread, "generators", None)
    return None if generators is None else generators.get(torch.device(device).type)


@contextmanager
def drawing_from(generators: dict[str, torch.Generator] | None) -> Iterator[None]:
    """Have all that this package draws in a block, in this thread, come from some generators."""
    outer = getattr(_of_thread, "generators", None)
    _of_thread.generators = generators
    try:
        yield
    finally:
        _of_thread.generators = outer


@contextmanager
def drawing_no_tables() -> Iterator[None]:
    """Have tables of ids in a block, in this thread, start with anything: what is learned is copied into them next."""
    outer = draws_tables()
    _of_thread.draws_tables = False
    try:
        yield
    finally:
        _of_thread.draws_tables = outer


def draws_tables() -> bool:
    """Whether tables of ids start with random numbers."""
    return getattr(_of_thread, "draws_tables", True)


@contextmanager
def global_generators_lent() -> Iterator[None]:
    """Have code that draws from torch's global generators continue this thread's training's random numbers.

    Other trainings wait for the block to end, so it must be short. What a thread outside of this package draws
    meanwhile comes from the training's numbers. After the block the global generators are as they were before.
    """
    generators = getattr(_of_thread, "generators", None)
    if generators is None:
        yield
        return
    with LOCK:
        lent = [(own, borrower, borrower.get_state()) for own, borrower in _with_global_ones(generators)]
        try:
            for own, borrower, _ in lent:
                borrower.set_state(own.get_state())
            with drawing_from(None):
                yield
        finally:
            for own, borrower, outer in lent:
                own.set_state(borrower.get_state())
                borrower.set_state(outer)


def replacing_global_generators() -> AbstractContextManager:
    """Have torch's random functions in a block, in this thread, draw from its training's generators.

    Nothing global is touched, but every operation takes longer, so this is for the construction of networks.
    """
    return _Replacing()


class _Replacing(TorchDispatchMode):
    """Gives each random operation that draws from a global generator one of this thread's training."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if RANDOM in func.tags and kwargs.get("generator") is None:
            func, args, kwargs = _with_generator(func, args, kwargs)
        return func(*args, **kwargs)


def _with_generator(func, args, kwargs):
    """A random operation with a generator of this thread's training, or as it was where there is none for it."""
    device = args[0].device if args and isinstance(args[0], torch.Tensor) else kwargs.get("device") or "cpu"
    generator = generator_on(device)
    if generator is None:
        return func, args, kwargs
    if any(argument.name == "generator" for argument in func._schema.arguments):
        return func, args, kwargs | {"generator": generator}
    packet = func.overloadpacket
    for name in packet.overloads():  # the variant that takes one has "generator" in its name
        if "generator" in name and name.replace("_generator", "").replace("generator", "default") == func._overloadname:
            return getattr(packet, name), args, kwargs | {"generator": generator}
    return func, args, kwargs


def _with_global_ones(generators):
    """Pairs of a fit's generators and torch's global ones of the same devices; elsewhere torch shows none."""
    yield generators["cpu"], torch.default_generator
    if "cuda" in generators:
        index = generators["cuda"].device.index
        yield generators["cuda"], torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
