"""What one wants to know first: how good the model is, and how it was trained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np

from glassnet.metrics.classification import wilson_interval
from glassnet.metrics.regression import regression_metrics
from glassnet.visualization.i18n import Words, number, percent
from glassnet.visualization.markup import Content, element
from glassnet.visualization.report.report_data import Case, Judged


def section(key: str, words: Words, *content: Content) -> Element:
    """Return a part of the page under a heading of its own."""
    return element("section", element("h2", words(f"{key} title"), id=key), content)


def glance(case: Case, words: Words) -> Element | None:
    """Return the few figures that say how good the model is on the rows; None without rows."""
    if case.rows is None:
        return None
    tiles = [
        element("div", element("dt", words(key)), element("dd", value, element("small", note)), class_="tile")
        for key, value, note in _figures(case, case.rows, words)
    ]
    return section("glance", words, element("dl", tiles, class_="tiles"))


def _figures(case: Case, rows: Judged, words: Words) -> Iterator[tuple[str, str, str]]:
    count = len(rows)
    if case.classes:
        right = int(np.sum(rows.truth == rows.predicted))
        low, high = wilson_interval(right, count)
        yield "accuracy", percent(right / count), words("between", low=percent(low), high=percent(high))
        yield "wrong", f"{count - right:,}", words("of rows", count=count)
        commonest = np.bincount(rows.truth, minlength=len(case.classes))
        share = percent(float(commonest.max()) / count)
        yield "always", share, words("always says", name=case.classes[int(np.argmax(commonest))])
    elif not case.quantiles:
        found = regression_metrics(rows.truth, rows.predicted)
        yield (
            "r2",
            words("not for one row") if found["r2"] is None else number(found["r2"]),
            words("of rows", count=count),
        )
        yield "mean absolute error", number(found["mean_absolute_error"]), ""
        yield "root mean squared error", number(found["root_mean_squared_error"]), ""
        yield "deviation of the target", number(float(np.std(rows.truth))), words("error of the mean")
    else:
        yield "rows", f"{count:,}", ""
    yield "loss", number(float(np.mean(rows.loss))), words("in units of training")


def training(case: Case, words: Words) -> Element:
    """Return how the model came to be, as a list."""
    items = []
    for key, value in case.training.items():
        if value is not None and value != "":
            told = f"{value:,}" if isinstance(value, int) and key != "seed" else value
            told = number(value) if isinstance(value, float) else told
            told = _reason(value, words) if key == "stop reason" else told
            items.append(element("div", element("dt", words(f"training: {key}")), element("dd", str(told))))
    return section("training", words, element("dl", items, class_="facts"))


def _reason(reason: str, words: Words) -> str:
    """Return why a training ended in the page's language; what a callback said stays as it is."""
    for known in ("all epochs done", "diverged", "interrupted"):
        if reason == known:
            return words(f"reason: {known}")
    found = re.fullmatch(r"no better for (\d+) epochs", reason)
    return words("reason: no better", count=int(found[1])) if found else reason
