"""Sections on the network: its layers, dead units, weights, and the activations for one row."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.visualization import Picture
from glassnet.visualization.charts import histogram
from glassnet.visualization.i18n import Translator, format_number
from glassnet.visualization.images import png_data_uri, to_diverging_colors
from glassnet.visualization.markup import element
from glassnet.visualization.report.report_data import ReportData, highest_loss
from glassnet.visualization.report.sections import figure, note, section, table, table_row

#: Maximum number of units whose weights are drawn as images.
MAX_IMAGES = 64
#: Maximum number of layers with a histogram of their weights.
MAX_HISTOGRAMS = 12
#: Maximum number of units of a network whose formulas are included.
MAX_FORMULAS = 2000
#: Maximum number of dead units that are listed by index.
MAX_LISTED = 20


def layers_section(data: ReportData, translate: Translator) -> Element:
    """Return a table of the layers, the dead units, the first layer's weights as images, and histograms of weights."""
    columns = ["layer", "units", "activation", "parameters", "std of weights"]
    if data.predictions is not None:
        columns.append("dead units column")
    body = [
        table_row(f"{layer}", _layer_cells(data, layer, units_before, units))
        for layer, units_before, units in data.structure.layers()
    ]
    caption = translate("layers caption", parameters=data.structure.n_parameters)
    layers = table(caption, [translate(key) for key in columns], body)
    dead = _dead_units(data, translate)
    return section(
        "layers", translate, layers, dead, _first_layer_weights(data, translate), _weight_histograms(data, translate)
    )


def _layer_cells(data: ReportData, layer: int, units_before: int, units: int) -> list[str]:
    cells = [
        f"{units_before:,} → {units:,}",
        data.structure.activations[layer - 1].name,
        f"{(units_before + 1) * units:,}",
        format_number(float(np.std(data.view.parameters[f"W{layer}"])), 3),
    ]
    if data.predictions is not None:
        cells.append(f"{np.count_nonzero(data.predictions.layer_stats[layer - 1].dead):,}")
    return cells


def _dead_units(data: ReportData, translate: Translator) -> Element | None:
    layer_stats = [] if data.predictions is None else data.predictions.layer_stats
    listed = []
    for layer, stats in enumerate(layer_stats, start=1):
        dead = np.flatnonzero(stats.dead)
        if len(dead):
            units = ", ".join(str(unit) for unit in dead[:MAX_LISTED]) + (" …" if len(dead) > MAX_LISTED else "")
            listed.append(element("li", translate("dead units", layer=layer, count=len(dead), units=units)))
    return element("div", note(translate("dead note")), element("ul", listed)) if listed else None


def _first_layer_weights(data: ReportData, translate: Translator) -> Element | None:
    """Return the weights into the units of the first layer as one image, if a row is an image."""
    side = data.view.image_side
    if not side:
        return None
    W1 = np.nan_to_num(data.view.parameters["W1"])
    units = min(W1.shape[1], MAX_IMAGES)
    images = np.moveaxis(W1[:, :units].reshape(side, side, units), 2, 0)
    pixels = to_diverging_colors(tile_images(images), float(np.quantile(np.abs(images), 0.995)))
    alt = translate("first layer", count=units, all=W1.shape[1])
    height, width = pixels.shape[:2]
    scale = max(1, round(640 / width))
    size = {"width": width * scale, "height": height * scale}
    image = element("img", src=png_data_uri(pixels), alt=alt, class_="pixels", **size)
    return figure(translate("first layer title"), image, note(alt))


def tile_images(images: Array) -> Array:
    """Return images (n, side, side) in a grid, separated by one row and one column of zeros."""
    count, side, _ = images.shape
    columns = min(int(np.ceil(np.sqrt(count * 2))), count)
    rows = -(-count // columns)
    grid = np.zeros((rows * (side + 1) - 1, columns * (side + 1) - 1))
    for n, image in enumerate(images):
        row, column = divmod(n, columns)
        grid[row * (side + 1) :, column * (side + 1) :][:side, :side] = image
    return grid


def _weight_histograms(data: ReportData, translate: Translator) -> Element:
    figures = []
    for layer, _, _ in list(data.structure.layers())[:MAX_HISTOGRAMS]:
        W = np.ravel(data.view.parameters[f"W{layer}"])
        title = translate("weights of layer", layer=layer)
        description = f"{title}: {format_number(float(np.mean(W)))} ± {format_number(float(np.std(W)))}"
        bins = int(np.clip(2 * np.sqrt(W.size), 8, 40))
        figures.append(figure(title, histogram(W, f"W{layer}", "", description, bins)))
    n_more = data.structure.n_layers - MAX_HISTOGRAMS
    more = note(translate("more layers", count=n_more)) if n_more > 0 else None
    return element("div", element("div", figures, class_="charts small"), more)


def activation_path_section(data: ReportData, translate: Translator) -> Element:
    """Return the picture of the network for the row with the highest loss; without rows, of its largest weights."""
    if data.predictions is None:
        return section("network", translate, Picture(data.view, translate.language).tree)
    row = int(highest_loss(data.predictions.loss, 1)[0])
    view = data.model.network_view(data.predictions.x, row)
    details = sum(data.structure.layer_sizes) <= MAX_FORMULAS
    picture = Picture(view, translate.language, details=details)
    return section("network", translate, note(translate("activations note", row=row + 1)), picture.tree)
