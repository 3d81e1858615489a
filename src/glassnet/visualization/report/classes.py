"""A classifier's page: each class, what is taken for what, and whether its sureness can be believed."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.metrics.calibration import N_BINS, calibration
from glassnet.metrics.classification import classification_metrics, confused_pairs, confusion_matrix, normalize_rows
from glassnet.visualization.i18n import Words, percent, short
from glassnet.visualization.images import as_data
from glassnet.visualization.markup import element
from glassnet.visualization.report.charts import Chart
from glassnet.visualization.report.report_data import Case, Judged
from glassnet.visualization.report.summary import section

#: Classes of which the matrix is a table; more are a picture. Rows of the table of classes, and confusions, at most.
MAX_CLASSES, MAX_LISTED, MAX_CONFUSIONS = 30, 200, 10
#: Steps of a cell's shade.
SHADES = 10


def by_class(case: Case, rows: Judged, words: Words) -> Element:
    """Return precision, recall and rows of each class; of very many the ones that are found worst."""
    found = classification_metrics(rows.truth, rows.predicted, case.classes)["classes"]
    told = [(name, *found[name].values()) for name in found]
    if len(told) > MAX_LISTED:
        told = sorted(told, key=lambda entry: entry[2])[:MAX_LISTED]
    caption = words("worst classes" if len(told) < len(found) else "classes", count=len(told))
    body = [
        element(
            "tr",
            element("th", short(name, 60), scope="row"),
            [element("td", percent(value)) for value in (precision, recall)],
            element("td", f"{count:,}"),
        )
        for name, precision, recall, count in told
    ]
    head = [element("th", words(key), scope="col") for key in ("class", "precision", "recall", "rows")]
    return section("classes", words, scrolled(table(caption, head, body), caption), note(words("classes note")))


def confused(case: Case, rows: Judged, words: Words) -> Element:
    """Return the confusion matrix, and the most frequent confusions in words."""
    n_classes = len(case.classes)
    matrix = confusion_matrix(rows.truth, rows.predicted, n_classes)
    told = [
        element(
            "li", words("taken for", truth=short(case.classes[t], 40), predicted=short(case.classes[p], 40), count=n)
        )
        for t, p, n in confused_pairs(rows.truth, rows.predicted, n_classes)[:MAX_CONFUSIONS]
    ]
    listed = element("ol", told) if told else element("p", words("no confusions"))
    few = len(matrix) <= MAX_CLASSES
    drawn = _matrix(case.classes, matrix, words) if few else _matrix_as_picture(matrix, words)
    frequent = element("div", element("h3", words("most frequent")), listed)
    return section("confusions", words, element("div", drawn, frequent, class_="beside"))


def _matrix(classes: tuple[str, ...], matrix: Array, words: Words) -> Element:
    shares = normalize_rows(matrix)
    body = []
    for truth, name in enumerate(classes):
        cells = [
            element("td", f"{count:,}" if count else "·", class_=_shade(float(share), truth == predicted))
            for predicted, (count, share) in enumerate(zip(matrix[truth].tolist(), shares[truth], strict=True))
        ]
        body.append(element("tr", element("th", short(name, 24), scope="row"), cells))
    head = [element("th", words("truth and prediction"), scope="col")]
    head += [element("th", short(name, 12), scope="col") for name in classes]
    caption = words("confusion caption")
    return scrolled(table(caption, head, body, "matrix"), caption)


def _shade(share: float, right: bool) -> str | None:
    """Return the class of a cell: how much of the true class it holds, blue where it is right, orange where not."""
    step = min(int(np.ceil(share * SHADES)), SHADES)
    return f"{'right' if right else 'wrong'}{step}" if step else None


def _matrix_as_picture(matrix: Array, words: Words) -> Element:
    shares = normalize_rows(matrix)
    picture = as_data(np.round(255 - 255 * np.sqrt(shares)).astype(np.uint8))
    caption = words("confusion picture", count=len(matrix))
    image = element("img", src=picture, alt=caption, width=420, height=420, class_="pixels")
    return element("figure", image, element("figcaption", caption))


def calibrated(rows: Judged, words: Words) -> Element | None:
    """Return how often the model is right, by how sure it is; None where it has no probabilities."""
    if not rows.probable or rows.sureness is None:
        return None
    found = calibration(rows.sureness, rows.predicted, rows.truth)
    chart = Chart((0.0, 1.0), (0.0, 1.0), words("confidence"), words("share right"))
    counts = Chart((0.0, 1.0), (0.0, float(found.rows.max())), words("confidence"), words("rows"))
    for place in np.flatnonzero(found.rows).tolist():
        told = words(
            "bin", low=percent(place / N_BINS), high=percent((place + 1) / N_BINS), count=int(found.rows[place]),
            sure=percent(float(found.confidence[place])), right=percent(float(found.accuracy[place])),
        )  # fmt: skip
        chart.bar(place / N_BINS, (place + 1) / N_BINS, float(found.accuracy[place]), told)
        counts.bar(place / N_BINS, (place + 1) / N_BINS, float(found.rows[place]), told, "validation")
    chart.line([0.0, 1.0], [0.0, 1.0], "mark")
    error = words("calibration error", error=percent(found.expected_calibration_error))
    figures = [
        element("figure", element("figcaption", element("h3", words(key))), drawn.drawn(f"{words(key)}. {error}"))
        for key, drawn in (("reliability", chart), ("how sure", counts))
    ]
    return section("calibration", words, element("div", figures, class_="charts"), element("p", error))


def table(caption: str, head: list[Element], body: list[Element], class_: str | None = None) -> Element:
    """Return a table with a caption."""
    top = element("thead", element("tr", head))
    return element("table", element("caption", caption), top, element("tbody", body), class_=class_)


def scrolled(content: Element, name: str) -> Element:
    """Return what may be wider than the page, so that it can be scrolled, by the keyboard too."""
    return element("div", content, class_="scroll", tabindex=0, role="region", aria_label=name)


def note(text: str) -> Element:
    """Return a remark."""
    return element("p", text, class_="soft")
