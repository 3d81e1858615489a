"""`show`: a network and its activations for one row as a picture, in a notebook or as a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.atomic_write import write_atomically
from glassnet.errors import InputError
from glassnet.models.model import Model
from glassnet.models.network_view import NamedOutput, NetworkView, Viewable
from glassnet.visualization.charts import sparkline
from glassnet.visualization.html_page import html_document, load_css
from glassnet.visualization.i18n import Translator, format_number, format_percent, truncate
from glassnet.visualization.markup import element, to_html
from glassnet.visualization.network_drawing import draw_network
from glassnet.visualization.network_layout import NetworkLayout
from glassnet.visualization.unit_formulas import layer_details, unit_formula

#: Maximum number of outputs in the text above the picture.
MAX_OUTPUTS = 5
#: Smallest probability of a class that is listed beside the predicted one.
MIN_PROBABILITY = 0.0005
_PACKAGE = "glassnet.visualization"


@dataclass(frozen=True)
class Picture:
    """A picture of a network, drawn when it is first displayed.

    Parameters
    ----------
    view : NetworkView
        The network, and optionally one row in it.
    language : str
        ``"en"`` or ``"ko"``.
    curves : sequence of (str, sequence of float)
        Curves of the training, each with its values over the epochs; the names are ``"loss"``, ``"validation loss"``
        and ``"validation score"``.
    details : bool
        Whether to include the formulas of all units and the tables of their numbers, collapsed.
    """

    view: NetworkView
    language: str = "en"
    curves: Sequence[tuple[str, Sequence[float]]] = ()
    details: bool = True

    @cached_property
    def tree(self) -> Element:
        """The picture as an element, without its style sheet."""
        with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged is drawn with its NaN
            return self._draw()

    def _draw(self) -> Element:
        translate = Translator(_PACKAGE, self.language)
        layout = NetworkLayout(self.view)
        has_row = bool(self.view.cache)
        scroll = {"class_": "gn-scroll", "role": "region", "aria_label": translate("scroll")}
        details = range(layout.n_layers - 1, -1, -1) if has_row and self.details else ()
        curves = [sparkline(values, translate(name), translate) for name, values in self.curves]
        return element(
            "section",
            element("p", self._summary(translate), class_="gn-soft"),
            self._outputs(translate) if has_row else None,
            element("div", draw_network(layout, translate), tabindex=0, **scroll),
            element("p", translate("legend" if has_row else "legend of weights"), class_="gn-soft"),
            self._formula_of_prediction(translate) if has_row else None,
            [layer_details(layout, layer, translate) for layer in details],
            element("div", curves, class_="gn-curves"),
            class_="glassnet-network",
            lang=self.language,
            aria_label=translate("picture of", name=self.view.name),
        )

    @cached_property
    def html(self) -> str:
        """The picture with its style sheet, to embed in a page."""
        return f"<div><style>{load_css(_PACKAGE)}</style>{to_html(self.tree)}</div>"

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<Picture of {self.view.name}; show it in a notebook, or .save('picture.html')>"

    def save(self, path: str | Path) -> Path:
        """Write the picture as a self-contained HTML file, atomically.

        Parameters
        ----------
        path : str or Path
            The file, usually ``.html``; missing folders are created.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If it can't be written.
        """
        title = Translator(_PACKAGE, self.language)("picture of", name=self.view.name)
        styles = [load_css(_PACKAGE, "page.css"), load_css(_PACKAGE)]
        write_atomically(path, html_document(title, self.language, styles, element("h1", title), self.tree))
        return Path(path)

    def _summary(self, translate: Translator) -> str:
        structure = self.view.structure
        sizes = " → ".join(f"{size:,}" for size in structure.layer_sizes)
        return translate("summary", sizes=sizes, parameters=structure.n_parameters)

    def _outputs(self, translate: Translator) -> Element:
        outputs = self.view.outputs
        predicted = self.view.predicted
        if predicted < 0:
            shown = "; ".join(_format_output(output) for output in outputs[:MAX_OUTPUTS])
            n_more = len(outputs) - MAX_OUTPUTS
            more = translate("more outputs", count=n_more) if n_more > 0 else ""
            return element("p", element("strong", shown), more, class_="gn-answer")
        others = sorted((o for n, o in enumerate(outputs) if n != predicted), key=lambda output: -output.value)
        likely = [
            output
            for output in others[: MAX_OUTPUTS - 1]
            if not output.is_probability or output.value >= MIN_PROBABILITY
        ]
        rest = "".join(f"; {_format_output(output)}" for output in likely or others[:1])
        return element("p", element("strong", _format_output(outputs[predicted])), rest, class_="gn-answer")

    def _formula_of_prediction(self, translate: Translator) -> Element:
        view = self.view
        unit = view.outputs[max(view.predicted, 0)].unit if view.outputs else 0
        title = element("strong", translate("formula of", name=view.output_names[unit]))
        return element("div", title, unit_formula(view, view.structure.n_layers, unit, translate))


def _format_output(output: NamedOutput) -> str:
    name = truncate(output.name, 40)
    if output.is_probability:
        return f"{name}: {format_percent(output.value)}"
    return f"{name} = {format_number(output.value, 6)}"


def show(model: Any, X: Any, row: int = 0, *, image: bool | None = None, language: str = "en") -> Picture:
    """Return a picture of a network and of its activations for one row.

    It shows the prediction, the units of each layer with their activations, the largest contributions between them,
    ``z``, ``a`` and ``b`` of the unit under the pointer or with the focus, and the formula of each unit with its
    numbers. Of a wide layer the most active units are drawn one by one, and all units as a map.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        The fitted network.
    X : array-like or data frame (samples, features), or array-like (features,)
        Rows as for `predict`, or one row.
    row : int
        Index of the row, from 0.
    image : bool, optional
        Whether to draw the row as a square image; by default if its columns look like pixels.
    language : str
        ``"en"`` or ``"ko"``.

    Returns
    -------
    Picture
        Displayed by notebooks as the last line of a cell; ``.save("picture.html")`` writes a self-contained file,
        without scripts and requests.

    Raises
    ------
    InputError
        If the model can't be shown, there is no such row, it does not suit the model, or it is not a square.

    Examples
    --------
    >>> import glassnet
    >>> model = glassnet.fit([[0, 0], [0, 1], [1, 0], [1, 1]] * 50, [0, 1, 1, 0] * 50, hidden=(8,))
    >>> glassnet.show(model, [[0, 1]])
    <Picture of y; show it in a notebook, or .save('picture.html')>
    """
    Translator(_PACKAGE, language)  # raises for an unknown language
    if not hasattr(model, "network_view"):
        hint = "; show its last step: show(pipeline[-1], pipeline[:-1].transform(X))" if hasattr(model, "steps") else ""
        raise InputError(
            f"model is a {type(model).__name__}; glassnet.Model, MLPClassifier and MLPRegressor can be shown{hint}"
        )
    view = cast(Viewable, model).network_view(X, row)
    if image is not None:
        side = math.isqrt(view.structure.n_inputs)
        if image and (side * side != view.structure.n_inputs or view.structure.embeddings):
            raise InputError(
                f"image is True, but a row has {view.structure.n_inputs:,} inputs, which are not a square; leave it out"
            )
        view = replace(view, image_side=side if image else 0)
    return Picture(view, language)


def model_html(model: Model) -> str:
    """Return the picture of a model with the curves of its training, as notebooks show it."""
    validated = [epoch.validation_loss for epoch in model.history if epoch.validation_loss is not None]
    curves = [("loss", [epoch.loss for epoch in model.history]), ("validation loss", validated)]
    return Picture(model.network_view(), curves=curves).html
