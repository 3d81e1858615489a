"""Sections on a regressor: predictions against true values, residuals, and the coverage of quantiles."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.metrics.regression import quantile_coverage
from glassnet.visualization.charts import MAX_SCATTER_POINTS, Chart, evenly_spaced, finite_range, histogram
from glassnet.visualization.i18n import Translator, format_number, format_percent, truncate
from glassnet.visualization.markup import element
from glassnet.visualization.report.report_data import Predictions, ReportData
from glassnet.visualization.report.sections import figure, note, section, table, table_row

#: Maximum number of outputs with charts.
MAX_OUTPUTS = 4


def residuals_section(data: ReportData, predictions: Predictions, translate: Translator) -> Element:
    """Return for each output the predictions against the true values, and a histogram of the residuals."""
    n_outputs = predictions.y_pred.shape[1]
    figures = []
    for output in range(min(n_outputs, MAX_OUTPUTS)):
        y_true = predictions.y_true[:, output if predictions.y_true.shape[1] > 1 else 0]
        y_pred = predictions.y_pred[:, output]
        name = truncate(data.view.output_names[output], 40)
        true_name = translate("truth") if data.quantiles else translate("true", name=name)
        figures.append(_predicted_against_true(y_true, y_pred, name, true_name, translate))
        figures.append(_residual_histogram(y_true - y_pred, name, translate))
    n_more = n_outputs - MAX_OUTPUTS
    more = note(translate("more outputs", count=n_more)) if n_more > 0 else None
    return section("residuals", translate, element("div", figures, class_="charts"), more)


def _predicted_against_true(y_true: Array, y_pred: Array, name: str, true_name: str, translate: Translator) -> Element:
    low, high = finite_range(np.concatenate([y_true, y_pred]))
    chart = Chart((low, high), (low, high), true_name, translate("predicted", name=name))
    chart.line([low, high], [low, high], "mark")
    shown = evenly_spaced(len(y_true), MAX_SCATTER_POINTS)
    finite = shown[np.isfinite(y_true[shown]) & np.isfinite(y_pred[shown])]
    chart.scatter(y_true[finite], y_pred[finite])
    sample = ""
    if len(shown) < len(y_true):
        sample = translate("some rows", count=len(shown), all=len(y_true))
    ends = {"low": format_number(low), "high": format_number(high)}
    drawn = chart.to_svg(translate("predicted and true description", name=name, **ends))
    caption = element("p", translate("dotted line"), " ", sample, class_="soft")
    return figure(translate("predicted and true", name=name), drawn, caption)


def _residual_histogram(residual: Array, name: str, translate: Translator) -> Element:
    mean = format_number(float(np.mean(residual)))
    std = format_number(float(np.std(residual)))
    summary = translate("residual summary", mean=mean, std=std)
    title = translate("residual", name=name)
    drawn = histogram(residual, translate("residual axis"), translate("rows"), f"{title}: {summary}")
    return figure(title, drawn, note(summary))


def quantiles_section(data: ReportData, predictions: Predictions, translate: Translator) -> Element | None:
    """Return the share of rows below each quantile; None for a model without quantiles."""
    if not data.quantiles:
        return None
    coverage = quantile_coverage(predictions.y_true, predictions.y_pred).tolist()
    body = [
        table_row(format_percent(quantile), [format_percent(share)])
        for quantile, share in zip(data.quantiles, coverage, strict=True)
    ]
    headings = [translate("quantile"), translate("share below")]
    quantiles = table(translate("coverage"), headings, body)
    return section("quantiles", translate, quantiles, note(translate("coverage note")))
