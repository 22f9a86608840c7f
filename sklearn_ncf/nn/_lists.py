"""Which networks can be scored by parts, and scores of lists of items from any network."""

import torch
from torch import Tensor, nn

from sklearn_ncf.nn._cold_start import N_SPECIAL
from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._embedding_nn import ITEM, READING, EmbeddingNN, keeps
from sklearn_ncf.nn._history import History

SCORING = (*READING, "rate", "to_ratings")  # methods that turn a row's codes into its score


def is_standard(module: nn.Module) -> bool:
    """Whether a network computes its scores as `EmbeddingNN` does: no method, layer or hook of it is another one."""
    if not keeps(type(module), SCORING) or any(name in vars(module) for name in SCORING):
        return False
    if any(part._forward_hooks or part._forward_pre_hooks for part in module.modules()):
        return False
    layers = [] if module.mlp is None else [type(layer) for layer in module.mlp]
    tables = [type(table) for table in (module.embedding, module.bias) if table is not None]
    return (
        set(tables) == {nn.Embedding}
        and layers in ([], [nn.Linear, nn.ReLU, FastDropout] * (len(layers) // 3) + [nn.Linear])
        and (module.history is None or type(module.history) is History)
    )


def can_take_part(module: nn.Module) -> bool:
    """Whether `EmbeddingNN.take_part` takes all that a network has of each id: subclasses may have further tables."""
    if not isinstance(module, EmbeddingNN):
        return False
    tables = [table for table in module.modules() if isinstance(table, nn.Embedding)]
    if any(table is not module.embedding and table is not module.bias for table in tables):
        return False
    known = {*module.tables(counts=True), "gmf_weight", "intercept"}
    own = [value for name, value in module.state_dict().items() if name not in known and not name.startswith("mlp.")]
    n_ids = {n + more for n in (*module.n_ids, sum(module.n_ids)) for more in range(N_SPECIAL + 1)}
    return all(n_ids.isdisjoint(value.shape) for value in own)


def score_lists(module: nn.Module, codes: Tensor, items: Tensor, excluded: Tensor) -> Tensor:
    """`EmbeddingNN.score_lists` for any network, with minus infinity where an item is excluded."""
    own_lists = getattr(type(module), "score_lists", EmbeddingNN.score_lists) is not EmbeddingNN.score_lists
    if own_lists or is_standard(module):
        lists = module.score_lists(codes, items)
    else:
        items = torch.cat([codes[:, ITEM, None], items.expand(len(codes), -1)], dim=1)
        rows = codes.unsqueeze(1).repeat(1, items.shape[1], 1)
        rows[..., ITEM] = items
        lists = module(rows.flatten(0, 1)).view(items.shape)
    own = excluded.new_zeros(len(excluded), 1)
    return lists.masked_fill(torch.cat([own, excluded], dim=1), -torch.inf)
