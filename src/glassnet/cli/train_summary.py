"""The end of ``glassnet train``: save the model, list skipped rows, print the result, choose the exit code."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from glassnet._utils.atomic_write import write_atomically
from glassnet.cli.checkpointing import CommandCheckpoint, exit_code
from glassnet.cli.console import Output
from glassnet.cli.train_options import TrainResult
from glassnet.errors import InputError
from glassnet.models import Model, save
from glassnet.training import Epoch
from glassnet.training.callbacks.progress import format_metric

#: Exit code of a training that diverged: a user error, as its settings are the cause.
DIVERGED = 2


def finish(
    output: Output, result: TrainResult, out: str | None, checkpoint: CommandCheckpoint | None, seconds: float
) -> int:
    """Save the model, print how the training ended, and return the exit code.

    Parameters
    ----------
    output : Output
        Where to print.
    result : TrainResult
        The result of the training.
    out : str, optional
        The model file to write.
    checkpoint : CommandCheckpoint, optional
        The checkpoints of the training.
    seconds : float
        Duration of the whole command.

    Returns
    -------
    int
        See `glassnet.cli.train.train`.
    """
    model = result.model
    skipped = write_bad_rows(output, result, out)
    save_wanted = out is not None and bool(model.history)
    saved = save_wanted and _save(output, model, str(out), checkpoint)
    best = _best_epoch(model)
    scores = {} if best is None else _scores(best, model.metadata["metric"])
    if best is not None:
        _print_scores(output, model, scores)
    if saved:
        output.echo(f"saved {out}; inspect it with: glassnet show {out}")
    elif out is None:
        output.echo("the model was not saved; --out MODEL saves it")
    output.json(_json_result(model, scores, seconds, out if saved else None) | skipped)
    if model.metadata["stop_reason"] == "diverged":
        output.warn(model.metadata["message"] + ("" if model.history else "; nothing was saved"))
        return DIVERGED
    write_failed = result.cache_failed or save_wanted != saved or skipped.get("bad_rows_file", "") is None
    return exit_code(checkpoint, model.metadata["stop_reason"], write_failed)


def write_bad_rows(output: Output, result: TrainResult, out: str | None) -> dict[str, Any]:
    """Write the list of skipped rows, if there are any, and return its entries of the JSON result."""
    count = result.n_bad_rows
    if not count:
        return {}
    path = Path(out).with_suffix(".bad_rows.csv") if out is not None else Path("glassnet.bad_rows.csv")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["file", "row", "reason"])
    writer.writerows(result.bad_rows)
    skipped = f"skipped {count:,} invalid row{'s' if count > 1 else ''}"
    try:
        write_atomically(path, text.getvalue().encode("utf-8", "replace"))
    except InputError as error:  # no reason to lose the model of a long training
        output.warn(f"{skipped}; their list could not be saved: {error}")
        return {"bad_rows": count, "bad_rows_file": None}
    listed = len(result.bad_rows)
    first = f" (the first {listed:,})" if listed < count else ""
    output.echo(f"{skipped}, listed in {path}{first}")
    return {"bad_rows": count, "bad_rows_file": str(path)}


def _save(output: Output, model: Model, out: str, checkpoint: CommandCheckpoint | None) -> bool:
    """Save the model and return True, or warn and return False, so that the scores are printed in any case."""
    try:
        save(model, out)
    except InputError as error:
        hint = "" if checkpoint is None else "; the same command with --resume saves it once the file can be written"
        output.warn(f"the model was not saved: {error}{hint}")
        return False
    return True


def _best_epoch(model: Model) -> Epoch | None:
    """Return the epoch whose parameters the model has, or None if there is none."""
    last = model.history[-1] if model.history else None
    return next((epoch for epoch in model.history if epoch.epoch == model.metadata["best_epoch"]), last)


def _scores(epoch: Epoch, metric: str) -> dict[str, float]:
    """Return the losses and metrics of an epoch by their names in the JSON result."""
    scores = {}
    for split, prefix in (("training", ""), ("validation", "validation_"), ("test", "test_")):
        for kind, name in (("loss", "loss"), ("metric", metric)):
            value = getattr(epoch, prefix + kind)
            if value is not None:
                scores[f"{split}_{name}"] = value
    return scores


def _print_scores(output: Output, model: Model, scores: dict[str, float]) -> None:
    """Print why the training stopped, the best epoch, and its metrics."""
    metric = model.metadata["metric"]
    line = f"{model.metadata['stop_reason']}: best epoch {model.metadata['best_epoch']}"
    found = [split for split in ("validation", "test") if f"{split}_{metric}" in scores]
    words = [f"{split} {format_metric(metric, scores[f'{split}_{metric}'])}" for split in found]
    output.echo("; ".join([line, ", ".join(words)]) if words else line)


def _json_result(model: Model, scores: dict[str, float], seconds: float, path: str | None) -> dict[str, Any]:
    """Return the JSON object that the command prints."""
    metadata = model.metadata
    result: dict[str, Any] = {"task": model.task, "target": model.target_name, "rows": metadata["training_rows"]}
    return (
        result
        | scores
        | {
            "epochs": len(model.history),
            "best_epoch": metadata["best_epoch"],
            "stop_reason": metadata["stop_reason"],
            "engine": metadata["engine"],
            "seconds_training": sum(epoch.seconds for epoch in model.history),
            "seconds": seconds,
            "model": path,
        }
    )
