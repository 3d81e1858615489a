"""Section on the training: loss and metric over the epochs."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet.metrics.registry import NO_METRIC
from glassnet.visualization.charts import Chart, finite_range
from glassnet.visualization.i18n import Translator, format_number
from glassnet.visualization.markup import element
from glassnet.visualization.report.report_data import ReportData
from glassnet.visualization.report.sections import figure, note, section

#: The splits of a history, and the prefixes of their fields.
PREFIXES = {"training": "", "validation": "validation_", "test": "test_"}


def learning_section(data: ReportData, translate: Translator) -> Element | None:
    """Return the learning curves, or None without a history."""
    charts = [_chart(data, "loss", translate("loss"), translate)]
    if data.metric != NO_METRIC:
        charts.append(_chart(data, "metric", translate(data.metric), translate))
    charts = [chart for chart in charts if chart is not None]
    if not charts:
        return None
    best_epoch = note(translate("best epoch", epoch=data.best_epoch) if data.best_epoch else "")
    return section("learning", translate, element("div", charts, class_="charts"), best_epoch)


def _chart(data: ReportData, field: str, title: str, translate: Translator) -> Element | None:
    curves = {}
    for split, prefix in PREFIXES.items():
        points = [(epoch.epoch, getattr(epoch, prefix + field)) for epoch in data.history]
        points = [(epoch, float(value)) for epoch, value in points if value is not None and np.isfinite(value)]
        if points:
            curves[split] = points
    if not curves:
        return None
    epochs = finite_range(np.array([epoch for points in curves.values() for epoch, _ in points], float))
    low, high = finite_range(np.array([value for points in curves.values() for _, value in points]))
    y_range = (min(low, 0.0) if field == "loss" else low, high)
    chart = Chart(epochs, y_range, translate("epoch"), title, integer_ticks=True)
    if data.best_epoch:
        chart.vertical_line(data.best_epoch)
    legend = []
    descriptions = []
    for split, points in curves.items():
        chart.line([float(epoch) for epoch, _ in points], [value for _, value in points], split)
        ends = {"first": format_number(points[0][1]), "last": format_number(points[-1][1])}
        description = translate("from to", name=translate(split), **ends)
        descriptions.append(description)
        legend.append(element("li", element("span", class_=f"key {split}"), description))
    drawn = chart.to_svg(f"{title}: {'; '.join(descriptions)}")
    return figure(title, drawn, element("ul", legend, class_="legend"))
