"""The same bits, whatever the number of threads, the way the input is kept, and the pieces that the work comes in."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from glassnet import Callback, Settings, Structure, train
from glassnet.engines.fused.engine import FusedEngine, profitable_threads
from glassnet.engines.interface import Rows

from .both_engines import make, some_rows, trained

#: Layers whose panels of W1 can be shared out evenly and layers whose can't, narrow, wide, one alone.
STRUCTURES = {
    "even": Structure((70, 64 * 4, 33, 4), ("relu", "tanh", "softmax")),
    "odd": Structure((37, 33, 70, 4), ("gelu", "softmax", "softmax")),
    "one panel": Structure((40, 5, 4), ("silu", "softmax")),
    "one layer": Structure((100, 4), ("softmax",)),
    "wide": Structure((50, 300, 420, 4), ("relu", "relu", "softmax")),
    "softmax first": Structure((70, 128, 4), ("softmax", "softmax")),
}
RULES = {
    "descent": Settings(optimizer="gradient_descent", l1=0.001, l2=0.01),
    "adam": Settings(optimizer="adam", weight_decay=0.01, clip_value=0.1),
    "whole gradient": Settings(optimizer="momentum", clip_norm=0.1),
    "lamb": Settings(optimizer="lamb"),
    "lars": Settings(optimizer="lars"),
    "max_norm": Settings(optimizer="gradient_descent", max_norm=0.8, ema_decay=0.9),
    "dropout": Settings(optimizer="adam", dropout=0.3),
    "dropout of the input": Settings(optimizer="gradient_descent", ema_decay=0.9),
}


def prepared(rule: str, structure: Structure, kind: str = "sparse", n: int = 150) -> tuple[Settings, Rows]:
    settings = replace(RULES[rule], batch_size=40)
    if rule == "dropout of the input":
        settings = replace(settings, dropout=(0.4, *[0.0] * (structure.n_layers - 1)))
    return settings, some_rows(settings, structure, n, kind, weighted=True)


@pytest.fixture(autouse=True)
def _every_thread_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.fused.engine.WORK_PER_THREAD", 1)


# --------------------------------------------------------------------------------------------------------- threads


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", STRUCTURES)
def test_any_number_of_threads_makes_the_same_bits(shape: str, rule: str) -> None:
    structure = STRUCTURES[shape]
    settings, rows = prepared(rule, structure)
    answers = []
    for threads in (1, 2, 3, 4, 7):
        for skip_zeros in (True, False):
            engine = make(FusedEngine, settings, structure, threads=threads, skip_zeros=skip_zeros)
            got = trained(engine, settings, structure, rows)
            assert next(iter(engine._workspaces.values())).plan.threads == threads
            vector = got.weights.parameters
            outputs, (loss, gradient) = engine.outputs(vector, rows.x), engine.loss_and_gradients(vector, rows)
            answers.append((got.bits, got.drawn, outputs.tobytes(), loss, gradient.tobytes()))
    assert all(answer == answers[0] for answer in answers[1:])


@pytest.mark.sweep(strength=2)
@pytest.mark.parametrize("shape", STRUCTURES)
@pytest.mark.parametrize("kind", ["dense", "csr", "bytes"])
@pytest.mark.parametrize("batch", [1, 3, 64, 151])
def test_threads_make_the_same_bits_of_every_kind_of_input(shape: str, kind: str, batch: int) -> None:
    structure = STRUCTURES[shape]
    settings, rows = prepared("adam", structure, kind)
    settings = replace(settings, batch_size=batch)
    bits = {
        trained(make(FusedEngine, settings, structure, threads=threads), settings, structure, rows, 1).bits
        for threads in (1, 2, 5)
    }
    assert len(bits) == 1


def test_as_many_threads_run_as_have_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert profitable_threads(100, 32, 8) == 1
    assert profitable_threads(10**6, 1000, 8) == 8
    assert 1 < profitable_threads(2000, 1000, 8) < 8


# ------------------------------------------------------------------------------------------ how the input is kept


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", STRUCTURES)
def test_leaving_out_zeros_changes_no_bit(shape: str, rule: str) -> None:
    structure = STRUCTURES[shape]
    for kind in ("sparse", "bytes", "csr"):
        settings, rows = prepared(rule, structure, kind)
        bits = {
            trained(make(FusedEngine, settings, structure, skip_zeros=skip_zeros), settings, structure, rows).bits
            for skip_zeros in (True, False, None)
        }
        assert len(bits) == 1, kind


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", STRUCTURES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_make_the_same_bits_as_the_numbers_they_stand_for(dtype: str, shape: str, rule: str) -> None:
    structure = STRUCTURES[shape]
    settings, rows = prepared(rule, structure, "bytes")
    settings = replace(settings, dtype=dtype)
    numbers = replace(rows, x=(rows.x * rows.scale).astype(dtype))
    for skip_zeros in (True, False):
        of_bytes, of_numbers = (
            trained(make(FusedEngine, settings, structure, skip_zeros=skip_zeros), settings, structure, these)
            for these in (rows, numbers)
        )
        assert of_bytes.bits == of_numbers.bits


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", STRUCTURES)
def test_csr_makes_the_same_bits_as_the_rows_written_out(shape: str, rule: str) -> None:
    structure = STRUCTURES[shape]
    settings, rows = prepared(rule, structure)
    of_rows, of_csr = (
        trained(make(FusedEngine, settings, structure), settings, structure, these)
        for these in (rows, replace(rows, x=sparse.csr_matrix(rows.x)))
    )
    assert of_rows.bits == of_csr.bits


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("kind", ["dense", "sparse", "csr", "bytes"])
@pytest.mark.parametrize("rule", RULES)
def test_rows_in_an_order_equal_rows_copied_in_that_order(rule: str, kind: str) -> None:
    structure = STRUCTURES["even"]
    settings, rows = prepared(rule, structure, kind)
    in_order, copied = (
        trained(make(FusedEngine, settings, structure), settings, structure, rows, copied=c) for c in (False, True)
    )
    assert in_order.bits == copied.bits


# ------------------------------------------------------------------------------------------------- pieces of work


@pytest.mark.sweep(strength=1)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("shape", STRUCTURES)
def test_an_epoch_in_pieces_equals_an_epoch_at_once(shape: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    structure = STRUCTURES[shape]
    settings, rows = prepared(rule, structure)
    settings = replace(settings, batch_size=10)
    whole = trained(make(FusedEngine, settings, structure), settings, structure, rows)
    monkeypatch.setattr("glassnet.engines.fused.engine.FIRST_RUN_WORK", 1)
    monkeypatch.setattr("glassnet.engines.fused.engine.TARGET_RUN_SECONDS", 1e-9)
    pieces = make(FusedEngine, settings, structure)
    in_pieces = trained(pieces, settings, structure, rows)
    assert pieces._run_length == 1
    monkeypatch.setattr("glassnet.engines.fused.engine.TARGET_RUN_SECONDS", 1e9)  # 1, 2, 4, 8 batches
    in_growing_pieces = trained(make(FusedEngine, settings, structure), settings, structure, rows)
    monkeypatch.setattr("glassnet.engines.fused.engine.MAX_OUTPUTS", 3 * 10 * 4)
    with_few_outputs = trained(make(FusedEngine, settings, structure), settings, structure, rows)
    heard: list[tuple[int, float]] = []
    listened = trained(
        make(FusedEngine, settings, structure), settings, structure, rows, on_batch=lambda *values: heard.append(values)
    )
    parameters = whole.weights.parameters.tobytes()
    for other in (in_pieces, in_growing_pieces, with_few_outputs, listened):
        assert other.weights.parameters.tobytes() == parameters
        assert np.allclose([f.loss for f in other.figures], [f.loss for f in whole.figures], rtol=1e-12)
        assert np.allclose([f.score for f in other.figures], [f.score for f in whole.figures], rtol=1e-12)
        assert np.allclose([f.gradient_norm for f in other.figures], [f.gradient_norm for f in whole.figures])
    assert [batch for batch, _ in heard] == 2 * list(range(15))


def test_what_on_batch_changes_is_trained_on() -> None:
    structure = Structure((6, 4), ("softmax",))

    class Zeroing(Callback):
        def on_batch_end(self, run, batch, loss):
            run.weights.parameters[...] = 0

    rows = some_rows(Settings(), structure, 20)
    found = train(structure, rows.x, rows.y, Settings(engine="fused", batch_size=5, epochs=1), callbacks=[Zeroing()])
    assert found.engine == "fused" and not found.vector.any()
    assert found.history[0].loss == pytest.approx(np.log(4), rel=0.2)


def test_threads_are_among_the_settings_and_change_nothing() -> None:
    structure = STRUCTURES["even"]
    settings, rows = prepared("dropout", structure)
    vectors = {
        train(structure, rows.x, rows.y, replace(settings, engine="fused", threads=threads, epochs=2)).vector.tobytes()
        for threads in (1, 2, 3, None)
    }
    assert len(vectors) == 1


def test_the_same_training_again_makes_the_same_bits() -> None:
    structure = STRUCTURES["odd"]
    settings, rows = prepared("dropout", structure)
    engine = make(FusedEngine, settings, structure, threads=3)
    bits = {trained(engine, settings, structure, rows).bits for _ in range(5)}
    assert len(bits) == 1


def test_predictions_are_the_same_on_any_number_of_threads_in_a_last_smaller_batch_too() -> None:
    structure = Structure((100, 256, 10), ("relu", "softmax"))
    settings = Settings()
    x = np.random.default_rng(0).random((5_003, 100), np.float32)
    vector = structure.new_vector(np.float32)
    vector[...] = np.random.default_rng(1).standard_normal(structure.n_parameters)
    alone = make(FusedEngine, settings, structure, threads=1).outputs(vector, x)
    together = make(FusedEngine, settings, structure, threads=2)
    assert all(np.array_equal(together.outputs(vector, x), alone) for _ in range(100))
