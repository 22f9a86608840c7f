"""Data sets of ratings: real ones, and synthetic ones whose truth is known."""

from sklearn_ncf.datasets._movielens import load_movielens
from sklearn_ncf.datasets._synthetic import make_ratings

__all__ = ["load_movielens", "make_ratings"]
