"""Alternating least squares: the squared error of all pairs of users and items, minimized side by side."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER
from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._conjugate_gradients import STEPS, Block
from sklearn_ncf.training._objectives import SquaredErrorOfAll
from sklearn_ncf.training._plan import Plan
from sklearn_ncf.training._solvers import Solver
from sklearn_ncf.training._users import UserRows

L2 = 0.5  # weight_decay="auto": of a vector, times a power of the weight of the pairs it stands in
GROWTH = 0.5  # penalty_growth="auto": that power
PULLED = 50.0  # interactions with which a user's vector is drawn halfway to the mean, not to zero
LARGEST_PENALTY = 1e30  # a larger one is the same in single precision, or overflows
SOLVED_UP_TO = 16  # components of a vector, up to which systems are solved, not improved by a few steps
NUMBERS_PER_BLOCK = 2**20  # of the vectors that the ids of a block have interacted with: they stay in the caches


class AlternatingLeastSquares(Solver):
    r"""Fit the vectors of users, then those of items, while the others stand still.

    What is minimized is the squared error of Hu et al. (2008): positives are to score one, with the weight
    :math:`w c_{ui}` (:math:`w` is `positive_weight`, :math:`c` the sample weights), all other pairs zero, with the
    weight 1. The best vector :math:`p_u` is the solution of a linear system,

    .. math:: \Big(Q^\top Q + \sum_{i \in N(u)} (w c_{ui} - 1) q_i q_i^\top + \lambda_u I\Big) p_u
              = \sum_{i \in N(u)} w c_{ui} q_i .

    The penalty grows with the weight :math:`n_u` of all pairs that an id stands in, those of weight 1 included,
    :math:`\lambda_u = \lambda n_u^{\nu}` with :math:`\nu` the `penalty_growth`, between the two usual choices, none and
    all of it (Rendle et al. 2022, section 4.3).

    With ``weight_decay="auto"`` a user's vector is drawn not to zero but to where users stand in general, the more so
    the fewer items the user has: the penalty is :math:`\lambda_u (1 + 1/m_u) \lVert p_u - s_u \bar p \rVert^2`, with
    :math:`m_u = |N(u)|`, :math:`s_u = 50 / (50 + m_u)` and :math:`\bar p` the mean of the users' vectors, weighted by
    :math:`\lambda_u (1 + 1/m_u) s_u`. The mean is penalized too, by the sum of these weights times
    :math:`1 - s_u`. Without, users with one or two items would get lists below popularity.

    A sweep takes a few steps of conjugate gradients from the last vectors (Takács et al. 2011), whose cost grows with
    the number of pairs and of ids. Short vectors are solved for, and so are those of the ids of `partial_fit`.

    Parameters
    ----------
    plan : Plan
        Its `positive_weight`, `weight_decay` and `penalty_growth` are those of the estimator.

    References
    ----------
    Hu, Y., Y. Koren, C. Volinsky (2008). "Collaborative Filtering for Implicit Feedback Datasets", ICDM.

    Takács, G., I. Pilászy, D. Tikk (2011). "Applications of the Conjugate Gradient Method for Implicit Feedback
    Recommender Systems", RecSys.

    Rendle, S., W. Krichene, L. Zhang, Y. Koren (2022). "Revisiting the Performance of iALS on Item Recommendation
    Benchmarks", RecSys.
    """

    keeps_biases = False
    needs = "architecture='gmf', loss='squared_error', use_history=False, temperature=None and two columns"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._sides: list[_Side] = []

    @classmethod
    def supports(cls, module, module_params, objective) -> bool:
        """Whether the network and the objective are those of `needs`."""
        return (
            objective is SquaredErrorOfAll
            and module_params.get("architecture") == "gmf"
            and not module_params["use_history"]
            and module_params.get("temperature") is None
            and len(module_params["n_ids"]) == 2
        )

    def update(self, network, interactions, ids) -> None:
        """Have the sweeps that follow solve for some ids alone, each from all of its pairs."""
        self._sides = self._made_sides(network, interactions, ids)

    @classmethod
    def users(cls, network, plan, pairs) -> "UsersOfLeastSquares":
        """What solves for users' vectors."""
        return UsersOfLeastSquares(network, plan, pairs)

    def end_training(self) -> None:
        """Release the pairs, which only training needs."""
        self._sides = []

    @torch.no_grad()
    def sweep(self, network: nn.Module, data: InteractionDataset) -> float:
        """Improve all users' vectors, then all items', and return the mean loss of a positive."""
        if not self._sides:
            self._sides = self._made_sides(network, data.interactions)
        users, items = self._sides
        table = network.embedding.weight
        users.solve(table, items, self.plan)
        lowered = items.solve(table, users, self.plan)
        return (items.weight * self.plan.positive_weight - lowered) / max(items.weight, 1e-30)

    @torch.no_grad()
    def user_parts(self, network, interactions, users):
        """The summands of the solutions; conjugate gradients, and items that moved since, leave others a remainder."""
        of_users, items = self._made_sides(network, interactions, (users, None))
        return of_users.parts(network.embedding.weight, items, self.plan)

    def _made_sides(self, network: nn.Module, interactions: Interactions, ids=(None, None)) -> "list[_Side]":
        pairs = interactions.by_user, interactions.by_item
        return [_Side(network, column, pairs[column], ids[column]) for column in (USER, ITEM)]


class _Side:
    """One column's ids, and the pairs that each of them stands in.

    pairs : csr_array of shape (n_ids + 2, n_others + 2), weights of pairs; a row per code, those of missing and of
        unknown ids first
    ids : codes of the ids to solve for, or None for all that stand in any pair, by a few steps
    """

    def __init__(self, network: nn.Module, column: int, pairs: csr_array, ids: np.ndarray | None) -> None:
        firsts = [int(first) - N_SPECIAL for first in network.first_rows[:2]]
        known = np.flatnonzero(np.diff(pairs.indptr))
        places = known if ids is None else ids + N_SPECIAL
        self.weights, self.n_pairs = pairs.sum(axis=1, dtype=np.float64), np.diff(pairs.indptr)  # of all ids
        self.pulls = column == USER
        self.pairs = pairs if len(places) == pairs.shape[0] else pairs[places]
        self.weight = float(self.weights[places].sum())
        self.known_places, self.places = known, places
        self.solves = ids is not None
        self.known, self.rows = _rows(known + firsts[column]), _rows(places + firsts[column])
        self.others = slice(firsts[1 - column], firsts[1 - column] + pairs.shape[1])
        self.blocks: list[tuple[slice, Block]] = []
        self._gram: Tensor | None = None  # of the ids' vectors, kept where a sweep changes few of them
        self._shares: Tensor | None = None  # of the known ids in the mean, where there is a pull to it

    def gram(self, table: Tensor) -> Tensor:
        """The Gram matrix of the vectors of all ids that stand in any pair."""
        if self._gram is not None:
            return self._gram
        known = table[self.known]
        gram = known.T @ known
        if self.solves:
            self._gram = gram
        return gram

    def solve(self, table: Tensor, other: "_Side", plan: Plan) -> float:
        """Set the ids' vectors; return by how much they lower the loss of the pairs that they stand in."""
        others, gram, squares, mean = self.shared(table, other, plan)
        own, lowered = table[self.rows], 0.0
        if self._gram is not None:
            self._gram -= own.T @ own
        n_steps = None if self.solves or table.shape[1] <= SOLVED_UP_TO else STEPS
        for rows, block in self.made_blocks(table, other, plan):
            own[rows], of_block = block.solve(own[rows], others, gram, squares, mean, n_steps)
            lowered += of_block
        if self._gram is not None:
            self._gram += own.T @ own
        if not isinstance(self.rows, slice):
            table[self.rows] = own
        return lowered

    def parts(self, table: Tensor, other: "_Side", plan: Plan) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the ids' vectors are the sum of, see `AlternatingLeastSquares.user_parts`."""
        shared = self.shared(table, other, plan)
        owners, others, of_interactions, of_pull = [], [], [], []
        for rows, block in self.made_blocks(table, other, plan):
            owners.append(rows.start + block.rows)
            others.append(block.others - N_SPECIAL)
            for found, part in zip((of_interactions, of_pull), block.parts(*shared), strict=True):
                found.append(part)
        return tuple(map(torch.cat, (owners, others, of_interactions, of_pull)))

    def shared(self, table: Tensor, other: "_Side", plan: Plan) -> tuple[Tensor, Tensor, Tensor | None, Tensor | float]:
        """What the systems of ids share: the other side's vectors, their Gram matrix and squares, and the mean."""
        others = table[self.others]
        squares = None if _is_auto(plan) else others.square().sum(1, keepdim=True)
        return others, other.gram(table), squares, self.mean(table, other, plan)

    def made_blocks(self, table: Tensor, other: "_Side", plan: Plan) -> list[tuple[slice, Block]]:
        """Blocks of the ids to solve for, made once."""
        if not self.blocks:
            penalty = self.penalty(self.weights[self.places], self.n_pairs[self.places], other, plan)
            self.blocks = list(_blocks(self.pairs, *penalty, plan, table))
        return self.blocks

    def mean(self, table: Tensor, other: "_Side", plan: Plan) -> Tensor | float:
        """The mean of the vectors of known ids, to which the penalty draws; 0 where it draws to zero."""
        if not self.pulls or not _is_auto(plan):
            return 0.0
        if self._shares is None:
            known = self.weights[self.known_places], self.n_pairs[self.known_places]
            pulling = torch.from_numpy(np.multiply(*self.penalty(*known, other, plan)))
            self._shares = (pulling / pulling.sum().clamp(min=1e-30)).to(table)
        return self._shares @ table[self.known]

    def penalty(
        self, weights: np.ndarray, n_pairs: np.ndarray, other: "_Side", plan: Plan
    ) -> tuple[np.ndarray, np.ndarray]:
        """The penalties of ids with some weights and numbers of pairs, and how far each draws to the mean."""
        n_others, n_pairs = len(other.known_places), n_pairs.clip(min=1)
        size = weights * plan.positive_weight + n_others
        growth, is_auto = plan.penalty_growth, _is_auto(plan)
        if growth == "auto":
            growth = GROWTH if is_auto else 0.0
        if is_auto:
            penalty = L2 * size**growth * (1 + 1 / n_pairs)
        else:
            of_average_id = plan.weight_decay * self.weights.sum() / 2
            mean_size = (self.weights[self.known_places] * plan.positive_weight + n_others).mean()
            penalty = of_average_id * (size / mean_size) ** growth
        pull = PULLED / (PULLED + n_pairs) * (is_auto and self.pulls)
        return np.minimum(penalty, LARGEST_PENALTY).astype(np.float32), pull.astype(np.float32)


def _blocks(
    pairs: csr_array, penalty: np.ndarray, pull: np.ndarray, plan: Plan, table: Tensor
) -> Iterator[tuple[slice, Block]]:
    """Blocks of the rows of a sparse matrix, small enough that what they read of a table stays in the caches."""
    indptr = pairs.indptr.astype(np.int64)
    weights = pairs.data * np.float32(plan.positive_weight)
    most = max(1, NUMBERS_PER_BLOCK // table.shape[1])
    start = 0
    while start < len(indptr) - 1:
        stop = int(np.searchsorted(indptr, indptr[start] + most, side="right")) - 1
        stop = min(max(stop, start + 1), start + most, len(indptr) - 1)
        inner = slice(indptr[start], indptr[stop])
        yield (
            slice(start, stop),
            Block.of(
                indptr[start : stop + 1] - indptr[start],
                pairs.indices[inner],
                weights[inner],
                penalty[start:stop],
                pull[start:stop],
                least=not _is_auto(plan),
                device=table.device,
            ),
        )
        start = stop


class UsersOfLeastSquares:
    """The vectors of users, solved for from all of their pairs, while the network stays as it is.

    Parameters
    ----------
    network : EmbeddingNN
        What the solver has fitted.
    plan : Plan
        By which it did.
    pairs : Interactions
        All pairs of the training set, each once, with their weights.
    """

    @torch.no_grad()
    def __init__(self, network: nn.Module, plan: Plan, pairs: Interactions) -> None:
        self.plan, self.table, self.pairs = plan, network.embedding.weight, pairs.by_user
        self.first_user = int(network.first_rows[USER])
        self.users = _Side(network, USER, pairs.by_user, None)
        self.items = _Side(network, ITEM, pairs.by_item, None)
        self.shared = self.users.shared(self.table, self.items, plan)

    @torch.no_grad()
    def __call__(self, rows: UserRows) -> Tensor:
        """How far from its row in the tables each user is to be, float32 of shape (n_users, width + 1), bias last.

        Pairs of training count too, with the larger of their weights.
        """
        shape = len(rows.users), self.pairs.shape[1]
        places = tuple(part.cpu().numpy() for part in (rows.owners, rows.codes[:, ITEM] + N_SPECIAL))
        pairs = coo_array((rows.weights.cpu().numpy(), places), shape=shape).tocsr()
        users = rows.users.cpu().numpy() + N_SPECIAL
        known = (users >= N_SPECIAL) & (users < self.pairs.shape[0])
        if known.any():
            earlier = self.pairs[users * known]
            earlier.data *= np.repeat(known, np.diff(earlier.indptr))
            pairs = pairs.maximum(earlier)
        penalty = self.users.penalty(pairs.sum(axis=1, dtype=np.float64), np.diff(pairs.indptr), self.items, self.plan)
        before = self.table[rows.users + self.first_user]
        found = torch.empty_like(before)
        for part, block in _blocks(pairs, *penalty, self.plan, self.table):
            found[part], _ = block.solve(before[part], *self.shared, None)
        return F.pad((found - before).float(), (0, 1)) + rows.start


def _is_auto(plan: Plan) -> bool:
    return plan.weight_decay in ("auto", None)


def _rows(rows: np.ndarray) -> slice | Tensor:
    """Rows of a table, as a slice, which makes no copy, where they are consecutive."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return torch.from_numpy(rows.astype(np.int64))
