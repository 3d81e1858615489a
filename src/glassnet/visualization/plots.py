"""Pictures of a model: learning curves, first-layer weights, confusion matrix, and where it is confidently wrong."""

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
from glassnet.models.model import CLASSIFICATION, Model
from glassnet.models.network_view import image_side
from glassnet.training.callbacks.curves import COLOURS, draw_curves, new_figure, plain_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Units whose weights are drawn, and rows that are shown, at most.
MAX_UNITS, MAX_ROWS = 64, 25


def draw_all(model: Model, folder: str | Path, rows: tuple[Array, Array] | None = None) -> list[tuple[Path, str]]:
    """Draw every picture that suits the model into a folder, as PNG.

    Parameters
    ----------
    model : Model
        What is drawn.
    folder : str or Path
        Made if need be.
    rows : tuple (x, y), optional
        Raw rows and targets, for the pictures of what the model gets wrong.

    Returns
    -------
    list of (Path, str)
        Each file and what it shows.

    Raises
    ------
    InputError
        If the folder can't be to_html to.
    """
    pictures: list[tuple[str, str, Figure]] = []
    if model.history:
        pictures.append(("learning_curves.png", "loss and score after every epoch", learning_curves(model)))
    if model_image_side(model):
        pictures.append(("first_layer.png", "the weights into each unit of the first layer", first_layer(model)))
    if rows is not None and model.task == CLASSIFICATION:
        if len(model.classes) <= metrics.MAX_CONFUSION_CLASSES:
            pictures.append(("confusion_matrix.png", "what was taken for what", confusion_matrix(model, *rows)))
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
            # a name in a script that the font lacks is drawn as boxes; a warning a letter would help nobody
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.savefig(content, format="png", dpi=120)
        write_atomically(path, content.getvalue())
        to_html.append((path, title))
    return to_html


def learning_curves(model: Model) -> Figure:
    """Draw loss and metric over the epochs, for each kind of rows; the kept epoch is marked."""
    figure = new_figure(9, 3.6)
    draw_curves(figure, model.history, str(model.facts.get("metric", "metric")), model.facts.get("best_epoch") or 0)
    return figure


def first_layer(model: Model) -> Figure:
    """Draw the weights into each unit of the first layer as a picture of the input's shape (square inputs only)."""
    side = model_image_side(model)
    W1 = model.parameters["W1"]
    units = min(W1.shape[1], MAX_UNITS)
    columns = math.ceil(math.sqrt(units))
    figure = new_figure(0.9 * columns + 1.2, 0.9 * math.ceil(units / columns) + 0.6)
    reach = float(np.quantile(np.abs(W1[:, :units]), 0.995)) or 1.0
    grid = figure.subplots(math.ceil(units / columns), columns, squeeze=False)
    for place, axes in enumerate(grid.flat):
        axes.axis("off")
        if place < units:
            picture = axes.imshow(W1[:, place].reshape(side, side), cmap="RdBu_r", vmin=-reach, vmax=reach)
    figure.colorbar(picture, ax=grid, shrink=0.6, label="weight")
    shown = "" if units == W1.shape[1] else f" (the first {units} of {W1.shape[1]} units)"
    figure.suptitle(f"W1: the weights into each unit{shown}", fontsize=11)
    return figure


def confusion_matrix(model: Model, x: Any, y: Any) -> Figure:
    """Draw how many rows of each class were taken for which; shades are shares of the true class."""
    counts = metrics.confusion_matrix(model.encode(y), model.encode(model.predict(x)), len(model.classes))
    shares = metrics.normalize_rows(counts)
    classes = len(counts)
    side = min(max(2.5 + 0.45 * classes, 4.5), 14)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if classes <= 30:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
        names = [plain_name(label) for label in model.classes]
        axes.set_xticks(range(classes), names, rotation=0 if max(map(len, names)) <= 2 else 90)
        axes.set_yticks(range(classes), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    figure.suptitle(  # over the whole figure: beside long names the matrix may be narrower than its title
        f"{np.trace(counts):,} of {counts.sum():,} rows right ({np.trace(counts) / counts.sum():.2%})", fontsize=11
    )
    return figure


def most_confidently_wrong(model: Model, x: Any, y: Any) -> Figure | None:
    """Draw the wrong rows that the model was surest of, as pictures where the input is square, else as a list."""
    truth, output = model.encode(y), model.outputs(x)
    last = model.structure.activations[-1].name
    sureness = model.predict_proba(x) if last in ("softmax", "sigmoid") else output
    predicted = np.argmax(sureness, axis=1)
    wrong = np.flatnonzero(predicted != truth)
    if not len(wrong):
        return None
    worst = wrong[np.argsort(-sureness[wrong, predicted[wrong]], kind="stable")][:MAX_ROWS]
    unit = "%" if last in ("softmax", "sigmoid") else ""
    captions = []
    for row in worst:
        sure = sureness[row, predicted[row]] * (100 if unit else 1)
        taken, true = plain_name(model.classes[predicted[row]]), plain_name(model.classes[truth[row]])
        captions.append((int(row), taken, true, f"{sure:.1f}{unit}"))
    side = model_image_side(model)
    return _wrong_pictures(x, captions, side) if side else _wrong_list(captions)


def predictions(model: Model, x: Any, y: Any) -> Figure:
    """Draw predicted against true values, one panel for all outputs."""
    values = model.predict(x)
    columns = values.reshape(len(values), -1)
    # quantiles are of one target, which is drawn for each of them
    truth = np.broadcast_to(np.asarray(y, np.float64).reshape(len(values), -1), columns.shape).ravel()
    values = columns.ravel()
    figure = new_figure(5, 5)
    axes = figure.add_subplot()
    axes.plot(truth, values, ".", color=COLOURS["training"], alpha=0.6, markersize=5)
    ends = [min(truth.min(), values.min()), max(truth.max(), values.max())]
    axes.plot(ends, ends, color="0.5", linestyle=":", linewidth=1)
    axes.set_xlabel(f"true {plain_name(model.target_name)}")
    axes.set_ylabel(f"predicted {plain_name(model.target_name)}")
    axes.set_title("on the dotted line the prediction is right", fontsize=11)
    axes.grid(color="0.92")
    return figure


def model_image_side(model: Model) -> int:
    """Return the side of the picture that a row is, or 0: see `glassnet.models.network_view.image_side`."""
    return image_side(model.structure, model.feature_names, model.scaling.kind == "bytes")


def _wrong_pictures(x: Any, captions: list[tuple[int, str, str, str]], side: int) -> Figure:
    columns = min(5, len(captions))
    rows = math.ceil(len(captions) / columns)
    figure = new_figure(1.9 * columns, 2.2 * rows)
    for place, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if place < len(captions):
            row, taken, true, sure = captions[place]
            axes.imshow(np.asarray(x[row]).reshape(side, side), cmap="gray_r")
            axes.set_title(f"{true} taken for {taken}\n{sure} sure, row {row + 1}", fontsize=8)
    return figure


def _wrong_list(captions: list[tuple[int, str, str, str]]) -> Figure:
    figure = new_figure(6, 1.0 + 0.26 * len(captions))
    axes = figure.add_subplot()
    axes.axis("off")
    cells = [[str(row + 1), true, taken, sure] for row, taken, true, sure in captions]
    axes.table(cells, colLabels=["row", "truth", "predicted", "sureness"], loc="upper center", edges="horizontal")
    axes.set_title("the wrong rows that the model was surest of", fontsize=11)
    return figure
