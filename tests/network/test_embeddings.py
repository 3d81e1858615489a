"""Embeddings: on paper, against PyTorch, as one-hot rows times a matrix, and with invalid codes."""

from itertools import accumulate

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet import InputError, Settings, Structure, check_gradients, train
from glassnet.engines.interface import Rows, Weights
from glassnet.engines.reference import ReferenceEngine
from glassnet.metrics.registry import METRICS
from glassnet.network import backward as backward_step
from glassnet.network.activations import ACTIVATIONS
from glassnet.network.backward import backward, output_gradient, penalty
from glassnet.network.embeddings import check_codes, embedding_gradients, look_up
from glassnet.network.forward import dropout_masks, forward
from glassnet.network.initializers import initialize
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS, apply_max_norm, update

# One number and one code of three categories, which learn two numbers each; one identity output; loss (o - y)² / 2.
#
#   x = ( 2  1 )   y = ( 2 )   E1 = ( 1    0 )   W1 = ( 1 )   b1 = (0.5)
#       ( 1  1 )       ( 1 )        ( 0.5 -1 )        ( 2 )
#       ( 3  0 )       ( 4 )        ( 7    7 )        ( 3 )
#
# Forward     a0 = (2  0.5  -1 / 1  0.5  -1 / 3  1  0), the second row of E1 twice, then the first
#             z1 = (2 + 1 - 3 + 0.5 / 1 + 1 - 3 + 0.5 / 3 + 2 + 0 + 0.5) = (0.5 / -0.5 / 5.5)
# Loss        o - y = (-1.5 / -1.5 / 1.5), so 3 · 1.5² / 2 / 3           = 1.125
# Backward    dz1 = (o - y) / 3                     = (-0.5 / -0.5 / 0.5)
#             dW1 = a0ᵀ dz1                         = (-1 - 0.5 + 1.5 / -0.25 - 0.25 + 0.5 / 0.5 + 0.5) = (0 / 0 / 1)
#             da0 = dz1 W1ᵀ                         = (-0.5 -1 -1.5 / -0.5 -1 -1.5 / 0.5 1 1.5)
#             dE1: row 0 the third sample's,        = (1 1.5), row 1 the first two's sum, (-2 -3), row 2 unused,   (0 0)
#             dx  = da0 of the number, 0 for a code = (-0.5 0 / -0.5 0 / 0.5 0)
# Update, with a learning rate of 0.1:
#             E1 = (0.9 -0.15 / 0.7 -0.7 / 7 7),  W1 = (1 / 2 / 2.9),  b1 = 0.5 + 0.05
ON_PAPER = Structure((3, 1), ["identity"], embeddings=[(3, 2)])
BEFORE = {"E1": [[1, 0], [0.5, -1], [7, 7]], "W1": [[1], [2], [3]], "b1": [0.5]}
AFTER = {"E1": [[0.9, -0.15], [0.7, -0.7], [7, 7]], "W1": [[1], [2], [2.9]], "b1": [0.55]}
X = np.array([[2.0, 1], [1, 1], [3, 0]])
Y = np.array([[2.0], [1], [4]])
LOSS = LOSSES["half_mean_squared_error"]

#: Two numbers and three columns of codes, one of them with a single category.
THREE = Structure((2 + 4 + 1 + 3, 6, 3), ("tanh", "softmax"), embeddings=[(5, 4), (1, 1), (9, 3)])


def draw_rows(structure: Structure, samples: int, seed: int = 0) -> np.ndarray:
    """Return numbers and codes, float64 (samples, columns)."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(categories, size=samples) for categories, _ in structure.embeddings]
    return np.column_stack([rng.standard_normal((samples, structure.n_numbers)), *codes])


def one_hot(structure: Structure, x: np.ndarray) -> np.ndarray:
    """Return x with a column for each category in place of each code."""
    codes = x[:, structure.n_numbers :].astype(int)
    columns = [np.eye(categories)[codes[:, t]] for t, (categories, _) in enumerate(structure.embeddings)]
    return np.hstack([x[:, : structure.n_numbers], *columns])


def test_forward_and_backward_give_the_numbers_on_paper() -> None:
    parameters = {name: np.array(p, float) for name, p in BEFORE.items()}
    cache = forward(ON_PAPER, parameters, X)
    assert cache["a0"].tolist() == [[2, 0.5, -1], [1, 0.5, -1], [3, 1, 0]]
    assert cache["a1"].tolist() == [[0.5], [-0.5], [5.5]]
    assert LOSS.mean(cache["a1"], Y) == 1.125
    gradients = backward(ON_PAPER, parameters, cache, output_gradient(LOSS, ON_PAPER, cache, Y), need_dx=True)
    assert {name: gradient.tolist() for name, gradient in gradients.items()} == {
        "dE1": [[1, 1.5], [-2, -3], [0, 0]],
        "dW1": [[0], [0], [1]],
        "db1": [-0.5],
        "dx": [[-0.5, 0], [-0.5, 0], [0.5, 0]],
    }


def test_a_step_of_training_gives_the_numbers_on_paper() -> None:
    chosen = Settings(
        loss=LOSS, optimizer="gradient_descent", learning_rate=0.1, epochs=1, batch_size=3, dtype="float64"
    )
    trained = train(ON_PAPER, X, Y, chosen, parameters=ON_PAPER.flatten(BEFORE, float))
    for name, expected in AFTER.items():
        np.testing.assert_allclose(trained.parameters[name], expected, rtol=1e-14, err_msg=name)
    assert trained.history[0].loss == 1.125
    assert trained.history[0].gradient_norm == pytest.approx((1 + 2.25 + 4 + 9 + 1 + 0.25) ** 0.5)


@pytest.mark.parametrize("optimizer", ["gradient_descent", "adam"])
def test_every_step_is_pytorchs(optimizer: str) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    x = draw_rows(THREE, 60)
    y = np.random.default_rng(1).integers(3, size=60)
    vector = initialize(THREE, np.random.default_rng(2))
    chosen = Settings(
        optimizer=optimizer, learning_rate=0.05, l2=0.02, batch_size=12, epochs=1, shuffle=False, dtype="float64"
    )

    embeddings = [torch.nn.Embedding(categories, size, dtype=torch.float64) for categories, size in THREE.embeddings]
    layers = [torch.nn.Linear(before, units, dtype=torch.float64) for _, before, units in THREE.layers()]
    expected = {f"E{t}": embedding.weight for t, embedding in enumerate(embeddings, start=1)}
    for number, layer in enumerate(layers, start=1):
        expected |= {f"W{number}": layer.weight, f"b{number}": layer.bias}
    with torch.no_grad():
        for name, p in THREE.views(vector).items():
            expected[name].copy_(torch.from_numpy(p.T if name[0] == "W" else p))
    rule = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    optimizer_step = rule(expected.values(), lr=0.05)

    for step in range(1, 6):  # train again on the first batches: the states after each step are compared
        rows = slice(12 * (step - 1), 12 * step)
        trained = train(THREE, x[: 12 * step], y[: 12 * step], chosen, parameters=vector)
        codes = torch.from_numpy(x[rows, 2:].astype(int))
        embedded = [embedding(codes[:, t]) for t, embedding in enumerate(embeddings)]
        a = torch.cat([torch.from_numpy(x[rows, :2]), *embedded], dim=1)
        loss = torch.nn.functional.cross_entropy(layers[1](torch.tanh(layers[0](a))), torch.from_numpy(y[rows]))
        loss = loss + sum(0.01 * (layer.weight**2).sum() for layer in layers)
        optimizer_step.zero_grad()
        loss.backward()
        optimizer_step.step()
        for name, p in trained.parameters.items():
            value = expected[name].detach().numpy()
            value = value.T if name[0] == "W" else value
            np.testing.assert_allclose(p, value, rtol=1e-9, atol=1e-12, err_msg=f"{name} after step {step}")


EMBEDDINGS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), min_size=1, max_size=4)


@given(embeddings=EMBEDDINGS, numbers=st.integers(0, 4), samples=st.integers(0, 12), seed=st.integers(0, 99))
def test_lookup_equals_one_hot_rows_times_the_embeddings(embeddings, numbers: int, samples: int, seed: int) -> None:
    structure = Structure((numbers + sum(size for _, size in embeddings), 2), ["tanh"], embeddings)
    assert (structure.n_numbers, structure.n_inputs) == (numbers, numbers + len(embeddings))
    rng = np.random.default_rng(seed)
    views = structure.views(rng.standard_normal(structure.n_parameters))
    x = draw_rows(structure, samples, seed)
    da0 = rng.standard_normal((samples, structure.layer_sizes[0]))
    a0, codes = look_up(structure, views, x)
    gradients = embedding_gradients(structure, codes, da0)
    spread = one_hot(structure, x)
    units = numbers
    column = numbers
    np.testing.assert_array_equal(a0[:, :numbers], x[:, :numbers])
    for t, (categories, size) in enumerate(embeddings, start=1):
        H = spread[:, column : column + categories]
        np.testing.assert_array_equal(a0[:, units : units + size], H @ views[f"E{t}"])
        np.testing.assert_allclose(gradients[f"dE{t}"], H.T @ da0[:, units : units + size], atol=1e-13)
        units += size
        column += categories


def test_embeddings_equal_a_first_layer_without_bias_over_one_hot_columns() -> None:
    x = draw_rows(THREE, 11)
    vector = np.random.default_rng(3).standard_normal(THREE.n_parameters)
    parameters = THREE.views(vector)
    first = scipy.sparse.block_diag([np.eye(2), *(parameters[f"E{t}"] for t in (1, 2, 3))]).toarray()
    plain = Structure((len(first), 10, 6, 3), ("identity", "tanh", "softmax"))
    same = {"W1": first, "b1": np.zeros(10)} | {f"{n}{k + 1}": parameters[f"{n}{k}"] for k in (1, 2) for n in "Wb"}
    expected = forward(plain, same, one_hot(THREE, x))
    cache = forward(THREE, parameters, x)
    np.testing.assert_allclose(cache["a2"], expected["a3"], rtol=1e-13)
    dz = np.random.default_rng(4).standard_normal((11, 3))
    reference = backward(plain, same, expected, dz)
    gradients = backward(THREE, parameters, cache, dz)
    for t, (row, column) in enumerate(zip((2, 7, 8), (2, 6, 7), strict=True), start=1):
        categories, size = THREE.embeddings[t - 1]
        block = reference["dW1"][row : row + categories, column : column + size]
        np.testing.assert_allclose(gradients[f"dE{t}"], block, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(gradients["dW2"], reference["dW3"], rtol=1e-12)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "huber", "poisson"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
def test_every_gradient_agrees_with_central_differences(activation: str, loss: str) -> None:
    structure = Structure((7, 4, 2), (activation, LOSSES[loss].link or activation), embeddings=[(6, 3), (2, 2)])
    found = check_gradients(structure, loss, dropout=(0.2, 0.3), l1=0.01, l2=0.02, weighted=True)
    assert found.ok, str(found)
    assert set(found.errors) == {"E1", "E2", "W1", "b1", "W2", "b2", "x"}


@settings(max_examples=30, deadline=None)
@given(embeddings=EMBEDDINGS, numbers=st.integers(0, 2), samples=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_gradients_of_any_embeddings_agree_with_central_differences(
    embeddings, numbers: int, samples: int, seed: int
) -> None:
    structure = Structure((numbers + sum(size for _, size in embeddings), 3, 2), "tanh", embeddings)
    found = check_gradients(structure, "log_cosh", samples=samples, seed=seed)
    assert found.error < 1e-5, str(found)
    assert ("x" in found.errors) == (numbers > 0)


def overwrite_repeated_codes(structure, codes, da0, out=None):
    gradients = embedding_gradients(structure, codes, da0, out)
    gradients["dE1"][codes[:, 0]] = da0[:, :3]
    return gradients


def shift_units(structure, codes, da0, out=None):
    return embedding_gradients(structure, codes, np.roll(da0, 1, axis=-1), out)


@pytest.mark.parametrize("wrong", [overwrite_repeated_codes, shift_units])
def test_a_wrong_gradient_of_an_embedding_is_found(wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backward_step, "embedding_gradients", wrong)
    found = check_gradients(Structure((3, 4, 2), "tanh", embeddings=[(2, 3)]), "log_cosh")
    assert not found and found.worst.startswith("dE1")


def test_a_single_sample_is_a_batch_of_one() -> None:
    parameters = THREE.views(np.random.default_rng(0).standard_normal(THREE.n_parameters))
    x = draw_rows(THREE, 1)
    dz = np.array([[0.1, -0.3, 0.2]])
    one = forward(THREE, parameters, x[0])
    batch = forward(THREE, parameters, x)
    assert one["a0"].shape == (10,) and one["codes"].shape == (3,)
    found = backward(THREE, parameters, one, dz[0], need_dx=True)
    for name, gradient in backward(THREE, parameters, batch, dz, need_dx=True).items():
        np.testing.assert_allclose(found[name], gradient.reshape(found[name].shape), rtol=1e-12, err_msg=name)
    assert found["dx"].shape == (5,) and not found["dx"][2:].any()


def test_forward_and_backward_write_to_out() -> None:
    vector = np.random.default_rng(0).standard_normal(THREE.n_parameters)
    gradient = np.full_like(vector, np.nan)
    x = draw_rows(THREE, 7)
    buffers = THREE.views(gradient, "d") | {name: np.empty((7, 10)) for name in ("a0", "da0")}
    cache = forward(THREE, THREE.views(vector), x, out=buffers)
    backward(THREE, THREE.views(vector), cache, np.ones((7, 3)), out=buffers)
    assert cache["a0"] is buffers["a0"] and cache["da0"] is buffers["da0"]
    assert np.isfinite(gradient).all()


def test_an_epoch_equals_the_steps_called_in_order() -> None:
    chosen = Settings(batch_size=5, dropout=(0.1, 0.2), l1=0.01, l2=0.02, dtype="float64")
    vector = initialize(THREE, np.random.default_rng(3))
    weights = Weights(vector.copy(), chosen.resolve_optimizer().init(vector), None)
    x = draw_rows(THREE, 23)
    y = np.random.default_rng(1).integers(3, size=23)
    objective = chosen.objective(THREE)
    state = chosen.resolve_optimizer().init(vector)
    engine = ReferenceEngine(objective, chosen.update_rule(), 5, "float64")
    order = np.random.default_rng(0).permutation(23)
    rates = np.full(5, 0.01)
    engine.train_epoch(weights, Rows(x, y), order, rates, np.random.default_rng(9), METRICS["accuracy"].per_sample)

    rng = np.random.default_rng(9)
    for batch in range(5):
        rows = order[5 * batch : 5 * batch + 5]
        views = THREE.views(vector)
        masks = dropout_masks(THREE, objective.dropout, len(rows), rng, np.float64)
        assert masks["mask0"].shape == (len(rows), 10)  # dropout takes units of embeddings, not codes
        cache = forward(THREE, views, x[rows], masks=masks)
        gradient = np.empty_like(vector)
        dz = output_gradient(objective.loss, THREE, cache, y[rows])
        backward(THREE, views, cache, dz, l1=0.01, l2=0.02, out=THREE.views(gradient, "d"))
        update(chosen.resolve_optimizer(), THREE, vector, gradient, state, 0.01)
    assert weights.parameters.tobytes() == vector.tobytes()


def test_embeddings_learn_the_level_of_each_category() -> None:
    """The number is noise: the target depends on the category only."""
    rng = np.random.default_rng(0)
    level = rng.standard_normal(40)
    shop = rng.integers(40, size=2000)
    x = np.column_stack([rng.standard_normal(2000), shop])
    y = level[shop]
    structure = Structure((1 + 3, 16, 1), "relu", embeddings=[(40, 3)])
    chosen = Settings(loss="half_mean_squared_error", epochs=20, learning_rate=0.01)
    trained = train(structure, x[:1500], y[:1500], chosen, test=(x[1500:], y[1500:]))
    assert trained.engine == "reference"
    assert trained.history[-1].test_metric > 0.95
    again = train(structure, x[:1500], y[:1500], chosen)
    assert again.vector.tobytes() == trained.vector.tobytes()


def test_lbfgs_sparse_rows_and_integers_train_embeddings_too() -> None:
    x = np.abs(np.round(draw_rows(THREE, 50)))
    y = np.arange(50) % 3
    found = [
        train(THREE, rows, y, Settings(epochs=2)).vector.tobytes()
        for rows in (x, scipy.sparse.csr_array(x), x.astype(np.uint8), x.astype(np.int64), x.astype(np.float32))
    ]
    assert len(set(found)) == 1
    trained = train(THREE, x, y, Settings(optimizer="lbfgs", epochs=20))
    assert trained.history[-1].loss < trained.history[0].loss


def test_the_fused_engine_falls_back_to_the_reference_engine() -> None:
    trained = train(THREE, draw_rows(THREE, 20), np.arange(20) % 3, Settings(epochs=1, engine="fused"))
    assert trained.engine == "reference"


def test_penalties_decay_and_max_norm_do_not_apply_to_embeddings() -> None:
    vector = np.full(THREE.n_parameters, 2.0)
    views = THREE.views(vector)
    weights = sum(W.size for name, W in views.items() if name[0] == "W")
    assert penalty(views, l1=0.1, l2=0.5) == pytest.approx(weights * (0.2 + 1.0))
    gradient = np.zeros_like(vector)
    rule = OPTIMIZERS["adamw"]
    update(rule, THREE, vector, gradient, rule.init(vector), 0.1, weight_decay=0.5)
    apply_max_norm(THREE, vector, 1.0)
    assert all((views[f"E{t}"] == 2).all() for t in (1, 2, 3))
    assert all((np.abs(views[f"W{k}"]) < 1).all() for k in (1, 2))


def test_embeddings_are_drawn_first_and_small() -> None:
    structure = Structure((30, 5), ["tanh"], embeddings=[(4000, 20), (2, 10)])
    views = structure.views(initialize(structure, np.random.default_rng(0), "zeros"))
    assert not views["W1"].any()
    expected = np.random.default_rng(0)
    for name in ("E1", "E2"):
        np.testing.assert_array_equal(views[name], expected.uniform(-0.05, 0.05, views[name].shape))
    drawn = structure.views(initialize(structure, np.random.default_rng(0), dtype=np.float32))
    np.testing.assert_array_equal(drawn["E1"], views["E1"].astype(np.float32))


def test_a_structure_without_embeddings_uses_x_as_a0() -> None:
    plain = Structure((3, 4, 2), "tanh")
    assert plain == Structure((3, 4, 2), "tanh", embeddings=()) and plain.n_inputs == plain.n_numbers == 3
    assert list(plain.shapes) == ["W1", "b1", "W2", "b2"]
    x = np.ones((2, 3))
    cache = forward(plain, plain.views(np.zeros(plain.n_parameters)), x)
    assert cache["a0"] is x and "codes" not in cache


def test_embeddings_come_first_in_the_vector_and_in_the_description() -> None:
    starts = [0, *accumulate(int(np.prod(shape)) for shape in THREE.shapes.values())]
    assert list(THREE.shapes) == ["E1", "E2", "E3", "W1", "b1", "W2", "b2"]
    assert [part.start for part in THREE.slices.values()] == starts[:-1] and starts[-1] == THREE.n_parameters
    assert str(THREE).splitlines() == [
        "layer    units  activation  weights        parameters",
        "numbers      2",
        "codes 1      4              E1 5×4                 20",
        "codes 2      1              E2 1×1                  1",
        "codes 3      3              E3 9×3                 27",
        "1            6  tanh        W1 10×6, b1 6          66",
        "2            3  softmax     W2 6×3, b2 3           21",
        "total                                             135",
    ]
    only = Structure((4, 2), ["tanh"], embeddings=[(5, 4)])
    assert "numbers" not in str(only) and (only.n_numbers, only.n_inputs) == (0, 1)
    assert only != Structure((4, 2), ["tanh"], embeddings=[(6, 4)])


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ([(5, 3), (9, 8)], r"layer_sizes\[0\] is 10 and the embeddings have 11 units; it counts those and the numbers"),
        ([(5, 3), 4], r"embeddings\[1\] is 4; give \(categories, size\), two whole numbers, 1 or more: \(1000, 8\)"),
        ([(5, 3, 1)], r"embeddings\[0\] is \(5, 3, 1\)"),
        ([(5, 0)], r"embeddings\[0\] is \(5, 0\)"),
        ([(5.0, 3)], r"embeddings\[0\] is \(5.0, 3\)"),
        ([(True, 3)], r"embeddings\[0\] is \(True, 3\)"),
        (["53"], r"embeddings\[0\] is '53'"),
        ([(2**24 + 1, 1)], r"embeddings\[0\] has 16,777,217 categories; the most is 16,777,216"),
    ],
)
def test_invalid_embeddings_are_refused(embeddings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Structure((10, 2), ["tanh"], embeddings)


def test_embeddings_count_among_the_parameters() -> None:
    with pytest.raises(InputError, match="and embeddings .* make 5,033,165,101 parameters; the most is 4,294,967,296"):
        Structure((300, 1), ["tanh"], embeddings=[(2**24, 300)])


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize(
    ("value", "shown"), [(5, "5.0"), (-1, "-1.0"), (1.5, "1.5"), (2.0**24, "16777216.0"), (-1e-3, "-0.001")]
)
def test_a_code_without_a_category_is_refused(value: float, shown: str, kind: str) -> None:
    x = draw_rows(THREE, 5000)
    x[4500, 2] = value
    rows = scipy.sparse.csr_array(x) if kind == "sparse" else x
    message = rf"^x\[4500, 2\] is {shown}; that column holds the codes of embedding E1, whole numbers 0 … 4"
    with pytest.raises(InputError, match=message):
        train(THREE, rows, np.arange(5000) % 3, Settings(epochs=1, dtype="float64"))
    with pytest.raises(InputError, match=r"validation x\[4500, 2\]"):
        train(THREE, x[:50], np.arange(50) % 3, Settings(epochs=1), validation=(rows, np.arange(5000) % 3))


def test_an_invalid_code_is_named_with_its_column_and_nan_is_invalid() -> None:
    x = draw_rows(THREE, 4)
    check_codes(THREE, x)
    x[3, 4] = np.nan
    with pytest.raises(InputError, match=r"rows\[3, 4\] \(column 'city'\) is nan; .* E3, whole numbers 0 … 8"):
        check_codes(THREE, x, "rows", ("a", "b", "street", "house", "city"))


def test_rows_that_do_not_match_the_embeddings_are_refused() -> None:
    with pytest.raises(InputError, match=r"x has shape \(4, 10\); the structure needs \(samples, 5\)"):
        train(THREE, np.zeros((4, 10)), np.arange(4) % 3)
    with pytest.raises(
        InputError, match="x holds bytes and scale is 0.00392157, by which the codes of embeddings can't"
    ):
        train(THREE, np.zeros((4, 5), np.uint8), np.arange(4) % 3, scale=1 / 255)


def test_every_activation_takes_embedded_rows() -> None:
    for activation in ACTIVATIONS:
        structure = Structure((4, 2), [activation], embeddings=[(3, 2), (2, 2)])
        out = forward(structure, structure.views(np.ones(structure.n_parameters)), np.array([[2, 1]]))
        assert np.isfinite(out["a1"]).all(), activation
