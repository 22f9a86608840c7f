"""Fold-in of users: their vectors and biases from rows after training, while the network stays as it is."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_ncf.nn import ITEM, USER, history_of, is_bilinear
from sklearn_ncf.training._anchor import prior_strengths, slopes_of_cosine
from sklearn_ncf.training._objectives import Objective, RankingObjective
from sklearn_ncf.training._plan import Plan

STEPS = 10  # at most: ratings with squared errors need one, as they are nearly linear in what is sought
ENOUGH = 1e-3  # of a loss: a step whose gain differs less from that with squares is the last one
HALVINGS = 4  # of a step that would make a user's loss larger, before it is left out
SMALLEST_ERROR = 0.01  # in spreads of the ratings: else the weight of an absolute error has no limit
NEGATIVES = 1024  # items that stand for all in lists,
DRAWS = 256  # and how many of them, at least, each positive is compared with
NUMBERS_CHUNK_SIZE = 2**19  # in the vectors of rows, or in the lists of positives: they stay in the caches


class UserRows(NamedTuple):
    """Rows of some users that are not in the training set, sorted by user.

    users : int64 of shape (n_users,), codes, -1 for users that are not in the training set
    start : float32 of shape (n_users, width + 1), how far from its row in the tables each user starts, bias last
    n_before : float32 of shape (n_users,), weight of the user's rows in training
    owners : int64 of shape (n_rows,), places among `users`, rising
    codes : int64 of shape (n_rows, n_columns)
    targets, weights : float32 of shape (n_rows,)
    told, is_new : bool of shape (n_rows,), whether the row's pair is part of the user's history in the network, and
        whether the row is the first of a pair that is to become part of it
    """

    users: Tensor
    start: Tensor
    n_before: Tensor
    owners: Tensor
    codes: Tensor
    targets: Tensor
    weights: Tensor
    told: Tensor
    is_new: Tensor

    def within(self, users: slice) -> "UserRows":
        """Those of a slice of the users."""
        first, last = torch.searchsorted(self.owners, torch.tensor([users.start, users.stop], device=self.users.device))
        of_rows = (part[first:last] for part in self[3:])
        part = UserRows(*(of_user[users] for of_user in self[:3]), *of_rows)
        return part._replace(owners=part.owners - users.start)


class RidgeOfUsers:
    r"""A few ridge regressions for the vector and the bias of each user, given all items.

    The losses of a user's rows are replaced by squares with the same slopes :math:`g` and curvatures :math:`h`. With
    :math:`X` the slopes of the rows' scores, :math:`S` the strengths with which a user is held to its place and
    :math:`d` how far it is from there, the user takes the step :math:`-(X^\top h X + S)^{-1} (X^\top g + S d)`.

    The curvature of a rating's loss is that of the square that has its slope and its minimum (iteratively reweighted
    least squares). In lists of positives and negatives it is :math:`|g|` at least, which is no less than the curvature
    of a logistic loss. A step that makes a user's loss larger is halved.

    Parameters
    ----------
    network : EmbeddingNN
        Stays as it is.
    plan : Plan
        Its objective, and what the ratings of the fit have said of the prior.
    items : Tensor of shape (n_items,), int64
        Codes of the items that may be negatives.
    n_negatives : int or None
        How many of them a positive was compared with in training; None for ratings.
    """

    def __init__(self, network: nn.Module, plan: Plan, items: Tensor, n_negatives: int | None = None) -> None:
        self.network, self.plan = network, plan
        self.objective: Objective = plan.objective(plan.scale).to(items.device)
        self.ranks = isinstance(self.objective, RankingObjective)
        if self.ranks:
            generator = torch.Generator(items.device).manual_seed(0)
            order = torch.randperm(len(items), generator=generator, device=items.device)
            self.n_items = len(items)
            self.negatives = items[order[:NEGATIVES].sort().values]
            width = min(n_negatives, len(self.negatives))
            n_lists = -(-DRAWS // width)
            draws = torch.rand(n_lists, len(self.negatives), generator=generator, device=items.device)
            self.lists = draws.argsort(dim=1)[:, :width]  # places among the negatives, the same for each positive

    @torch.no_grad()
    def __call__(self, rows: UserRows) -> Tensor:
        """How far from its row in the tables each user is to be, float32 of shape (n_users, width + 1), bias last."""
        per_row = self.lists.numel() if self.ranks else self.network.embedding.weight.shape[1]
        sizes = per_row * torch.bincount(rows.owners, minlength=len(rows.users)).clamp(min=1)
        chunks = (sizes.cumsum(0) - sizes) // NUMBERS_CHUNK_SIZE
        stops = chunks.unique_consecutive(return_counts=True)[1].cumsum(0).tolist()
        return torch.cat([self._solved(rows.within(slice(*users))) for users in pairwise([0, *stops])])

    def _solved(self, rows: UserRows) -> Tensor:
        network, owners = self.network, rows.owners
        codes = rows.codes
        if self.ranks:
            others = codes.new_full((len(rows.users), len(self.negatives), codes.shape[1]), -1)
            others[..., USER], others[..., ITEM] = rows.users.unsqueeze(1), self.negatives
            codes = torch.cat([codes, others.flatten(0, 1)])
            owners = torch.cat(
                [owners, torch.arange(len(rows.users), device=owners.device).repeat_interleave(len(self.negatives))]
            )
        table_rows = network.table_rows(codes)
        vectors, biases = network.vectors(table_rows), network.summed_bias(table_rows)
        of_users = rows.users + network.first_rows[USER]
        change = rows.start.to(vectors)
        history = history_of(network)
        if history is not None:
            new, told, items = rows.is_new, rows.told.nonzero().squeeze(1), table_rows[: len(rows.codes), ITEM]
            summed, share = history.extended(USER, of_users, rows.owners[new], items[new])
            change[:, :-1] += summed - history.summed[of_users]
            # a row is no part of the history from which it is predicted
            vectors[told, USER] -= history.weight[items[told]] * share[rows.owners[told]]
        vectors[:, USER] += change[owners, :-1]
        biases += change[owners, -1]
        scored = (_ProductRows if is_bilinear(network) else _Rows)(network, vectors, biases, owners)
        strengths = self._strengths(rows, network.embedding.weight[of_users])
        moved, order = torch.zeros_like(strengths), owners.argsort(stable=True)
        n_rows, n_scores = (torch.bincount(of, minlength=len(moved)).tolist() for of in (rows.owners, owners))

        def penalized(scores: Tensor, moved: Tensor) -> Tensor:
            losses = self._losses(scores, rows).split(n_rows)
            return torch.stack([of_user.sum() for of_user in losses]) + (strengths * moved.square()).sum(1) / 2

        left = torch.ones_like(moved[:, 0], dtype=torch.bool)  # users who are to take a step
        for _ in range(STEPS):
            scores, slopes = scored.slopes(moved)
            loss = penalized(scores, moved)
            gradient, curvature = self._gradient_and_curvature(scores, rows)
            matrices, sums = _sums(slopes[order], curvature[order], gradient[order], n_scores)
            matrices.diagonal(dim1=1, dim2=2).add_(strengths + 1e-6)
            downhill = -(sums + strengths * moved)
            step = torch.linalg.solve(matrices, downhill)
            share, gain = left.to(loss), (downhill * step).sum(1) / 2
            for halving in range(HALVINGS + 1):
                tried = moved + step * share.unsqueeze(1)
                gained = loss - penalized(scored.scores(tried), tried)
                worse = ~(gained >= 0)
                if not worse.any():
                    break
                share[worse] = share[worse] / 2 if halving < HALVINGS else 0
            moved = moved + step * share.unsqueeze(1)
            left = left & (share > 0) & ((gain - gained).abs() > ENOUGH * loss)
            if not left.any():
                break
        return (change + moved).float()

    def _strengths(self, rows: UserRows, places: Tensor) -> Tensor:
        """How strongly each component of the users' vectors and, last, biases is held to its place."""
        network, plan = self.network, self.plan
        of_vectors, of_bias = prior_strengths(rows.n_before, plan.objective, plan.strengths, USER)
        of_vectors = of_vectors.unsqueeze(1).expand(-1, places.shape[1])
        if network.temperature is not None:
            of_vectors = of_vectors * slopes_of_cosine(network, places)
        return torch.cat([of_vectors, of_bias.unsqueeze(1)], dim=1)

    def _losses(self, scores: Tensor, rows: UserRows) -> Tensor:
        """The loss of each row, in which its weight is; `scores` are those of rows and of the users' negatives."""
        if not self.ranks:
            return self.objective.row_loss(scores.float(), rows.targets, "none") / self.objective.unit * rows.weights
        n_rows, n_lists = len(rows.owners), len(self.lists)
        own, others = scores.float().split([n_rows, len(scores) - n_rows])
        others = others.view(len(rows.users), -1)[rows.owners]
        others = others.masked_fill(self._interacted(rows)[rows.owners], -torch.inf)[:, self.lists].flatten(0, 1)
        lists = torch.cat([own.repeat_interleave(n_lists).unsqueeze(1), others], dim=1)
        n_positives = torch.bincount(rows.owners)[rows.owners].repeat_interleave(n_lists)
        share = self.n_items / (self.lists.shape[1] * n_positives.float())
        return self.objective.list_loss(lists, share).view(n_rows, n_lists).mean(1) * rows.weights

    def _interacted(self, rows: UserRows) -> Tensor:
        """Which of the negatives each user has interacted with, bool of shape (n_users, n_negatives)."""
        places = torch.searchsorted(self.negatives, rows.codes[:, ITEM].contiguous()).clamp(max=len(self.negatives) - 1)
        found = self.negatives[places] == rows.codes[:, ITEM]
        interacted = torch.zeros(len(rows.users), len(self.negatives), dtype=torch.bool, device=places.device)
        interacted[rows.owners[found], places[found]] = True
        return interacted

    def _gradient_and_curvature(self, scores: Tensor, rows: UserRows) -> tuple[Tensor, Tensor]:
        """How the loss changes with each score, and a curvature."""
        with torch.enable_grad():
            scores = scores.float().requires_grad_()
            (gradient,) = torch.autograd.grad(self._losses(scores, rows).sum(), scores, create_graph=self.ranks)
            if not self.ranks:
                errors = (scores.detach() - rows.targets).abs()
                return gradient, gradient.abs() / errors.clamp(min=SMALLEST_ERROR * self.plan.scale)
            curvature = gradient.detach().abs()
            is_own = torch.arange(len(scores), device=scores.device) < len(rows.owners)
            for part in (is_own, ~is_own):
                if gradient.requires_grad:
                    (change,) = torch.autograd.grad((gradient * part).sum(), scores, retain_graph=True)
                    curvature = torch.where(part, curvature.maximum(change), curvature)
        return gradient.detach(), curvature


class _Rows:
    """Rows to score, whose users move.

    vectors : of shape (n_rows, n_columns, width), those of the rows' ids; biases : of shape (n_rows,), summed
    owners : of shape (n_rows,), which user each row belongs to
    """

    def __init__(self, network: nn.Module, vectors: Tensor, biases: Tensor, owners: Tensor) -> None:
        self.network, self.vectors, self.biases, self.owners = network, vectors, biases, owners

    def scores(self, moved: Tensor) -> Tensor:
        """Scores where users have moved: vectors and, last, biases, of shape (n_users, width + 1)."""
        return self._scores(moved[self.owners])

    def slopes(self, moved: Tensor) -> tuple[Tensor, Tensor]:
        """Such scores, and how they change with their users' vectors and biases."""
        with torch.enable_grad():
            of_rows = moved[self.owners].requires_grad_()
            scores = self._scores(of_rows)
            (slopes,) = torch.autograd.grad(scores.sum(), of_rows)
        if self.network.bias is None:
            slopes[:, -1] = 0
        return scores.detach(), slopes

    def _scores(self, moved: Tensor) -> Tensor:
        shifted = self.vectors.clone()
        shifted[:, USER] += moved[:, :-1].to(shifted)
        return self.network.score(shifted, self.biases + moved[:, -1].to(self.biases))


class _ProductRows(_Rows):
    """The same of a network whose scores are linear in a user's vector and bias, but for the output link."""

    def __init__(self, network, vectors, biases, owners) -> None:
        super().__init__(network, vectors, biases, owners)
        of_vectors = (vectors.sum(1) - vectors[:, USER]) * network.gmf_weight
        of_bias = torch.full_like(biases, float(network.bias is not None)).unsqueeze(1)
        self.factors = torch.cat([of_vectors, of_bias], dim=1)
        self.start = network.raw_score(vectors, biases)

    def scores(self, moved: Tensor) -> Tensor:
        return self.network.to_ratings(self._raw(moved))

    def slopes(self, moved: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            raw = self._raw(moved).requires_grad_()
            scores = self.network.to_ratings(raw)
            (of_raw,) = torch.autograd.grad(scores.sum(), raw)
        return scores.detach(), (of_raw.unsqueeze(1) * self.factors).to(moved)

    def _raw(self, moved: Tensor) -> Tensor:
        return self.start + (self.factors * moved[self.owners].to(self.factors)).sum(1)


def _sums(slopes: Tensor, curvature: Tensor, gradient: Tensor, n_scores: list[int]) -> tuple[Tensor, Tensor]:
    """Sums over the rows of each user, in whose order they are: of weighted outer products, and of gradients."""
    weighted = torch.cat([slopes * curvature.unsqueeze(1), gradient.unsqueeze(1)], dim=1)
    sums = torch.stack([of.T @ own for of, own in zip(weighted.split(n_scores), slopes.split(n_scores), strict=True)])
    return sums[:, :-1], sums[:, -1]
