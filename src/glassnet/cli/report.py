"""``glassnet report``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from glassnet._utils.arrays import Array
from glassnet._utils.atomic_write import check_writable
from glassnet.cli.arguments import refuse_text, rows_with_truth, table_for
from glassnet.cli.console import Screen
from glassnet.cli.predict import ModelArgument
from glassnet.data import Matrix, Table, choose_target, features, read_table, target_values
from glassnet.data.formatting import format_names
from glassnet.datasets import DIGITS
from glassnet.errors import InputError
from glassnet.models import Model, load
from glassnet.models.storage import HoldsEstimator


def report(
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="CSV file with the target, of rows that the model was not trained on.",
            show_default="for the digits' model, its test rows",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="For an estimator's file, which names none: what it predicts.",
            show_default="the column that it was not trained on",
        ),
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="The page to write, .html.")] = "report.html",
    language: Annotated[str, typer.Option(help="Of the page: en or ko.")] = "en",
) -> None:
    """Write a report on a model: one page with curves, figures, confusions, the worst rows and the layers."""
    from glassnet.visualization.report import write_report

    screen = Screen()
    x = y = None
    source = ""
    loaded = _loaded(model)
    check_writable(out)
    if not isinstance(loaded, Model):
        if data is not None:
            table = read_table(data)
            x, y = _rows_for_estimator(loaded, table, target)
            source = table.source
    elif target not in (None, loaded.target_name):
        raise InputError(f"{model}: the model predicts {loaded.target_name!r}; leave --target out")
    elif data is not None or loaded.facts.get("source") == DIGITS:
        table = table_for(loaded, data)
        x, y = rows_with_truth(loaded, table)
        source = table.source
    path = write_report(loaded, x, y, out, source=source, language=language)
    screen.say(f"{path}: the report; it opens in any browser and needs no network")
    if x is None:
        screen.say("for the figures, the confusions and the worst rows, name a file with --data")


def _loaded(path: str) -> Any:
    """Return the model that a file holds, or the estimator."""
    try:
        return load(path)
    except HoldsEstimator:
        from glassnet import estimators
        from glassnet.estimators._storage import kind_in

        return getattr(estimators, kind_in(path)).load(path)


def _rows_for_estimator(estimator: Any, table: Table, target: str | None) -> tuple[Any, Array]:
    """Return rows and truth, matched by the columns' names where the estimator was trained on some.

    Raises
    ------
    InputError
        If the target can't be told, or a column is missing.
    """
    from sklearn.base import is_regressor

    known = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    missing = [name for name in known if name not in table.names]
    if missing:
        raise InputError(f"{table.source}: column {format_names(missing)} is missing; the estimator was trained on it")
    left = [name for name in table.names if name not in known]
    target = choose_target(table, left[0] if target is None and known and len(left) == 1 else target)
    y = target_values(table, target)
    if is_regressor(estimator):
        refuse_text(table, target, y, "this estimator predicts numbers")
    if not known:
        return features(table, [name for name in table.names if name != target]), y
    if isinstance(table, Matrix):
        return features(table, known), y
    return table.to_arrow().columns.select(known), y
