"""``glassnet train`` on files that fit into memory, or on the digits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.cli.arguments import located, reject_text_target, with_location
from glassnet.cli.checkpointing import print_warnings
from glassnet.cli.console import Output
from glassnet.cli.train_options import VALIDATION_FRACTION, TrainOptions, TrainResult
from glassnet.data import Files, Matrix, Table, choose_target, explain_target, features, target_values
from glassnet.data.matrices import missing_columns
from glassnet.datasets import load_digits
from glassnet.errors import InputError
from glassnet.models import Model, fit
from glassnet.models.table_rows import find_target, raw_rows
from glassnet.models.target import CLASSIFICATION, REGRESSION, encode_classes
from glassnet.models.target_rule import check_task, choose_task, refuse_odd_text
from glassnet.training import Callback


class _Tables(NamedTuple):
    """Training rows, test rows, and the invalid rows that were skipped."""

    train: Table
    test: Table | None
    bad_rows: list[Any]
    n_bad_rows: int


def train_in_memory(
    output: Output, files: Files | None, options: TrainOptions, callbacks: Sequence[Callback]
) -> TrainResult:
    """Read the files, or the digits, print what is predicted, and train.

    Raises
    ------
    InputError
        If the rows can't be trained on; the file, row and column are named.
    """
    warm_start = options.warm_start
    target = options.target
    if files is None:
        target = target or "label"
    elif target is None and warm_start is not None:
        target = find_target(warm_start, files)
    tables = _read_tables(files, options, target)
    table = tables.train
    if files is None:
        output.echo(f"no file given: training on scikit-learn's digits ({len(table):,} rows of 8×8 pixels)")
    name = choose_target(table, target)
    y = target_values(table, name)
    columns = [column for column in table.names if column != name]
    if not columns:
        raise InputError(f"{table.source}: there is no column beside the target; add at least one feature")
    if warm_start is not None:
        columns = list(warm_start.feature_names)
        _check_target(table, warm_start, y)
    task, reason = _choose_task(options, table, name, y)
    if task == REGRESSION:
        reject_text_target(table, name, y, "choose --task classification")
    with located(table):
        check_task(task, options.loss or "", y)
    test_rows = None
    if tables.test is not None:
        y_test = target_values(tables.test, name)
        _check_test_target(tables, y_test, name, task, _classes(y) if warm_start is None else warm_start.classes)
        test_rows = _inputs(tables.test, columns, name, warm_start), y_test
    hint = "" if target else f" ({explain_target(table, name)}; --target takes another)"
    why = f"; {task} because of {reason} (--task takes another)" if reason else ""
    output.echo(f"{task}: predicting {name!r}{hint} from {len(columns):,} columns of {len(table):,} rows{why}")
    with warnings.catch_warnings(), located(table):
        print_warnings(output)
        model = fit(
            _inputs(table, columns, name, warm_start),
            _class_names(y) if task == CLASSIFICATION and y.dtype.kind == "f" else y,
            hidden=options.hidden,
            activation=options.activation,
            task=task,
            settings=options.recommended_settings(len(table), task),
            validation_fraction=_validation_fraction(options, files, len(table)),
            test=test_rows,
            feature_names=columns,
            target_name=name,
            callbacks=callbacks,
            source=table.source,
            warm_start=warm_start,
            **(options.columns.to_dict() | {"ignore": ()}),  # they have not been read
        )
    return TrainResult(model, tables.bad_rows, tables.n_bad_rows)


def _read_tables(files: Files | None, options: TrainOptions, target: str | None) -> _Tables:
    """Read training and test files; without any, the digits, a fifth of them as test rows."""
    if files is None:
        return _Tables(*load_digits(), [], 0)
    files.require(choose_target(files, target))
    if options.test is None:
        return _Tables(files.table(), None, files.bad_rows, files.bad_count)
    train = files.table()
    # a column of the test rows is of the kind that it has in the training rows
    test_files = options.open(options.test, kinds=files.kinds, expected=files.names)
    test_files.require(choose_target(files, target))
    test = test_files.table()
    bad_rows = [*files.bad_rows, *test_files.bad_rows]
    return _Tables(train, test, bad_rows, files.bad_count + test_files.bad_count)


def _inputs(table: Table, columns: Sequence[str], target: str, warm_start: Model | None) -> Any:
    """Return the raw inputs: an array of numbers if the file is one, else the columns as they are."""
    if warm_start is not None:
        return raw_rows(warm_start, table, target)
    if not isinstance(table, Matrix):
        known = set(table.names)
        missing = [name for name in columns if name not in known]
        if missing:
            raise missing_columns(table, columns, missing)
        return table.select(columns)
    return Matrix(
        table.source, features(table, columns), None, tuple(columns), first_row=table.first_row, spans=table.spans
    )


def _check_target(table: Table, model: Model, y: Array) -> None:
    """Raise InputError if the target has a class that the model does not know."""
    try:
        model.encode(y)
    except InputError as error:
        raise with_location(table, error) from None


def _check_test_target(tables: _Tables, y_test: Array, target: str, task: str, classes: Sequence[Any]) -> None:
    """Raise InputError if the target of the test table has an unknown class, or is text for a regression."""
    assert tables.test is not None
    if task == REGRESSION:
        reject_text_target(tables.test, target, y_test, f"in {tables.train.source} it holds numbers")
        return
    try:
        encode_classes(y_test, tuple(classes))
    except InputError as error:
        raise with_location(tables.test, error) from None


def _choose_task(options: TrainOptions, table: Table, name: str, y: Array) -> tuple[str, str]:
    """Return the task, and why, unless it is given: that of the model to start from, or what the target suggests."""
    model = options.warm_start
    if model is None:
        if options.task:
            return options.task, ""
        with located(table):
            refuse_odd_text(y, name)
        return choose_task(y, options.loss or "")
    if options.task not in (None, model.task):
        raise InputError(f"--task {options.task}: the model of --warm-start is for {model.task}; leave --task out")
    return model.task, ""


def _validation_fraction(options: TrainOptions, files: Files | None, n_rows: int) -> float:
    """Return the share of the rows to hold out: by default none of the digits, of few rows, or beside a test file."""
    if options.validation_fraction is not None:
        return options.validation_fraction
    enough = round(VALIDATION_FRACTION * n_rows) >= 1
    return VALIDATION_FRACTION if options.test is None and files is not None and enough else 0.0


def _classes(y: Array) -> list[Any]:
    """Return the different values of a target, sorted by type and value."""
    return sorted(set(y.tolist()), key=lambda value: (str(type(value)), value))


def _class_names(y: Array) -> Array:
    """Return classes that are fractions as text, like `encode_classes`: 0.5, and 1 for 1.0."""
    return np.array([str(int(value)) if value.is_integer() else str(value) for value in y.tolist()], dtype=object)
