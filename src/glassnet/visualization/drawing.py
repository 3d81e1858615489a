"""The picture of a network as SVG: its layers from left to right, one row's way through them."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet.visualization.i18n import Words, number, percent, short
from glassnet.visualization.images import as_data, ink
from glassnet.visualization.layout import CELL, HIGH, IMAGE, WIDE, Edge, Plan
from glassnet.visualization.markup import element

#: Characters of a unit's name beside its number.
MAX_LETTERS = 11


def drawn(plan: Plan, words: Words) -> Element:
    """Return the SVG.

    Every unit that is drawn is a group with its incoming connections, so that hovering over it, or reaching it with the
    keyboard, shows them and reads its numbers; no script is needed.
    """
    width, height = plan.width, plan.height
    sizes = " → ".join(f"{size:,}" for size in plan.sizes)
    layers = [
        element("g", _heading(plan, layer, words), _units(plan, layer, words), _map(plan, layer, words))
        for layer in range(plan.layers)
    ]
    return element(
        "svg",
        layers,
        class_="gn-net",
        role="group",
        aria_label=words("network", sizes=sizes),
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height:.0f}",
    )


def tells(plan: Plan, layer: int, unit: int) -> str:
    """Return a unit's numbers as one line: z, what becomes of it, b; of an input what was given and what it became."""
    if layer == 0:
        return (
            ""
            if not plan.sight.cache
            else f"{given(plan, unit)}a0[{unit}] = {number(float(plan.sight.cache['a0'][unit]))}"
        )
    b = f"b{layer}[{unit}] = {number(float(plan.sight.parameters[f'b{layer}'][unit]))}"
    if not plan.sight.cache:
        return b
    z, a = (float(plan.sight.cache[f"{kind}{layer}"][unit]) for kind in "za")
    activation = plan.sight.structure.activations[layer - 1].name
    return f"z{layer}[{unit}] = {number(z)}, a{layer}[{unit}] = {activation}(z) = {number(a)}, {b}"


def given(plan: Plan, unit: int) -> str:
    """Return what a column of the row held before it was scaled, and an arrow; nothing where that is the same."""
    raw, a0 = plan.sight.raw, plan.sight.cache["a0"]
    if raw is None or len(raw) != len(a0) or float(raw[unit]) == float(a0[unit]):
        return ""
    return f"{number(float(raw[unit]), 6)} → "


def name_of(plan: Plan, layer: int, unit: int) -> str:
    """Return what a unit is called: the column, the class, or its number."""
    if layer == 0:
        return plan.sight.unit_names()[unit]
    return plan.sight.output_names[unit] if layer == plan.layers - 1 else str(unit)


def _heading(plan: Plan, layer: int, words: Words) -> list[Element]:
    x = plan.left(layer) + plan.wide(layer) / 2
    title = words("input") if layer == 0 else words("layer", number=layer)
    count = words("columns" if layer == 0 else "units", count=plan.sizes[layer])
    if plan.is_image(layer):
        count = words("pixels", side=plan.sight.side)
    if layer == plan.layers - 1:
        title = words("output", number=layer)
    how = "" if layer == 0 else f" · {plan.sight.structure.activations[layer - 1].name}"
    return [
        element("text", title, class_="gn-strong", x=x, y=16, text_anchor="middle"),
        element("text", short(count + how, 28), class_="gn-soft", x=x, y=32, text_anchor="middle"),
    ]


def _units(plan: Plan, layer: int, words: Words) -> list[Element]:
    if plan.is_image(layer):
        return [_image(plan, words)]
    strength = plan.strength(layer)
    reach = 1.0 if _is_probable(plan, layer) else float(np.abs(strength).max(initial=0)) or 1.0
    names = plan.sight.unit_names() if layer == 0 else None
    largest = max((abs(edge.size) for edge in plan.edges[layer]), default=1.0)
    return [
        _unit(plan, layer, place, unit, strength[unit] / reach, largest, names, words)
        for place, unit in enumerate(plan.shown[layer])
    ]


def _unit(
    plan: Plan,
    layer: int,
    place: int,
    unit: int,
    share: float,
    largest: float,
    names: list[str] | None,
    words: Words,
) -> Element:
    x, y, a = plan.left(layer), plan.top(layer, place), plan.values(layer)
    last = layer == plan.layers - 1
    name = names[unit] if names is not None else name_of(plan, layer, unit)
    told = tells(plan, layer, unit)
    chosen = last and _is_chosen(plan, unit)
    called = name if names is not None or last else words("unit", number=unit)
    spoken = f"{called}: {told}" if told else called
    if chosen:
        spoken = f"{words('the answer')}: {spoken}"
    anchor = "start" if layer <= plan.layers // 2 else "end"
    return element(
        "g",
        element("title", spoken),
        [_edge(plan, layer, edge, largest) for edge in plan.edges[layer] if edge.target == unit] if layer else None,
        element("rect", class_="gn-box", x=x, y=y, width=WIDE, height=HIGH, rx=3),
        element(
            "rect",
            class_="gn-plus" if share >= 0 else "gn-minus",
            x=x,
            y=y,
            width=max(WIDE * min(abs(share), 1.0), 0.0),
            height=HIGH,
            rx=3,
        )
        if a is not None
        else None,
        element("text", short(name, MAX_LETTERS if a is not None else 18), x=x + 6, y=y + 14),
        element("text", _figure(plan, layer, float(a[unit])), x=x + WIDE - 6, y=y + 14, text_anchor="end")
        if a is not None
        else None,
        # the reading line below the picture, which shows where the keyboard or the pointer is
        element(
            "text",
            short(spoken, 110),
            class_="gn-read",
            x=x if anchor == "start" else x + WIDE,
            y=plan.height - 8,
            text_anchor=anchor,
        ),
        class_="gn-unit gn-chosen" if chosen else "gn-unit",
        tabindex=0,
        role="img",
        aria_label=spoken,
    )


def _figure(plan: Plan, layer: int, a: float) -> str:
    """Return what stands in a unit: its activation, in percent where it is a probability."""
    return percent(a) if _is_probable(plan, layer) else number(a, 3)


def _is_probable(plan: Plan, layer: int) -> bool:
    return layer == plan.layers - 1 and any(answer.probability for answer in plan.sight.answers)


def _is_chosen(plan: Plan, unit: int) -> bool:
    sight = plan.sight
    return sight.chosen >= 0 and len(sight.output_names) > 1 and sight.answers[sight.chosen].unit == unit


def _edge(plan: Plan, layer: int, edge: Edge, largest: float) -> Element:
    (x1, y1), x2 = plan.end_of(layer - 1, edge.source), plan.left(layer)
    y2 = plan.top(layer, plan.shown[layer].index(edge.target)) + HIGH / 2
    middle = (x1 + x2) / 2
    W = float(plan.sight.parameters[f"W{layer}"][edge.source, edge.target])
    told = f"W{layer}[{edge.source}, {edge.target}] = {number(W)}"
    a = plan.values(layer - 1)
    if a is not None:
        told = (
            f"a{layer - 1}[{edge.source}] · W{layer}[{edge.source}, {edge.target}] = "
            f"{number(float(a[edge.source]))} · {number(W)} = {number(edge.size)}"
        )
    share = min(abs(edge.size) / largest, 1.0)
    thin = 0.45 if plan.is_image(layer - 1) else 1.0  # the picture below them must stay visible
    return element(
        "path",
        element("title", told),
        class_="gn-edge gn-up" if edge.size >= 0 else "gn-edge gn-down",
        d=f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}",
        stroke_width=thin * (0.8 + 3.2 * share),
        opacity=thin * (0.35 + 0.6 * share),
    )


def _image(plan: Plan, words: Words) -> Element:
    """Return the input as a picture: the row, or without one how strongly each pixel is connected."""
    sight, side = plan.sight, plan.sight.side
    values = sight.raw if sight.raw is not None else plan.strength(0)
    key = "row as picture" if sight.raw is not None else "connected pixels"
    told = words(key, side=side)
    x, y = plan.left(0), plan.image_top
    return element(
        "g",
        element("title", told),
        element(
            "image",
            href=as_data(ink(values.reshape(side, side))),
            class_="gn-pixels",
            x=x,
            y=y,
            width=IMAGE,
            height=IMAGE,
        ),
        element("rect", class_="gn-box", x=x, y=y, width=IMAGE, height=IMAGE),
        role="img",
        aria_label=told,
    )


def _map(plan: Plan, layer: int, words: Words) -> Element | None:
    """Return all units of a layer as cells, coloured by their activation; many units share a cell."""
    if not plan.has_map(layer):
        return None
    a, each, columns = plan.strength(layer), plan.units_a_cell(layer), plan.map_columns()
    reach = float(np.abs(a).max(initial=0)) or 1.0
    x, y, cells = plan.left(layer), plan.map_top, []
    for cell, first in enumerate(range(0, len(a), each)):
        units = range(first, min(first + each, len(a)))
        strongest = max(units, key=lambda unit: abs(a[unit]))
        told = tells(plan, layer, strongest)
        if each > 1:
            told = words("group", first=first, last=units[-1], told=told)
        share = float(np.mean(np.abs(a[first : units[-1] + 1]))) / reach
        cells.append(
            element(
                "rect",
                element("title", told),
                class_="gn-plus" if a[strongest] >= 0 else "gn-minus",
                x=x + CELL * (cell % columns),
                y=y + CELL * (cell // columns),
                width=CELL - 1,
                height=CELL - 1,
                fill_opacity=0.06 + 0.94 * min(share, 1.0),
            )
        )
    title = words("all units" if each == 1 else "all units grouped", count=len(a), each=each)
    label = element("text", title, class_="gn-soft", x=x, y=y - 6)
    return element("g", label, cells, class_="gn-map", aria_hidden="true")
