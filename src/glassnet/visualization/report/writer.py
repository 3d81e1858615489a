"""`write_report`: the sections of the report in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.atomic_write import write_atomically
from glassnet._version import __version__
from glassnet.visualization.html_page import html_document, load_css
from glassnet.visualization.i18n import Translator, truncate
from glassnet.visualization.markup import element
from glassnet.visualization.report.classifier_sections import calibration_section, confusion_section, per_class_section
from glassnet.visualization.report.learning_curves import learning_section
from glassnet.visualization.report.network_sections import activation_path_section, layers_section
from glassnet.visualization.report.regressor_sections import quantiles_section, residuals_section
from glassnet.visualization.report.report_data import ReportData, collect_report_data
from glassnet.visualization.report.summary import summary_section, training_section
from glassnet.visualization.report.worst_rows import worst_rows_section


def render_report(model: Any, x: Any = None, y: Any = None, *, source: str = "", language: str = "en") -> bytes:
    """Return a report on a model as a self-contained HTML page.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        The fitted model.
    x, y : array-like or data frame, optional
        Held-out rows and their targets, as for `evaluate` or `score`. Without them the report has the learning curves
        and the layers only.
    source : str
        The name of the rows.
    language : str
        ``"en"`` or ``"ko"``.

    Returns
    -------
    bytes
        The page in UTF-8, without scripts and requests.

    Raises
    ------
    InputError
        If model, rows and targets do not fit together, or the language is not available.
    """
    translate = Translator("glassnet.visualization.report", language)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a model may have diverged
        return _render(collect_report_data(model, x, y, source), translate)


def write_report(
    model: Any,
    x: Any = None,
    y: Any = None,
    path: str | Path = "report.html",
    *,
    source: str = "",
    language: str = "en",
) -> Path:
    """Write a report on a model as a self-contained HTML page, atomically; see `render_report`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the file can't be written, and as for `render_report`.
    """
    write_atomically(path, render_report(model, x, y, source=source, language=language))
    return Path(path)


def _render(data: ReportData, translate: Translator) -> bytes:
    title = translate("title", name=data.view.name)
    sections = [section for section in _sections(data, translate) if section is not None]
    links = []
    for section in sections:
        heading = section.find("h2")
        assert heading is not None
        links.append(element("li", element("a", heading.text, href=f"#{heading.get('id')}")))
    styles = [
        load_css("glassnet.visualization", "page.css"),
        load_css("glassnet.visualization"),
        load_css("glassnet.visualization.report"),
    ]
    return html_document(
        title,
        translate.language,
        styles,
        element("header", element("h1", title), element("p", _introduction(data, translate), class_="soft")),
        element("nav", element("ul", links), aria_label=translate("contents")),
        sections,
        element("footer", element("p", translate("written by", version=__version__), class_="soft")),
    )


def _introduction(data: ReportData, translate: Translator) -> str:
    kind = translate("classifier", count=len(data.classes)) if data.classes else translate("regressor")
    sizes = " → ".join(f"{size:,}" for size in data.structure.layer_sizes)
    model = translate("about", kind=kind, sizes=sizes, parameters=data.structure.n_parameters)
    if data.predictions is None:
        return f"{model} {translate('no rows')}"
    source = truncate(data.source, 200) or translate("rows given")
    return f"{model} {translate('evaluated on', count=len(data.predictions), source=source)}"


def _sections(data: ReportData, translate: Translator) -> list[Element | None]:
    return [
        summary_section(data, translate),
        learning_section(data, translate),
        *_prediction_sections(data, translate),
        layers_section(data, translate),
        activation_path_section(data, translate),
        training_section(data, translate),
    ]


def _prediction_sections(data: ReportData, translate: Translator) -> list[Element | None]:
    predictions = data.predictions
    if predictions is None:
        return []
    if data.classes:
        return [
            confusion_section(data, predictions, translate),
            per_class_section(data, predictions, translate),
            calibration_section(predictions, translate),
            worst_rows_section(data, predictions, translate),
        ]
    return [
        residuals_section(data, predictions, translate),
        quantiles_section(data, predictions, translate),
        worst_rows_section(data, predictions, translate),
    ]
