"""Live learning curves, redrawn during the training."""

from __future__ import annotations

import base64
import io
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from glassnet._utils.atomic_write import check_writable, write_atomically
from glassnet._utils.constraints import NON_NEGATIVE, Constraint, check_value
from glassnet.errors import InputError
from glassnet.training.callbacks.base import CallbackWarning
from glassnet.training.callbacks.curves import draw_curves, new_figure
from glassnet.training.callbacks.fit_folder import PathCallback
from glassnet.training.callbacks.notebook import NotebookDisplay, notebook_display
from glassnet.training.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The maximum fraction of the time for drawing: after a drawing of 0.2 s the next one is at least 2 s later.
_MAX_TIME_FRACTION = 0.1


class LivePlot(PathCallback):
    """Redraw the learning curves during the training: in the notebook, in a file, or in a window.

    In a notebook the figure is part of the cell's output and is updated in place. Elsewhere a ``path`` is needed, or a
    display on which matplotlib can open a window. The last figure always shows the whole training.

    Parameters
    ----------
    path : str or Path, optional
        An image file to write, in the notebook too, of the format of its extension (``.png``, ``.svg``, ``.pdf``).
    every : float
        The minimum number of seconds between two drawings, which take at most about a tenth of the time.

    Raises
    ------
    InputError
        If ``every`` is invalid; before the first epoch, if the file can't be written, or there is neither a notebook,
        nor a path, nor a window.

    Warns
    -----
    CallbackWarning
        If the file can't be written later: training continues.
    """

    def __init__(self, path: str | Path | None = None, every: float = 2.0) -> None:
        check_value("every", every, Constraint(NON_NEGATIVE.accepts, "a number of seconds, 0 or more"))
        self.path = path
        self.every = every
        self._figure: Figure | None = None
        self._display: NotebookDisplay | None = None
        self._in_window = False
        self._next, self._drawn = 0.0, 0

    def __repr__(self) -> str:
        return f"LivePlot({str(self.path)!r})" if self.path is not None else "LivePlot()"

    def on_train_begin(self, run: Run) -> None:
        """Choose where to draw."""
        self.enter_fit_folder(run)
        self._figure = new_figure(9, 3.6)
        self._next, self._drawn = 0.0, 0
        self._display = notebook_display()
        self._in_window = False
        if self.path is not None:
            check_writable(self.path)
            known = sorted(self._figure.canvas.get_supported_filetypes())
            if Path(self.path).suffix.lstrip(".").lower() not in known:
                raise InputError(f"{self.path}: an image file ends in one of {', '.join('.' + name for name in known)}")
        elif self._display is None:
            self._figure = _open_window()
            self._in_window = True

    def on_epoch_end(self, run: Run) -> None:
        """Draw, unless the last drawing was too recent."""
        if time.perf_counter() >= self._next:
            self._draw(run)

    def on_train_end(self, run: Run) -> None:
        """Draw the last epochs and release the figure; a window stays open."""
        if len(run.history) > self._drawn and self._figure is not None:
            self._draw(run)
        self._figure = self._display = None

    def _draw(self, run: Run) -> None:
        assert self._figure is not None
        started = time.perf_counter()
        # without validation rows the best epoch is not worth marking
        marked = run.best_epoch if "validation" in run.eval_sets else 0
        draw_curves(self._figure, run.history, run.metric.name, marked, "best epoch")
        if self._in_window:
            self._figure.canvas.draw_idle()
            self._figure.canvas.flush_events()
        else:
            self._write()
        self._drawn = len(run.history)
        ended = time.perf_counter()
        self._next = ended + max(self.every, (ended - started) / _MAX_TIME_FRACTION)

    def _write(self) -> None:
        assert self._figure is not None
        if self._display is not None:
            content = _render(self._figure, "png")
            self._display.show({"image/png": base64.b64encode(content).decode(), "text/plain": "learning curves"})
        if self.path is not None:
            try:
                write_atomically(self.path, _render(self._figure, Path(self.path).suffix.lstrip(".").lower()))
            except InputError as error:
                warnings.warn(f"the curves were not drawn; training continues: {error}", CallbackWarning, stacklevel=2)


def _render(figure: Figure, image_format: str) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=image_format, dpi=100)
    return content.getvalue()


def _open_window() -> Figure:
    """Open an empty window and return its figure; raise an InputError if matplotlib can't open one."""
    from matplotlib import pyplot

    try:
        figure = pyplot.figure(figsize=(9, 3.6), layout="constrained")
        if getattr(figure.canvas, "required_interactive_framework", None) is None:
            pyplot.close(figure)
            raise RuntimeError(f"matplotlib's backend {pyplot.get_backend()!r} has none")
        pyplot.show(block=False)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"there is no notebook and no window to draw in ({error}); give a path: LivePlot('curves.png')"
        ) from None
    return figure
