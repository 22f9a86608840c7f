"""Alternating least squares: the squared error of all pairs of users and items, minimized side by side."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import ITEM, N_SPECIAL, USER
from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._conjugate_gradients import STEPS, Block
from sklearn_ncf.training._objectives import SquaredErrorOfAll
from sklearn_ncf.training._plan import Plan
from sklearn_ncf.training._solvers import Solver

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
        others, gram, squares, mean = self._shared(table, other, plan)
        own, lowered = table[self.rows], 0.0
        if self._gram is not None:
            self._gram -= own.T @ own
        n_steps = None if self.solves or table.shape[1] <= SOLVED_UP_TO else STEPS
        for rows, block in self.blocks:
            own[rows], of_block = block.solve(own[rows], others, gram, squares, mean, n_steps)
            lowered += of_block
        if self._gram is not None:
            self._gram += own.T @ own
        if not isinstance(self.rows, slice):
            table[self.rows] = own
        return lowered

    def parts(self, table: Tensor, other: "_Side", plan: Plan) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the ids' vectors are the sum of, see `AlternatingLeastSquares.user_parts`."""
        shared = self._shared(table, other, plan)
        owners, others, of_interactions, of_pull = [], [], [], []
        for rows, block in self.blocks:
            owners.append(rows.start + block.rows)
            others.append(block.others - N_SPECIAL)
            for found, part in zip((of_interactions, of_pull), block.parts(*shared), strict=True):
                found.append(part)
        return tuple(map(torch.cat, (owners, others, of_interactions, of_pull)))

    def _shared(
        self, table: Tensor, other: "_Side", plan: Plan
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | float]:
        """What the ids' systems share: the other side's vectors, their Gram matrix and squares, and the mean."""
        if not self.blocks:
            n_others = len(other.known_places)
            self.blocks = list(self._made_blocks(table, n_others, plan))
            if self.pulls and _is_auto(plan):
                penalty, pull = map(torch.from_numpy, self._penalty(self.known_places, n_others, plan))
                pulling = penalty * pull
                self._shares = (pulling / pulling.sum().clamp(min=1e-30)).to(table)
        others = table[self.others]
        squares = None if _is_auto(plan) else others.square().sum(1, keepdim=True)
        mean = 0.0 if self._shares is None else self._shares @ table[self.known]
        return others, other.gram(table), squares, mean

    def _made_blocks(self, table: Tensor, n_others: int, plan: Plan) -> Iterator[tuple[slice, Block]]:
        """Blocks of rows small enough that what they read stays in the caches."""
        indptr = self.pairs.indptr.astype(np.int64)
        weights = self.pairs.data * np.float32(plan.positive_weight)
        penalty, pull = self._penalty(self.places, n_others, plan)
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
                    self.pairs.indices[inner],
                    weights[inner],
                    penalty[start:stop],
                    pull[start:stop],
                    least=not _is_auto(plan),
                    device=table.device,
                ),
            )
            start = stop

    def _penalty(self, places: np.ndarray, n_others: int, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """The penalties of some ids, and how far each draws to the mean."""
        size = self.weights * plan.positive_weight + n_others
        n_pairs = self.n_pairs[places].clip(min=1)
        growth, is_auto = plan.penalty_growth, _is_auto(plan)
        if growth == "auto":
            growth = GROWTH if is_auto else 0.0
        if is_auto:
            penalty = L2 * size[places] ** growth * (1 + 1 / n_pairs)
        else:
            of_average_id = plan.weight_decay * self.weights.sum() / 2
            penalty = of_average_id * (size[places] / size[self.known_places].mean()) ** growth
        pull = PULLED / (PULLED + n_pairs) * (is_auto and self.pulls)
        return np.minimum(penalty, LARGEST_PENALTY).astype(np.float32), pull.astype(np.float32)


def _is_auto(plan: Plan) -> bool:
    return plan.weight_decay in ("auto", None)


def _rows(rows: np.ndarray) -> slice | Tensor:
    """Rows of a table, as a slice, which makes no copy, where they are consecutive."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return torch.from_numpy(rows.astype(np.int64))
