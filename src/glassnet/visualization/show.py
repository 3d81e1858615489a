"""`show`: a network and one row's way through it, in a notebook or as a file."""

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
from glassnet.models.network_view import Answer, NetworkView, Seen
from glassnet.visualization.curves import small_curve
from glassnet.visualization.drawing import drawn
from glassnet.visualization.formulas import formula, layer_details
from glassnet.visualization.i18n import Words, number, percent, short
from glassnet.visualization.layout import Plan
from glassnet.visualization.markup import element, written
from glassnet.visualization.page import document, style_of

#: Answers that are told in words.
MAX_ANSWERS = 5
#: A probability that is told besides the answer's.
WORTH_TELLING = 0.0005


@dataclass(frozen=True)
class Picture:
    """A picture of a network, drawn when it is looked at.

    Parameters
    ----------
    sight : NetworkView
        What is seen.
    language : str
        Of its words: en or ko.
    curves : sequence of (str, sequence of float)
        What to draw of the training: "loss", "validation loss" or "validation score", and values over the epochs.
    details : bool
        Whether the formulas of all units and the tables of their numbers can be opened.
    """

    sight: NetworkView
    language: str = "en"
    curves: Sequence[tuple[str, Sequence[float]]] = ()
    details: bool = True

    @cached_property
    def tree(self) -> Element:
        """The picture as a tree of elements, without its style sheet."""
        with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged is drawn as it is
            return self._drawn()

    def _drawn(self) -> Element:
        words, plan = Words("glassnet.visualization", self.language), Plan(self.sight)
        label = words("picture of", name=self.sight.name)
        row = bool(self.sight.cache)
        return element(
            "section",
            element("p", self._facts(words), class_="gn-soft"),
            self._answer(words) if row else None,
            element(
                "div", drawn(plan, words), class_="gn-scroll", tabindex=0, role="region", aria_label=words("scroll")
            ),
            element("p", words("legend" if row else "legend of weights"), class_="gn-soft"),
            self._formula_of_answer(words) if row else None,
            [layer_details(plan, layer, words) for layer in range(plan.layers - 1, -1, -1)]
            if row and self.details
            else None,
            element(
                "div", [small_curve(values, words(name), words) for name, values in self.curves], class_="gn-curves"
            ),
            class_="glassnet-network",
            lang=self.language,
            aria_label=label,
        )

    @cached_property
    def html(self) -> str:
        """The picture with its style sheet, to stand inside another page."""
        return f"<div><style>{style_of('glassnet.visualization')}</style>{written(self.tree)}</div>"

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<Picture of {self.sight.name}; show it in a notebook, or .save('picture.html')>"

    def save(self, path: str | Path) -> Path:
        """Write the picture as a page of its own, atomically.

        Parameters
        ----------
        path : str or Path
            The file, ``.html`` by custom; its folder is made if need be.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If it can't be written.
        """
        words = Words("glassnet.visualization", self.language)
        title = words("picture of", name=self.sight.name)
        styles = [style_of("glassnet.visualization", "page.css"), style_of("glassnet.visualization")]
        page = document(title, self.language, styles, element("h1", title), self.tree)
        write_atomically(path, page)
        return Path(path)

    def _facts(self, words: Words) -> str:
        structure = self.sight.structure
        sizes = " → ".join(f"{size:,}" for size in structure.layer_sizes)
        return words("facts", sizes=sizes, parameters=structure.n_parameters)

    def _answer(self, words: Words) -> Element:
        answers, chosen = self.sight.answers, self.sight.chosen
        if chosen < 0:
            told = [_told(answer) for answer in answers[:MAX_ANSWERS]]
            more = len(answers) - MAX_ANSWERS
            left = words("more answers", count=more) if more > 0 else ""
            return element("p", element("strong", "; ".join(told)), left, class_="gn-answer")
        others = sorted((a for i, a in enumerate(answers) if i != chosen), key=lambda answer: -answer.value)
        near = [a for a in others[: MAX_ANSWERS - 1] if not a.probability or a.value >= WORTH_TELLING] or others[:1]
        rest = "".join(f"; {_told(answer)}" for answer in near)
        return element("p", element("strong", _told(answers[chosen])), rest, class_="gn-answer")

    def _formula_of_answer(self, words: Words) -> Element:
        sight = self.sight
        unit = sight.answers[max(sight.chosen, 0)].unit if sight.answers else 0
        title = element("strong", words("formula of", name=sight.output_names[unit]))
        return element("div", title, formula(sight, sight.structure.n_layers, unit, words))


def _told(answer: Answer) -> str:
    name = short(answer.name, 40)
    return f"{name}: {percent(answer.value)}" if answer.probability else f"{name} = {number(answer.value, 6)}"


def show(model: Any, X: Any, row: int = 0, *, image: bool | None = None, language: str = "en") -> Picture:
    """Return a picture of a network and of one row's way through it.

    Each layer's units by their activation, the strongest connections between them, ``z``, ``a`` and ``b`` of each where
    the pointer or the keyboard is, the formula of a unit with its numbers put in, and the answer. Of a wide layer the
    most active units are drawn one by one, and all of them as a map.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        The network, fitted.
    X : array-like or data frame (samples, features), or array-like (features,)
        Rows as `predict` takes them, or one of them.
    row : int
        Which of them, from 0.
    image : bool, optional
        Whether the row is drawn as a square picture; if not given, where its columns look like pixels.
    language : str
        ``"en"`` or ``"ko"``.

    Returns
    -------
    Picture
        A notebook shows it as the last line of a cell; ``.save("picture.html")`` writes it as a page of its own, that
        needs no server, no script and no network.

    Raises
    ------
    InputError
        If the model is none that can be shown, there is no such row, it does not suit the model, or it makes no square.

    Examples
    --------
    >>> import glassnet
    >>> model = glassnet.fit([[0, 0], [0, 1], [1, 0], [1, 1]] * 50, [0, 1, 1, 0] * 50, hidden=(8,))
    >>> glassnet.show(model, [[0, 1]])
    <Picture of y; show it in a notebook, or .save('picture.html')>
    """
    Words(
        "glassnet.visualization", language
    )  # a language that there is none of is refused here, not when it is looked at
    if not hasattr(model, "sight"):
        hint = "; show its last step: show(pipeline[-1], pipeline[:-1].transform(X))" if hasattr(model, "steps") else ""
        raise InputError(
            f"model is a {type(model).__name__}; glassnet.Model, MLPClassifier and MLPRegressor can be shown{hint}"
        )
    sight = cast(Seen, model).sight(X, row)
    if image is not None:
        side = math.isqrt(sight.structure.n_inputs)
        if image and (side * side != sight.structure.n_inputs or sight.structure.tables):
            raise InputError(
                f"image is True, and a row has {sight.structure.n_inputs:,} inputs, which make no square; leave it out"
            )
        sight = replace(sight, side=side if image else 0)
    return Picture(sight, language)
