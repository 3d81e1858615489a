"""``glassnet train``."""

from __future__ import annotations

import time
import warnings
from dataclasses import fields
from typing import Annotated, Any

import numpy as np
import typer

from glassnet._utils.arrays import Array
from glassnet._utils.atomic_write import check_writable
from glassnet.cli.arguments import assignments, numbers, placed, refuse_text
from glassnet.cli.checkpointing import Checkpointing, checkpointing, exit_code, how_to_go_on, tell_warnings
from glassnet.cli.console import Progressing, Screen
from glassnet.cli.streaming import is_streamed, list_bad_rows, train_streamed
from glassnet.data import Files, Table, choose_target, features, is_classification, open_files, target_values
from glassnet.datasets import load_digits
from glassnet.errors import InputError
from glassnet.models import Model, fit, save
from glassnet.models.fitting import check_task
from glassnet.models.recommended import recommended_settings
from glassnet.models.target import CLASSIFICATION, REGRESSION, encode_classes
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.training import Settings
from glassnet.training.callbacks.progress import format_metric
from glassnet.training.settings import LBFGS

#: What may be named as data.
WHAT_IS_READ = (
    "A file, a folder of files or a pattern such as 'part-*.parquet': CSV with a header (plain, .gz, .bz2, .zst), "
    "Parquet, Arrow, .npy, .npz, SVMlight, MNIST's IDX files; or a folder with a folder of pictures for each class."
)
#: Share of the rows to validate on where there is no test file, so that the figure shown is an honest one.
VALIDATION_FRACTION = 0.1


def train(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(help=WHAT_IS_READ, show_default="scikit-learn's digits"),
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="FILE", help="Rows to report on after every epoch; it decides nothing.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="What to predict.", show_default="the column label, target, class or y"),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression.",
            show_default="classification if the target is text or at most 20 different whole numbers",
        ),
    ] = None,
    hidden: Annotated[str, typer.Option(metavar="SIZES", help="Units of the hidden layers; '' for none.")] = "128,64",
    activation: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Of the hidden layers, or one for each (tanh,relu), or one for each and the output's: "
            f"{', '.join(ACTIVATIONS)}.",
        ),
    ] = "relu",
    loss: Annotated[
        str | None,
        typer.Option(
            help=f"What is minimised: {', '.join(LOSSES)}.",
            show_default="categorical_crossentropy, or half_mean_squared_error for regression",
        ),
    ] = None,
    optimizer: Annotated[str, typer.Option(help=f"The update rule: {', '.join([*OPTIMIZERS, LBFGS])}.")] = "adamw",
    learning_rate: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Its rate.", show_default="0.01 for adamw, else the optimizer's own"),
    ] = None,
    schedule: Annotated[
        str, typer.Option(help=f"The rate over time: {', '.join(SCHEDULES)}; lbfgs has none.")
    ] = "one_cycle",
    batch_size: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Rows a step.", show_default="8 to 128, growing with the rows")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the rows.", show_default="15, more where the rows are few")
    ] = None,
    dropout: Annotated[
        str,
        typer.Option(metavar="RATES", help="One rate for all hidden layers, or the input's and each hidden layer's."),
    ] = "0",
    l2: Annotated[float, typer.Option(help="Penalty l2/2 · Σ W².")] = 0.0,
    weight_decay: Annotated[
        float | None,
        typer.Option(help="Decoupled decay.", show_default="0.2 for adamw, else the optimizer's own, mostly 0"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(metavar="EPOCHS", help="Stop after so many epochs without a better one.", show_default="never"),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the rows never trained on, by which the best epoch is chosen.",
            show_default=f"{VALIDATION_FRACTION} without --test, else 0",
        ),
    ] = None,
    group: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Rows of one value here, of one patient, say, are set aside together; it is no feature. Streams.",
            show_default="each row for itself",
        ),
    ] = "",
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            help="Read the rows part by part, in little memory, instead of all at once.",
            show_default="where they would not fit into memory",
        ),
    ] = None,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="When streaming, read the text in every epoch instead of writing a cache."),
    ] = False,
    on_bad_row: Annotated[
        str,
        typer.Option(help="What a row is that can't be used: an error, or left out and listed in a file (skip)."),
    ] = "error",
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout; the same seed gives the same bits.")] = 0,
    engine: Annotated[
        str, typer.Option(help="fused (compiled), reference (NumPy), or auto: fused where the work is worth it.")
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(help="How many the fused engine may use; the result is the same.", show_default="all cores"),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of glassnet.Settings, its value as JSON: --set l1=0.001 --set clip_norm=1 "
            """--set 'optimizer_settings={"beta_1": 0.8}'.""",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Where to keep the model (.glassnet).", show_default="not kept")
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder to keep checkpoints in: Ctrl-C, SIGTERM or a crash lose nothing, and --resume goes on.",
            show_default="none are kept",
        ),
    ] = None,
    checkpoint_every: Annotated[
        str | None, typer.Option(metavar="TIME", help="'5 epochs' or '10 minutes'.", show_default="every epoch")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder, if there is one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Train a network on a table and keep it.

    Exit codes: 0 done; 2 for what you can mend; 3 trained, but a checkpoint, the model or the cache could not be
    written; 130 after Ctrl-C and 143 after SIGTERM, with a checkpoint to go on from where --checkpoint is given.
    """
    began = time.perf_counter()
    screen = Screen(as_json, quiet)
    layers = numbers("--hidden", hidden, int)
    rates = numbers("--dropout", dropout, float)
    checkpoints = checkpointing(screen, checkpoint, checkpoint_every, resume)
    activations = tuple(part.strip() for part in activation.split(","))
    further = assignments("--set", more or (), [field.name for field in fields(Settings)])
    if out is not None:
        check_writable(out)
    if task not in (None, CLASSIFICATION, REGRESSION):
        raise InputError(f"--task {task} is not known; choose {CLASSIFICATION} or {REGRESSION}")

    chosen = {
        "loss": loss,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "schedule": schedule if optimizer != LBFGS else None,
        "batch_size": batch_size,
        "epochs": epochs,
        "dropout": rates[0] if len(rates) == 1 else rates,
        "l2": l2,
        "weight_decay": weight_decay,
        "patience": patience,
        "random_state": seed,
        "engine": engine,
        "threads": threads,
    }

    def suggested(rows: int, task: str) -> Settings:
        return recommended_settings(rows, task, **(chosen | further))

    callbacks = [*([checkpoints] if checkpoints else ()), *([Progressing()] if screen.speaks else ())]
    if data is None and group:
        raise InputError("--group needs the file that has the column: glassnet train DATA --group COLUMN")
    if stream is False and group:
        raise InputError("--group streams the rows; leave --no-stream out")
    files = None if data is None else open_files(data, on_bad_row=on_bad_row)
    if files is not None and is_streamed(screen, files, stream, group):
        fraction = validation_fraction
        if fraction is None:
            fraction = VALIDATION_FRACTION if test is None else 0.0
        if checkpoints is not None:
            checkpoints.look()
        with warnings.catch_warnings():
            tell_warnings(screen)
            streamed = train_streamed(
                screen,
                files,
                target=target,
                task=task,
                loss=loss,
                group=group,
                validation_fraction=fraction,
                cache=not no_cache,
                on_bad_row=on_bad_row,
                test=test,
                settings=suggested,
                hidden=layers,
                activation=activations[0] if len(activations) == 1 else activations,
                callbacks=callbacks,
            )
        told = list_bad_rows(screen, streamed.bad, streamed.n_bad, out)
        seconds = time.perf_counter() - began
        code = _report(screen, streamed.model, out, seconds, checkpoints, told, streamed.unwritten)
        return _say_how_to_go_on(screen, context, checkpoints, code)
    table, held_out, bad, count = _tables(files, test, on_bad_row)
    if data is None:
        target = target or "label"
        screen.say(f"no file named: training on scikit-learn's digits ({len(table):,} rows of 8×8 pixels)")
    name = choose_target(table, target)
    y = target_values(table, name)
    task = task or (CLASSIFICATION if is_classification(y) else REGRESSION)
    if task == REGRESSION:
        refuse_text(table, name, y, "choose --task classification")
    if loss is not None:
        check_task(task, loss)
    settings = suggested(len(table), task)
    columns = [column for column in table.names if column != name]
    x = features(table, columns)
    test_rows = None
    if held_out is not None:
        test_rows = features(held_out, columns), target_values(held_out, name)
        if task == CLASSIFICATION:
            _check_classes(held_out, test_rows[1], y)
        else:
            refuse_text(held_out, name, test_rows[1], f"in {table.source} it holds numbers")
    if validation_fraction is None:
        enough = round(VALIDATION_FRACTION * len(table)) >= 1  # a table of a few rows is all trained on
        validation_fraction = VALIDATION_FRACTION if test is None and data is not None and enough else 0.0
    how = "" if target else " (by its name; --target takes another)"
    screen.say(f"{task}: predicting {name!r}{how} from {len(columns):,} columns of {len(table):,} rows")

    with warnings.catch_warnings():
        tell_warnings(screen)
        model = fit(
            x,
            _class_names(y) if task == CLASSIFICATION and y.dtype.kind == "f" else y,
            hidden=layers,
            activation=activations[0] if len(activations) == 1 else activations,
            task=task,
            settings=settings,
            validation_fraction=validation_fraction,
            test=test_rows,
            feature_names=columns,
            target_name=name,
            callbacks=callbacks,
            source=table.source,
        )
    told = list_bad_rows(screen, bad, count, out)
    code = _report(screen, model, out, time.perf_counter() - began, checkpoints, told)
    return _say_how_to_go_on(screen, context, checkpoints, code)


def _say_how_to_go_on(screen: Screen, context: typer.Context, checkpoints: Checkpointing | None, code: int) -> int:
    """Say, after a signal, which command goes on; return the exit code as it is."""
    if checkpoints is not None and checkpoints.stopped:
        screen.warn(f"stopped: {checkpoints.stopped}; go on with: {how_to_go_on(context.obj)}")
    return code


def _tables(files: Files | None, test: str | None, on_bad_row: str) -> tuple[Table, Table | None, list[Any], int]:
    """Read the files, and say which rows were left out; without any, the digits with a fifth of them to test on."""
    if files is None:
        if test is not None:
            raise InputError("--test needs the file to train on too: glassnet train DATA --test FILE")
        return *load_digits(), [], 0
    held_out = None if test is None else open_files(test, on_bad_row=on_bad_row)
    tables = files.table(), None if held_out is None else held_out.table()
    every = [files] if held_out is None else [files, held_out]
    return *tables, [row for each in every for row in each.bad_rows], sum(each.bad_count for each in every)


def _class_names(y: Array) -> Array:
    """Name the classes that are numbers with fractions, as `encode_classes` does: 0.5, and 1 for 1.0."""
    return np.array([str(int(value)) if value.is_integer() else str(value) for value in y.tolist()], dtype=object)


def _check_classes(table: Table, found: Any, trained: Any) -> None:
    """Refuse a class in the test file that training never saw."""
    known = sorted(set(trained.tolist()), key=lambda value: (str(type(value)), value))
    try:
        encode_classes(found, tuple(known))
    except InputError as error:
        raise placed(table, error) from None


def _report(
    screen: Screen,
    model: Model,
    out: str | None,
    seconds: float,
    checkpoints: Checkpointing | None,
    also: dict[str, Any],
    unwritten: bool = False,
) -> int:
    """Keep the model, say what came of it (and what also is to be told), and return the exit code."""
    facts, last = model.metadata, model.history[-1] if model.history else None
    diverged = facts["stop_reason"] == "diverged"
    kept = wanted = out is not None and bool(model.history)
    if kept:
        try:
            save(model, str(out))
        except InputError as error:  # the figures of a long training are told all the same
            kept = False
            rescue = "" if checkpoints is None else "; the same command with --resume writes it once it can be"
            screen.warn(f"the model was not kept: {error}{rescue}")
    best = next((epoch for epoch in model.history if epoch.epoch == facts["best_epoch"]), last)
    result: dict[str, Any] = {"task": model.task, "target": model.target_name, "rows": facts["training_rows"]}
    if best is not None:
        for kind in ("", "validation_", "test_"):
            for figure in ("loss", "metric"):
                value = getattr(best, kind + figure)
                if value is not None:
                    result[(kind or "training_") + (figure if figure == "loss" else facts["metric"])] = value
    result |= {
        "epochs": len(model.history),
        "best_epoch": facts["best_epoch"],
        "stop_reason": facts["stop_reason"],
        "engine": facts["engine"],
        "seconds_training": sum(epoch.seconds for epoch in model.history),
        "seconds": seconds,
        "model": out if kept else None,
    } | also
    if best is not None:
        metric = facts["metric"]
        told = [
            f"{kind} {format_metric(metric, result[f'{kind}_{metric}'])}"
            for kind in ("validation", "test")
            if f"{kind}_{metric}" in result
        ]
        screen.say(
            f"{facts['stop_reason']}: epoch {facts['best_epoch']} is kept{'; ' + ', '.join(told) if told else ''}"
        )
    if kept:
        screen.say(f"{out}: the model; look at it with: glassnet show {out}")
    elif out is None:
        screen.say("the model is not kept; --out MODEL keeps it")
    screen.result(result)
    if diverged:
        screen.warn(facts["message"] + ("" if model.history else "; nothing was saved"))
        return 2
    unwritten = unwritten or (wanted and not kept) or also.get("bad_rows_file", "") is None
    return exit_code(checkpoints, facts["stop_reason"], unwritten)
