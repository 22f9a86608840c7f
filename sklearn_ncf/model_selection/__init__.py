"""Splitters for recommendation, beside those of scikit-learn."""

from sklearn_ncf.model_selection._leave_last_out import LeaveLastOut

__all__ = ["LeaveLastOut"]
