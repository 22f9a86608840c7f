"""Estimators in which all that draws random numbers has a part, for tests of what they share with other code."""

import torch

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.nn import EmbeddingNN


class Own(torch.nn.Module):
    """A custom network, whose constructor and dropout draw from torch's global generator."""

    def __init__(self, n_ids, **params):
        super().__init__()
        self.tables = torch.nn.ModuleList(torch.nn.Embedding(n + 1, 4) for n in n_ids)
        self.dropout = torch.nn.Dropout(0.3)
        self.last = torch.nn.Linear(8, 1)
        self.noise = torch.nn.Parameter(torch.rand_like(self.last.weight) + torch.randn(8) + torch.randint(3, (8,)))

    def forward(self, codes):
        vectors = torch.cat([table(codes[:, j] + 1) for j, table in enumerate(self.tables)], dim=1)
        return 3 + self.last(self.dropout(vectors) * self.noise.abs()).squeeze(1)


class Derived(EmbeddingNN):
    """A custom network with our dropout and torch's."""

    def forward(self, codes):
        return torch.nn.functional.dropout(super().forward(codes), 0.1, self.training)


class Noisy(torch.optim.SGD):
    """A custom optimizer that draws from torch's global generator."""

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data += 1e-3 * torch.randn_like(parameter)


FITS = {  # by what draws random numbers; all of these in one fit
    "gmf": {"architecture": "gmf", "use_history": True},
    "neumf": {"architecture": "neumf", "dropout": 0.3, "early_stopping": True},
    "coarse dropout": {"architecture": "mlp", "dropout": 0.001, "embedding_dropout": 0.998},
    "row-wise": {"architecture": "mlp", "optimizer": "rowwise_adamw"},
    "custom network": {"architecture": Own},
    "derived network": {"architecture": Derived, "dropout": 0.2},
    "custom optimizer": {"optimizer": Noisy, "learning_rate": 1e-4, "weight_decay": 0.0},
}
LISTS = {  # of rankers, which draw negatives too
    "softmax": {"loss": "softmax", "embedding_dropout": 0.1},
    "bce": {"loss": "bce", "architecture": "neumf", "dropout": 0.3},
    "bpr": {"loss": "bpr", "architecture": Own},
    "least squares": {},
}


NAMES = [*FITS, *LISTS]
OURS = [*(name for name in FITS if "custom" not in name and "derived" not in name), "softmax", "bce", "least squares"]


def estimators():
    """Unfitted estimators by name."""
    settings = {"embedding_dim": 8, "max_epochs": 2, "random_state": 0, "device": "cpu", "batch_size": 64}
    return {name: NCFRegressor(**{**settings, **params}) for name, params in FITS.items()} | {
        name: NCFRanker(**settings | params) for name, params in LISTS.items()
    }
