"""Any size is right: layers, batches and rows that are no multiple of anything, whatever holds the input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from glassnet import Settings, Structure
from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.interface import Rows
from glassnet.engines.reference import ReferenceEngine

from .both_engines import assert_agree, make, relative_difference, some_rows, trained

UNITS = st.one_of(st.integers(1, 70), st.integers(1, 9), st.sampled_from([64, 65, 127, 128, 129, 300]))
KINDS = st.sampled_from(["dense", "sparse", "csr", "bytes"])


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(UNITS, min_size=2, max_size=5),
    batch=st.integers(1, 80),
    rows=st.integers(1, 150),
    kind=KINDS,
    skip_zeros=st.sampled_from([None, True, False]),
    threads=st.integers(1, 3),
    optimizer=st.sampled_from(["gradient_descent", "momentum", "lamb"]),
    clip=st.sampled_from([None, 0.1]),
    dropout=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_size_is_right(sizes, batch, rows, kind, skip_zeros, threads, optimizer, clip, dropout, seed) -> None:
    structure = Structure(sizes, "tanh")
    chosen = Settings(
        loss="half_mean_squared_error", optimizer=optimizer, learning_rate=0.01, batch_size=batch, dtype="float64",
        clip_norm=clip, dropout=dropout,
    )  # fmt: skip
    data = some_rows(chosen, structure, rows, kind, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("glassnet.engines.fused.engine.WORK_PER_THREAD", 1)
        assert_agree(chosen, structure, data, threads=threads, skip_zeros=skip_zeros)


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("kind", ["dense", "sparse", "csr", "bytes"])
@pytest.mark.parametrize("batch", [1, 2, 7, 8, 64, 200])
@pytest.mark.parametrize(
    "sizes", [(1, 1, 1), (1, 3), (5, 2), (7, 100, 2), (784, 128, 64, 10), (100, 64, 64, 64, 1), (2000, 5, 3),
              (30, 1000, 3), (3, 1, 1, 1, 2)],
)  # fmt: skip
def test_sizes_that_people_use_are_right_in_float32(sizes: tuple[int, ...], batch: int, kind: str) -> None:
    structure = Structure(sizes, "tanh")
    chosen = Settings(loss="huber", optimizer="gradient_descent", learning_rate=0.01, batch_size=batch)
    assert_agree(chosen, structure, some_rows(chosen, structure, 130, kind), 1, threads=2)


@pytest.mark.parametrize("batch", [500, 1025])
def test_wide_layers_and_large_batches_are_right(batch: int) -> None:
    structure = Structure((1025, 1100, 900, 5), ("tanh", "relu", "softmax"))
    chosen = Settings(optimizer="adam", batch_size=batch, dtype="float64")
    assert_agree(chosen, structure, some_rows(chosen, structure, 1030), 1)


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("n", [1, 3, 511, 512, 513, 1500])
@pytest.mark.parametrize("kind", ["dense", "sparse", "csr", "bytes"])
def test_outputs_and_gradients_of_any_number_of_rows_are_right(kind: str, n: int) -> None:
    structure = Structure((70, 33, 4), ("sigmoid", "softmax"))
    chosen = Settings(dtype="float64", l1=0.01, l2=0.02)
    vector = np.random.default_rng(0).standard_normal(structure.n_parameters) / 5
    rows = some_rows(chosen, structure, n, kind, weighted=True)
    reference, fused = (make(engine, chosen, structure) for engine in (ReferenceEngine, FusedEngine))
    for logits in (False, True):
        expected = reference.outputs(vector, rows.x, logits, rows.scale)
        assert relative_difference(expected, fused.outputs(vector, rows.x, logits, rows.scale)) < 1e-10
    (loss, gradient), (loss_too, gradient_too) = (e.loss_and_gradients(vector, rows) for e in (reference, fused))
    assert relative_difference(loss, loss_too) < 1e-10 and relative_difference(gradient, gradient_too) < 1e-10


def test_outputs_of_no_rows_are_no_outputs() -> None:
    engine = make(FusedEngine, Settings(), Structure((3, 2), ("softmax",)))
    assert engine.outputs(np.zeros(8, np.float32), np.zeros((0, 3), np.float32)).shape == (0, 2)


def test_rows_without_a_single_entry_are_right() -> None:
    structure = Structure((50, 20, 3), ("tanh", "softmax"))
    chosen = Settings(dtype="float64", batch_size=8)
    y = np.arange(30) % 3
    assert_agree(chosen, structure, Rows(np.zeros((30, 50)), y), skip_zeros=True)
    assert_agree(chosen, structure, Rows(sparse.csr_matrix((30, 50)), y))
    few = np.zeros((30, 50))
    few[[3, 17], [49, 0]] = 1
    assert_agree(chosen, structure, Rows(few, y), skip_zeros=True)


def test_columns_of_csr_may_come_in_any_order_of_64_or_32_bits() -> None:
    structure = Structure((50, 20, 3), ("tanh", "softmax"))
    chosen = Settings(dtype="float64", batch_size=8)
    rows = some_rows(chosen, structure, 30, "csr")
    x = rows.x.copy()
    for first, last in zip(x.indptr[:-1], x.indptr[1:], strict=True):
        x.indices[first:last], x.data[first:last] = x.indices[first:last][::-1].copy(), x.data[first:last][::-1].copy()
    x.indices, x.indptr = x.indices.astype(np.int64), x.indptr.astype(np.int64)
    expected, got = (
        trained(make(FusedEngine, chosen, structure), chosen, structure, Rows(these, rows.y)) for these in (rows.x, x)
    )
    assert expected.bits == got.bits


def test_the_scale_of_bytes_may_change_from_call_to_call() -> None:
    structure = Structure((9, 2), ("identity",))
    x, vector = np.arange(45, dtype=np.uint8).reshape(5, 9), np.linspace(-1, 1, 20)
    engine = make(FusedEngine, Settings(loss="huber", dtype="float64"), structure)
    for scale in (1.0, 1 / 255, 2.0):
        expected = x * scale @ vector[:18].reshape(9, 2) + vector[18:]
        assert relative_difference(expected, engine.outputs(vector, x, scale=scale)) < 1e-12


def test_an_array_that_changed_in_place_is_read_again() -> None:
    structure = Structure((64, 2), ("identity",))
    x, vector = np.zeros((64, 64)), np.linspace(-1, 1, 130)
    engine = make(FusedEngine, Settings(loss="huber", dtype="float64"), structure)
    engine.outputs(vector, x)
    x[...] = np.random.default_rng(0).standard_normal(x.shape)
    assert relative_difference(x @ vector[:128].reshape(64, 2) + vector[128:], engine.outputs(vector, x)) < 1e-12
