"""Callbacks ready to use: the history as a table, a progress bar, curves that grow, parameters kept on the way."""

from glassnet.training.callbacks.base import Callback, CallbackWarning
from glassnet.training.callbacks.history_csv import HistoryToCsv
from glassnet.training.callbacks.live_plot import LivePlot
from glassnet.training.callbacks.progress import ProgressBar
from glassnet.training.callbacks.save_parameters import SaveParameters

__all__ = ["Callback", "CallbackWarning", "HistoryToCsv", "LivePlot", "ProgressBar", "SaveParameters"]
