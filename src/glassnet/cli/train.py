"""``glassnet train``."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Annotated

import typer

from glassnet._utils.atomic_write import check_writable
from glassnet.cli.arguments import parse_assignments, parse_numbers, parse_sizes, split_names
from glassnet.cli.checkpointing import make_checkpoint, resume_command
from glassnet.cli.console import BatchProgressBar, Output
from glassnet.cli.mistakes import check_ending
from glassnet.cli.reading import (
    DecimalOption,
    DelimiterOption,
    EncodingOption,
    HeaderOption,
    MaxColumnsOption,
    MissingOption,
    ThousandsOption,
    remember_format,
    training_options,
)
from glassnet.cli.train_in_memory import train_in_memory
from glassnet.cli.train_options import VALIDATION_FRACTION, TrainOptions
from glassnet.cli.train_streaming import should_stream, train_streamed
from glassnet.cli.train_summary import finish
from glassnet.data import CsvFormat
from glassnet.errors import InputError
from glassnet.models import load
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.network.schedules import SCHEDULES
from glassnet.preprocessing.column_choice import ColumnOptions
from glassnet.preprocessing.scaling import AUTO, SCALINGS
from glassnet.training import Callback, Settings
from glassnet.training.settings import LBFGS

#: Help of the argument DATA.
DATA_HELP = (
    "A file, a folder of files or a pattern such as 'part-*.parquet': CSV with a header (plain, .gz, .bz2, .zst), "
    "Parquet, Arrow, .npy, .npz, SVMlight, MNIST's IDX files; or a folder with a folder of pictures for each class."
)


def train(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(help=DATA_HELP, show_default="scikit-learn's digits"),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Rows to report scores on after every epoch; never used for training."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column to predict.",
            show_default="the column label, target, class or y, else the last",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression.",
            show_default="classification if the target is text, true/false or at most 20 different whole numbers",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Columns to leave out; separate names by commas.")
    ] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Columns of categories, whatever they look like.")
    ] = None,
    numeric: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Columns of numbers, whatever they look like.")
    ] = None,
    dates: Annotated[
        list[str] | None, typer.Option(metavar="COLUMNS", help="Columns of dates, whatever they look like.")
    ] = None,
    scaling: Annotated[
        str,
        typer.Option(
            help=f"Scaling of numbers: {', '.join(SCALINGS)}.",
            show_default="auto: bytes for pixels, else standard",
        ),
    ] = AUTO,
    hidden: Annotated[str, typer.Option(metavar="SIZES", help="Units of the hidden layers; '' for none.")] = "128,64",
    activation: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Activation of the hidden layers, or one for each (tanh,relu), or one for each and the output's: "
            f"{', '.join(ACTIVATIONS)}.",
        ),
    ] = "relu",
    loss: Annotated[
        str | None,
        typer.Option(
            help=f"Loss: {', '.join(LOSSES)}.",
            show_default="categorical_crossentropy, or half_mean_squared_error for regression",
        ),
    ] = None,
    optimizer: Annotated[str, typer.Option(help=f"Optimizer: {', '.join([*OPTIMIZERS, LBFGS])}.")] = "adamw",
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", help="Learning rate.", show_default="0.01 for adamw, else the optimizer's default"
        ),
    ] = None,
    schedule: Annotated[
        str, typer.Option(help=f"Learning-rate schedule: {', '.join(SCHEDULES)}; lbfgs has none.")
    ] = "one_cycle",
    batch_size: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Rows per step.", show_default="8 to 128, growing with the rows")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training rows.", show_default="15, more for few rows")
    ] = None,
    dropout: Annotated[
        str,
        typer.Option(metavar="RATES", help="Dropout rate of all hidden layers, or of the input and each hidden layer."),
    ] = "0",
    l2: Annotated[float, typer.Option(help="L2 penalty l2/2 · Σ W².")] = 0.0,
    weight_decay: Annotated[
        float | None,
        typer.Option(
            help="Decoupled weight decay.", show_default="0.2 for adamw, else the optimizer's default, mostly 0"
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="EPOCHS", help="Early stopping: number of epochs without improvement.", show_default="never"
        ),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the rows held out for validation, which selects the best epoch.",
            show_default=f"{VALIDATION_FRACTION} without --test, else 0",
        ),
    ] = None,
    group: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Hold out rows with the same value here (a patient, say) together; not a feature. Streams.",
            show_default="no groups",
        ),
    ] = "",
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream",
            help="Read the rows in blocks, in little memory, instead of all at once.",
            show_default="if they would not fit into memory",
        ),
    ] = None,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="When streaming, read the files in every epoch instead of writing a cache."),
    ] = False,
    on_bad_row: Annotated[
        str,
        typer.Option(help="How to handle invalid rows: 'error', or 'skip' (list them in a file)."),
    ] = "error",
    delimiter: DelimiterOption = None,
    decimal: DecimalOption = None,
    thousands: ThousandsOption = None,
    encoding: EncodingOption = None,
    missing: MissingOption = None,
    header: HeaderOption = None,
    max_columns: MaxColumnsOption = None,
    seed: Annotated[
        int, typer.Option(help="Random seed of weights, order and dropout; the same seed gives the same bits.")
    ] = 0,
    engine: Annotated[
        str, typer.Option(help="fused (compiled), reference (NumPy), or auto: fused, if it is compiled.")
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of the fused engine; the result does not depend on them.", show_default="all cores"),
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
        str | None,
        typer.Option(metavar="MODEL", help="File to save the model to (.glassnet).", show_default="not saved"),
    ] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model file to start from: its parameters, layers, preprocessing and classes are kept.",
            show_default="random initial weights",
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Folder for checkpoints: after Ctrl-C, SIGTERM or a crash, --resume continues.",
            show_default="no checkpoints",
        ),
    ] = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Interval of the checkpoints: '5 epochs' or '10 minutes'.", show_default="every epoch"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the last checkpoint in the folder, if there is one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Train a network on a table and save it.

    Exit codes: 0: success; 1: internal error; 2: user error, or the training diverged; 3: trained, but a checkpoint,
    the model, the list of skipped rows or the cache could not be written; 130: Ctrl-C; 143: SIGTERM. With --checkpoint,
    an interrupted training can be resumed.
    """
    started = time.perf_counter()
    output = Output(as_json, quiet)
    rates = parse_numbers("--dropout", dropout, float)
    activations = tuple(part.strip() for part in activation.split(","))
    settings = {
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
    csv_format = CsvFormat(delimiter, decimal, encoding, tuple(missing) if missing else None, header, thousands)
    columns = ColumnOptions(
        split_names(ignore), split_names(categorical), split_names(numeric), split_names(dates), scaling
    )
    options = TrainOptions(
        target=target,
        task=task,
        loss=loss,
        hidden=parse_sizes("--hidden", hidden),
        activation=activations[0] if len(activations) == 1 else activations,
        settings=settings | parse_assignments("--set", more or (), [field.name for field in fields(Settings)]),
        validation_fraction=validation_fraction,
        test=test,
        group=group,
        stream=stream,
        cache=not no_cache,
        reading=training_options(csv_format, columns, on_bad_row, max_columns),
        warm_start=None if warm_start is None else load(warm_start),
        columns=columns,
    )
    if warm_start is not None:
        _check_warm_start(context)
    checkpointing = make_checkpoint(output, checkpoint, checkpoint_every, resume)
    check_ending("--out", out, (".glassnet",), "a model is written as a .glassnet file, which holds no code")
    if out is not None:
        check_writable(out)
    options.validate(data)

    callbacks: list[Callback] = []
    if checkpointing is not None:
        callbacks.append(checkpointing)
    if output.verbose:
        callbacks.append(BatchProgressBar())
    files = None if data is None else options.open(data)
    for note in () if files is None else files.notes:
        output.echo(note)
    if files is not None and should_stream(output, files, options):
        if checkpointing is not None:
            checkpointing.check_folder()
        result = train_streamed(output, files, options, callbacks)
    else:
        result = train_in_memory(output, files, options, callbacks)
    code = finish(output, remember_format(result, csv_format), out, checkpointing, time.perf_counter() - started)
    if checkpointing is not None and checkpointing.stopped_at:
        output.warn(f"stopped: {checkpointing.stopped_at}; resume with: {resume_command(context.obj)}")
    return code


def _check_warm_start(context: typer.Context) -> None:
    """Raise InputError if an option asks for other layers than those of the model of --warm-start."""
    for name in ("hidden", "activation"):
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise InputError(f"--{name} does not go with --warm-start, which keeps the model's layers; leave it out")
