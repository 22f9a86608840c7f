"""LeaveLastOut: each user's last interactions are the test set."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from sklearn_ncf._numbers import as_python
from sklearn_ncf._sklearn_compat import num_samples
from sklearn_ncf.encoding import as_local, as_objects, as_table_name, kinds_of, read_table


class LeaveLastOut(BaseCrossValidator):
    """Hold out each user's last rows: one split, in the protocol of He et al. (2017), section 4.1.

    The rows must be in time order, as for scikit-learn's `TimeSeriesSplit`. The user is the first column of `X`, or
    `groups`. With scikit-learn's metadata routing, `groups` reaches `split` as it reaches that of `GroupKFold`.

    Parameters
    ----------
    n_last : int, default=1
        Rows of each user to hold out.

    min_history : int, default=1
        Users with fewer rows than this beside those to hold out stay in the training set as a whole.

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

    __metadata_request__split = {"groups": True}  # as scikit-learn's splitters of groups have it

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
            Users, where they are not the first column. A row without a user stays in the training set.

        Yields
        ------
        train, test : ndarray of int
            Positions of the rows.

        Raises
        ------
        ValueError
            If `n_last` or `min_history` is no positive number, `groups` has another length than `X`, no user has rows
            to hold out, or the first column of `X` holds times.
        """
        n_last, min_history = self._checked("n_last", least=1), self._checked("min_history", least=0)
        read_from, column = self._users(X, groups)
        users = column.positions
        order = np.argsort(users, kind="stable")
        sorted_users = users[order]
        n_rows = np.bincount(users[users >= 0], minlength=1)
        ends = np.searchsorted(sorted_users, sorted_users, side="right")
        from_last = np.empty(len(users), dtype=np.intp)
        from_last[order] = ends - np.arange(len(users))  # 1 is the user's last row
        enough = (users >= 0) & (n_rows[users] >= n_last + min_history)
        test = enough & (from_last <= n_last)
        if not test.any():
            raise ValueError(
                f"No user has n_last + min_history = {n_last + min_history} rows; lower one of the two. Users were "
                f"read from {read_from}, which has {len(column.ids)} distinct ids in {len(users)} rows"
                f"{'' if groups is not None else '; if they are elsewhere, pass them as groups='}."
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

    def _checked(self, name, *, least):
        value = getattr(self, name)
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name}={value!r} must be an integer, at least {least}.")
        return int(as_python(value))

    def _users(self, X, groups):
        """Where the users were read from, in words, and their column."""
        X = as_local(X, "X")
        if groups is not None:
            groups = as_local(groups, "groups")
            n_groups, n_rows = num_samples(groups), num_samples(X)
            if n_groups != n_rows:
                raise ValueError(f"groups must hold a user for each of the {n_rows} rows of X; it holds {n_groups}.")
            _, columns = read_table(_as_table(groups), estimator=self)
            return "groups", next(iter(columns))
        header, columns = read_table(X, estimator=self)
        column = next(iter(columns))
        name = as_table_name(getattr(header, "columns", None), 0)
        if not {"datetime", "date"}.isdisjoint(kinds_of(column.ids)):
            raise ValueError(f"{name}, the first of X, holds times, not users; pass the users as groups=.")
        return name, column


def _as_table(groups):
    """A column of any type as a table of one column."""
    if hasattr(groups, "to_frame"):
        groups = groups.to_frame()
    elif not hasattr(groups, "shape"):
        groups = as_objects(groups.to_pylist() if hasattr(groups, "to_pylist") else list(groups))
    if len(groups.shape) == 1:
        groups = np.asanyarray(groups, dtype=groups.dtype if isinstance(groups, np.ndarray) else object)
        return groups.reshape(-1, 1)
    if len(groups.shape) != 2 or groups.shape[1] != 1:
        raise ValueError(f"groups must be one column of users; got shape {tuple(groups.shape)}.")
    return groups
