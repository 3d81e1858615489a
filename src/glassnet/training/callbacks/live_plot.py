"""Loss and metric over the epochs, drawn while the training goes on."""

from __future__ import annotations

import base64
import io
import time
import warnings
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from glassnet._utils.atomic_write import check_writable, write_atomically
from glassnet.errors import InputError
from glassnet.training.callbacks.base import Callback, CallbackWarning
from glassnet.training.callbacks.curves import draw_curves, new_figure
from glassnet.training.callbacks.notebook import NotebookPlace, notebook_place
from glassnet.training.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A drawing may take so much of the time: after one of 0.2 s the next waits for 2 s at least.
_MAX_SHARE = 0.1


class LivePlot(Callback):
    """Draw the learning curves again and again: in the notebook, into a file, or in a window.

    In a notebook the picture stands in the output of the cell and is replaced there. Elsewhere it needs a ``path``, or
    a display on which matplotlib can open a window. The last picture is always that of the whole training.

    Parameters
    ----------
    path : str or Path, optional
        A picture to write, in the notebook too; its ending says what it is (``.png``, ``.svg``, ``.pdf``).
    every : float
        Seconds between two drawings at least. They never take more than about a tenth of the time.

    Raises
    ------
    InputError
        If ``every`` can't be used; before the first epoch, if the file can't be written, or there is neither notebook
        nor path nor window.

    Warns
    -----
    CallbackWarning
        If the file can't be written later: the training goes on.
    """

    def __init__(self, path: str | Path | None = None, every: float = 2.0) -> None:
        given: object = every
        if isinstance(given, bool) or not isinstance(given, Real) or not 0 <= every < float("inf"):
            raise InputError(f"every is {every!r}; it must be a number of seconds, 0 or more")
        self.path = path
        self.every = every
        self._figure: Figure | None = None
        self._place: NotebookPlace | None = None
        self._in_window = False
        self._next, self._drawn = 0.0, 0

    def __repr__(self) -> str:
        return f"LivePlot({str(self.path)!r})" if self.path is not None else "LivePlot()"

    def on_train_begin(self, run: Run) -> None:
        """Find out where to draw."""
        self._figure = new_figure(9, 3.6)
        self._next, self._drawn = 0.0, 0
        self._place = notebook_place()
        self._in_window = False
        if self.path is not None:
            check_writable(self.path)
            known = sorted(self._figure.canvas.get_supported_filetypes())
            if Path(self.path).suffix.lstrip(".").lower() not in known:
                raise InputError(f"{self.path}: a picture ends in one of {', '.join('.' + name for name in known)}")
        elif self._place is None:
            self._figure = _open_window()
            self._in_window = True

    def on_epoch_end(self, run: Run) -> None:
        """Draw, if the last drawing is long enough ago."""
        if time.perf_counter() >= self._next:
            self._draw(run)

    def on_train_end(self, run: Run) -> None:
        """Draw what was not drawn, and let go of the figure; a window stays open."""
        if len(run.history) > self._drawn and self._figure is not None:
            self._draw(run)
        self._figure = self._place = None

    def _draw(self, run: Run) -> None:
        assert self._figure is not None
        began = time.perf_counter()
        # an epoch is the best by what early stopping watches, which without validation rows is nothing to point at
        marked = run.best_epoch if "validation" in run.eval_sets else 0
        draw_curves(self._figure, run.history, run.metric.name, marked, "best epoch")
        if self._in_window:
            self._figure.canvas.draw_idle()
            self._figure.canvas.flush_events()
        else:
            self._write()
        self._drawn = len(run.history)
        ended = time.perf_counter()
        self._next = ended + max(self.every, (ended - began) / _MAX_SHARE)

    def _write(self) -> None:
        assert self._figure is not None
        if self._place is not None:
            content = _picture(self._figure, "png")
            self._place.show({"image/png": base64.b64encode(content).decode(), "text/plain": "learning curves"})
        if self.path is not None:
            try:
                write_atomically(self.path, _picture(self._figure, Path(self.path).suffix.lstrip(".").lower()))
            except InputError as error:
                warnings.warn(
                    f"the curves were not drawn, and the training goes on: {error}", CallbackWarning, stacklevel=2
                )


def _picture(figure: Figure, kind: str) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=kind, dpi=100)
    return content.getvalue()


def _open_window() -> Figure:
    """Open an empty window and return its figure; an InputError if matplotlib has none here."""
    from matplotlib import pyplot

    try:
        figure = pyplot.figure(figsize=(9, 3.6), layout="constrained")
        if getattr(figure.canvas, "required_interactive_framework", None) is None:
            pyplot.close(figure)
            raise RuntimeError(f"matplotlib draws with {pyplot.get_backend()!r}, which has none")
        pyplot.show(block=False)
    except (ImportError, RuntimeError) as error:
        raise InputError(
            f"there is no notebook and no window to draw in ({error}); give a path: LivePlot('curves.png')"
        ) from None
    return figure
