"""``glassnet evaluate``, ``glassnet predict`` and ``glassnet export``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glassnet._utils.atomic_write import check_writable, write_atomically
from glassnet._utils.spreadsheet import spreadsheet_safe
from glassnet._utils.text_safety import escape_control_chars
from glassnet.cli.arguments import blocks_for, rows_with_truth
from glassnet.cli.console import Screen
from glassnet.data import features
from glassnet.datasets import DIGITS
from glassnet.errors import InputError
from glassnet.models import Model, load
from glassnet.models.evaluation import evaluate_blocks
from glassnet.models.target import CLASSIFICATION
from glassnet.training.callbacks.progress import format_metric

if TYPE_CHECKING:
    import pyarrow as pa

#: A confusion matrix wider than this is no help on a terminal; ``glassnet plot`` draws it.
MAX_SHOWN_CLASSES = 20

#: Classes of which a person is told.
MOST = 1000

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model file that glassnet train wrote.")]


def evaluate(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Rows with the target: a file, folder or pattern.", show_default="for the digits' model, its test rows"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Judge a model on rows whose truth is known."""
    screen, loaded = Screen(as_json), load(model)
    result = evaluate_blocks(loaded, (rows_with_truth(loaded, block) for block in blocks_for(loaded, data)))
    source = DIGITS if data is None else data
    screen.result({"model": model, "data": source, "task": loaded.task} | result)
    screen.say(f"{model} on {source}: {result['rows']:,} rows, loss {result['loss']:.4f}")
    if "r2" in result:
        r2 = "not defined for one row" if result["r2"] is None else f"{result['r2']:.4f}"
        screen.say(f"R² {r2}")
        screen.say(f"mean absolute error {result['mean_absolute_error']:.6g}")
        screen.say(f"root mean squared error {result['root_mean_squared_error']:.6g}")
    if loaded.task == CLASSIFICATION:
        screen.say(format_metric("accuracy", result["accuracy"]))
        _show_classes(screen, loaded, result)


def predict(
    model: ModelArgument,
    data: Annotated[
        str, typer.Argument(help="A file, folder or pattern; columns are matched by name, others are left alone.")
    ],
    proba: Annotated[bool, typer.Option("--proba", help="Add the probability of each class.")] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Where to write, .csv or .parquet.", show_default="CSV on standard output"),
    ] = None,
    safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe",
            help="Put ' before text that a spreadsheet would run as a formula: classes or columns like =cmd().",
        ),
    ] = False,
) -> None:
    """Predict the target for each row of a file."""
    parquet = str(out).lower().endswith(".parquet")
    if safe and parquet:
        raise InputError(f"--spreadsheet-safe is for CSV, and --out {out} is Parquet; leave one of them out")
    loaded = load(model)
    if out is not None:
        check_writable(out)
    tables = (
        _predictions(loaded, features(block, loaded.feature_names), proba, safe) for block in blocks_for(loaded, data)
    )
    pieces = _encoded(tables, parquet)
    if out is None:
        sys.stdout.flush()
        if sys.stdout.isatty():  # a person looks at it: nothing that a file says acts on the terminal
            pieces = (
                "".join(f"{escape_control_chars(line)}\n" for line in piece.decode().split("\n")[:-1]).encode()
                for piece in pieces
            )
        sys.stdout.buffer.writelines(pieces)
    else:
        write_atomically(Path(out), pieces)


def export(
    model: ModelArgument,
    to: Annotated[str, typer.Option("--to", metavar="FILE", help="Where to write, .onnx.")],
    float64: Annotated[
        bool,
        typer.Option("--float64", help="Let it take float64 rows: features of more than seven digits, such as times."),
    ] = False,
) -> None:
    """Write a model, with its scaling, as an ONNX file for other programs to run."""
    if not to.lower().endswith(".onnx"):
        raise InputError(f"--to {to}: only ONNX files are written; end the name with .onnx")
    load(model).to_onnx(to, input_dtype="float64" if float64 else None)
    Screen().say(f"{model} is written to {to}; its input X takes rows of features, in the model's order of columns")


def _predictions(model: Model, x: Any, proba: bool, safe: bool) -> pa.Table:
    """Return what is predicted, in columns of which two may have the same name."""
    import pyarrow as pa

    predicted = model.predict(x)
    names, columns = [model.target_name], list[Any]([predicted])
    if predicted.ndim == 2:
        names = [f"{model.target_name}_{output + 1}" for output in range(predicted.shape[1])]
        columns = list(predicted.T)
    if proba:
        names += [f"probability_{label}" for label in model.classes]
        columns += list(model.predict_proba(x).T)
    if safe:
        names = [spreadsheet_safe(name) for name in names]
        columns = [[spreadsheet_safe(v) for v in values] if values.dtype == object else values for values in columns]
    return pa.table([pa.array(values) for values in columns], names=names)


def _encoded(tables: Iterator[pa.Table], parquet: bool) -> Iterator[bytes]:
    """Yield the file that holds tables one below the other, piece by piece."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import parquet as columnar

    if not parquet:
        for number, table in enumerate(tables):
            sink = pa.BufferOutputStream()
            csv.write_csv(table, sink, csv.WriteOptions(include_header=number == 0))
            yield bytes(sink.getvalue())
        return
    written, writer = _Written(), None
    for table in tables:
        writer = writer or columnar.ParquetWriter(written, table.schema)
        writer.write_table(table)
        yield from written.taken()
    if writer is not None:
        writer.close()
    yield from written.taken()


class _Written(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


def _show_classes(screen: Screen, model: Model, result: dict[str, Any]) -> None:
    """Print what became of each class, and which was taken for which."""
    told = list(result["classes"].items())
    screen.table(
        ("class", "precision", "recall", "rows"),
        [(label, f"{row['precision']:.4f}", f"{row['recall']:.4f}", f"{row['rows']:,}") for label, row in told[:MOST]],
    )
    if len(told) > MOST:
        screen.say(f"and {len(told) - MOST:,} more classes; --json tells of all")
    if len(told) <= MAX_SHOWN_CLASSES:
        names = [str(label) for label in model.classes]
        screen.table(
            ("truth \\ predicted", *names),
            [
                (name, *(str(count) if count else "·" for count in row))
                for name, row in zip(names, result["confusion_matrix"], strict=True)
            ],
        )
