"""`write_report`: the parts of the page in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.atomic_write import write_atomically
from glassnet._version import __version__
from glassnet.visualization.i18n import Words, short
from glassnet.visualization.markup import element
from glassnet.visualization.page import document, style_of
from glassnet.visualization.report.classes import by_class, calibrated, confused
from glassnet.visualization.report.learning import learning
from glassnet.visualization.report.network import layers, way
from glassnet.visualization.report.report_data import Case, case_of
from glassnet.visualization.report.summary import glance, training
from glassnet.visualization.report.values import covered, residuals
from glassnet.visualization.report.worst import worst_rows


def report_of(model: Any, x: Any = None, y: Any = None, *, source: str = "", language: str = "en") -> bytes:
    """Return a report on a model as one page of HTML.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        Fitted.
    x, y : array-like or data frame, optional
        Rows that it was not trained on, and their truth, as `evaluate` or `score` takes them. Without them the page has
        the curves and the layers only.
    source : str
        What the rows are called.
    language : str
        ``"en"`` or ``"ko"``.

    Returns
    -------
    bytes
        A page in UTF-8 that runs nothing and asks for nothing.

    Raises
    ------
    InputError
        If model, rows and truth do not go together, or there is no such language.
    """
    words = Words("glassnet.visualization.report", language)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what has diverged is told as it is
        return _page(case_of(model, x, y, source), words)


def write_report(
    model: Any,
    x: Any = None,
    y: Any = None,
    path: str | Path = "report.html",
    *,
    source: str = "",
    language: str = "en",
) -> Path:
    """Write a report on a model as one page of HTML, atomically; see `report_of`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If it can't be written, and as `report_of`.
    """
    write_atomically(path, report_of(model, x, y, source=source, language=language))
    return Path(path)


def _page(case: Case, words: Words) -> bytes:
    title = words("title", name=case.sight.name)
    parts = [part for part in _parts(case, words) if part is not None]
    links = []
    for part in parts:
        heading = part.find("h2")
        assert heading is not None
        links.append(element("li", element("a", heading.text, href=f"#{heading.get('id')}")))
    styles = [
        style_of("glassnet.visualization", "page.css"),
        style_of("glassnet.visualization"),
        style_of("glassnet.visualization.report"),
    ]
    return document(
        title,
        words.language,
        styles,
        element("header", element("h1", title), element("p", _about(case, words), class_="soft")),
        element("nav", element("ul", links), aria_label=words("contents")),
        parts,
        element("footer", element("p", words("written by", version=__version__), class_="soft")),
    )


def _about(case: Case, words: Words) -> str:
    kind = words("classes told", count=len(case.classes)) if case.classes else words("values told")
    sizes = " → ".join(f"{size:,}" for size in case.structure.layer_sizes)
    told = words("about", kind=kind, sizes=sizes, parameters=case.structure.n_parameters)
    if case.rows is None:
        return f"{told} {words('no rows')}"
    source = short(case.source, 200) or words("rows given")
    return f"{told} {words('judged on', count=len(case.rows), source=source)}"


def _parts(case: Case, words: Words) -> list[Element | None]:
    rows = case.rows
    judged: list[Element | None] = []
    if rows is not None and case.classes:
        judged = [
            confused(case, rows, words),
            by_class(case, rows, words),
            calibrated(rows, words),
            worst_rows(case, rows, words),
        ]
    elif rows is not None:
        judged = [residuals(case, rows, words), covered(case, rows, words), worst_rows(case, rows, words)]
    return [
        glance(case, words),
        learning(case, words),
        *judged,
        layers(case, words),
        way(case, words),
        training(case, words),
    ]
