"""The picture of a network as SVG: its layers from left to right, with the activations for one row."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet.visualization.i18n import Translator, format_number, format_percent, truncate
from glassnet.visualization.images import png_data_uri, to_grayscale
from glassnet.visualization.markup import element
from glassnet.visualization.network_layout import (
    CELL_SIZE,
    IMAGE_SIZE,
    UNIT_HEIGHT,
    UNIT_WIDTH,
    Edge,
    NetworkLayout,
)
from glassnet.visualization.svg import svg_rect, svg_root, svg_text, svg_title

#: Maximum length of a unit's name, beside its activation and without one.
MAX_NAME, MAX_NAME_ALONE = 11, 18


def draw_network(layout: NetworkLayout, translate: Translator) -> Element:
    """Return the picture as SVG.

    Each unit that is drawn is a group with its incoming connections. Hovering over it, or focusing it with the
    keyboard, highlights them and shows its numbers; this needs no script.
    """
    sizes = " → ".join(f"{size:,}" for size in layout.sizes)
    layers = [
        element("g", _draw_heading(layout, layer, translate), _draw_units(layout, layer, translate),
                _draw_map(layout, layer, translate))
        for layer in range(layout.n_layers)
    ]  # fmt: skip
    label = translate("network", sizes=sizes)
    return svg_root(layout.width, layout.height, label, layers, class_="gn-net", role="group")


def describe_unit(layout: NetworkLayout, layer: int, unit: int) -> str:
    """Return the numbers of a unit: z, a and b; for an input the raw value and a0."""
    cache = layout.view.cache
    if layer == 0:
        if not cache:
            return ""
        return f"{raw_value_prefix(layout, unit)}a0[{unit}] = {format_number(float(cache['a0'][unit]))}"
    b = f"b{layer}[{unit}] = {format_number(float(layout.view.parameters[f'b{layer}'][unit]))}"
    if not cache:
        return b
    z = format_number(float(cache[f"z{layer}"][unit]))
    a = format_number(float(cache[f"a{layer}"][unit]))
    activation = layout.view.structure.activations[layer - 1].name
    return f"z{layer}[{unit}] = {z}, a{layer}[{unit}] = {activation}(z) = {a}, {b}"


def raw_value_prefix(layout: NetworkLayout, unit: int) -> str:
    """Return the value of a column before preprocessing and an arrow; an empty text if it is the same or unknown."""
    raw = layout.view.raw
    a0 = layout.view.cache["a0"]
    if raw is None or len(raw) != len(a0) or float(raw[unit]) == float(a0[unit]):
        return ""
    return f"{format_number(float(raw[unit]), 6)} → "


def unit_name(layout: NetworkLayout, layer: int, unit: int) -> str:
    """Return the name of a unit: its column, its class, or its index."""
    if layer == 0:
        return layout.view.unit_names()[unit]
    return layout.view.output_names[unit] if layout.is_output(layer) else str(unit)


def _draw_heading(layout: NetworkLayout, layer: int, translate: Translator) -> list[Element]:
    x = layout.layer_x(layer) + layout.layer_width(layer) / 2
    size = translate("columns" if layer == 0 else "units", count=layout.sizes[layer])
    if layout.is_image(layer):
        size = translate("pixels", side=layout.view.image_side)
    title = translate("input") if layer == 0 else translate("layer", number=layer)
    if layout.is_output(layer):
        title = translate("output", number=layer)
    activation = "" if layer == 0 else f" · {layout.view.structure.activations[layer - 1].name}"
    return [
        svg_text(title, x, 16, "middle", "gn-strong"),
        svg_text(truncate(size + activation, 28), x, 32, "middle", "gn-soft"),
    ]


def _draw_units(layout: NetworkLayout, layer: int, translate: Translator) -> list[Element]:
    if layout.is_image(layer):
        return [_draw_image(layout, translate)]
    strength = layout.strength(layer)
    full = 1.0 if _has_probabilities(layout, layer) else float(np.abs(strength).max(initial=0)) or 1.0
    return [
        _draw_unit(layout, layer, position, strength[unit] / full, translate)
        for position, unit in enumerate(layout.units[layer])
    ]


def _draw_unit(layout: NetworkLayout, layer: int, position: int, share: float, translate: Translator) -> Element:
    """Return a unit with its incoming connections; the share, -1 … 1, is the length of its bar."""
    unit = layout.units[layer][position]
    x = layout.layer_x(layer)
    y = layout.unit_y(layer, position)
    name = unit_name(layout, layer, unit)
    is_predicted = layout.is_output(layer) and _is_predicted(layout, unit)
    label = _unit_label(layout, layer, unit, name, translate)
    if is_predicted:
        label = f"{translate('prediction')}: {label}"
    a = layout.activations(layer)
    content = [svg_title(label)]
    if layer:
        content += _draw_edges(layout, layer, unit)
    content.append(svg_rect("gn-box", x, y, UNIT_WIDTH, UNIT_HEIGHT, radius=3))
    if a is not None:
        bar_width = UNIT_WIDTH * min(abs(share), 1.0)
        content.append(svg_rect(_sign_class(share), x, y, bar_width, UNIT_HEIGHT, radius=3))
    content.append(svg_text(truncate(name, MAX_NAME if a is not None else MAX_NAME_ALONE), x + 6, y + 14))
    if a is not None:
        value = float(a[unit])
        shown = format_percent(value) if _has_probabilities(layout, layer) else format_number(value, 3)
        content.append(svg_text(shown, x + UNIT_WIDTH - 6, y + 14, "end"))
    # the line below the picture that shows the numbers of the unit under the pointer or with the focus
    left_half = layer <= layout.n_layers // 2
    content.append(
        svg_text(
            truncate(label, 110), x if left_half else x + UNIT_WIDTH, layout.height - 8,
            "start" if left_half else "end", "gn-read",
        )
    )  # fmt: skip
    class_ = "gn-unit gn-chosen" if is_predicted else "gn-unit"
    return element("g", content, class_=class_, tabindex=0, role="img", aria_label=label)


def _unit_label(layout: NetworkLayout, layer: int, unit: int, name: str, translate: Translator) -> str:
    numbers = describe_unit(layout, layer, unit)
    is_named = layer == 0 or layout.is_output(layer)
    full_name = name if is_named else translate("unit", number=unit)
    return f"{full_name}: {numbers}" if numbers else full_name


def _sign_class(value: float) -> str:
    return "gn-plus" if value >= 0 else "gn-minus"


def _has_probabilities(layout: NetworkLayout, layer: int) -> bool:
    return layout.is_output(layer) and any(output.is_probability for output in layout.view.outputs)


def _is_predicted(layout: NetworkLayout, unit: int) -> bool:
    view = layout.view
    return view.predicted >= 0 and len(view.output_names) > 1 and view.outputs[view.predicted].unit == unit


def _draw_edges(layout: NetworkLayout, layer: int, unit: int) -> list[Element]:
    edges = layout.edges[layer]
    largest = max((abs(edge.contribution) for edge in edges), default=1.0)
    return [_draw_edge(layout, layer, edge, largest) for edge in edges if edge.target == unit]


def _draw_edge(layout: NetworkLayout, layer: int, edge: Edge, largest: float) -> Element:
    x1, y1 = layout.edge_start(layer - 1, edge.source)
    x2 = layout.layer_x(layer)
    y2 = layout.unit_y(layer, layout.units[layer].index(edge.target)) + UNIT_HEIGHT / 2
    middle = (x1 + x2) / 2
    weight = format_number(float(layout.view.parameters[f"W{layer}"][edge.source, edge.target]))
    name = f"W{layer}[{edge.source}, {edge.target}]"
    tooltip = f"{name} = {weight}"
    a = layout.activations(layer - 1)
    if a is not None:
        product = f"{format_number(float(a[edge.source]))} · {weight} = {format_number(edge.contribution)}"
        tooltip = f"a{layer - 1}[{edge.source}] · {name} = {product}"
    share = min(abs(edge.contribution) / largest, 1.0)
    emphasis = 0.45 if layout.is_image(layer - 1) else 1.0  # the image below the connections must stay visible
    return element(
        "path",
        svg_title(tooltip),
        class_="gn-edge gn-up" if edge.contribution >= 0 else "gn-edge gn-down",
        d=f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}",
        stroke_width=emphasis * (0.8 + 3.2 * share),
        opacity=emphasis * (0.35 + 0.6 * share),
    )


def _draw_image(layout: NetworkLayout, translate: Translator) -> Element:
    """Return the input as an image: the row, or without one the norm of each pixel's weights."""
    raw = layout.view.raw
    side = layout.view.image_side
    values = layout.strength(0) if raw is None else raw
    label = translate("connected pixels" if raw is None else "row as image", side=side)
    x = layout.layer_x(0)
    y = layout.image_y
    pixels = png_data_uri(to_grayscale(values.reshape(side, side)))
    return element(
        "g",
        svg_title(label),
        element("image", href=pixels, class_="gn-pixels", x=x, y=y, width=IMAGE_SIZE, height=IMAGE_SIZE),
        svg_rect("gn-box", x, y, IMAGE_SIZE, IMAGE_SIZE),
        role="img",
        aria_label=label,
    )


def _draw_map(layout: NetworkLayout, layer: int, translate: Translator) -> Element | None:
    """Return all units of a layer as a grid of cells, colored by activation; in wide layers a cell is several units."""
    if not layout.has_map(layer):
        return None
    a = layout.strength(layer)
    per_cell = layout.units_per_cell(layer)
    full = float(np.abs(a).max(initial=0)) or 1.0
    x = layout.layer_x(layer)
    y = layout.map_y
    cells = []
    for cell, first in enumerate(range(0, len(a), per_cell)):
        units = range(first, min(first + per_cell, len(a)))
        strongest = max(units, key=lambda unit: abs(a[unit]))
        tooltip = describe_unit(layout, layer, strongest)
        if per_cell > 1:
            tooltip = translate("group", first=first, last=units[-1], numbers=tooltip)
        share = float(np.mean(np.abs(a[first : units[-1] + 1]))) / full
        row, column = divmod(cell, layout.map_columns())
        cells.append(
            svg_rect(
                _sign_class(a[strongest]), x + CELL_SIZE * column, y + CELL_SIZE * row, CELL_SIZE - 1, CELL_SIZE - 1,
                svg_title(tooltip), fill_opacity=0.06 + 0.94 * min(share, 1.0),
            )
        )  # fmt: skip
    heading = translate("all units" if per_cell == 1 else "all units grouped", count=len(a), per_cell=per_cell)
    return element("g", svg_text(heading, x, y - 6, class_="gn-soft"), cells, class_="gn-map", aria_hidden="true")
