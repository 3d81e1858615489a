"""Sections on a classifier: confusion matrix, metrics of each class, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.metrics.calibration import N_BINS, Calibration, calibration
from glassnet.metrics.classification import (
    classification_metrics,
    confused_pairs,
    confusion_matrix,
    normalize_rows,
)
from glassnet.visualization.charts import Chart
from glassnet.visualization.i18n import Translator, format_percent, truncate
from glassnet.visualization.images import png_data_uri
from glassnet.visualization.markup import element
from glassnet.visualization.report.report_data import Predictions, ReportData
from glassnet.visualization.report.sections import figure, note, section, table, table_row

#: Maximum number of classes of a confusion matrix that is a table; with more classes it is an image.
MAX_MATRIX_CLASSES = 30
#: Maximum number of rows in the table of classes.
MAX_CLASS_ROWS = 200
#: Maximum number of confused pairs that are listed.
MAX_PAIRS = 10
#: Shades of a cell of the confusion matrix.
N_SHADES = 10


def per_class_section(data: ReportData, predictions: Predictions, translate: Translator) -> Element:
    """Return precision, recall and rows of each class; with very many classes, of those with the lowest recall."""
    metrics = classification_metrics(predictions.y_true, predictions.y_pred, data.classes)["classes"]
    rows = [(name, *metrics[name].values()) for name in metrics]
    if len(rows) > MAX_CLASS_ROWS:
        rows = sorted(rows, key=lambda row: row[2])[:MAX_CLASS_ROWS]
    caption = translate("worst classes" if len(rows) < len(metrics) else "classes", count=len(rows))
    body = [
        table_row(truncate(name, 60), [format_percent(precision), format_percent(recall), f"{count:,}"])
        for name, precision, recall, count in rows
    ]
    headings = [translate(key) for key in ("class", "precision", "recall", "rows")]
    return section("classes", translate, table(caption, headings, body), note(translate("classes note")))


def confusion_section(data: ReportData, predictions: Predictions, translate: Translator) -> Element:
    """Return the confusion matrix, and the most frequent confusions as a list."""
    n_classes = len(data.classes)
    matrix = confusion_matrix(predictions.y_true, predictions.y_pred, n_classes)
    pairs = [
        element(
            "li",
            translate(
                "confused pair",
                truth=truncate(data.classes[true_class], 40),
                predicted=truncate(data.classes[predicted_class], 40),
                count=count,
            ),
        )
        for true_class, predicted_class, count in confused_pairs(predictions.y_true, predictions.y_pred, n_classes)[
            :MAX_PAIRS
        ]
    ]
    listed = element("ol", pairs) if pairs else element("p", translate("no confusions"))
    is_table = n_classes <= MAX_MATRIX_CLASSES
    drawn = _matrix_table(data.classes, matrix, translate) if is_table else _matrix_image(matrix, translate)
    frequent = element("div", element("h3", translate("most frequent")), listed)
    return section("confusions", translate, element("div", drawn, frequent, class_="beside"))


def _matrix_table(classes: Sequence[str], matrix: Array, translate: Translator) -> Element:
    shares = normalize_rows(matrix)
    body = []
    for true_class, name in enumerate(classes):
        cells = [
            element("td", f"{count:,}" if count else "·", class_=_shade(float(share), true_class == predicted_class))
            for predicted_class, (count, share) in enumerate(
                zip(matrix[true_class].tolist(), shares[true_class], strict=True)
            )
        ]
        body.append(element("tr", element("th", truncate(name, 24), scope="row"), cells))
    headings = [translate("truth and prediction"), *(truncate(name, 12) for name in classes)]
    return table(translate("confusion caption"), headings, body, "matrix")


def _shade(share: float, is_correct: bool) -> str | None:
    """Return the CSS class of a cell by its share of the true class: blue on the diagonal, else orange."""
    step = min(int(np.ceil(share * N_SHADES)), N_SHADES)
    return f"{'right' if is_correct else 'wrong'}{step}" if step else None


def _matrix_image(matrix: Array, translate: Translator) -> Element:
    pixels = np.round(255 - 255 * np.sqrt(normalize_rows(matrix))).astype(np.uint8)
    caption = translate("confusion image", count=len(matrix))
    image = element("img", src=png_data_uri(pixels), alt=caption, width=420, height=420, class_="pixels")
    return element("figure", image, element("figcaption", caption))


def calibration_section(predictions: Predictions, translate: Translator) -> Element | None:
    """Return the reliability diagram and the histogram of confidence; None without probabilities."""
    if not predictions.has_probabilities or predictions.scores is None:
        return None
    found = calibration(predictions.scores, predictions.y_pred, predictions.y_true)
    accuracy = Chart((0.0, 1.0), (0.0, 1.0), translate("confidence"), translate("accuracy"))
    counts = Chart((0.0, 1.0), (0.0, float(found.rows.max())), translate("confidence"), translate("rows"))
    for n in np.flatnonzero(found.rows).tolist():
        tooltip = _describe_bin(found, n, translate)
        accuracy.bar(n / N_BINS, (n + 1) / N_BINS, float(found.accuracy[n]), tooltip)
        counts.bar(n / N_BINS, (n + 1) / N_BINS, float(found.rows[n]), tooltip, "validation")
    accuracy.line([0.0, 1.0], [0.0, 1.0], "mark")
    error = translate("calibration error", error=format_percent(found.expected_calibration_error))
    figures = [
        figure(translate(key), chart.to_svg(f"{translate(key)}. {error}"))
        for key, chart in (("reliability", accuracy), ("confidence histogram", counts))
    ]
    return section("calibration", translate, element("div", figures, class_="charts"), element("p", error))


def _describe_bin(found: Calibration, n: int, translate: Translator) -> str:
    return translate(
        "calibration bin",
        low=format_percent(n / N_BINS),
        high=format_percent((n + 1) / N_BINS),
        count=int(found.rows[n]),
        confidence=format_percent(float(found.confidence[n])),
        accuracy=format_percent(float(found.accuracy[n])),
    )
