"""A regressor's page: predictions beside the truth, residuals, and whether quantiles hold."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.metrics.regression import quantile_coverage
from glassnet.visualization.i18n import Words, number, percent, short
from glassnet.visualization.markup import element
from glassnet.visualization.report.charts import Chart, histogram, range_of, thinned
from glassnet.visualization.report.classes import note, scrolled, table
from glassnet.visualization.report.report_data import Case, Judged
from glassnet.visualization.report.summary import section

#: Outputs that are drawn.
MAX_OUTPUTS = 4


def residuals(case: Case, rows: Judged, words: Words) -> Element:
    """Return for each output: predicted against true values, and how the residuals are spread."""
    figures = []
    names = case.sight.output_names
    for output in range(min(rows.predicted.shape[1], MAX_OUTPUTS)):
        truth = rows.truth[:, output if rows.truth.shape[1] > 1 else 0]
        predicted = rows.predicted[:, output]
        name = short(names[output], 40)
        true_name = words("truth") if case.quantiles else words("true", name=name)
        figures += [_against(truth, predicted, name, true_name, words), _spread(truth - predicted, name, words)]
    left = rows.predicted.shape[1] - MAX_OUTPUTS
    more = note(words("more outputs", count=left)) if left > 0 else None
    return section("residuals", words, element("div", figures, class_="charts"), more)


def _against(truth: Array, predicted: Array, name: str, true_name: str, words: Words) -> Element:
    shown = thinned(len(truth))
    low, high = range_of(np.concatenate([truth, predicted]))
    chart = Chart((low, high), (low, high), true_name, words("predicted", name=name))
    chart.line([low, high], [low, high], "mark")
    finite = shown[np.isfinite(truth[shown]) & np.isfinite(predicted[shown])]
    chart.dots(truth[finite], predicted[finite])
    title = words("against", name=name)
    thin = words("some rows", count=len(shown), all=len(truth)) if len(shown) < len(truth) else ""
    told = words("against told", name=name, low=number(low), high=number(high))
    caption = element("figcaption", element("h3", title), element("p", words("dotted line"), " ", thin, class_="soft"))
    return element("figure", caption, chart.drawn(told))


def _spread(residual: Array, name: str, words: Words) -> Element:
    middle, deviation = number(float(np.mean(residual))), number(float(np.std(residual)))
    told = words("residual told", mean=middle, deviation=deviation)
    title = words("residual", name=name)
    caption = element("figcaption", element("h3", title), element("p", told, class_="soft"))
    return element("figure", caption, histogram(residual, words("residual axis"), words("rows"), f"{title}: {told}"))


def covered(case: Case, rows: Judged, words: Words) -> Element | None:
    """Return which share of the rows lies below each quantile; None where none is predicted."""
    if not case.quantiles:
        return None
    body = [
        element("tr", element("th", percent(wanted), scope="row"), element("td", percent(share)))
        for wanted, share in zip(case.quantiles, quantile_coverage(rows.truth, rows.predicted).tolist(), strict=True)
    ]
    caption = words("coverage")
    head = [element("th", words(key), scope="col") for key in ("quantile", "share below")]
    return section("quantiles", words, scrolled(table(caption, head, body), caption), note(words("coverage note")))
