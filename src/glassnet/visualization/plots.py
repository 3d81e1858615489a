"""Plots of a model with Matplotlib: learning curves, first-layer weights, confusion matrix, errors, predictions."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet._utils.atomic_write import write_atomically
from glassnet.metrics import classification as metrics
from glassnet.models.model import Model
from glassnet.models.network_view import image_side
from glassnet.models.target import CLASSIFICATION
from glassnet.training.callbacks.curves import COLOURS, draw_curves, escape_label, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Maximum number of units whose weights are drawn, and of rows that are shown.
MAX_UNITS, MAX_ROWS = 64, 25
#: Maximum number of classes whose counts and names are written into the confusion matrix.
MAX_LABELLED_CLASSES = 30


def draw_all(model: Model, folder: str | Path, rows: tuple[Array, Array] | None = None) -> list[tuple[Path, str]]:
    """Write all plots that apply to the model into a folder, as PNG.

    Parameters
    ----------
    model : Model
        The model.
    folder : str or Path
        Created if it does not exist.
    rows : tuple (x, y), optional
        Raw rows and targets, for the plots of predictions.

    Returns
    -------
    list of (Path, str)
        Each file and its title.

    Raises
    ------
    InputError
        If the folder can't be written to.
    """
    pictures: list[tuple[str, str, Figure]] = []
    if model.history:
        pictures.append(("learning_curves.png", "loss and score after every epoch", learning_curves(model)))
    if model_image_side(model):
        pictures.append(("first_layer.png", "the weights into each unit of the first layer", first_layer(model)))
    if rows is not None and model.task == CLASSIFICATION:
        if len(model.classes) <= metrics.MAX_CONFUSION_CLASSES:
            pictures.append(("confusion_matrix.png", "the confusion matrix", confusion_matrix(model, *rows)))
        worst = most_confidently_wrong(model, *rows)
        if worst is not None:
            pictures.append(("most_wrong.png", "the most confidently wrong rows", worst))
    elif rows is not None:
        pictures.append(("predictions.png", "predicted against true values", predictions(model, *rows)))
    to_html = []
    for name, title, figure in pictures:
        path = Path(folder) / name
        content = io.BytesIO()
        with warnings.catch_warnings():
            # characters that the font lacks are drawn as boxes; one warning for each would not help
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.savefig(content, format="png", dpi=120)
        write_atomically(path, content.getvalue())
        to_html.append((path, title))
    return to_html


def learning_curves(model: Model) -> Figure:
    """Draw loss and metric over the epochs, for each split; the best epoch is marked."""
    figure = new_figure(9, 3.6)
    draw_curves(
        figure, model.history, str(model.metadata.get("metric", "metric")), model.metadata.get("best_epoch") or 0
    )
    return figure


def first_layer(model: Model) -> Figure:
    """Draw the weights into each unit of the first layer as an image (square inputs only)."""
    side = model_image_side(model)
    W1 = model.parameters["W1"]
    units = min(W1.shape[1], MAX_UNITS)
    columns = math.ceil(math.sqrt(units))
    figure = new_figure(0.9 * columns + 1.2, 0.9 * math.ceil(units / columns) + 0.6)
    limit = float(np.quantile(np.abs(W1[:, :units]), 0.995)) or 1.0
    grid = figure.subplots(math.ceil(units / columns), columns, squeeze=False)
    for unit, axes in enumerate(grid.flat):
        axes.axis("off")
        if unit < units:
            image = axes.imshow(W1[:, unit].reshape(side, side), cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.colorbar(image, ax=grid, shrink=0.6, label="weight")
    shown = "" if units == W1.shape[1] else f" (the first {units} of {W1.shape[1]} units)"
    figure.suptitle(f"W1: the weights into each unit{shown}", fontsize=11)
    return figure


def confusion_matrix(model: Model, x: Any, y: Any) -> Figure:
    """Draw the confusion matrix; shades are shares of the true class."""
    counts = metrics.confusion_matrix(model.encode(y), model.encode(model.predict(x)), len(model.classes))
    shares = metrics.normalize_rows(counts)
    classes = len(counts)
    side = min(max(2.5 + 0.45 * classes, 4.5), 14)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if classes <= MAX_LABELLED_CLASSES:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
        names = [escape_label(label) for label in model.classes]
        axes.set_xticks(range(classes), names, rotation=0 if max(map(len, names)) <= 2 else 90)
        axes.set_yticks(range(classes), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    figure.suptitle(  # of the figure: beside long names the matrix may be narrower than its title
        f"{np.trace(counts):,} of {counts.sum():,} rows right ({np.trace(counts) / counts.sum():.2%})", fontsize=11
    )
    return figure


def most_confidently_wrong(model: Model, x: Any, y: Any) -> Figure | None:
    """Draw the errors with the highest confidence, as images if the input is square, else as a table."""
    y_true = model.encode(y)
    scores = model.predict_proba(x) if model.gives_probabilities else model.outputs(x)
    y_pred = np.argmax(scores, axis=1)
    wrong = np.flatnonzero(y_pred != y_true)
    if not len(wrong):
        return None
    worst = wrong[np.argsort(-scores[wrong, y_pred[wrong]], kind="stable")][:MAX_ROWS]
    errors = []
    for row in worst:
        score = scores[row, y_pred[row]]
        confidence = f"{100 * score:.1f}%" if model.gives_probabilities else f"{score:.1f}"
        true_name = escape_label(model.classes[y_true[row]])
        errors.append((int(row), true_name, escape_label(model.classes[y_pred[row]]), confidence))
    side = model_image_side(model)
    return _draw_error_images(x, errors, side) if side else _draw_error_table(errors)


def predictions(model: Model, x: Any, y: Any) -> Figure:
    """Draw predicted against true values, of all outputs in one plot."""
    y_pred = model.predict(x)
    columns = y_pred.reshape(len(y_pred), -1)
    # the one target of several quantiles is drawn for each of them
    y_true = np.broadcast_to(np.asarray(y, np.float64).reshape(len(y_pred), -1), columns.shape).ravel()
    y_pred = columns.ravel()
    figure = new_figure(5, 5)
    axes = figure.add_subplot()
    axes.plot(y_true, y_pred, ".", color=COLOURS["training"], alpha=0.6, markersize=5)
    ends = [min(y_true.min(), y_pred.min()), max(y_true.max(), y_pred.max())]
    axes.plot(ends, ends, color="0.5", linestyle=":", linewidth=1)
    axes.set_xlabel(f"true {escape_label(model.target_name)}")
    axes.set_ylabel(f"predicted {escape_label(model.target_name)}")
    axes.set_title("predicted and true values", fontsize=11)
    axes.grid(color="0.92")
    return figure


def model_image_side(model: Model) -> int:
    """Return the width and height of the image that a row is, or 0; see `glassnet.models.network_view.image_side`."""
    return image_side(model.structure, model.feature_names, model.takes_bytes)


def _draw_error_images(x: Any, errors: list[tuple[int, str, str, str]], side: int) -> Figure:
    columns = min(5, len(errors))
    rows = math.ceil(len(errors) / columns)
    figure = new_figure(1.9 * columns, 2.2 * rows)
    for position, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if position < len(errors):
            row, true_name, predicted_name, confidence = errors[position]
            axes.imshow(np.asarray(x[row]).reshape(side, side), cmap="gray_r")
            axes.set_title(
                f"{true_name} predicted as {predicted_name}\nconfidence {confidence}, row {row + 1}", fontsize=8
            )
    return figure


def _draw_error_table(errors: list[tuple[int, str, str, str]]) -> Figure:
    figure = new_figure(6, 1.0 + 0.26 * len(errors))
    axes = figure.add_subplot()
    axes.axis("off")
    cells = [[str(row + 1), *texts] for row, *texts in errors]
    axes.table(cells, colLabels=["row", "true", "predicted", "confidence"], loc="upper center", edges="horizontal")
    axes.set_title("errors with the highest confidence", fontsize=11)
    return figure
