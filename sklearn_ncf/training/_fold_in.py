"""FoldIn: what further ratings say of their own ids, by ridge regressions, one for each id."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sklearn_ncf.training._anchor import Anchor
from sklearn_ncf.training._batches import InteractionDataset
from sklearn_ncf.training._objectives import SquaredError
from sklearn_ncf.training._solvers import Solver

CHUNK_SIZE = 2**23  # numbers in the matrices of ids solved for at once, and in the products that add up to them
HALVINGS = 4  # of an id's step that would make its errors larger, before it stays


class FoldIn(Solver):
    r"""Ridge regression for the vector and the bias of each id, given all other ids.

    A rating is nearly linear in the vector and the bias of one of its ids. With :math:`X` the slopes of an id's
    ratings, :math:`e` their errors, :math:`S` the strengths with which an `Anchor` holds it and :math:`d` how far it is
    from its place, the id takes the Gauss-Newton step :math:`(2 X^\top X + S)^{-1} (2 X^\top e - S d)`, errors in
    spreads of the ratings. A sweep does so for the ids of one column after the other. A step that makes an id's loss
    larger, as through layers it can, is halved.

    Parameters
    ----------
    plan : Plan
        Says what counts as one in the loss.
    """

    anchor: Anchor  # what holds the ids to their places

    @classmethod
    def supports(cls, module: type[nn.Module], module_params: dict, objective: type) -> bool:
        """Whether errors are squared."""
        return objective is SquaredError

    @torch.no_grad()
    def sweep(self, network: nn.Module, data: InteractionDataset) -> float:
        """Solve for the ids of each column in turn, and return the mean loss of a row."""
        codes, ratings, *weights = data.columns()
        weights = weights[0] if weights else torch.ones_like(ratings)
        network.eval()
        if network.history is not None:
            network.history.train()  # a rating is no part of the histories from which it is predicted
        for column in range(codes.shape[1]):
            rows, order = network.table_rows(codes)[:, column].sort(stable=True)
            for part, ids in _chunks(rows, self._chunk_size()):
                self._solve(network, column, ids, *(value[order[part]] for value in (codes, ratings, weights)))
        errors = self._errors(network, codes, ratings)
        network.train()
        return (weights * errors.square()).mean().item()

    def _solve(self, network, column: int, ids: Tensor, codes: Tensor, ratings: Tensor, weights: Tensor) -> None:
        """Take the step of some ids, of all of their rows."""
        errors, slopes = self._slopes(network, column, codes, ratings)
        place = torch.searchsorted(ids, network.table_rows(codes)[:, column].contiguous())
        held = torch.cat([pull[ids].expand(-1, table.shape[1]) for table, pull in self._tables()], dim=1)
        moved = self._moved(ids)
        right_side = torch.zeros_like(held).index_add_(0, place, 2 * slopes * (weights * errors).unsqueeze(1))
        matrix = (held + 1e-6).diag_embed()
        for rows in torch.arange(len(place), device=place.device).split(self._chunk_size()):
            of_rows = slopes[rows]
            products = (2 * weights[rows, None] * of_rows).unsqueeze(2) * of_rows.unsqueeze(1)
            matrix.index_add_(0, place[rows], products)
        step = torch.linalg.solve(matrix, right_side - held * moved)

        def losses() -> Tensor:
            squares = weights * self._errors(network, codes, ratings).square()
            of_ratings = torch.zeros_like(held[:, 0]).index_add_(0, place, squares)
            return of_ratings + (held * self._moved(ids).square()).sum(1) / 2

        before, start = losses(), [table[ids] for table, _ in self._tables()]
        share = torch.ones_like(before)
        for _ in range(HALVINGS):
            self._put(ids, start, step * share.unsqueeze(1))
            worse = ~(losses() <= before)
            if not worse.any():
                return
            share[worse] /= 2
        share[worse] = 0
        self._put(ids, start, step * share.unsqueeze(1))

    def _slopes(self, network, column: int, codes: Tensor, ratings: Tensor) -> tuple[Tensor, Tensor]:
        """Errors of rows in spreads of the ratings, and how ratings change with the column's vectors and biases."""
        rows = network.table_rows(codes)
        with torch.enable_grad():
            vectors = network.vectors(rows).detach().requires_grad_()
            bias = network.summed_bias(rows).detach().requires_grad_()
            predicted = network.score(vectors, bias)
            slopes, of_bias = torch.autograd.grad(predicted.sum(), [vectors, bias])
        slopes = slopes[:, column]
        if network.bias is not None:
            slopes = torch.cat([slopes, of_bias.unsqueeze(1)], dim=1)
        scale = self.plan.scale
        return (ratings - predicted.detach()) / scale, slopes / scale

    def _errors(self, network, codes: Tensor, ratings: Tensor) -> Tensor:
        rows = network.table_rows(codes)
        with torch.enable_grad():  # or histories would count the row itself
            predicted = network.score(network.vectors(rows), network.summed_bias(rows))
        return (ratings - predicted.detach()) / self.plan.scale

    def _chunk_size(self) -> int:
        """Matrices of an id, or products of a row, that make a chunk."""
        return max(1, CHUNK_SIZE // sum(table.weight.shape[1] for table in self.anchor.tables) ** 2)

    def _tables(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The tables of vectors and of biases, and the strengths with which their rows are held."""
        return (
            (table.weight, pull.unsqueeze(1)) for table, pull in zip(self.anchor.tables, self.anchor.pulls, strict=True)
        )

    def _moved(self, ids: Tensor) -> Tensor:
        """How far some ids are from their places."""
        tables = zip(self.anchor.tables, self.anchor.places, strict=True)
        return torch.cat([table.weight[ids] - place[ids] for table, place in tables], dim=1)

    def _put(self, ids: Tensor, start: list[Tensor], step: Tensor) -> None:
        widths = [part.shape[1] for part in start]
        for (table, _), part, moved in zip(self._tables(), start, step.split(widths, dim=1), strict=True):
            table[ids] = part + moved


def _chunks(rows: Tensor, n_ids: int) -> Iterator[tuple[slice, Tensor]]:
    """Slices of sorted table rows that hold all ratings of `n_ids` ids each, and these ids."""
    ids, counts = rows.unique_consecutive(return_counts=True)
    ends = counts.cumsum(0)
    for part in torch.arange(len(ids)).split(n_ids):
        first, last = part[0], part[-1]
        yield slice(int(ends[first] - counts[first]), int(ends[last])), ids[first : last + 1]
