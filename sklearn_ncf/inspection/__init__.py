"""Explanations and pictures of fitted models, with scikit-learn's Display conventions."""

from sklearn_ncf.inspection._embedding import EmbeddingDisplay
from sklearn_ncf.inspection._explain import explain
from sklearn_ncf.inspection._explanation import ExplanationDisplay
from sklearn_ncf.inspection._training_history import TrainingHistoryDisplay

__all__ = ["EmbeddingDisplay", "ExplanationDisplay", "TrainingHistoryDisplay", "explain"]
