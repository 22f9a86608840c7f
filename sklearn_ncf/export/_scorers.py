"""What a graph computes, as torch modules: scores of rows, and lists of the best items."""

import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ncf.encoding import MISSING
from sklearn_ncf.export._features import SideFeatures
from sklearn_ncf.fitting import ORDINARY
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER, EmbeddingNN, block_of, of_network


class Scorer(nn.Module):
    """A network with what `predict` does after it: its modules, and which ids it knows."""

    def __init__(self, fitted, features):
        super().__init__()
        self.sides = [feature.side for feature in features]
        descriptions = fitted.features.descriptions
        described = {side: of_side for side, of_side in descriptions.items() if side in self.sides}
        self.features = nn.ModuleDict({str(side): SideFeatures(of_side) for side, of_side in described.items()})
        network = copy.deepcopy(fitted.net.module_).to("cpu")
        self.network = network
        self.eval()
        if type(network) is EmbeddingNN and network.history is not None:  # one table instead of two
            with torch.no_grad():
                network.embedding.weight.copy_(network.vectors(torch.arange(len(network.embedding.weight))))
            network.history = None
        self.of_unknown = fitted.of_unknown
        self.offset, self.scale = fitted.units
        for column, name in ((USER, "knows_user"), (ITEM, "knows_item")):
            codes = np.arange(-N_SPECIAL, fitted.net.module__n_ids[column])
            knows = fitted.seen.trained(column, codes)
            self.register_buffer(name, torch.from_numpy(knows))
            # Pooled ids share a code, and have features each.
            is_one = codes != fitted.features.pooled.get(column, MISSING)
            self.register_buffer(f"has_own_{column}", torch.from_numpy(knows & is_one))

    def n_bytes(self):
        """Of all tensors."""
        return sum(tensor.nbytes for tensor in self.state_dict().values())

    def described(self, values, codes, knows):
        """By column, deviations of ids that have features alone, who are known then; `codes` are by column, too."""
        deviations = {}
        for side, of_side in self.features.items():
            column = int(side)
            of_column, described = of_side(
                [value for value, of in zip(values, self.sides, strict=True) if of == column]
            )
            has_own = getattr(self, f"has_own_{column}")[codes[column] + N_SPECIAL]
            deviations[column] = of_column * ~has_own.unsqueeze(1)
            knows[column] = knows[column] | described
        return deviations

    def finished(self, scores, known):
        """Scores as `predict` gives them; `known` are those of which anything is known."""
        if self.of_unknown is None:
            return scores
        scores = torch.where(known, scores, self.of_unknown)
        if (self.offset, self.scale) == ORDINARY:
            return scores
        return self.offset + self.scale * scores.double()


class RowScorer(Scorer):
    """Codes of each column, of shape (n,), to scores of shape (n,).

    Features follow the codes, in the order of their inputs.
    """

    def __init__(self, fitted, n_columns, features):
        super().__init__(fitted, features)
        self.n_columns = n_columns

    def forward(self, *inputs):
        """Score rows of codes and features."""
        codes, values = inputs[: self.n_columns], inputs[self.n_columns :]
        knows = [self.knows_user[codes[USER] + N_SPECIAL], self.knows_item[codes[ITEM] + N_SPECIAL]]
        stacked = torch.stack(codes, dim=1)
        if values:
            rows = self.network.table_rows(stacked)
            vectors, bias = list(self.network.vectors(rows).unbind(1)), self.network.summed_bias(rows)
            for column, deviations in self.described(values, codes, knows).items():
                vectors[column] = vectors[column] + deviations[:, :-1]
                bias = bias + deviations[:, -1]
            scores = self.network.score(torch.stack(vectors, dim=1), bias)
        else:
            scores = self.network(stacked)
        return self.finished(scores.float(), knows[USER] | knows[ITEM])


class ListScorer(Scorer):
    """Codes of queries, in all columns but the items', and places of excluded items to the best of some items.

    Features of users follow the codes, in the order of their inputs, and the places of shape (n, n_excluded), one
    behind the last for none, come last. Of shape (n, n_best) come the places of the best items, and their scores; where
    no more are left, the place behind the last and minus infinity.
    """

    def __init__(self, fitted, features, items, n_best):
        super().__init__(fitted, features)
        self.n_best, self.n_values = n_best, len(features)
        self.given = [{}] if fitted.features.descriptions else []  # an argument of networks that know of features
        network, items = self.network, torch.from_numpy(items)
        with torch.no_grad():
            self.items = of_network(network, "encode_items")(items, *self.given)
        self.encodes = self.items is not items  # else the network is asked for each pair
        if self.encodes and type(network) is EmbeddingNN:
            _drop_items(network)
        self.register_buffer("knows_items", self.knows_item[items + N_SPECIAL])

    def forward(self, *inputs):
        """Rank the items for each query."""
        *inputs, excluded = inputs
        n_codes = len(inputs) - self.n_values
        queries, values = torch.stack(inputs[:n_codes], dim=1), inputs[n_codes:]
        knows = [self.knows_user[queries[:, USER] + N_SPECIAL]]
        deviations = self.described(values, [queries[:, USER]], knows)
        shifts = {column: (torch.arange(queries.shape[0]), of_column) for column, of_column in deviations.items()}
        scores = self._grid(queries, shifts).float()
        scores = self.finished(scores, knows[USER].unsqueeze(1) | self.knows_items)
        scores = F.pad(scores, (0, 1), value=-torch.inf).scatter(1, excluded, -torch.inf)
        scores, places = scores.topk(self.n_best, dim=1)  # of equal scores ONNX's takes the first
        return torch.where(scores == -torch.inf, len(self.knows_items), places), scores

    def n_bytes(self):
        """Of all tensors."""
        items = self.items if isinstance(self.items, tuple) else [self.items]
        return super().n_bytes() + sum(part.nbytes for part in items if isinstance(part, Tensor))

    def _grid(self, queries, shifts):
        """The network's scores of each query with each item."""
        if self.encodes:
            given = [shifts] if self.given else []
            queries = of_network(self.network, "encode_queries")(queries, *given)
            return of_network(self.network, "score_grid")(queries, self.items)
        rows = queries.unsqueeze(1).expand(-1, len(self.items), -1)
        items = self.items.view(1, -1, 1).expand(queries.shape[0], -1, -1)
        pairs = torch.cat([rows[..., :ITEM], items, rows[..., ITEM:]], dim=2)
        return self.network(pairs.flatten(0, 1)).unflatten(0, (-1, len(self.items)))


@torch.no_grad()
def _drop_items(network):
    """Leave the items out of a network's tables, since they are encoded."""
    block = block_of(network, ITEM)
    for name in ("embedding", "bias"):
        table = getattr(network, name)
        if table is not None:
            kept = torch.cat([table.weight[: block.start], table.weight[block.stop :]])
            setattr(network, name, nn.Embedding.from_pretrained(kept))
    network.first_rows[ITEM + 1 :] -= block.stop - block.start
