"""The state of a fit as plain values and tensors, and back, with a check of everything that a file says."""

import contextlib
import inspect
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sklearn_ncf.nn import FastDropout, generator_on
from sklearn_ncf.training._skorch import EarlyStopping

OF_ANY_STATE = {"module", "history", "callbacks", "optimizer", "seed"}
OF_RUNNING = {"masks", "random", "frozen"}  # further parts of a state to resume from,
OF_GPU = {"random_cuda"}  # and of one of a GPU
OF_REPORTING = {"print_log", "progress", "checkpoints"}  # callbacks that the verbosity and the process decide on
Number = bool | int | float


def state_of_training(net, *, finished: bool = False) -> dict:
    """Plain values and tensors that a fit resumes from, or those of a finished one."""
    state = {
        "module": net.module_.state_dict(),
        "history": _plain(net.history.to_list()),
        "callbacks": {name: _state_of_callback(callback, finished) for name, callback in net.callbacks_},
        "optimizer": None,
    }
    if not finished:
        state["optimizer"] = _plain(net.optimizer_.state_dict())
        state["masks"] = {name: layer.ahead for name, layer in _dropouts(net) if layer.ahead is not None}
        state["frozen"] = [name for name, value in net.module_.named_parameters() if not value.requires_grad]
        state["random"] = generator_on("cpu").get_state()
        if torch.device(net.device).type == "cuda":
            state["random_cuda"] = generator_on(net.device).get_state()
    return state


def restore_training(net, state: dict, source: Path) -> None:
    """Bring a net, whose training has begun, to where `state_of_training` was.

    Raises
    ------
    ValueError
        If the state is not one of this training; it names the file `source`.
    """
    try:
        _restore(net, state)
    except Exception as error:
        raise ValueError(
            f"{source} does not hold a state of this fit: {error}. Remove it to train from the start."
        ) from error


def _restore(net, state: dict) -> None:
    finished = state.get("optimizer") is None
    needed = OF_ANY_STATE if finished else OF_ANY_STATE | OF_RUNNING
    if not needed <= set(state) <= needed | OF_GPU:
        raise ValueError(f"its parts are {sorted(map(str, state))}, not {sorted(needed)}")
    _check_alike("module", net.module_.state_dict(), state["module"])
    _check_history(net, state["history"])
    _check_names("callbacks", state["callbacks"], dict(net.callbacks_), optional=OF_REPORTING)
    if not finished:
        _check_optimizer(net.optimizer_, state["optimizer"])
        _check_random(net, state)

    net.module_.load_state_dict(state["module"])
    net.history.extend(state["history"])
    for name, callback in net.callbacks_:
        if name in state["callbacks"]:
            _restore_callback(name, callback, state["callbacks"][name], net, finished)
    if finished:
        if len(net.history) != net.max_epochs and not has_stopped(net):
            raise ValueError(f"it is finished after {len(net.history)} of {net.max_epochs} epochs")
        return
    net.optimizer_.load_state_dict(state["optimizer"])
    for name, value in net.module_.named_parameters():
        value.requires_grad_(name not in state["frozen"])  # as callbacks such as skorch's Freezer have set it
    for name, layer in _dropouts(net):
        layer.ahead = state["masks"].get(name)
    generator_on("cpu").set_state(state["random"].cpu())
    if "random_cuda" in state and torch.device(net.device).type == "cuda":
        generator_on(net.device).set_state(state["random_cuda"].cpu())


def has_stopped(net) -> bool:
    """Whether early stopping has ended the fit."""
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ >= callback.patience for _, callback in net.callbacks_
    )


def _dropouts(net):
    return [(name, layer) for name, layer in net.module_.named_modules() if isinstance(layer, FastDropout)]


def _state_of_callback(callback, finished: bool) -> dict:
    """The plain ones among a callback's fitted attributes, and what its schedule knows."""
    fitted = {name: value for name, value in vars(callback).items() if _is_fitted_attribute(name)}
    if finished:
        fitted.pop("best_model_weights_", None)  # the fitted ones
    state = _plain_ones(fitted)
    schedule = getattr(callback, "lr_scheduler_", None)
    if hasattr(schedule, "state_dict"):
        state["lr_scheduler_"] = _plain_ones(schedule.state_dict())
    return state


def _is_fitted_attribute(name) -> bool:
    return isinstance(name, str) and name.endswith("_") and not name.startswith("_")


def _restore_callback(callback_name: str, callback, state: dict, net, finished: bool) -> None:
    """Set the attributes that the callback has had since training began, to values of the same kind."""
    expected = _state_of_callback(callback, finished)
    for name in expected:
        if name not in state and expected[name] not in (None, [], {}):
            raise ValueError(f"the attribute {name} of the callback {callback_name} is missing")
    for name, value in state.items():
        where = f"the attribute {name} of the callback {callback_name}"
        if name not in expected or not _is_fitted_attribute(name) or not hasattr(callback, name):
            raise ValueError(f"{where} is not one that a file may set")
        if name == "lr_scheduler_":
            _check_alike(where, expected[name], value)
            getattr(callback, name).load_state_dict(value)
            continue
        _check_alike(where, expected[name], value, grows=True)
        is_array = isinstance(getattr(callback, name), np.ndarray)
        setattr(callback, name, value.cpu().numpy() if is_array else value)
    if isinstance(callback, EarlyStopping):
        _check_early_stopping(callback, net, finished)


def _check_early_stopping(callback: EarlyStopping, net, finished: bool) -> None:
    """Raise `ValueError` where early stopping could not continue with its state."""
    weights, best_epoch = callback.best_model_weights_, callback.best_epoch_
    if type(callback.misses_) is not int or type(best_epoch) is not int or not 0 <= best_epoch <= len(net.history):
        raise ValueError("the best epoch and the misses of early stopping are not numbers of epochs")
    if not isinstance(callback.dynamic_threshold_, Number):
        raise ValueError("the threshold of early stopping is not a number")
    if callback.load_best and best_epoch and not finished:
        _check_alike("the best epoch's module", net.module_.state_dict(), weights)


def _check_history(net, history) -> None:
    """Raise `ValueError` where this is not the history of the first epochs."""
    columns = {"train_loss", "dur", "learning_rate"}
    if net.train_split is not None:
        columns.add("valid_loss")
    if not isinstance(history, list) or not 1 <= len(history) <= net.max_epochs:
        raise ValueError(f"its history is not a list of 1 to {net.max_epochs} epochs")
    for number, row in enumerate(history, 1):
        if not isinstance(row, dict) or not all(isinstance(name, str) for name in row):
            raise ValueError(f"epoch {number} of its history is not a dictionary with names")
        if type(row.get("epoch")) is not int or row["epoch"] != number or not isinstance(row.get("batches"), list):
            raise ValueError(f"epoch {number} of its history does not say so, or has no batches")
        wrong = [name for name in sorted(columns) if not isinstance(row.get(name), Number)]
        if wrong:
            raise ValueError(f"epoch {number} of its history has no numbers in {wrong}")


def _check_optimizer(optimizer: torch.optim.Optimizer, state) -> None:
    """Raise `ValueError` where the optimizer could not make a step with a state."""
    fresh = _plain(optimizer.state_dict())
    _check_names("optimizer", state, fresh)
    _check_alike("the optimizer's param_groups", fresh["param_groups"], state["param_groups"])
    for group, found in zip(fresh["param_groups"], state["param_groups"], strict=True):
        fixed = {name for name, value in group.items() if name == "params" or isinstance(value, bool | str | None)}
        if any(found[name] != group[name] for name in fixed):
            raise ValueError(f"the optimizer's {sorted(fixed)} are not those of its parameters")
    params = [(param, group) for group in optimizer.param_groups for param in group["params"]]
    of_params = state["state"]
    if not isinstance(of_params, dict) or not set(fresh["state"]) <= set(of_params) <= set(range(len(params))):
        raise ValueError("the optimizer's state is not one of the network's parameters")
    expects_some = False
    for number, (param, group) in enumerate(params):
        where = f"the optimizer's state of parameter {number}"
        expected = fresh["state"].get(number)
        if expected is None:
            expected = _state_after_a_step(optimizer, param, group)
            expects_some = expects_some or bool(expected)
        if expected is not None and number in of_params:
            _check_alike(where, expected, of_params[number])
        elif number in of_params:
            _check_names(where, of_params[number], of_params[number])
    if expects_some and not of_params:
        raise ValueError("the optimizer's state is empty")


def _state_after_a_step(optimizer: torch.optim.Optimizer, param: Tensor, group: dict) -> dict | None:
    """What an optimizer comes to know of a parameter, with tensors that have no data; None if it cannot be found out.

    A small parameter whose axes have the lengths 2, 3, ... takes a step in its place.
    """
    small = torch.nn.Parameter(torch.zeros(tuple(range(2, 2 + param.ndim)), dtype=param.dtype, device=param.device))
    small.grad = torch.zeros_like(small)
    options = inspect.signature(type(optimizer)).parameters
    options = {name: value for name, value in group.items() if name in options and name != "params"}

    def in_full(value):
        if not isinstance(value, Tensor):
            return value
        shape = [length if length < 2 else param.shape[length - 2] for length in value.shape]
        return torch.empty(shape, dtype=value.dtype, device="meta")

    try:
        stand_in = type(optimizer)([small], **options)
        stand_in.step()
        state = _plain(stand_in.state_dict()["state"].get(0, {}))
        return {name: in_full(value) for name, value in state.items()}
    except Exception:  # whatever a class of the user's own wants
        return None


def _check_random(net, state: dict) -> None:
    """Raise `ValueError` where masks or generators have another form; nothing is set."""
    masks, frozen = state["masks"], state["frozen"]
    if not isinstance(frozen, list) or not all(isinstance(name, str) for name in frozen):
        raise ValueError("the frozen parameters are not a list of names")
    _check_names("masks", masks, {}, optional={name for name, _ in _dropouts(net)})
    if not all(isinstance(mask, Tensor) and mask.ndim == 1 and mask.is_floating_point() for mask in masks.values()):
        raise ValueError("the masks of dropout are not vectors of numbers")
    torch.Generator().set_state(state["random"].cpu())
    if "random_cuda" in state and torch.device(net.device).type == "cuda":
        torch.Generator(net.device).set_state(state["random_cuda"].cpu())


def _check_names(where: str, value, expected: dict, *, optional: set = frozenset()) -> None:
    """Raise `ValueError` where a value is not a dictionary with the names of another one."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no dictionary but {type(value).__name__}")
    names = set(expected)
    if not names - optional <= set(value) <= names | optional:
        raise ValueError(f"{where} has the names {sorted(map(str, value))}, not {sorted(map(str, expected))}")


def _check_alike(where: str, expected, value, *, grows: bool = False) -> None:
    """Raise `ValueError` where a value is not of the kind of another one, in all its parts.

    With `grows`, containers may have got further parts, and a number may have become a tensor.
    """
    if isinstance(expected, dict):
        if not grows:
            _check_names(where, value, expected)
        is_alike = isinstance(value, dict)
        parts = [(expected[name], value[name]) for name in expected if is_alike and name in value]
    elif isinstance(expected, list | tuple):
        is_alike = type(value) is type(expected) and (grows or len(value) == len(expected))
        parts = list(zip(expected, value, strict=False)) if is_alike else []
    else:
        is_alike, parts = _is_alike(expected, value, grows), []
    if not is_alike:
        raise ValueError(f"{where} is {_kind_of(value)}, not {_kind_of(expected)}")
    for of_expected, of_value in parts:
        _check_alike(where, of_expected, of_value, grows=grows)


def _is_alike(expected, value, grows: bool) -> bool:
    if isinstance(expected, Tensor):
        is_tensor = isinstance(value, Tensor) and value.dtype == expected.dtype
        return is_tensor and (grows or value.shape == expected.shape)
    if isinstance(expected, Number):
        return isinstance(value, Number) or (grows and isinstance(value, Tensor) and value.numel() == 1)
    if isinstance(expected, str):
        return isinstance(value, str) and (grows or value == expected)
    return grows or value is None or isinstance(value, Number)  # None: what is not known yet


def _kind_of(value) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype} and shape {tuple(value.shape)}"
    return repr(value) if isinstance(value, str) else type(value).__name__


def _plain_ones(values: dict) -> dict:
    """Those that `_plain` knows; functions, files and the like are as training begins with them."""
    plain = {}
    for name, value in values.items():
        with contextlib.suppress(TypeError):
            plain[name] = _plain(value)
    return plain


def _plain(value):
    """A value as ``torch.load(..., weights_only=True)`` reads it; TypeError if there is none."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {key: _plain(of_key) for key, of_key in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(_plain, value))
    if value is None or type(value) in (bool, int, float, str) or isinstance(value, torch.Tensor):
        return value
    raise TypeError(
        f"A checkpoint holds numbers, texts and arrays, no {type(value).__name__}; record another value in the history."
    )
