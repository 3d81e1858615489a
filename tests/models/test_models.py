"""`fit`: from raw rows to a model that predicts raw rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError, Settings, fit, recommended_settings
from glassnet.models.evaluation import evaluate
from glassnet.models.target import encode_classes
from glassnet.training.validation_split import split_fraction


def blobs(rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 2
    return rng.standard_normal((rows, 3)) + 4 * y[:, np.newaxis], y


@pytest.mark.parametrize("names", [(0, 1), (7, -3), ("cat", "dog"), (0.5, 2.0)])
def test_classes_keep_their_names(names: tuple) -> None:
    x, y = blobs()
    truth = np.array(names)[y]
    task = "classification" if isinstance(names[0], float) else ""
    model = fit(x, truth, hidden=(8,), task=task)
    assert (model.predict(x) == truth).mean() > 0.95
    assert model.classes == tuple(sorted(names))
    chances = model.predict_proba(x)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.target.classes[chances.argmax(axis=1)], model.predict(x))


def test_values_are_predicted_in_the_unit_of_the_target() -> None:
    x = np.linspace(-1, 1, 200)[:, np.newaxis]
    model = fit(x, 1e6 + 1e4 * x[:, 0] ** 2, settings=recommended_settings(200, "regression", epochs=80))
    assert model.task == "regression"
    assert np.abs(model.predict(x) - (1e6 + 1e4 * x[:, 0] ** 2)).max() < 1000
    assert evaluate(model, x, 1e6 + 1e4 * x[:, 0] ** 2)["r2"] > 0.98


def test_several_outputs_have_a_column_each() -> None:
    x, _ = blobs()
    y = np.column_stack([x[:, 0], 100 * x[:, 1] + 0.5])
    model = fit(x, y, hidden=(16,), settings=recommended_settings(80, "regression", epochs=60))
    assert model.predict(x).shape == (80, 2)
    assert evaluate(model, x, y)["r2"] > 0.9


def test_quantiles_have_a_column_each_and_poisson_gives_counts() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 1))
    y = x[:, 0] + rng.exponential(size=400)
    chosen = recommended_settings(400, "regression", loss="pinball", loss_settings={"quantiles": (0.1, 0.9)}, epochs=60)
    low, high = fit(x, y, hidden=(8,), settings=chosen).predict(x).T
    assert 0.03 < np.mean(y < low) < 0.2 and 0.8 < np.mean(y < high) < 0.97
    counts = rng.poisson(np.exp(1 + x[:, 0]))
    model = fit(
        x, counts, hidden=(8,), task="regression", settings=recommended_settings(400, "regression", loss="poisson")
    )
    assert (model.predict(x) > 0).all()
    assert model.predict(x).mean() == pytest.approx(counts.mean(), rel=0.15)


def test_validation_rows_touch_neither_the_scaling_nor_the_weights() -> None:
    x, y = blobs()
    _, validation = split_fraction(len(x), 0.25, 3, y)
    changed = x.copy()
    changed[validation] *= 1000
    chosen = Settings(epochs=3, random_state=3, restore_best=False)
    first, second = (fit(rows, y, settings=chosen, validation_fraction=0.25) for rows in (x, changed))
    np.testing.assert_array_equal(first.scaling.offset, second.scaling.offset)
    np.testing.assert_array_equal(first.vector, second.vector)
    assert first.history[-1].validation_loss != second.history[-1].validation_loss
    assert first.metadata["validation_rows"] == 20 and first.metadata["training_rows"] == 60


def test_targets_of_validation_rows_do_not_scale_the_target() -> None:
    x, _ = blobs()
    y = x[:, 0].copy()
    _, validation = split_fraction(len(x), 0.25, 0)
    y[validation] += 1e6
    model = fit(x, y, settings=Settings(loss="huber", epochs=1), validation_fraction=0.25)
    assert abs(model.target.scaling.offset[0]) < 100


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 60), st.floats(0.02, 0.9), st.integers(1, 5), st.integers(0, 5))
def test_a_split_covers_all_rows_once_and_is_the_same_for_the_seed(rows, fraction, classes, seed) -> None:
    y = np.random.default_rng(seed).integers(classes, size=rows)
    if not 1 <= round(rows * fraction) < rows:
        with pytest.raises(InputError, match="leaves no row on one side"):
            split_fraction(rows, fraction, seed, y)
        return
    training, validation = split_fraction(rows, fraction, seed, y)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(rows))
    assert len(validation) == round(rows * fraction)
    np.testing.assert_array_equal(validation, split_fraction(rows, fraction, seed, y)[1])


def test_a_split_keeps_the_shares_of_the_classes() -> None:
    y = np.repeat([0, 1], [900, 100])
    _, validation = split_fraction(1000, 0.1, 0, y)
    assert y[validation].sum() == 10


@pytest.mark.parametrize("loss", ["binary_crossentropy", "focal", "hinge", "half_mean_squared_error", "huber"])
def test_classes_can_be_learned_by_other_losses(loss: str) -> None:
    x, y = blobs()
    model = fit(x, y, hidden=(8,), settings=recommended_settings(80, loss=loss))
    assert (model.predict(x) == y).mean() > 0.95
    if loss in ("binary_crossentropy", "focal"):
        np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1, rtol=1e-5)
    else:
        with pytest.raises(InputError, match="gives no probabilities; use predict"):
            model.predict_proba(x)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros(3)}, r"x has shape \(3,\)"),
        ({"y": [0, 1]}, "x has 80 rows and y 2"),
        ({"y": np.zeros(80)}, "only one class, 0"),
        ({"task": "guess"}, "task is 'guess'"),
        ({"y": np.array(["a", "b"] * 40), "task": "regression"}, "regression needs a target of numbers"),
        (
            {"y": np.zeros((80, 2), int), "task": "classification"},
            r"y has shape \(80, 2\); the classes must be one for each row",
        ),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0"),
        ({"settings": Settings(loss="pinball"), "task": "classification"}, "loss 'pinball' is for values, and this is"),
        (
            {"settings": Settings(loss="focal"), "task": "regression"},
            "loss 'focal' is for classes, and this is regression",
        ),
        ({"hidden": (0,)}, "a layer has a whole number of units"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"test": (np.zeros((2, 3)), [0, 5])}, "row 2 has the class 5, unknown to the model, which knows 0, 1"),
        ({"test": (np.zeros((2, 2)), [0, 1])}, r"x has shape \(2, 2\); this model needs \(samples, 3\)"),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict, message: str) -> None:
    x, y = blobs()
    with pytest.raises(InputError, match=message):
        fit(**({"x": x, "y": y} | arguments))


def test_rows_to_predict_are_checked() -> None:
    x, y = blobs()
    model = fit(x, y, settings=Settings(epochs=1), feature_names=("p", "q", "r"))
    with pytest.raises(InputError, match=r"x has shape \(1, 2\); this model needs \(samples, 3\)"):
        model.predict([[1, 2]])
    with pytest.raises(InputError, match=r"x\[1, 2\] \(column 'r'\) is nan"):
        model.predict([[1, 2, 3], [1, 2, np.nan]])
    with pytest.raises(InputError, match="it must hold numbers"):
        model.predict([["a", "b", "c"]])
    assert model.predict(np.zeros((0, 3))).shape == (0,)


def test_given_settings_replace_recommended_ones() -> None:
    assert recommended_settings(60_000).batch_size == 128
    assert recommended_settings(10).batch_size == 8
    assert recommended_settings(100, optimizer="momentum").learning_rate is None
    assert recommended_settings(100, batch_size=5, epochs=None).batch_size == 5
    assert recommended_settings(100, optimizer="lbfgs").schedule == "constant"


def test_labels_read_as_numbers_match_classes_of_text() -> None:
    np.testing.assert_array_equal(encode_classes(np.array([2, 1]), ("1", "2", "a")), [1, 0])
    np.testing.assert_array_equal(encode_classes(np.array([2.0, 1.0]), (1, 2)), [1, 0])


def test_the_repr_describes_the_model() -> None:
    x, y = blobs()
    model = fit(x, y, settings=Settings(epochs=1), target_name="kind")
    assert "3 features → 2 classes of 'kind'" in str(model)
    assert "128×64" in str(model)


@pytest.mark.parametrize("value", [1e200, -1e200])
def test_a_number_too_large_for_the_models_dtype_is_named(value: float) -> None:
    x = np.random.default_rng(0).standard_normal((40, 2))
    model = fit(x, x[:, 0] + 0.5, settings=recommended_settings(40, "regression", epochs=1), feature_names=("a", "b"))
    with pytest.raises(InputError, match=r"x\[0, 1\] \(column 'b'\) is -?1e\+200; that is too large for float32"):
        model.predict([[0, value]])
    with pytest.raises(InputError, match=r"row 2 has the target -?1e\+200; that is too large for float32"):
        model.evaluate(x[:2], [0, value])


@pytest.mark.parametrize(
    ("activation", "names"),
    [
        ("tanh", ["tanh", "tanh", "softmax"]),
        (("tanh", "elu"), ["tanh", "elu", "softmax"]),
        (("tanh", "elu", "identity"), ["tanh", "elu", "identity"]),
    ],
)
def test_activations_are_one_for_all_one_for_each_or_the_outputs_too(activation, names) -> None:
    x, y = blobs()
    model = fit(x, y, hidden=(3, 2), activation=activation, settings=recommended_settings(80, epochs=1))
    assert [found.name for found in model.structure.activations] == names


def test_another_number_of_activations_is_refused() -> None:
    x, y = blobs()
    with pytest.raises(InputError, match="activation names 4 for 2 hidden layers"):
        fit(x, y, hidden=(3, 2), activation=("tanh",) * 4)


def test_outputs_that_are_all_0_are_equally_likely() -> None:
    x, y = blobs()
    model = fit(x, y, hidden=(), settings=recommended_settings(80, loss="binary_crossentropy", epochs=1))
    never = replace(model, vector=np.array([0] * 6 + [-1e4] * 2, np.float32))
    np.testing.assert_allclose(never.predict_proba(x[:2]), 0.5)
