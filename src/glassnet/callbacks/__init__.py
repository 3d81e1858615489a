"""Callbacks ready to use: the history as a table, a progress bar, curves that grow, parameters kept on the way."""

from glassnet.callbacks.history_csv import HistoryToCsv
from glassnet.callbacks.live_plot import LivePlot
from glassnet.callbacks.progress import ProgressBar
from glassnet.callbacks.save_parameters import SaveParameters

__all__ = ["HistoryToCsv", "LivePlot", "ProgressBar", "SaveParameters"]
