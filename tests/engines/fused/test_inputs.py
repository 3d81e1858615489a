"""Bytes and CSR, all the way from the user's arrays, on either engine; and memory: no copy of the data is made."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from glassnet import InputError, Settings, Structure, train
from glassnet.engines.fused.engine import FusedEngine
from glassnet.engines.fused.workspace import is_profitable
from glassnet.engines.interface import Rows, Weights

from .both_engines import make, relative_difference, trained

STRUCTURE = Structure((30, 16, 3), ("tanh", "softmax"))
RNG = np.random.default_rng(0)
BYTES = (RNG.integers(0, 256, (90, 30)) * (RNG.random((90, 30)) < 0.3)).astype(np.uint8)
Y = RNG.integers(0, 3, 90)
ENGINES = ["reference", "fused"]


def settings(engine: str, **others) -> Settings:
    return Settings(engine=engine, dtype="float64", epochs=3, batch_size=16, **others)


@pytest.mark.parametrize("engine", ENGINES)
def test_bytes_train_as_the_numbers_they_stand_for(engine: str) -> None:
    of_bytes = train(STRUCTURE, BYTES, Y, settings(engine), scale=1 / 255, validation=(BYTES[:9], Y[:9]))
    numbers = BYTES * (1 / 255)
    of_numbers = train(STRUCTURE, numbers, Y, settings(engine), validation=(numbers[:9], Y[:9]))
    assert of_bytes.engine == of_numbers.engine == engine
    assert of_bytes.vector.tobytes() == of_numbers.vector.tobytes()
    assert of_bytes.history[-1].validation_loss == of_numbers.history[-1].validation_loss


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array])
def test_sparse_matrices_train_as_the_rows_written_out(kind: type, engine: str) -> None:
    numbers = BYTES / 255
    of_sparse = train(STRUCTURE, kind(numbers), Y, settings(engine), validation=(kind(numbers[:9]), Y[:9]))
    of_rows = train(STRUCTURE, numbers, Y, settings(engine), validation=(numbers[:9], Y[:9]))
    assert of_sparse.engine == engine
    assert of_sparse.vector.tobytes() == of_rows.vector.tobytes()
    assert of_sparse.history[-1].validation_loss == pytest.approx(of_rows.history[-1].validation_loss, rel=1e-12)


def test_both_engines_learn_the_same_from_the_users_arrays() -> None:
    one, other = (train(STRUCTURE, BYTES, Y, settings(engine), scale=1 / 255, test=(BYTES, Y)) for engine in ENGINES)
    assert relative_difference(one.vector, other.vector) < 1e-10
    for epoch, same in zip(one.history, other.history, strict=True):
        assert epoch.loss == pytest.approx(same.loss, rel=1e-10)
        assert epoch.test_loss == pytest.approx(same.test_loss, rel=1e-10)
        assert epoch.metric == same.metric and epoch.test_metric == same.test_metric


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sparse_matrix_with_doubled_entries_is_what_they_add_up_to(engine: str) -> None:
    doubled = sparse.csr_matrix((np.ones(4), [1, 1, 0, 2], [0, 2, 4]), (2, 3))
    structure, y = Structure((3, 2), ("softmax",)), np.array([0, 1])
    of_doubled, of_rows = (train(structure, x, y, settings(engine)) for x in (doubled, doubled.toarray()))
    assert of_doubled.vector.tobytes() == of_rows.vector.tobytes()
    assert doubled.nnz == 4  # the user's own is left as it was


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_entry_of_a_sparse_matrix_that_is_not_finite_is_named(wrong: float) -> None:
    x = sparse.csr_matrix(BYTES.astype(float))
    x[7, 4] = wrong
    with pytest.raises(InputError, match=rf"x\[7, 4\] is {wrong}"):
        train(STRUCTURE, x, Y)
    with pytest.raises(InputError, match=r"validation x\[7, 4\]"):
        train(STRUCTURE, BYTES, Y, validation=(x, Y))


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf])
def test_a_scale_that_makes_no_numbers_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="scale"):
        train(STRUCTURE, BYTES, Y, scale=scale)


def test_the_loop_refuses_what_it_can_not_work_on() -> None:
    """Compiled code reads and writes without checking: everything is proven once, before it starts."""
    chosen = settings("fused", optimizer="gradient_descent")
    x = np.zeros((90, 30))
    csr = sparse.csr_matrix(np.eye(90, 30))
    beyond = csr.copy()
    beyond.indices[3] = 30
    for rows, order, match in (
        (Rows(x[:, :29].copy(), Y), None, "x has all rows"),
        (Rows(x, Y), np.full(90, 90), "order"),
        (Rows(x, Y), np.full(90, -1), "order"),
        (Rows(x, Y + 1), None, "classes"),
        (Rows(x, Y[:80]), None, "truth"),
        (Rows(x, Y, np.ones(80)), None, "weights"),
        (Rows(x.astype(np.float32), Y), None, "x has dtype float32"),
        (Rows(beyond, Y), None, "CSR"),
    ):
        engine = make(FusedEngine, chosen, STRUCTURE, skip_zeros=False)
        with pytest.raises(ValueError, match=match):
            engine.train_epoch(
                _weights(chosen), rows, order, np.full(6, 0.1), np.random.default_rng(0), lambda o, y: np.zeros(len(o))
            )


def _weights(chosen: Settings):
    vector = STRUCTURE.new_vector("float64")
    return Weights(vector, chosen.resolve_optimizer().init(vector), None)


# ---------------------------------------------------------------------------------------------------------- memory


def _csr(rows: int, features: int, entries: int) -> sparse.csr_matrix:
    """Return rows with n entries each, quickly."""
    step, rng = features // entries, np.random.default_rng(0)
    columns = step * np.arange(entries, dtype=np.int32) + rng.integers(0, step, (rows, entries), np.int32)
    starts = entries * np.arange(rows + 1, dtype=np.int32)
    return sparse.csr_matrix((np.ones(rows * entries, np.float32), columns.ravel(), starts), (rows, features))


def _megabytes(kind: str) -> tuple[Rows, int]:
    """Return rows of many megabytes, and how many bytes they take."""
    n, rng = 160_000 if kind == "csr" else 60_000, np.random.default_rng(0)
    x = _csr(n, 1000, 50) if kind == "csr" else rng.integers(0, 256, (n, 500), np.uint8)
    if kind == "numbers":
        x = x.astype(np.float32)
    size = x.data.nbytes + x.indices.nbytes + x.indptr.nbytes if kind == "csr" else x.nbytes
    return Rows(x, rng.integers(0, 3, n), scale=1 / 255), size


@pytest.mark.parametrize("kind", ["numbers", "bytes", "csr"])
def test_an_epoch_makes_no_copy_of_the_data(kind: str) -> None:
    rows, size = _megabytes(kind)
    structure = Structure((rows.x.shape[1], 16, 3), ("relu", "softmax"))
    chosen = Settings(optimizer="gradient_descent", batch_size=100)
    tracemalloc.start()
    engine = make(FusedEngine, chosen, structure)
    trained(engine, chosen, structure, rows, epochs=2)
    engine.outputs(structure.new_vector("float32"), rows.x, scale=rows.scale)
    engine.loss_and_gradients(structure.new_vector("float32"), rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the epoch's order is a whole number for each row, drawn by the test itself
    assert peak < size / 2, f"{peak:,} bytes for {size:,} of data"


def test_finding_out_whether_zeros_pay_writes_no_wide_rows_out() -> None:
    x = _csr(4000, 100_000, 10)
    tracemalloc.start()
    assert is_profitable(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000  # of 1.6 GB
