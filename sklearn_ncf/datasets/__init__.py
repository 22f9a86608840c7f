"""Data sets of ratings: real ones, and synthetic ones whose truth is known."""

from sklearn_ncf.datasets._fetch_movielens import fetch_movielens
from sklearn_ncf.datasets._movielens import load_movielens
from sklearn_ncf.datasets._read_movielens import read_movielens
from sklearn_ncf.datasets._synthetic import make_ratings

__all__ = ["fetch_movielens", "load_movielens", "make_ratings", "read_movielens"]
