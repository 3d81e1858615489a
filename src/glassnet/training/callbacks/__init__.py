"""Built-in callbacks: history as CSV, progress bar, live learning curves, saved parameters."""

from glassnet.training.callbacks.base import Callback, CallbackWarning
from glassnet.training.callbacks.history_csv import HistoryToCsv
from glassnet.training.callbacks.live_plot import LivePlot
from glassnet.training.callbacks.progress import ProgressBar
from glassnet.training.callbacks.save_parameters import SaveParameters

__all__ = ["Callback", "CallbackWarning", "HistoryToCsv", "LivePlot", "ProgressBar", "SaveParameters"]
