"""The plots show the numbers of the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from glassnet import Settings, Structure, fit, recommended_settings
from glassnet.visualization.plots import (
    confusion_matrix,
    draw_all,
    first_layer,
    learning_curves,
    model_image_side,
    most_confidently_wrong,
    predictions,
)


def pictures(classes: tuple = ("a", "b")):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 16)).astype(float)
    return x, np.array(classes)[rng.integers(len(classes), size=60)]


def test_all_plots_that_apply_are_written(tmp_path: Path) -> None:
    x, y = pictures()
    model = fit(x, y, hidden=(6,), settings=Settings(epochs=2), validation_fraction=0.2)
    written = draw_all(model, tmp_path / "new", (x, y))
    names = ["learning_curves.png", "first_layer.png", "confusion_matrix.png", "most_wrong.png"]
    assert [path.name for path, _ in written] == names
    for path, title in written:
        image = imread(path)
        assert image.shape[0] > 100 and image.shape[1] > 100 and image[..., :3].std() > 0.02, title
    assert len(draw_all(model, tmp_path)) == 2


def test_the_learning_curves_show_each_split_and_the_best_epoch() -> None:
    x, y = pictures()
    model = fit(x, y, settings=Settings(epochs=4), validation_fraction=0.2, test=(x, y))
    loss, metric = learning_curves(model).axes
    lines = {line.get_label(): line for line in loss.lines}
    assert set(lines) == {"training", "validation", "test", "best epoch"}
    np.testing.assert_allclose(lines["test"].get_ydata(), [epoch.test_loss for epoch in model.history])
    assert metric.get_title() == "accuracy"
    assert lines["best epoch"].get_xdata()[0] == model.metadata["best_epoch"]


def test_the_first_layer_is_drawn_unit_by_unit() -> None:
    x, y = pictures()
    model = fit(x, y, hidden=(6,), settings=Settings(epochs=1))
    axes = [a for a in first_layer(model).axes if a.images]
    assert len(axes) == 6
    np.testing.assert_array_equal(axes[3].images[0].get_array(), model.parameters["W1"][:, 3].reshape(4, 4))
    low, high = axes[3].images[0].get_clim()
    assert -low == high and 0.9 * np.abs(model.parameters["W1"]).max() < high  # white is 0, the scale is the weights'
    assert high <= np.abs(model.parameters["W1"]).max()
    assert learning_curves(model).axes[0].lines[0].get_marker() == "o"  # a single epoch is a point, not a line


def test_only_square_inputs_of_one_scale_are_images() -> None:
    x, y = pictures()
    chosen = Settings(epochs=1)
    assert model_image_side(fit(x, y, settings=chosen)) == 4
    assert model_image_side(fit(x[:, :15], y, settings=chosen)) == 0
    table = fit(x + 0.5, y, settings=chosen, feature_names=[f"column {i}" for i in range(16)])
    assert model_image_side(table) == 0
    codes = Structure((15 + 3, 4, 2), "relu", embeddings=[(9, 3)])
    assert model_image_side(replace(fit(x, y, settings=chosen), structure=codes)) == 0
    assert first_layer(fit(x, y, settings=chosen, hidden=(100,))).get_suptitle().endswith("(the first 64 of 100 units)")


def test_the_confusion_matrix_holds_the_counts() -> None:
    x, y = pictures()
    model = fit(x, y, hidden=(6,), settings=Settings(epochs=1))
    figure = confusion_matrix(model, x, y)
    axes = figure.axes[0]
    predicted = model.predict(x)
    for text in axes.texts:
        column, row = (int(position) for position in text.get_position())
        assert int(text.get_text()) == np.sum((y == "ab"[row]) & (predicted == "ab"[column]))
    assert f"{np.sum(y == predicted)} of 60 rows right" in figure.get_suptitle()
    shades = axes.images[0].get_array()
    np.testing.assert_allclose(shades[0], [np.mean(predicted[y == "a"] == name) for name in "ab"])


def test_the_title_of_a_small_matrix_with_long_names_is_not_cut_off() -> None:
    x, y = pictures(("a very long name", "another very long name"))
    model = fit(x, y, hidden=(6,), settings=Settings(epochs=1))
    figure = confusion_matrix(model, x, y)
    figure.canvas.draw()
    (title,) = (text for text in figure.findobj(Text) if "rows right" in text.get_text())
    extent = title.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.width


def test_errors_are_sorted_by_confidence() -> None:
    x, y = pictures()
    model = fit(x, y, hidden=(6,), settings=Settings(epochs=2))
    wrong = model.predict(x) != y
    figure = most_confidently_wrong(model, x, y)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert len(titles) == min(wrong.sum(), 25)
    confidence = model.predict_proba(x).max(axis=1)
    worst = int(np.argmax(np.where(wrong, confidence, 0)))
    assert titles[0].endswith(f"confidence {100 * confidence[worst]:.1f}%, row {worst + 1}")


def test_errors_of_a_table_are_listed_and_without_errors_there_is_no_plot() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.standard_normal((60, 3)) + 8 * y[:, np.newaxis]
    model = fit(x, y, settings=recommended_settings(60, optimizer="adam"))
    assert most_confidently_wrong(model, x, y) is None
    assert most_confidently_wrong(model, x, 1 - y).axes[0].tables
    hinge = fit(x, y, settings=recommended_settings(60, loss="hinge"))
    assert most_confidently_wrong(hinge, x, 1 - y).axes[0].tables


def test_names_that_look_like_formulas_or_are_very_long_are_drawn(tmp_path: Path) -> None:
    x, y = pictures(("$x^$", "a" * 300, "<b>", "\\frac{", "사과"))
    model = fit(x, y, settings=Settings(epochs=1))
    assert len(draw_all(model, tmp_path, (x, y))) == 4


def test_values_are_drawn_against_the_truth(tmp_path: Path) -> None:
    x, _ = pictures()
    y = x[:, 0] + 0.5
    model = fit(x, y, settings=Settings(loss="huber", epochs=2))
    points = predictions(model, x, y).axes[0].lines[0]
    np.testing.assert_allclose(points.get_ydata(), model.predict(x))
    assert [path.name for path, _ in draw_all(model, tmp_path, (x, y))][-1] == "predictions.png"


@pytest.mark.parametrize("classes", [35])
def test_many_classes_still_make_a_matrix(classes: int) -> None:
    x = np.random.default_rng(0).standard_normal((140, 3))
    y = np.arange(140) % classes
    model = fit(x, y, task="classification", settings=Settings(epochs=1))
    assert not confusion_matrix(model, x, y).axes[0].texts
    assert replace(model, history=()).history == ()
