"""One training step of a 2-2-1 network, worked out on paper."""

import numpy as np
import pytest

from glassnet import Settings, Structure, train
from glassnet.network.backward import backward, output_gradient
from glassnet.network.forward import forward
from glassnet.network.losses import LOSSES

# Two inputs, two ReLU units, one output as it comes; loss (o - y)² / 2; one sample x = (1, 2) with y = 2.
#
#   W1 = ( 1  -1 )   b1 = (0.5  0.5)      W2 = ( 2 )   b2 = (1)
#        ( 1   0 )                             ( 3 )
#
# Forward     z1 = (1·1 + 2·1 + 0.5,  1·(-1) + 2·0 + 0.5) = (3.5, -0.5)
#             a1 = (max(3.5, 0),  max(-0.5, 0))           = (3.5, 0)
#             z2 = 3.5·2 + 0·3 + 1                        = 8 = a2
# Loss        (8 - 2)² / 2                                = 18
# Backward    dz2 = 8 - 2                                 = 6
#             dW2 = a1ᵀ dz2                               = (21, 0)ᵀ      db2 = 6
#             da1 = dz2 W2ᵀ                               = (12, 18)
#             dz1 = da1 where z1 > 0                      = (12, 0)
#             dW1 = xᵀ dz1                                = (12 0 / 24 0) db1 = (12, 0)
#             dx  = dz1 W1ᵀ                               = (12·1, 12·1)  = (12, 12)
# Update, with a learning rate of 0.01:
#             W1 = (1 - 0.12  -1 / 1 - 0.24  0) = (0.88 -1 / 0.76 0)      b1 = (0.5 - 0.12, 0.5) = (0.38, 0.5)
#             W2 = (2 - 0.21  3)ᵀ               = (1.79 3)ᵀ               b2 = 1 - 0.06          = 0.94
STRUCTURE = Structure((2, 2, 1), ("relu", "identity"))
BEFORE = {"W1": [[1.0, -1], [1, 0]], "b1": [0.5, 0.5], "W2": [[2.0], [3]], "b2": [1.0]}
AFTER = {"W1": [[0.88, -1], [0.76, 0]], "b1": [0.38, 0.5], "W2": [[1.79], [3]], "b2": [0.94]}
X = np.array([[1.0, 2]])
Y = np.array([[2.0]])
LOSS = LOSSES["half_mean_squared_error"]


def test_the_forward_pass_gives_the_numbers_on_paper() -> None:
    cache = forward(STRUCTURE, {name: np.array(p) for name, p in BEFORE.items()}, X)
    expected = {"a0": [[1, 2]], "z1": [[3.5, -0.5]], "a1": [[3.5, 0]], "z2": [[8]], "a2": [[8]]}
    assert {name: array.tolist() for name, array in cache.items()} == expected
    assert LOSS.mean(cache["a2"], Y) == 18


def test_the_backward_pass_gives_the_numbers_on_paper() -> None:
    parameters = {name: np.array(p) for name, p in BEFORE.items()}
    cache = forward(STRUCTURE, parameters, X)
    gradients = backward(STRUCTURE, parameters, cache, output_gradient(LOSS, STRUCTURE, cache, Y), need_dx=True)
    assert {name: gradient.tolist() for name, gradient in gradients.items()} == {
        "dW2": [[21], [0]],
        "db2": [6],
        "dW1": [[12, 0], [24, 0]],
        "db1": [12, 0],
        "dx": [[12, 12]],
    }
    assert cache["da1"].tolist() == [[12, 18]] and cache["dz1"].tolist() == [[12, 0]]


def test_a_step_of_training_gives_the_numbers_on_paper() -> None:
    settings = Settings(
        loss=LOSS, optimizer="gradient_descent", learning_rate=0.01, epochs=1, batch_size=1, dtype="float64"
    )
    trained = train(STRUCTURE, X, Y, settings, parameters=STRUCTURE.flatten(BEFORE))
    for name, expected in AFTER.items():
        np.testing.assert_allclose(trained.parameters[name], expected, rtol=1e-14, err_msg=name)
    assert trained.history[0].loss == 18
    # the length of (12, 24, 12, 21, 6)
    assert trained.history[0].gradient_norm == pytest.approx((144 + 576 + 144 + 441 + 36) ** 0.5)
