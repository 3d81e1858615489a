"""glassnet: a multilayer perceptron whose code reads like the mathematics.

``fit`` rows, ``save`` and ``load`` models, ``check_gradients``; or call the eight steps directly: `glassnet.network`
has the first seven, `glassnet.training` the eighth. `glassnet.walkthrough` is the program that the project began from.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from glassnet._version import __version__

if TYPE_CHECKING:
    from glassnet.errors import InputError
    from glassnet.estimators import MLPClassifier, MLPRegressor, MLPTransformer
    from glassnet.inspection.label_errors import find_mislabelled
    from glassnet.models import Model, fit, load, save
    from glassnet.models.cross_validation import cross_val_predict
    from glassnet.models.fitting_files import fit_files
    from glassnet.models.recommended import recommended_settings
    from glassnet.network.gradient_check import check_gradients
    from glassnet.network.structure import Structure
    from glassnet.training import Callback, Settings, train
    from glassnet.training.callbacks import HistoryToCsv, LivePlot, ProgressBar, SaveParameters
    from glassnet.training.checkpoints import Checkpoint
    from glassnet.training.parameters_file import load_parameters
    from glassnet.visualization.picture import show

# The module of each public name, imported when the name is first used, so that `import glassnet` is fast.
_HOMES = {
    "HistoryToCsv": "glassnet.training.callbacks",
    "LivePlot": "glassnet.training.callbacks",
    "ProgressBar": "glassnet.training.callbacks",
    "SaveParameters": "glassnet.training.callbacks",
    "Checkpoint": "glassnet.training.checkpoints",
    "InputError": "glassnet.errors",
    "MLPClassifier": "glassnet.estimators",
    "MLPRegressor": "glassnet.estimators",
    "MLPTransformer": "glassnet.estimators",
    "find_mislabelled": "glassnet.inspection.label_errors",
    "Model": "glassnet.models",
    "fit": "glassnet.models",
    "load": "glassnet.models",
    "save": "glassnet.models",
    "cross_val_predict": "glassnet.models.cross_validation",
    "recommended_settings": "glassnet.models.recommended",
    "fit_files": "glassnet.models.fitting_files",
    "load_parameters": "glassnet.training.parameters_file",
    "check_gradients": "glassnet.network.gradient_check",
    "Structure": "glassnet.network.structure",
    "show": "glassnet.visualization",
    "Callback": "glassnet.training",
    "Settings": "glassnet.training",
    "train": "glassnet.training",
}

__all__ = [
    "Callback",
    "Checkpoint",
    "HistoryToCsv",
    "InputError",
    "LivePlot",
    "MLPClassifier",
    "MLPRegressor",
    "MLPTransformer",
    "Model",
    "ProgressBar",
    "SaveParameters",
    "Settings",
    "Structure",
    "__version__",
    "check_gradients",
    "cross_val_predict",
    "find_mislabelled",
    "fit",
    "fit_files",
    "load",
    "load_parameters",
    "save",
    "show",
    "recommended_settings",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'glassnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
