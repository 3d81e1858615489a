"""The eighth step: training.

`loop` is the recipe. `settings` says how to train, `state` is what training changes, `run` is a training in progress,
`history` its record; `learning_rate`, `early_stopping` and `validation_split` are what the loop decides by.
"""

from glassnet.training.callbacks.base import Callback, CallbackWarning
from glassnet.training.history import Epoch, Trained
from glassnet.training.loop import DivergenceWarning, train
from glassnet.training.run import Run
from glassnet.training.settings import Settings

__all__ = ["Callback", "CallbackWarning", "DivergenceWarning", "Epoch", "Run", "Settings", "Trained", "train"]
