"""LeaveLastOut: each user's last interactions are the test part."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from sklearn_ncf._columns import read_table


class LeaveLastOut(BaseCrossValidator):
    """Hold out each user's last rows: one split, in the protocol of He et al. (2017), section 4.1.

    The rows must be in time order, as for scikit-learn's `TimeSeriesSplit`. The user is the first column of `X`, or
    `groups`.

    Parameters
    ----------
    n_last : int, default=1
        Rows of each user to hold out.

    min_history : int, default=1
        Users with fewer rows than this beside those to hold out stay in the training part as a whole.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : All users' last rows, by time.
    sklearn.model_selection.GroupKFold : Users held out whole, with ``groups=X["user"]``.
    sklearn_ncf.metrics.RankingScorer : Ranks what is held out.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf.model_selection import LeaveLastOut
    >>> X = pd.DataFrame({"user": ["ann", "bob", "ann", "bob", "eve"], "item": [1, 1, 2, 3, 2]})
    >>> [(train, test)] = LeaveLastOut().split(X)
    >>> train, test
    (array([0, 1, 4]), array([2, 3]))
    """

    def __init__(self, n_last=1, min_history=1):
        self.n_last = n_last
        self.min_history = min_history

    def split(self, X, y=None, groups=None):
        """Yield the one split.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Rows in time order, the user first.
        y : None
            Ignored.
        groups : array-like of shape (n_samples,), default=None
            Users, where they are not the first column.

        Yields
        ------
        train, test : ndarray of int
            Positions of the rows.

        Raises
        ------
        ValueError
            If `n_last` or `min_history` is no positive number, or no user has rows to hold out.
        """
        for name, least in (("n_last", 1), ("min_history", 0)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(f"{name}={value!r} must be an integer, at least {least}.")
        table = X if groups is None else np.asarray(groups, dtype=object).reshape(-1, 1)
        _, columns = read_table(table, estimator=self)
        users = next(iter(columns)).positions
        order = np.argsort(users, kind="stable")
        sorted_users = users[order]
        n_rows = np.bincount(users[users >= 0], minlength=1)
        ends = np.searchsorted(sorted_users, sorted_users, side="right")
        from_last = np.empty(len(users), dtype=np.intp)
        from_last[order] = ends - np.arange(len(users))  # 1 is the user's last row
        enough = (users >= 0) & (n_rows[users] >= self.n_last + self.min_history)
        test = enough & (from_last <= self.n_last)
        if not test.any():
            raise ValueError(
                f"No user has n_last + min_history = {self.n_last + self.min_history} rows; lower one of the two."
            )
        yield np.flatnonzero(~test), np.flatnonzero(test)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits: one.

        Parameters
        ----------
        X, y, groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            1.
        """
        return 1
