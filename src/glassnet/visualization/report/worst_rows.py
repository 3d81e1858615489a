"""Section on the rows with the highest loss: as images, or as a table of their values."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from scipy.sparse import issparse

from glassnet._utils.arrays import Array
from glassnet.models.network_view import select_row
from glassnet.visualization.i18n import Translator, format_number, format_percent, truncate
from glassnet.visualization.images import png_data_uri, to_grayscale
from glassnet.visualization.markup import element
from glassnet.visualization.report.report_data import Predictions, ReportData, highest_loss
from glassnet.visualization.report.sections import note, section, table, table_row

#: Maximum number of rows and columns in the section.
MAX_ROWS, MAX_COLUMNS = 24, 8


def worst_rows_section(data: ReportData, predictions: Predictions, translate: Translator) -> Element:
    """Return the rows with the highest loss."""
    rows = highest_loss(predictions.loss, MAX_ROWS).tolist()
    show_rows = _images if data.view.image_side else _table
    shown = show_rows(data, predictions, rows, translate)
    return section("worst", translate, note(translate("worst note", count=len(rows))), shown)


def _describe_prediction(data: ReportData, predictions: Predictions, row: int) -> tuple[str, str, str]:
    """Return the truth, the prediction, and the confidence (for a regressor: the absolute error), as texts."""
    if not data.classes:
        y_true = predictions.y_true[row]
        y_pred = predictions.y_pred[row]
        return _format_values(y_true), _format_values(y_pred), format_number(float(np.max(np.abs(y_pred - y_true))))
    true_class = data.classes[predictions.y_true[row]]
    predicted_class = data.classes[predictions.y_pred[row]]
    assert predictions.scores is not None
    score = float(predictions.scores[row, predictions.y_pred[row]])
    confidence = format_percent(score) if predictions.has_probabilities else format_number(score)
    return truncate(true_class, 40), truncate(predicted_class, 40), confidence


def _format_values(values: Array) -> str:
    shown = ", ".join(format_number(float(value), 5) for value in values[:4])
    return shown + (" …" if len(values) > 4 else "")


def _images(data: ReportData, predictions: Predictions, rows: list[int], translate: Translator) -> Element:
    side = data.view.image_side
    figures = []
    for row in rows:
        truth, predicted, confidence = _describe_prediction(data, predictions, row)
        key = "row right" if truth == predicted else "row wrong"
        key = key if data.classes else "row of values"
        caption = translate(key, truth=truth, predicted=predicted, confidence=confidence)
        row_name = translate("row number", row=row + 1)
        pixels = to_grayscale(_raw_values(predictions.x, row).astype(np.float64).reshape(side, side))
        alt = f"{row_name}: {caption}"
        image = element("img", src=png_data_uri(pixels), alt=alt, width=84, height=84, class_="pixels")
        figures.append(element("figure", image, element("figcaption", caption, element("small", row_name))))
    return element("div", figures, class_="gallery")


def _table(data: ReportData, predictions: Predictions, rows: list[int], translate: Translator) -> Element:
    columns = _select_columns(data)
    keys = ("row", "truth", "prediction", "confidence" if data.classes else "absolute error", "loss")
    headings = [translate(key) for key in keys]
    headings += [truncate(str(data.columns[column]), 24) for column in columns]
    body = []
    for row in rows:
        cells = [*_describe_prediction(data, predictions, row), format_number(float(predictions.loss[row]))]
        cells += [_format_cell(cell) for cell in _raw_values(predictions.x, row)[columns]]
        body.append(table_row(f"{row + 1:,}", cells))
    more = note(translate("strongest columns", count=len(columns))) if len(columns) < len(data.columns) else None
    return element("div", table(translate("worst caption"), headings, body), more)


def _select_columns(data: ReportData) -> list[int]:
    """Return the columns to show: all, or those with the largest weights (if columns are inputs of the network)."""
    count = len(data.columns)
    if count <= MAX_COLUMNS:
        return list(range(count))
    W1 = data.view.parameters["W1"]
    if len(W1) != count:
        return list(range(MAX_COLUMNS))
    strength = np.linalg.norm(np.nan_to_num(W1), axis=1)
    return sorted(int(column) for column in np.argsort(-strength, kind="stable")[:MAX_COLUMNS])


def _raw_values(x: Any, row: int) -> Array:
    """Return a row of an array, a list, a data frame or a sparse matrix, (columns,)."""
    selected = select_row(x, row)
    return np.asarray(selected.toarray() if issparse(selected) else selected)[0]


def _format_cell(cell: Any) -> str:
    return format_number(float(cell), 6) if isinstance(cell, (float, np.floating)) else truncate(str(cell), 40)
