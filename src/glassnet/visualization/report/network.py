"""The network itself: its layers, their weights as pictures and histograms, units that say nothing, one row's way."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.visualization import Picture
from glassnet.visualization.i18n import Words, number
from glassnet.visualization.images import as_data, weights
from glassnet.visualization.markup import element
from glassnet.visualization.report.charts import histogram
from glassnet.visualization.report.classes import note, scrolled, table
from glassnet.visualization.report.report_data import Case, highest_loss
from glassnet.visualization.report.summary import section

#: Units whose weights are drawn, layers of which there is a histogram, units of a network whose formulas are shown.
MAX_UNITS, MAX_LAYERS, MAX_FORMULAS = 64, 12, 2000
#: Dead units that are named.
MAX_NAMED = 20


def layers(case: Case, words: Words) -> Element:
    """Return a table of the layers, the weights into the first layer's units as pictures, histograms of all weights."""
    structure, parameters = case.structure, case.sight.parameters
    body, dead = [], []
    for layer, before, units in structure.layers():
        W = parameters[f"W{layer}"]
        cells = [
            f"{before:,} → {units:,}",
            structure.activations[layer - 1].name,
            f"{(before + 1) * units:,}",
            number(float(np.std(W)), 3),
        ]
        if case.rows is not None:
            silent = np.flatnonzero(case.rows.layers[layer - 1].dead)
            cells.append(f"{len(silent):,}")
            if len(silent):
                named = ", ".join(str(unit) for unit in silent[:MAX_NAMED]) + (" …" if len(silent) > MAX_NAMED else "")
                dead.append(element("li", words("dead units", layer=layer, count=len(silent), named=named)))
        body.append(element("tr", element("th", f"{layer}", scope="row"), [element("td", cell) for cell in cells]))
    keys = ["layer", "units", "activation", "parameters", "deviation of weights"]
    keys += ["silent"] if case.rows is not None else []
    caption = words("layers caption", parameters=structure.n_parameters)
    listed = scrolled(table(caption, [element("th", words(key), scope="col") for key in keys], body), caption)
    silence = element("div", note(words("dead note")), element("ul", dead)) if dead else None
    return section("layers", words, listed, silence, _first_layer(case, words), _histograms(case, words))


def _first_layer(case: Case, words: Words) -> Element | None:
    """Return the weights into the first layer's units side by side as one picture, where a row is a picture."""
    side = case.sight.side
    if not side:
        return None
    W1 = np.nan_to_num(case.sight.parameters["W1"])
    units = min(W1.shape[1], MAX_UNITS)
    shown = np.moveaxis(W1[:, :units].reshape(side, side, units), 2, 0)
    pixels = weights(tiled(shown), float(np.quantile(np.abs(shown), 0.995)))
    told = words("first layer", count=units, all=W1.shape[1])
    height, width = pixels.shape[:2]
    scale = max(1, round(640 / width))
    image = element("img", src=as_data(pixels), alt=told, width=width * scale, height=height * scale, class_="pixels")
    return element("figure", element("figcaption", element("h3", words("first layer title")), note(told)), image)


def tiled(pictures: Array) -> Array:
    """Return pictures (n, side, side) in a grid, a row of zeros between them."""
    count, side, _ = pictures.shape
    columns = int(np.ceil(np.sqrt(count * 2)))
    columns = min(columns, count)
    rows = -(-count // columns)
    grid = np.zeros((rows * (side + 1) - 1, columns * (side + 1) - 1))
    for place, picture in enumerate(pictures):
        down, across = divmod(place, columns)
        grid[down * (side + 1) :, across * (side + 1) :][:side, :side] = picture
    return grid


def _histograms(case: Case, words: Words) -> Element:
    figures = []
    for layer, _, _ in list(case.structure.layers())[:MAX_LAYERS]:
        W = np.ravel(case.sight.parameters[f"W{layer}"])
        title = words("weights of layer", layer=layer)
        told = f"{title}: {number(float(np.mean(W)))} ± {number(float(np.std(W)))}"
        drawn = histogram(W, f"W{layer}", "", told, int(np.clip(2 * np.sqrt(W.size), 8, 40)))
        figures.append(element("figure", element("figcaption", element("h3", title)), drawn))
    left = case.structure.n_layers - MAX_LAYERS
    more = note(words("more layers", count=left)) if left > 0 else None
    return element("div", element("div", figures, class_="charts small"), more)


def way(case: Case, words: Words) -> Element:
    """Return the picture of the network: the worst row's way through it, or without rows its strongest weights."""
    if case.rows is None:
        return section("network", words, Picture(case.sight, words.language).tree)
    row = int(highest_loss(case.rows.loss, 1)[0])
    sight = case.model.sight(case.rows.raw, row)
    few = sum(case.structure.layer_sizes) <= MAX_FORMULAS
    drawn = Picture(sight, words.language, details=few).tree
    return section("network", words, note(words("way note", row=row + 1)), drawn)
