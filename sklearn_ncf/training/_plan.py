"""Plan: how a net is trained, from the parameters of an estimator and the size of its data."""

from dataclasses import dataclass

from sklearn_ncf.training._objectives import Objective


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training is to do.

    objective : class of the loss; scale : what counts as one in it, in rating units
    optimizer : name or class
    weight_decay : a number, "auto", or None for none
    n_rows : rows an epoch; n_ratings : rows of all fits, by which "auto" goes
    patience : epochs without improvement before it stops, None for never
    """

    objective: type[Objective]
    scale: float = 1.0
    optimizer: str | type = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    weight_decay: float | str | None = "auto"
    n_rows: int = 100_000
    n_ratings: int = 100_000
    batch_size: int = 1024
    max_epochs: int = 1
    patience: int | None = None
    device: str = "cpu"
    verbose: int = 0

    @property
    def n_batches(self) -> int:
        """Batches an epoch."""
        return -(-self.n_rows // self.batch_size)
