"""Subset: weights of some ids, or of all, copied from one network to another and back."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sklearn_ncf.nn._cold_start import N_SPECIAL, block_of

NO_HALVES = "The networks must be a GMF and an MLP with the ids and parameters of this NeuMF."


class Subset:
    """Tables by column of ids, beside `EmbeddingNN`."""

    def can_load_subset(self) -> bool:
        """Whether `load_subset` takes all that the network has of each id: subclasses may have further tables."""
        tables = [table for table in self.modules() if isinstance(table, nn.Embedding)]
        if any(table is not self.embedding and table is not self.bias for table in tables):
            return False
        known = {*self.tables(counts=True), "gmf_weight", "intercept", "history.typical", "history.typical_root"}
        own = [value for name, value in self.state_dict().items() if name not in known and not name.startswith("mlp.")]
        n_ids = {n + more for n in (*self.n_ids, sum(self.n_ids)) for more in range(N_SPECIAL + 1)}
        return all(n_ids.isdisjoint(value.shape) for value in own)

    @torch.no_grad()
    def copy_from(self, other: "Subset") -> None:
        """Take over all that another network of the same kind has learnt; `n_ids` may have grown since.

        New ids start as unknown ones did.

        Raises
        ------
        ValueError
            If the networks differ in more than `n_ids`.
        """
        self._take_all_but_tables(other)
        for name, table in self.tables(counts=True).items():
            for column in range(len(self.n_ids)):
                learnt = other.tables(counts=True)[name][block_of(other, column)]
                block = table[block_of(self, column)]
                block[: len(learnt)] = learnt
                block[len(learnt) :] = learnt[N_SPECIAL - 1]

    @torch.no_grad()
    def load_subset(self, other: "Subset", codes: Sequence[Tensor]) -> None:
        """Become the part of another network that knows some of its ids alone, and hold all but these still.

        Parameters
        ----------
        other : EmbeddingNN
            A network that differs in nothing but `n_ids`.
        codes : sequence of n_columns int64 Tensors of shape (n_ids[column],)
            The other network's codes, special ones included, of the ids that are this network's 0, 1, ....
        """
        self._take_all_but_tables(other)
        for name, table in self.tables(counts=True).items():
            theirs = other.tables(counts=True)[name]
            for column, taken in enumerate(codes):
                table[self.column_rows(column)] = theirs[taken + other.first_rows[column]]
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name in ("embedding.weight", "bias.weight"))
        if self.history is not None:
            self.history.freeze()

    @torch.no_grad()
    def write_back(self, other: "Subset", codes: Sequence[Tensor]) -> None:
        """Write the first ids that `load_subset` took, as training has moved them since, into the other network."""
        for name, table in self.tables().items():
            theirs = other.tables()[name]
            for column, taken in enumerate(codes):
                theirs[taken + other.first_rows[column]] = table[self.column_rows(column)][: len(taken)]

    @torch.no_grad()
    def move(self, column: int, codes: Tensor, shift: Tensor) -> None:
        """Add to the vectors of some ids of a column and, last, to their biases: `shift` is (n, width + 1)."""
        rows = codes + self.first_rows[column]
        self.embedding.weight[rows] += shift[:, :-1]
        if self.bias is not None:
            self.bias.weight[rows] += shift[:, -1:]

    @torch.no_grad()
    def load_halves(self, gmf: "Subset", mlp: "Subset", share: float = 0.5) -> None:
        r"""Start NeuMF from a trained GMF and a trained MLP (He et al. 2017, section 3.4.1).

        Its score is then :math:`\alpha` of the first one's score and :math:`1 - \alpha` of the second one's; training
        continues from there.

        Parameters
        ----------
        gmf, mlp : EmbeddingNN
            Networks of the two architectures, with this network's ids and parameters.
        share : float, default=0.5
            :math:`\alpha`, in [0, 1].

        Raises
        ------
        ValueError
            If the networks are not the halves of this one.
        """
        are_halves = gmf.mlp is None and not mlp.gmf_dim and self.temperature == gmf.temperature
        if not are_halves or not self.n_ids == gmf.n_ids == mlp.n_ids:
            raise ValueError(NO_HALVES)
        of_gmf, of_mlp = gmf.state_dict(), mlp.state_dict()
        mixed = of_mlp | {"gmf_weight": share * of_gmf["gmf_weight"]}
        last = f"mlp.{len(mlp.mlp) - 1}."
        for name in of_mlp:
            if name in ("bias.weight", "intercept"):
                mixed[name] = share * of_gmf.get(name, 0) + (1 - share) * of_mlp[name]
            elif name.startswith(last):
                mixed[name] = (1 - share) * of_mlp[name]
            elif name in of_gmf and name not in ("history.counts", "history.lift", "history.typical_root"):
                mixed[name] = torch.cat([of_gmf[name], of_mlp[name]], dim=1)
        try:
            self.load_state_dict(mixed)
        except RuntimeError as error:
            raise ValueError(f"{NO_HALVES} {error}") from error

    def tables(self, *, counts: bool = False) -> dict[str, Tensor]:
        """All vectors per id, by their names in `state_dict`; with `counts`, also what histories know of each id."""
        names = ("embedding.weight", "bias.weight", "history.weight", "history.summed")
        state = self.state_dict()
        return {
            name: state[name]
            for name in (*names, *(["history.counts", "history.lift"] if counts else []))
            if name in state
        }

    def _take_all_but_tables(self, other: "Subset") -> None:
        state, theirs = self.state_dict(), other.state_dict()
        alike = len(self.n_ids) == len(other.n_ids) and state.keys() == theirs.keys()
        alike = alike and self.temperature == other.temperature
        if not alike or any(state[name].shape[1:] != theirs[name].shape[1:] for name in state):
            raise ValueError("The networks differ in more than their numbers of ids.")
        tables = self.tables(counts=True)
        self.load_state_dict({name: value for name, value in theirs.items() if name not in tables}, strict=False)
