"""The formula of a unit with the numbers of a row, and the numbers of a layer as a table."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet.models.network_view import NetworkView
from glassnet.visualization.i18n import Translator, format_number
from glassnet.visualization.images import png_data_uri, to_diverging_colors
from glassnet.visualization.markup import element
from glassnet.visualization.network_drawing import raw_value_prefix, unit_name
from glassnet.visualization.network_layout import NetworkLayout

#: Maximum number of products that are written out; the others are summed.
MAX_TERMS = 6
#: Maximum number of rows of a layer's table: the most active units.
MAX_ROWS = 100


def unit_formula(view: NetworkView, layer: int, unit: int, translate: Translator) -> Element:
    """Return z_l[j] = Σ a_(l-1)[i] · W_l[i, j] + b_l[j] and a_l[j] = f(z_l[j]) with the numbers of the row.

    The products are sorted by absolute value. Those that are not written out are summed, so that the terms add up to z.
    """
    a = np.asarray(view.cache[f"a{layer - 1}"], np.float64)
    W = np.asarray(view.parameters[f"W{layer}"][:, unit], np.float64)
    products = np.nan_to_num(a * W)
    order = np.argsort(-np.abs(products), kind="stable")
    terms = [
        _term(f"{format_number(float(a[i]))}·{_in_parentheses(float(W[i]))}", f"i={i}")
        for i in order[:MAX_TERMS].tolist()
    ]
    if len(order) > MAX_TERMS:
        rest = float(np.sum(products[order[MAX_TERMS:]]))
        terms.append(_term(_in_parentheses(rest), translate("others", count=len(order) - MAX_TERMS)))
    terms.append(_term(_in_parentheses(float(view.parameters[f"b{layer}"][unit])), f"b{layer}"))
    total = [[" + " if position else "", term] for position, term in enumerate(terms)]
    z = format_number(float(view.cache[f"z{layer}"][unit]))
    output = format_number(float(view.cache[f"a{layer}"][unit]))
    activation = view.structure.activations[layer - 1].name
    applied = f"{activation}(z{layer}[{unit}])"
    if activation == "softmax":
        applied = f"softmax(z{layer})[{unit}] = exp(z{layer}[{unit}]) / Σ exp(z{layer}[k])"
    return element(
        "p",
        f"z{layer}[{unit}] = Σ a{layer - 1}[i]·W{layer}[i, {unit}] + b{layer}[{unit}]",
        [element("br"), " = ", total, element("br"), " = ", element("strong", z), element("br")],
        [f"a{layer}[{unit}] = {applied} = ", element("strong", output)],
        class_="gn-formula",
    )


def _term(text: str, subscript: str) -> Element:
    return element("span", text, element("sub", subscript))


def _in_parentheses(value: float) -> str:
    """Return a number, in parentheses if it is negative."""
    return f"({format_number(value)})" if value < 0 else format_number(value)


def layer_details(layout: NetworkLayout, layer: int, translate: Translator) -> Element:
    """Return the collapsed details of a layer: the formula of each unit that is drawn, and a table of its numbers."""
    if layer == 0:
        title = translate("numbers of input", count=layout.sizes[0])
        blocks = []
    else:
        activation = layout.view.structure.activations[layer - 1].name
        title = translate("numbers of layer", number=layer, activation=activation, count=layout.sizes[layer])
        blocks = [_unit_block(layout, layer, unit, translate) for unit in layout.units[layer]]
    return element("details", element("summary", title), blocks, _table(layout, layer, translate), class_="gn-details")


def _unit_block(layout: NetworkLayout, layer: int, unit: int, translate: Translator) -> Element:
    view = layout.view
    image = None
    if layer == 1 and view.image_side:
        W1 = view.parameters["W1"][:, unit].reshape(view.image_side, view.image_side)
        alt = translate("weights into", unit=unit)
        image = element("img", src=png_data_uri(to_diverging_colors(W1)), alt=alt, width=56, height=56)
    title = translate("unit", number=unit)
    if layout.is_output(layer):
        title += f": {unit_name(layout, layer, unit)}"
    formula = unit_formula(view, layer, unit, translate)
    return element("div", image, element("div", element("strong", title), formula), class_="gn-block")


def _table(layout: NetworkLayout, layer: int, translate: Translator) -> Element:
    strength = layout.strength(layer)
    units = np.arange(len(strength))
    if len(strength) > MAX_ROWS:
        units = np.sort(np.argsort(-np.abs(strength), kind="stable")[:MAX_ROWS])
    kind = "columns" if layer == 0 else "units"
    caption = translate(kind, count=len(strength))
    if len(strength) > MAX_ROWS:
        caption = translate(f"most active {kind}", count=MAX_ROWS, all=len(strength))
    names = ["a0"] if layer == 0 else [f"b{layer}", f"z{layer}", f"a{layer}"]
    first = translate("column name" if layer == 0 else "unit name")
    head = element("tr", [element("th", text, scope="col") for text in (first, *names)])
    body = element("tbody", [_table_row(layout, layer, unit, names) for unit in units.tolist()])
    table = element("table", element("caption", caption), element("thead", head), body)
    return element("div", table, class_="gn-scroll", tabindex=0, role="region", aria_label=caption)


def _table_row(layout: NetworkLayout, layer: int, unit: int, names: list[str]) -> Element:
    arrays = {**layout.view.parameters, **layout.view.cache}
    cells = [format_number(float(arrays[name][unit])) for name in names]
    if layer == 0:
        cells[0] = raw_value_prefix(layout, unit) + cells[0]
    name = unit_name(layout, layer, unit)
    heading = name if name == str(unit) else f"{unit}: {name}"
    return element("tr", element("th", heading, scope="row"), [element("td", cell) for cell in cells])
