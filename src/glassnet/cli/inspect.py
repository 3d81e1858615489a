"""``glassnet show`` and ``glassnet plot``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from glassnet.cli.arguments import labeled_rows, read_rows
from glassnet.cli.console import Output
from glassnet.cli.mistakes import free_path, load_model
from glassnet.cli.predict import ModelArgument
from glassnet.datasets import DIGITS
from glassnet.models import Model
from glassnet.preprocessing import TablePreprocessor
from glassnet.preprocessing.scaling import SCALED
from glassnet.training.callbacks.progress import format_metric

_BARS = "▁▂▃▄▅▆▇█"


def show(
    model: ModelArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show the contents of a model file: layers, preprocessing, training and history."""
    loaded = load_model(model)
    output = Output(as_json)
    output.json(
        {
            "task": loaded.task,
            "target": loaded.target_name,
            "feature_names": list(loaded.feature_names),
            "classes": list(loaded.classes),
            "layer_sizes": list(loaded.structure.layer_sizes),
            "embeddings": [list(shape) for shape in loaded.structure.embeddings],
            "activations": [activation.name for activation in loaded.structure.activations],
            "n_parameters": loaded.structure.n_parameters,
            "preprocessor": loaded.preprocessor.kind,
            "settings": loaded.settings.as_json(),
            "metadata": dict(loaded.metadata),
            "history": [epoch.known() for epoch in loaded.history],
        }
    )
    for line in _lines(loaded):
        output.echo(line)


def plot(
    model: ModelArgument,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the pictures; created if it does not exist.",
            show_default="plots, or plots-2, … if that exists",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="CSV file with the target, for the confusion matrix and the most confident errors.",
            show_default="for the digits' model, its test rows",
        ),
    ] = None,
) -> None:
    """Plot a model: learning curves, first-layer weights, confusion matrix, most confident errors."""
    from glassnet.visualization.plots import draw_all

    loaded = load_model(model)
    output = Output()
    rows = None
    if data is not None or loaded.metadata.get("source") == DIGITS:
        rows = labeled_rows(loaded, read_rows(loaded, data))
    for path, title in draw_all(loaded, free_path("plots") if out is None else out, rows):
        output.echo(f"{path}: {title}")
    if rows is None:
        output.echo("for the confusion matrix and the most confident errors, give a file with --data")


def _lines(model: Model) -> list[str]:
    """Return the lines that describe a model."""
    metadata = model.metadata
    settings = model.settings
    classes = ", ".join(str(label) for label in model.classes[:12])
    lines = [f"{model.task}: {len(model.feature_names):,} columns → {model.target_name}"]
    if model.classes:
        lines.append(f"classes: {classes}{' …' if len(model.classes) > 12 else ''}")
    lines += ["", *model.structure.describe().splitlines(), ""]
    lines.append(_describe_preprocessor(model))
    plain = settings.as_json()
    lines.append(
        f"trained on {metadata.get('training_rows', 0):,} rows of {metadata.get('source') or 'arrays'} "
        f"by {plain['optimizer']}, loss {plain['loss']}, schedule {plain['schedule']}, batch {settings.batch_size}, "
        f"seed {settings.random_state}, engine {metadata.get('engine', '?')}, glassnet {metadata.get('glassnet', '?')}"
    )
    if metadata.get("validation_rows"):
        lines.append(f"validated on {metadata['validation_rows']:,} held-out rows")
    lines.append(
        f"{len(model.history)} epochs, {metadata.get('stop_reason', '?')}; best epoch {metadata.get('best_epoch', '?')}"
    )
    return lines + _charts(model)


def _describe_preprocessor(model: Model) -> str:
    """Return the lines that describe the preprocessing."""
    preprocessor = model.preprocessor
    if isinstance(preprocessor, TablePreprocessor):
        text = f"columns become {preprocessor.n_inputs:,} inputs, by the training rows: {preprocessor.describe()}"
    else:
        by = "" if preprocessor.kind in ("identity", "bytes") else ", by the training rows"
        text = f"features {SCALED[preprocessor.kind]}{by}"
    left_out = ", ".join(f"{name} ({reason})" for name, reason in model.metadata.get("left_out", ()))
    return f"{text}\nleft out: {left_out}" if left_out else text


def _charts(model: Model) -> list[str]:
    """Return a line with a chart for each loss and metric of the history."""
    metric = str(model.metadata.get("metric", "accuracy"))
    lines = []
    for name in ("loss", "validation_loss", "test_loss", "metric", "validation_metric", "test_metric"):
        values = [getattr(epoch, name) for epoch in model.history]
        if values and None not in values:
            title = name.replace("metric", metric).replace("_", " ")
            ends = (
                (format_metric(metric, v).removeprefix("accuracy ") for v in (values[0], values[-1]))
                if "metric" in name
                else (f"{v:.4f}" for v in (values[0], values[-1]))
            )
            lines.append(f"{title:>20}  {_sparkline(values)}  {' → '.join(ends)}")
    return lines


def _sparkline(values: list[Any], width: int = 40) -> str:
    """Return numbers as a row of bars, scaled from the lowest to the highest."""
    if len(values) > width:
        values = [values[index * (len(values) - 1) // (width - 1)] for index in range(width)]
    low = min(values)
    high = max(values)
    step = (high / 2 - low / 2) or 1.0  # of halves, whose difference is finite
    return "".join(_BARS[round((value / 2 - low / 2) / step * (len(_BARS) - 1))] for value in values)
