"""One step from one fitted state to the next: interrupts and other threads see an estimator before it or after it."""


def snapshot(estimator):
    """A shallow copy of an estimator that stays as it is, whatever another thread fits or sets meanwhile."""
    taken = object.__new__(type(estimator))
    taken.__dict__ = vars(estimator).copy()
    return taken


def publish(estimator, learned):
    """Turn an estimator into a snapshot of it that has been fitted since.

    One assignment swaps all attributes, so that no `KeyboardInterrupt` and no reader comes between two of them.
    """
    estimator.__dict__ = vars(learned)
