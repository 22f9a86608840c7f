"""Shrinkage: how strongly biases and vectors are drawn to zero, as the ratings themselves say it."""

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from torch import Tensor
from torch.optim import Optimizer

from sklearn_ncf.interactions import Interactions
from sklearn_ncf.nn import N_SPECIAL, EmbeddingNN, block_of
from sklearn_ncf.storage import blocks_of
from sklearn_ncf.training._plan import Plan, Strengths
from sklearn_ncf.training._rowwise import RowwiseAdamW

SWEEPS = 15  # over the columns, each with an estimate of the variances
FIRST_STRENGTH = 4.0  # of a bias, in ratings; also what is assumed where there is little to learn it from,
PRIOR_IDS = 50  # with the weight of so many ids
STRENGTHS = (0.3, 300.0)  # of a bias, at least and at most
CLEAR = 0.1  # excess of the first singular value over that of noise, from which on vectors are not shrunk further
LARGEST_FACTOR = 10.0  # of the penalty of vectors, where there is nothing but noise
SMALLEST_SIDE = 3  # users or items, below which singular values say nothing
ROUNDING = 1e-6  # spread of what is left, with errors of up to one, below which it is no noise


class Shrinkage:
    """Adds to gradients those of an L2 penalty whose strength differs between columns.

    What has a dense gradient gets the penalty at each step. Of tables trained row by row, `RowwiseAdamW` draws only
    the rows of a batch to zero: the batches that read an id share its penalty, so that it costs what the batch costs.

    Parameters
    ----------
    module : EmbeddingNN
        Its biases are drawn to zero, and everything else where the optimizer does it with no L2 penalty.
    optimizer : Adam or RowwiseAdamW
        Gets the penalties of the tables that it trains row by row.
    counts : sequence of n_columns float Tensors of shape (n_ids + 2,)
        Ratings of each id, the missing and the unknown one first.
    plan : Plan
        Its `strengths` say how strongly.
    """

    def __init__(self, module: EmbeddingNN, optimizer: Optimizer, counts: list[Tensor], plan: Plan) -> None:
        strengths, n_batches = plan.strengths, plan.n_batches
        of_vectors = strengths.vectors * plan.objective.l2 / plan.n_penalized
        self._dense: list[tuple[Tensor, Tensor]] = []
        self._rowwise = getattr(optimizer, "penalties", {})  # of tables
        if module.bias is not None:
            of_bias = torch.zeros_like(module.bias.weight)
            for column, strength in enumerate(strengths.biases):
                of_bias[block_of(module, column)] = 2 * strength / plan.n_penalized
        if not isinstance(optimizer, RowwiseAdamW):
            if module.bias is not None:
                self._dense = [(module.bias.weight, of_bias)]
            return
        shares = torch.zeros_like(module.embedding.weight[:, :1])
        for column, n_ratings in enumerate(counts):
            n_reading = n_batches * -torch.expm1(-n_ratings.clamp(min=1) / n_batches)  # in expectation
            shares[block_of(module, column), 0] = n_batches / n_reading.clamp(min=1)
        self._rowwise[module.embedding.weight] = of_vectors * shares
        if module.bias is not None:
            self._rowwise[module.bias.weight] = of_bias * shares
        of_vectors = module.intercept.new_tensor(of_vectors)
        self._dense = [(parameter, of_vectors) for parameter in module.parameters() if parameter not in self._rowwise]

    @torch.no_grad()
    def add_gradients(self) -> None:
        """Add the penalty's gradients to those of a batch."""
        for parameter, strength in self._dense:
            if parameter.grad is not None:
                parameter.grad.addcmul_(parameter, strength)

    def end_training(self) -> None:
        """Release the penalties."""
        self._rowwise.clear()


def estimate_strengths(interactions: Interactions, *, has_biases: bool = True) -> Strengths:
    r"""What ratings say of how strongly biases and vectors are to be drawn to zero.

    A rating is taken as the sum of a mean, a normal effect of each of its ids, and noise. The variances of the effects
    are estimated by expectation and conditional maximization, with independent effects (empirical Bayes, Searle et
    al. 1992, chapter 8); a bias has the strength :math:`\sigma^2 / \sigma_j^2`.

    Whether there is anything for vectors to learn is asked of what is left: its largest singular value, as a matrix of
    users and items, is compared with that of the same numbers in random places, as in parallel analysis (Horn 1965).
    Where it is not larger, vectors can learn noise alone, and are shrunk ten times as strongly.

    Rows that are read in blocks are so many that their first block tells the variances. A sample of pairs would not
    show what vectors can learn, so that the objective's strength stands for these. Without biases it is vectors that
    learn the effects.

    References
    ----------
    Horn, J. L. (1965). "A rationale and test for the number of factors in factor analysis", Psychometrika 30(2).

    Kish, L. (1965). "Survey Sampling", Wiley.

    Searle, S. R., G. Casella, C. E. McCulloch (1992). "Variance Components", Wiley.
    """
    blocks = blocks_of(len(interactions))
    rows = interactions.take(blocks[0])
    codes = [column.astype(np.int64) + N_SPECIAL for column in rows.codes.T]
    weights, unit = _in_effective_rows(rows.weights)
    targets = rows.targets.astype(np.float64)
    errors = targets - np.average(targets, weights=weights)
    errors /= np.abs(errors).max() or 1.0  # strengths have no unit, and squares could underflow
    strengths = _variance_components(codes, errors, weights) if has_biases else [FIRST_STRENGTH] * len(codes)
    factor = 1.0
    if len(blocks) == 1:
        factor = _factor_of_noise(codes[:2], errors, strengths[: 2 * has_biases], weights)
    return Strengths(tuple(strength * unit for strength in strengths), factor)


def _in_effective_rows(weights: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    """Weights that sum to the effective number of rows (Kish 1965), and how many times as large those of mean 1 are."""
    if weights is None:
        return None, 1.0
    weights = weights / weights.mean(dtype=np.float64)
    unit = float((weights**2).mean())
    return weights / unit, unit


class _Effects:
    """The effects of a column's ids, fitted to what other columns leave over."""

    def __init__(self, codes: np.ndarray, weights: np.ndarray | None) -> None:
        self.codes, self.weights = codes, weights
        self.counts = np.bincount(codes, weights)
        self.known = self.counts > 0
        self.values = np.zeros(len(self.counts))

    def fit(self, errors: np.ndarray, strength: float) -> None:
        """Draw the effects towards the mean error of each id, and take from the errors what they explain."""
        sums = np.bincount(self.codes, errors if self.weights is None else errors * self.weights)
        values = (sums + self.counts * self.values) / (self.counts + strength)
        errors -= (values - self.values)[self.codes]
        self.values = values

    def squares(self, strength: float, noise: float) -> tuple[float, float]:
        """The sum of squares of the effects, and of what they add to those of errors, in expectation."""
        variances = noise / (self.counts + strength)
        return float((self.values**2 + variances)[self.known].sum()), float((self.counts * variances).sum())


def _variance_components(codes: list[np.ndarray], errors: np.ndarray, weights: np.ndarray | None) -> list[float]:
    """The strength of each column's effects, which are taken from the errors."""
    effects = [_Effects(column, weights) for column in codes]
    strengths = [FIRST_STRENGTH] * len(effects)
    noise = np.average(errors**2, weights=weights)
    if not noise:
        return strengths
    n_effective = len(errors) if weights is None else weights.sum()
    for _ in range(SWEEPS):
        uncertain = 0.0
        for j, column in enumerate(effects):
            column.fit(errors, strengths[j])
            of_effects, of_errors = column.squares(strengths[j], noise)
            prior = PRIOR_IDS * noise / FIRST_STRENGTH
            variance = (of_effects + prior) / (np.count_nonzero(column.known) + PRIOR_IDS)
            strengths[j] = float(np.clip(noise / variance, *STRENGTHS))
            uncertain += of_errors
        errors -= np.average(errors, weights=weights)
        noise = np.average(errors**2, weights=weights) + uncertain / n_effective
    return strengths


def _factor_of_noise(codes, errors: np.ndarray, strengths: list[float], weights: np.ndarray | None) -> float:
    """How much more strongly vectors are to be shrunk than where there is a lot for them to learn."""
    shape = tuple(int(column.max()) + 1 for column in codes)
    if min(shape) - N_SPECIAL < SMALLEST_SIDE or errors.std() < ROUNDING:
        return 1.0
    moved = np.random.default_rng(0).permutation(errors)
    for column, strength in zip(codes, strengths, strict=False):  # as the effects have been taken from the errors
        _Effects(column, weights).fit(moved, strength)
    both = (values if weights is None else values * weights for values in (errors / errors.std(), moved / moved.std()))
    largest, of_noise = (_largest_singular_value(codes, values, shape) for values in both)
    excess = largest / of_noise - 1
    return float(f"{np.clip(CLEAR / max(excess, 1e-9), 1.0, LARGEST_FACTOR):.2g}")  # rounding differs between machines


def _largest_singular_value(codes, values: np.ndarray, shape: tuple[int, int]) -> float:
    matrix = csr_array((values, tuple(codes)), shape=shape)
    start = np.random.default_rng(0).normal(size=min(shape))
    (value,) = svds(matrix, k=1, tol=1e-3, v0=start, return_singular_vectors=False)
    return value
