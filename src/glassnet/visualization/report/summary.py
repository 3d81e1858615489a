"""Sections with the most important metrics and with the settings of the training."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from glassnet.metrics.classification import wilson_interval
from glassnet.metrics.regression import regression_metrics
from glassnet.visualization.i18n import Translator, format_number, format_percent
from glassnet.visualization.markup import element
from glassnet.visualization.report.report_data import Predictions, ReportData
from glassnet.visualization.report.sections import section


def summary_section(data: ReportData, translate: Translator) -> Element | None:
    """Return the most important metrics; None without rows."""
    if data.predictions is None:
        return None
    tiles = [
        element("div", element("dt", translate(key)), element("dd", value, element("small", remark)), class_="tile")
        for key, value, remark in _metrics(data, data.predictions, translate)
    ]
    return section("summary", translate, element("dl", tiles, class_="tiles"))


def _metrics(data: ReportData, predictions: Predictions, translate: Translator) -> Iterator[tuple[str, str, str]]:
    """Yield the key, the value and a remark of each metric."""
    if data.classes:
        yield from _classifier_metrics(data, predictions, translate)
    elif data.quantiles:
        yield "rows", f"{len(predictions):,}", ""
    else:
        yield from _regressor_metrics(predictions, translate)
    yield "loss", format_number(float(np.mean(predictions.loss))), translate("in units of training")


def _classifier_metrics(
    data: ReportData, predictions: Predictions, translate: Translator
) -> Iterator[tuple[str, str, str]]:
    rows = len(predictions)
    correct = int(np.sum(predictions.y_true == predictions.y_pred))
    low, high = wilson_interval(correct, rows)
    interval = translate("interval", low=format_percent(low), high=format_percent(high))
    yield "accuracy", format_percent(correct / rows), interval
    yield "errors", f"{rows - correct:,}", translate("of rows", count=rows)
    class_counts = np.bincount(predictions.y_true, minlength=len(data.classes))
    majority_class = data.classes[int(np.argmax(class_counts))]
    share = format_percent(float(class_counts.max()) / rows)
    yield "majority class baseline", share, translate("majority class note", name=majority_class)


def _regressor_metrics(predictions: Predictions, translate: Translator) -> Iterator[tuple[str, str, str]]:
    found = regression_metrics(predictions.y_true, predictions.y_pred)
    r2 = translate("not for one row") if found["r2"] is None else format_number(found["r2"])
    yield "r2", r2, translate("of rows", count=len(predictions))
    yield "mean absolute error", format_number(found["mean_absolute_error"]), ""
    yield "root mean squared error", format_number(found["root_mean_squared_error"]), ""
    yield "std of the target", format_number(float(np.std(predictions.y_true))), translate("mean baseline note")


def training_section(data: ReportData, translate: Translator) -> Element:
    """Return the settings and the result of the training as a list."""
    items = [
        element(
            "div", element("dt", translate(f"training: {key}")), element("dd", _format_setting(key, value, translate))
        )
        for key, value in data.training.items()
        if value is not None and value != ""
    ]
    return section("training", translate, element("dl", items, class_="facts"))


def _format_setting(key: str, value: Any, translate: Translator) -> str:
    if key == "stop reason":
        return _translate_stop_reason(value, translate)
    if isinstance(value, float):
        return format_number(value)
    return f"{value:,}" if isinstance(value, int) and key != "seed" else str(value)


def _translate_stop_reason(reason: str, translate: Translator) -> str:
    """Return the stop reason in the language of the report; the reason of a callback stays as it is."""
    if reason in ("all epochs done", "diverged", "interrupted"):
        return translate(f"reason: {reason}")
    found = re.fullmatch(r"no better for (\d+) epochs", reason)
    return translate("reason: no better", count=int(found[1])) if found else reason
