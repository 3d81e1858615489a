"""``glassnet evaluate``, ``glassnet predict`` and ``glassnet export``."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glassnet._utils.atomic_write import check_writable, write_atomically
from glassnet._utils.text_safety import escape_control_chars
from glassnet.cli.arguments import labeled_rows, read_blocks, split_names
from glassnet.cli.console import Output
from glassnet.cli.mistakes import check_ending, load_model
from glassnet.cli.prediction_rows import ON_BAD_ROW, PredictionRows
from glassnet.data.file_set import SKIP
from glassnet.datasets import DIGITS
from glassnet.errors import InputError
from glassnet.models import Model
from glassnet.models.evaluation import evaluate_blocks
from glassnet.models.target import CLASSIFICATION
from glassnet.training.callbacks.progress import format_metric

if TYPE_CHECKING:
    import pyarrow as pa

#: Classes of the largest confusion matrix that is printed; ``glassnet plot`` draws larger ones.
MAX_CONFUSION_CLASSES = 20

#: Classes whose scores are printed.
MAX_LISTED_CLASSES = 1000

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Model file.")]


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
    """Evaluate a model on rows with the target."""
    output = Output(as_json)
    loaded = load_model(model, data, "evaluate")
    result = evaluate_blocks(loaded, (labeled_rows(loaded, block) for block in read_blocks(loaded, data)))
    source = DIGITS if data is None else data
    output.json({"model": model, "data": source, "task": loaded.task} | result)
    output.echo(f"{model} on {source}: {result['rows']:,} rows, loss {result['loss']:.4f}")
    if "r2" in result:
        r2 = "not defined for one row" if result["r2"] is None else f"{result['r2']:.4f}"
        output.echo(f"R² {r2}")
        output.echo(f"mean absolute error {result['mean_absolute_error']:.6g}")
        output.echo(f"root mean squared error {result['root_mean_squared_error']:.6g}")
    if loaded.task == CLASSIFICATION:
        output.echo(format_metric("accuracy", result["accuracy"]))
        _show_classes(output, loaded, result)


def predict(
    model: ModelArgument,
    data: Annotated[
        str, typer.Argument(help="A file, folder or pattern; columns are matched by name, others are ignored.")
    ],
    proba: Annotated[bool, typer.Option("--proba", help="Add the probability of each class.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMNS",
            help="Columns of the file to begin each row with, such as an id; separate names by commas; 'all' for all.",
        ),
    ] = None,
    on_bad_row: Annotated[
        str,
        typer.Option(
            help="What to do with rows that can't be predicted: 'error', 'skip' (leave them out), or 'blank' (write "
            "them without a prediction)."
        ),
    ] = "error",
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Output file, .csv or .parquet.", show_default="CSV on standard output"),
    ] = None,
    safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe",
            help="Prefix text that a spreadsheet would run as a formula with ': classes or columns like =cmd().",
        ),
    ] = False,
) -> None:
    """Predict the target for each row of a file."""
    parquet = str(out).lower().endswith(".parquet")
    if safe and parquet:
        raise InputError(f"--spreadsheet-safe is for CSV, and --out {out} is Parquet; leave one of them out")
    if on_bad_row not in ON_BAD_ROW:
        raise InputError(f"--on-bad-row {on_bad_row} is not known; choose {', '.join(ON_BAD_ROW)}")
    check_ending("--out", out, (".csv", ".parquet", ".txt"), "predictions are written as CSV or Parquet")
    loaded = load_model(model, data, "predict")
    if out is not None:
        check_writable(out)
    predicted = PredictionRows(loaded, data, split_names(keep), proba, on_bad_row, safe)
    pieces = _encode(predicted.tables(), parquet)
    if out is None:
        sys.stdout.flush()
        if sys.stdout.isatty():  # escape control characters from the file
            pieces = (
                "".join(f"{escape_control_chars(line)}\n" for line in piece.decode().split("\n")[:-1]).encode()
                for piece in pieces
            )
        sys.stdout.buffer.writelines(pieces)
    else:
        write_atomically(Path(out), pieces)
    if predicted.n_bad:
        done = "left out" if on_bad_row == SKIP else "without a prediction"
        Output().warn(f"{predicted.n_bad:,} of {predicted.rows:,} rows {done}; the first: {predicted.first_bad}")


def export(
    model: ModelArgument,
    to: Annotated[str, typer.Option("--to", metavar="FILE", help="Output file, .onnx.")],
    float64: Annotated[
        bool,
        typer.Option("--float64", help="Take float64 rows: for features of more than seven digits, such as times."),
    ] = False,
) -> None:
    """Export a model with its preprocessing as an ONNX file."""
    if not to.lower().endswith(".onnx"):
        raise InputError(f"--to {to}: only ONNX files are written; end the name with .onnx")
    load_model(model).to_onnx(to, input_dtype="float64" if float64 else None)
    Output().echo(f"exported {model} to {to}; its input X takes rows of features in the model's order of columns")


def _encode(tables: Iterator[pa.Table], parquet: bool) -> Iterator[bytes]:
    """Yield the bytes of a file with the rows of all tables."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import parquet as columnar

    if not parquet:
        for number, table in enumerate(tables):
            sink = pa.BufferOutputStream()
            csv.write_csv(table, sink, csv.WriteOptions(include_header=number == 0))
            yield bytes(sink.getvalue())
        return
    buffer = _ByteBuffer()
    writer = None
    for table in tables:
        writer = writer or columnar.ParquetWriter(buffer, table.schema)
        writer.write_table(table)
        yield from buffer.drain()
    if writer is not None:
        writer.close()
    yield from buffer.drain()


class _ByteBuffer(io.RawIOBase):
    """A writable file that holds the bytes written until they are drained."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def drain(self) -> list[bytes]:
        pieces = self._pieces
        self._pieces = []
        return pieces


def _show_classes(output: Output, model: Model, result: dict[str, Any]) -> None:
    """Print precision and recall of each class, and the confusion matrix."""
    classes = list(result["classes"].items())
    output.table(
        ("class", "precision", "recall", "rows"),
        [
            (label, f"{row['precision']:.4f}", f"{row['recall']:.4f}", f"{row['rows']:,}")
            for label, row in classes[:MAX_LISTED_CLASSES]
        ],
    )
    if len(classes) > MAX_LISTED_CLASSES:
        output.echo(f"and {len(classes) - MAX_LISTED_CLASSES:,} more classes; --json lists them all")
    if len(classes) <= MAX_CONFUSION_CLASSES:
        names = [str(label) for label in model.classes]
        output.table(
            ("truth \\ predicted", *names),
            [
                (name, *(str(count) if count else "·" for count in row))
                for name, row in zip(names, result["confusion_matrix"], strict=True)
            ],
        )
