"""The eighth step: training. `loop` is the recipe; what it works on, records and obeys has a room each."""

from glassnet.training.callbacks.base import Callback, CallbackWarning
from glassnet.training.history import Epoch, Trained
from glassnet.training.loop import DivergenceWarning, train
from glassnet.training.run import Run
from glassnet.training.settings import Settings

__all__ = ["Callback", "CallbackWarning", "DivergenceWarning", "Epoch", "Run", "Settings", "Trained", "train"]
