"""Pictures of fitted models, with scikit-learn's Display conventions."""

from sklearn_ncf.inspection._embedding import EmbeddingDisplay
from sklearn_ncf.inspection._training_history import TrainingHistoryDisplay

__all__ = ["EmbeddingDisplay", "TrainingHistoryDisplay"]
