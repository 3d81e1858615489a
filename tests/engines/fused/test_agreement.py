"""What the fused engine computes is what the reference engine computes: every activation, loss, optimizer, setting."""

from dataclasses import replace

import numpy as np
import pytest

from glassnet import Settings, Structure
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS

from .both_engines import assert_agree, last_activation, some_rows

DTYPES = ["float64", "float32"]
EXTRAS = {
    "plain": {},
    "clip_norm": {"clip_norm": 0.1},
    "clip_value": {"clip_value": 0.01},
    "both clips": {"clip_norm": 0.05, "clip_value": 0.01},
    "max_norm": {"max_norm": 0.5},
    "ema_decay": {"ema_decay": 0.9},
    "max_norm and average": {"max_norm": 0.5, "ema_decay": 0.9},
    "weight_decay": {"weight_decay": 0.1},
    "no weight_decay": {"weight_decay": 0.0},
    "l1 and l2": {"l1": 0.01, "l2": 0.02},
    "alpha": {"alpha": 0.5},
    "all": {"clip_norm": 0.2, "clip_value": 0.02, "max_norm": 0.9, "ema_decay": 0.8, "weight_decay": 0.01, "l1": 0.001,
            "l2": 0.002, "dropout": (0.1, 0.2, 0.3)},
}  # fmt: skip


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_activation_with_every_loss(dtype: str, activation: str, loss: str) -> None:
    structure = Structure((11, 19, 9, 3), (activation, activation, last_activation(loss)))
    rate = 1e-4 if activation == "exponential" else 0.01  # of an exponential soon nothing is finite
    settings = Settings(loss=loss, optimizer="gradient_descent", learning_rate=rate, batch_size=16, dtype=dtype)
    rows = some_rows(settings, structure)
    if activation == "exponential":
        rows.x[...] *= 0.1
    assert_agree(settings, structure, rows)


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if LOSSES[loss].link is None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_output_activation_with_every_loss_of_values(activation: str, loss: str) -> None:
    structure = Structure((7, 5, 4), ("tanh", activation))
    settings = Settings(loss=loss, optimizer="gradient_descent", learning_rate=0.02, batch_size=16, dtype="float64")
    assert_agree(settings, structure, some_rows(settings, structure))


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if LOSSES[loss].link])
def test_losses_with_a_link_take_logits_too(loss: str) -> None:
    structure = Structure((7, 5, 4), ("tanh", "identity"))
    settings = Settings(loss=loss, optimizer="gradient_descent", learning_rate=0.02, batch_size=16, dtype="float64")
    assert_agree(settings, structure, some_rows(settings, structure))


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize(
    ("dtype", "extra"), [("float32", "plain"), ("float32", "all"), *(("float64", extra) for extra in EXTRAS)]
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_with_every_rule_beside_it(optimizer: str, dtype: str, extra: str) -> None:
    structure = Structure((40, 33, 17, 4), ("tanh", "gelu", "softmax"))
    # the sign of a gradient of nearly 0 is a matter of rounding: short steps where only signs count
    rate = {"lion": 1e-5}.get(optimizer) if dtype == "float32" else None
    settings = Settings(optimizer=optimizer, learning_rate=rate, batch_size=32, dtype=dtype, **EXTRAS[extra])
    assert_agree(settings, structure, some_rows(settings, structure, 70, "sparse"), threads=2)


@pytest.mark.parametrize("optimizer", ["momentum", "adadelta", "adam", "amsgrad", "nadam", "lion"])
def test_moments_that_decay_to_nothing_are_set_to_nothing(optimizer: str) -> None:
    """The first column of x soon stays 0, so its moments only decay; after 64 steps they are looked at."""
    structure = Structure((5, 4, 2), ("tanh", "softmax"))
    chosen = {"beta_1": 0.1, "beta_2": 0.05} if optimizer not in ("momentum", "adadelta") else {}
    chosen = {"momentum": {"momentum": 0.005}, "adadelta": {"rho": 0.005}}.get(optimizer, chosen)
    settings = Settings(optimizer=optimizer, optimizer_settings=chosen, batch_size=1, dtype="float32")
    rows = some_rows(settings, structure, 150)
    rows.x[:, 0] = 0
    rows.x[:2, 0] = 1
    assert_agree(settings, structure, rows)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout_penalties_and_weights_of_rows_with_every_loss(dtype: str, loss: str) -> None:
    structure = Structure((11, 19, 9, 3), ("tanh", "silu", last_activation(loss)))
    settings = Settings(
        loss=loss, optimizer="momentum", learning_rate=0.01, batch_size=16, dtype=dtype, dropout=(0.1, 0.2, 0.3),
        l1=0.001, l2=0.01,
    )  # fmt: skip
    assert_agree(settings, structure, some_rows(settings, structure, weighted=True), 3)


@pytest.mark.parametrize(
    ("loss", "chosen"),
    [
        ("huber", {"delta": 0.2}),
        ("pinball", {"quantiles": (0.9,)}),
        ("pinball", {"quantiles": (0.1, 0.5, 0.9)}),
        ("binary_crossentropy", {"label_smoothing": 0.2}),
        ("categorical_crossentropy", {"label_smoothing": 0.1}),
        ("focal", {"gamma": 0.5}),
        ("focal", {"gamma": 0.0}),
        ("focal", {"gamma": 3.0}),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_with_other_settings(dtype: str, loss: str, chosen: dict) -> None:
    structure = Structure((6, 8, 3), ("tanh", last_activation(loss)))
    settings = Settings(
        loss=loss, loss_settings=chosen, optimizer="gradient_descent", learning_rate=0.05, batch_size=10, dtype=dtype
    )
    assert_agree(settings, structure, some_rows(settings, structure))


def test_one_column_of_truth_is_enough_for_several_quantiles() -> None:
    structure = Structure((6, 8, 3), ("tanh", "identity"))
    settings = Settings(
        loss="pinball", loss_settings={"quantiles": (0.1, 0.5, 0.9)}, optimizer="gradient_descent", learning_rate=0.05,
        batch_size=10, dtype="float64",
    )  # fmt: skip
    rows = some_rows(settings, structure)
    assert_agree(settings, structure, replace(rows, y=rows.y[:, :1].copy()))


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "focal"])
def test_rows_of_probabilities_are_a_truth_as_classes_are(loss: str) -> None:
    structure = Structure((6, 8, 3), ("tanh", "softmax"))
    settings = Settings(loss=loss, batch_size=10, dtype="float64")
    rows = some_rows(settings, structure)
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], len(rows))
    assert_agree(settings, structure, replace(rows, y=shares))


@pytest.mark.parametrize("classes", ["one column", "a vector"])
def test_targets_of_a_single_output_may_be_a_vector(classes: str) -> None:
    structure = Structure((6, 8, 1), ("tanh", "sigmoid"))
    settings = Settings(loss="binary_crossentropy", batch_size=10, dtype="float64")
    rows = some_rows(settings, structure)
    if classes == "a vector":
        rows = replace(rows, y=rows.y[:, 0].astype(np.int64))
    assert_agree(settings, structure, rows)


def test_a_batch_whose_rows_all_weigh_nothing_changes_nothing() -> None:
    structure = Structure((6, 8, 3), ("tanh", "softmax"))
    settings = Settings(optimizer="gradient_descent", batch_size=4, dtype="float64")
    rows = some_rows(settings, structure, 20, weighted=True)
    rows.sample_weight[:16] = 0  # of 5 batches at least one has nothing but these
    assert_agree(settings, structure, rows)


@pytest.mark.parametrize("rates", [(0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5), (0.3, 0.4, 0.5)])
@pytest.mark.parametrize("kind", ["dense", "sparse", "csr", "bytes"])
def test_dropout_draws_the_same_masks_in_every_layer(kind: str, rates: tuple[float, ...]) -> None:
    structure = Structure((37, 33, 17, 4), ("relu", "softmax", "softmax"))
    settings = Settings(optimizer="adam", batch_size=20, dtype="float64", dropout=rates)
    assert_agree(settings, structure, some_rows(settings, structure, 50, kind), threads=2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["half_mean_squared_error", "poisson", "binary_crossentropy"])
def test_scikit_learns_penalty_and_steeper_gradients_with_weights(loss: str, dtype: str) -> None:
    structure = Structure((11, 9, 3), ("tanh", last_activation(loss)))
    steeper = replace(LOSSES[loss], grad_scale=3.0)
    settings = Settings(loss=steeper, learning_rate=0.01, batch_size=16, dtype=dtype, alpha=0.3, l2=0.1)
    for weighted in (False, True):
        assert_agree(settings, structure, some_rows(settings, structure, weighted=weighted))


@pytest.mark.parametrize("optimizer", ["adam", "amsgrad", "adamw", "lamb"])
def test_the_epsilon_of_the_papers_faster_form(optimizer: str) -> None:
    structure = Structure((11, 9, 3), ("tanh", "softmax"))
    hat = {"epsilon_hat": True, "epsilon": 1e-3}
    settings = Settings(optimizer=optimizer, optimizer_settings=hat, batch_size=16, dtype="float64")
    assert_agree(settings, structure, some_rows(settings, structure))
