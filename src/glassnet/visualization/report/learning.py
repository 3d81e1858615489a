"""The curves of the training: loss and metric after every epoch."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet.metrics.registry import NO_METRIC
from glassnet.visualization.i18n import Words, number
from glassnet.visualization.markup import element
from glassnet.visualization.report.charts import Chart, range_of
from glassnet.visualization.report.report_data import Case
from glassnet.visualization.report.summary import section

#: The kinds of rows of a history, and how the names of its fields begin.
KINDS = {"training": "", "validation": "validation_", "test": "test_"}


def learning(case: Case, words: Words) -> Element | None:
    """Return the curves, or None where there is no history."""
    charts = [_chart(case, "loss", words("loss"), words)]
    if case.metric != NO_METRIC:
        charts.append(_chart(case, "metric", words(case.metric), words))
    drawn = [chart for chart in charts if chart is not None]
    if not drawn:
        return None
    note = words("kept epoch", epoch=case.best_epoch) if case.best_epoch else None
    return section("learning", words, element("div", drawn, class_="charts"), element("p", note, class_="soft"))


def _chart(case: Case, field: str, title: str, words: Words) -> Element | None:
    curves = {}
    for kind, begin in KINDS.items():
        points = [(epoch.epoch, getattr(epoch, begin + field)) for epoch in case.history]
        known = [(epoch, float(value)) for epoch, value in points if value is not None and np.isfinite(value)]
        if known:
            curves[kind] = known
    if not curves:
        return None
    epochs = range_of(np.array([epoch for known in curves.values() for epoch, _ in known], float))
    low, high = range_of(np.array([value for known in curves.values() for _, value in known]))
    chart = Chart(epochs, (min(low, 0.0) if field == "loss" else low, high), words("epoch"), title, whole=True)
    if case.best_epoch:
        chart.upright(case.best_epoch)
    legend, told = [], []
    for kind, known in curves.items():
        chart.line([float(epoch) for epoch, _ in known], [value for _, value in known], kind)
        first, last = number(known[0][1]), number(known[-1][1])
        told.append(words("from to", name=words(kind), first=first, last=last))
        legend.append(element("li", element("span", class_=f"key {kind}"), told[-1]))
    caption = element("figcaption", element("h3", title), element("ul", legend, class_="legend"))
    return element("figure", caption, chart.drawn(f"{title}: {'; '.join(told)}"))
