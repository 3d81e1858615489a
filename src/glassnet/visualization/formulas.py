"""The formula of a unit with its numbers put in, and the numbers of a layer as a table."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet.models.network_view import NetworkView
from glassnet.visualization.drawing import given, name_of
from glassnet.visualization.i18n import Words, number
from glassnet.visualization.images import as_data, weights
from glassnet.visualization.layout import Plan
from glassnet.visualization.markup import element

#: Products that are written out; the others are one sum.
MAX_TERMS = 6
#: Rows of a layer's table; the most active units.
MAX_ROWS = 100


def formula(sight: NetworkView, layer: int, unit: int, words: Words) -> Element:
    """Return z_l[j] = Σ a_(l-1)[i] · W_l[i, j] + b_l[j] with the numbers of the row, and what becomes of it.

    The products are written in the order of their size; what is left of them is one sum, so that the line adds up.
    """
    a = np.asarray(sight.cache[f"a{layer - 1}"], np.float64)
    W = np.asarray(sight.parameters[f"W{layer}"][:, unit], np.float64)
    terms = np.nan_to_num(a * W)
    order = np.argsort(-np.abs(terms), kind="stable")
    rest = float(np.sum(terms[order[MAX_TERMS:]]))
    z, answer = (float(sight.cache[f"{kind}{layer}"][unit]) for kind in "za")
    b = float(sight.parameters[f"b{layer}"][unit])
    products = [_term(f"{number(float(a[i]))}·{_bracketed(float(W[i]))}", f"i={i}") for i in order[:MAX_TERMS].tolist()]
    if len(order) > MAX_TERMS:
        products.append(_term(_bracketed(rest), words("others", count=len(order) - MAX_TERMS)))
    products.append(_term(_bracketed(b), f"b{layer}"))
    begin = f"z{layer}[{unit}] = Σ a{layer - 1}[i]·W{layer}[i, {unit}] + b{layer}[{unit}]"
    parts = [[" + " if place else "", product] for place, product in enumerate(products)]
    name = sight.structure.activations[layer - 1].name
    whole = f"softmax(z{layer})[{unit}] = exp(z{layer}[{unit}]) / Σ exp(z{layer}[k])"
    how = whole if name == "softmax" else f"{name}(z{layer}[{unit}])"
    after = f"a{layer}[{unit}] = {how} = "
    return element(
        "p",
        [begin, element("br"), " = ", parts, element("br"), " = ", element("strong", number(z)), element("br")],
        [after, element("strong", number(answer))],
        class_="gn-formula",
    )


def _term(text: str, below: str) -> Element:
    return element("span", text, element("sub", below))


def _bracketed(value: float) -> str:
    """Put a number below 0 into brackets, behind a sign."""
    return f"({number(value)})" if value < 0 else number(value)


def layer_details(plan: Plan, layer: int, words: Words) -> Element:
    """Return what can be opened of a layer: the formula of each unit that is drawn, and a table of its numbers."""
    name = plan.sight.structure.activations[layer - 1].name if layer else ""
    title = words("numbers of layer", number=layer, activation=name, count=plan.sizes[layer])
    if layer == 0:
        title = words("numbers of input", count=plan.sizes[0])
    blocks = [_unit_block(plan, layer, unit, words) for unit in plan.shown[layer]] if layer else []
    return element("details", element("summary", title), blocks, _table(plan, layer, words), class_="gn-details")


def _unit_block(plan: Plan, layer: int, unit: int, words: Words) -> Element:
    sight, picture = plan.sight, None
    if layer == 1 and sight.side:
        W1 = sight.parameters["W1"][:, unit].reshape(sight.side, sight.side)
        picture = element("img", src=as_data(weights(W1)), alt=words("weights into", unit=unit), width=56, height=56)
    name = name_of(plan, layer, unit)
    title = words("unit", number=unit) + (f": {name}" if layer == plan.layers - 1 else "")
    written = formula(sight, layer, unit, words)
    return element("div", picture, element("div", element("strong", title), written), class_="gn-block")


def _table(plan: Plan, layer: int, words: Words) -> Element:
    a = plan.strength(layer)
    order = np.arange(len(a))
    if len(a) > MAX_ROWS:
        order = np.sort(np.argsort(-np.abs(a), kind="stable")[:MAX_ROWS])
    names = plan.sight.unit_names() if layer == 0 else None
    kinds = ["a0"] if layer == 0 else [f"{kind}{layer}" for kind in "bza"]
    rows = []
    for unit in order.tolist():
        name = names[unit] if names is not None else name_of(plan, layer, unit)
        held = [(plan.sight.parameters if kind[0] == "b" else plan.sight.cache)[kind][unit] for kind in kinds]
        told = name if name == str(unit) else f"{unit}: {name}"
        shown = [number(float(value)) for value in held]
        if layer == 0:
            shown[0] = given(plan, unit) + shown[0]
        rows.append(element("tr", element("th", told, scope="row"), [element("td", text) for text in shown]))
    kind = "columns" if layer == 0 else "units"
    caption = words(kind, count=len(a))
    if len(a) > MAX_ROWS:
        caption = words(f"most active {kind}", count=MAX_ROWS, all=len(a))
    first = words("column name" if layer == 0 else "unit name")
    head = element("tr", [element("th", text, scope="col") for text in (first, *kinds)])
    table = element("table", element("caption", caption), element("thead", head), element("tbody", rows))
    return element("div", table, class_="gn-scroll", tabindex=0, role="region", aria_label=caption)
