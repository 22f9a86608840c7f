"""What is used of skorch: the one module that imports it."""

from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler, PassthroughScoring
from skorch.helper import predefined_split

__all__ = ["Callback", "EarlyStopping", "LRScheduler", "NeuralNet", "PassthroughScoring", "predefined_split"]
