"""The rows that the model is worst at, as pictures where they are pictures, else with what stands in them."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from scipy.sparse import issparse

from glassnet.visualization.i18n import Words, number, percent, short
from glassnet.visualization.images import as_data, ink
from glassnet.visualization.markup import element
from glassnet.visualization.report.classes import note, scrolled, table
from glassnet.visualization.report.report_data import Case, Judged, highest_loss
from glassnet.visualization.report.summary import section

#: Rows and columns that are shown.
MAX_ROWS, MAX_COLUMNS = 24, 8


def worst_rows(case: Case, rows: Judged, words: Words) -> Element:
    """Return the rows with the highest loss."""
    chosen = highest_loss(rows.loss, MAX_ROWS).tolist()
    shown = _pictures(case, rows, chosen, words) if case.sight.side else _table(case, rows, chosen, words)
    return section("worst", words, note(words("worst note", count=len(chosen))), shown)


def _said(case: Case, rows: Judged, row: int) -> tuple[str, str, str]:
    """Return the truth of a row, what was predicted, and how sure or how far off that is."""
    if not case.classes:
        truth, predicted = rows.truth[row], rows.predicted[row]
        off = number(float(np.max(np.abs(predicted - truth))))
        return _values(truth), _values(predicted), off
    truth, predicted = int(rows.truth[row]), int(rows.predicted[row])
    assert rows.sureness is not None
    sure = float(rows.sureness[row, predicted])
    told = percent(sure) if rows.probable else number(sure)
    return short(case.classes[truth], 40), short(case.classes[predicted], 40), told


def _values(values: Any) -> str:
    shown = ", ".join(number(float(value), 5) for value in values[:4])
    return shown + (" …" if len(values) > 4 else "")


def _pictures(case: Case, rows: Judged, chosen: list[int], words: Words) -> Element:
    side, figures = case.sight.side, []
    for row in chosen:
        truth, predicted, told = _said(case, rows, row)
        right = bool(case.classes) and truth == predicted
        key = "row right" if right else "row wrong" if case.classes else "row off"
        caption = words(key, truth=truth, predicted=predicted, told=told)
        number_of = words("row number", row=row + 1)
        picture = as_data(ink(_cells(rows.raw, row, None).astype(np.float64).reshape(side, side)))
        image = element("img", src=picture, alt=f"{number_of}: {caption}", width=84, height=84, class_="pixels")
        figures.append(element("figure", image, element("figcaption", caption, element("small", number_of))))
    return element("div", figures, class_="gallery")


def _table(case: Case, rows: Judged, chosen: list[int], words: Words) -> Element:
    columns = _columns(case)
    keys = ("row", "truth", "prediction", "sureness" if case.classes else "off by", "loss")
    head = [element("th", words(key), scope="col") for key in keys]
    head += [element("th", short(str(case.columns[column]), 24), scope="col") for column in columns]
    body = []
    for row in chosen:
        cells = [*_said(case, rows, row), number(float(rows.loss[row]))]
        cells += [_shown(cell) for cell in _cells(rows.raw, row, columns)]
        body.append(element("tr", element("th", f"{row + 1:,}", scope="row"), [element("td", cell) for cell in cells]))
    caption = words("worst caption")
    more = note(words("strongest columns", count=len(columns))) if len(columns) < len(case.columns) else None
    return element("div", scrolled(table(caption, head, body), caption), more)


def _columns(case: Case) -> list[int]:
    """Return which columns are shown: all, or those with the strongest weights where that can be said."""
    count = len(case.columns)
    if count <= MAX_COLUMNS:
        return list(range(count))
    W1 = case.sight.parameters["W1"]
    if len(W1) != count:  # a prepared table: its columns became others
        return list(range(MAX_COLUMNS))
    strength = np.linalg.norm(np.nan_to_num(W1), axis=1)
    return sorted(int(column) for column in np.argsort(-strength, kind="stable")[:MAX_COLUMNS])


def _cells(raw: Any, row: int, columns: list[int] | None) -> Any:
    """Return what stands in a row of an array, a list, a data frame or a sparse matrix: all of it, or some columns."""
    from sklearn.utils import _safe_indexing

    one = _safe_indexing(raw, [row])
    one = np.asarray(one.toarray() if issparse(one) else one)[0]
    return one if columns is None else one[columns]


def _shown(cell: Any) -> str:
    return number(float(cell), 6) if isinstance(cell, (float, np.floating)) else short(str(cell), 40)
