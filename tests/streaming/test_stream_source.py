"""A stream yields every row of the files once per epoch, in an order that depends only on the seed."""

import gc
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from glassnet import InputError, Settings, Structure, train
from glassnet.engines.interface import Rows
from glassnet.preprocessing.scaling import BYTE_SCALE, choose_scaling
from glassnet.streaming import block_readers, scan
from glassnet.streaming.blocks import block_rows
from glassnet.streaming.column_coding import ColumnCoding
from glassnet.streaming.stream_source import RowTransform, StreamSource
from glassnet.streaming.target_profile import TRAINING, VALIDATION
from glassnet.training.source import Part, Source
from tests.streaming.sample_files import (
    SampleFiles,
    Seeds,
    columns_of,
    pixels,
    read_all,
    row_ids,
    scan_sample,
    source_of,
)

from .sample_files import stream_threads


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set blocks to 16 rows, so that a few hundred rows are many blocks."""
    monkeypatch.setattr(scan, "block_rows", lambda columns: 16)
    monkeypatch.setattr(block_readers, "block_rows", lambda columns: 16)


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    gc.collect()
    for thread in stream_threads():
        # the thread of a stream that was garbage collected ends by itself, soon
        thread.join(20)
        assert not thread.is_alive()


def stream_of(tmp_path, rows=500, cache=True, fraction=0.2, buffer_bytes=16 * 22 * 6, split=TRAINING) -> StreamSource:
    x, y = pixels(rows)
    found = scan_sample(SampleFiles(tmp_path / "t.csv", columns_of(x, y), 37), fraction, cache)
    assert (found.cache is not None) == cache
    return source_of(found, split, buffer_bytes)


def test_a_stream_implements_the_source_protocol(tmp_path):
    assert isinstance(stream_of(tmp_path), Source)


@pytest.mark.parametrize("cache", [True, False])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(2, 400),
    table=st.integers(1, 90),
    batch_size=st.integers(1, 70),
    buffer_rows=st.integers(1, 200),
    fraction=st.sampled_from([0.0, 0.3]),
    seed=st.one_of(st.none(), st.integers(0, 2**40)),
)
def test_every_row_comes_exactly_once_per_epoch_with_its_target(
    tmp_path, cache, rows, table, batch_size, buffer_rows, fraction, seed
):
    x, y = pixels(rows)
    files = SampleFiles(tmp_path / "t.csv", columns_of(x, y), table)
    try:
        found = scan_sample(files, fraction, cache)
    except InputError:
        assert rows < 30  # a split without rows, or one class
        return
    visited = []
    for split in (TRAINING, VALIDATION) if fraction else (TRAINING,):
        source = source_of(found, split, buffer_rows * 22)
        parts = source.parts(batch_size, None if seed is None else Seeds(seed))
        xs, ys, lengths = read_all(parts)
        assert len(xs) == len(source) and all(length % batch_size == 0 for length in lengths[:-1])
        numbers = row_ids(xs)
        np.testing.assert_array_equal(xs, x[numbers])
        np.testing.assert_array_equal(np.array(found.target_profile.unique)[ys], y[numbers])
        if seed is None:
            assert numbers == sorted(numbers)
        visited += numbers
    assert sorted(visited) == list(range(rows))


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("batch_size", [5, 16, 40])
def test_the_order_does_not_depend_on_the_first_batch(tmp_path, cache, batch_size):
    source = stream_of(tmp_path, cache=cache)
    whole, targets, lengths = read_all(source.parts(batch_size, Seeds()))
    assert len(lengths) > 3
    for first in range(-(-len(source) // batch_size)):
        x, y, _ = read_all(source.parts(batch_size, Seeds(), first))
        np.testing.assert_array_equal(x, whole[first * batch_size :])
        np.testing.assert_array_equal(y, targets[first * batch_size :])
    x, _, _ = read_all(source.parts(batch_size, None, 3))
    assert row_ids(x) == sorted(row_ids(whole))[3 * batch_size :]


def test_two_epochs_have_different_orders_and_the_seed_is_drawn_at_the_call(tmp_path):
    source = stream_of(tmp_path)
    sampler = Seeds(7)
    first = source.parts(16, sampler)
    assert sampler.next == 8
    one = row_ids(read_all(first)[0])
    two = row_ids(read_all(source.parts(16, sampler))[0])
    assert one != two and sorted(one) == sorted(two)
    assert row_ids(read_all(source.parts(16, Seeds(7)))[0]) == one


def test_without_a_cache_rows_are_shuffled_only_within_a_buffer(tmp_path):
    x, y = pixels(2000)
    files = SampleFiles(tmp_path / "t.csv", columns_of(x, y), 100)
    numbers = row_ids(read_all(source_of(scan_sample(files, cache=False), buffer_bytes=22 * 160).parts(16, Seeds()))[0])
    away = np.abs(np.array(numbers) - np.arange(2000))
    assert away.mean() > 20 and np.quantile(away, 0.99) < 400
    cached = row_ids(read_all(source_of(scan_sample(files), buffer_bytes=22 * 160).parts(16, Seeds()))[0])
    assert np.abs(np.array(cached) - np.arange(2000)).mean() > 400


def test_two_epochs_at_once_do_not_mix(tmp_path):
    source = stream_of(tmp_path)
    alone = read_all(source.parts(16, Seeds(1)))[0]
    one = source.parts(16, Seeds(1))
    two = source.parts(16, Seeds(2))
    visited = []
    for part, _ in zip(one, two, strict=True):
        time.sleep(0.002)
        visited.append(part.rows.x[part.order].copy())
    np.testing.assert_array_equal(np.concatenate(visited), alone)


def test_bytes_stay_bytes_and_numbers_are_standardized_as_in_memory(tmp_path):
    part = next(stream_of(tmp_path).parts(16, None))
    assert part.rows.x.dtype == np.uint8 and part.rows.scale == BYTE_SCALE
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(5, 3, 300), rng.integers(0, 9, 300), np.full(300, 2.5)])
    found = scan_sample(SampleFiles(tmp_path / "n.csv", columns_of(x, rng.integers(0, 2, 300)), 41))
    source = source_of(found, buffer_bytes=1000)
    scaled, _, _ = read_all(source.parts(16, None))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, choose_scaling(found.splits[TRAINING].features).transform(x, np.float32))
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0], atol=1e-5)


def test_validation_rows_that_are_not_bytes_are_scaled_by_the_training_statistics(tmp_path):
    x, y = pixels(400)
    x = x.astype(np.float64)
    found = scan_sample(SampleFiles(tmp_path / "t.csv", columns_of(x, y), 50), 0.2)
    in_validation = row_ids(read_all(source_of(found, VALIDATION).parts(16, None))[0])
    x[in_validation[3], 4] = 0.5
    found = scan_sample(SampleFiles(tmp_path / "t.csv", columns_of(x, y), 50), 0.2)
    rows, validation = (next(source_of(found, split).parts(1000, None)).rows for split in (TRAINING, VALIDATION))
    assert rows.x.dtype == np.uint8 and validation.x.dtype == np.float32
    np.testing.assert_array_equal(validation.x, (x[in_validation] * BYTE_SCALE).astype(np.float32))


def test_blocks_of_different_types_are_scaled_alike(tmp_path):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 256, (200, 3)), np.full(200, 255)]).astype(np.float64)
    x[90] = np.float32(0.1)
    x[150, 1] = 1 / 3
    found = scan_sample(SampleFiles(tmp_path / "t.csv", columns_of(x, rng.integers(0, 2, 200)), 30))
    kinds = found.cache.index[:, 6].tolist()
    assert kinds[5] == 1 and kinds[9] == 2 and kinds.count(0) == len(kinds) - 2
    scaled, _, _ = read_all(source_of(found).parts(16, None))
    np.testing.assert_array_equal(scaled, choose_scaling(found.splits[TRAINING].features).transform(x, np.float32))


@pytest.mark.parametrize("cache", [True, False])
def test_a_target_that_turns_out_to_be_text_is_text_from_the_start(tmp_path, cache):
    x, _ = pixels(96)

    y = ["1"] * 19 + ["01"] + ["2", "x"] * 9 + ["1", "x"] + ["2.5", "1"] * 28
    files = SampleFiles(tmp_path / "t.csv", columns_of(x, y), 20)
    files.blocks = lambda text=(): SampleFiles.blocks(files) if files.passes else _inferred_types(files)
    found = scan_sample(files, cache=cache)
    assert found.target_profile.unique.tolist() == ["01", "1", "2", "2.5", "x"]
    _, classes, _ = read_all(source_of(found).parts(16, None))
    assert found.target_profile.unique[classes].tolist() == y


def _inferred_types(files):
    """Yield tables whose targets are numbers until one is text; then ask for another pass."""
    import pyarrow as pa

    from glassnet.data import ArrowTable
    from glassnet.data.text.column_kinds import ColumnKindsChanged

    for table in SampleFiles.blocks(files):
        labels = table.columns["label"].to_pylist()
        if "x" in labels:
            raise ColumnKindsChanged("again")
        values = pa.array([float(label) for label in labels])
        if all(float(label).is_integer() for label in labels):
            values = values.cast("int64")
        yield ArrowTable(table.source, table.columns.set_column(0, "label", values))


def test_sparse_rows_stay_sparse(tmp_path, monkeypatch):
    x = sparse.random(300, 50, 0.1, "csr", rng=np.random.default_rng(0))
    x.data = np.round(x.data, 1) + 0.5
    y = np.arange(300) % 2
    files = SampleFiles(tmp_path / "t.csv", columns_of(np.zeros((300, 50)), y), 45)
    monkeypatch.setattr(ColumnCoding, "encode", lambda coding, table: next(rows))
    pieces = [x[first : first + 45] for first in range(0, 300, 45)]
    rows = iter(pieces)
    found = scan_sample(files)
    assert found.sparse and found.entries == x.nnz
    scaling = choose_scaling(found.splits[TRAINING].features, sparse=True)
    transform = RowTransform(scaling, np.asarray, np.float32, "")
    source = StreamSource(found, TRAINING, transform, 0.0, 3000)
    whole, classes, lengths = read_all(source.parts(16, Seeds()))
    assert len(lengths) > 2 and sparse.issparse(next(source.parts(16, Seeds())).rows.x)
    expected = (x.toarray() * scaling.scale).astype(np.float32)
    np.testing.assert_array_equal(np.sort(whole.sum(axis=1)), np.sort(expected.sum(axis=1)))
    in_order, classes, _ = read_all(source.parts(16, None))
    np.testing.assert_array_equal(in_order, expected)
    np.testing.assert_array_equal(classes, y)
    skipped, _, _ = read_all(source.parts(16, Seeds(), 7))
    np.testing.assert_array_equal(skipped, whole[7 * 16 :])
    # a scaling with an offset needs dense rows
    filled = next(source_of(found).parts(300, None)).rows.x
    np.testing.assert_array_equal(
        filled, choose_scaling(found.splits[TRAINING].features).transform(x.toarray(), np.float32)
    )


# ----------------------------------------------------------------------------------------------------------- training


class StreamInMemory:
    """The rows of a stream, in memory as one part, in the stream's order."""

    def __init__(self, stream: StreamSource) -> None:
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def target_variance(self) -> float:
        return 0.0

    def fingerprint(self) -> str:
        return ""

    def parts(self, batch_size, sampler, first=0):
        x, y, _ = read_all(self.stream.parts(batch_size, sampler))
        return iter([Part(Rows(x, y, scale=BYTE_SCALE), np.arange(first * batch_size, len(x)))])


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("cache", [True, False])
def test_streamed_training_equals_training_in_memory_in_the_same_order_bit_for_bit(tmp_path, engine, cache):
    stream = stream_of(tmp_path, cache=cache)
    validation = stream_of(tmp_path, cache=cache, split=VALIDATION, buffer_bytes=2**20)
    options = Settings(engine=engine, epochs=3, batch_size=16, dropout=0.2, ema_decay=0.99, threads=1)
    structure = Structure((6, 8, 3), ("relu", "softmax"))
    streamed = train(structure, stream, None, options, validation=validation)
    x, y, _ = read_all(validation.parts(16, None))
    in_memory = train(structure, StreamInMemory(stream), None, options, validation=(x, y), scale=BYTE_SCALE)
    np.testing.assert_array_equal(streamed.vector, in_memory.vector)
    for a, b in zip(streamed.history, in_memory.history, strict=True):
        assert (a.loss, a.metric, a.validation_loss, a.validation_metric) == (
            b.loss, b.metric, b.validation_loss, b.validation_metric,
        )  # fmt: skip


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_without_shuffling_streamed_training_equals_training_in_memory_bit_for_bit(tmp_path, engine):
    stream = stream_of(tmp_path, fraction=0.0)
    x, y = pixels(500)
    options = Settings(engine=engine, epochs=2, batch_size=16, shuffle=False, threads=1)
    structure = Structure((6, 8, 3), ("relu", "softmax"))
    streamed = train(structure, stream, None, options)
    plain = train(structure, x, y, options, scale=BYTE_SCALE)
    np.testing.assert_array_equal(streamed.vector, plain.vector)
    assert [e.loss for e in streamed.history] == [e.loss for e in plain.history]


# ------------------------------------------------------------------------------------------------- cleanup


def test_an_epoch_that_is_dropped_or_closed_ends_its_thread_at_once(tmp_path):
    source = stream_of(tmp_path)
    parts = source.parts(16, Seeds())
    next(parts)
    parts.close()
    assert not stream_threads()
    with pytest.raises(StopIteration):
        next(parts)
    parts.close()
    left = source.parts(16, Seeds())
    next(left)
    del left
    gc.collect()
    time.sleep(0.2)
    assert not stream_threads()


def test_an_interrupted_training_ends_the_thread(tmp_path):
    from glassnet import Callback

    class Interrupter(Callback):
        def on_batch_end(self, run, batch, loss):
            if batch == 5:
                raise self.error

    for error in (KeyboardInterrupt, ZeroDivisionError):
        interrupter = Interrupter()
        interrupter.error = error
        structure = Structure((6, 3), ("softmax",))
        options = Settings(engine="reference", batch_size=16)
        if error is KeyboardInterrupt:
            assert (
                train(structure, stream_of(tmp_path), None, options, callbacks=[interrupter]).stop_reason
                == "interrupted"
            )
        else:
            with pytest.raises(error):
                train(structure, stream_of(tmp_path), None, options, callbacks=[interrupter])
        assert not stream_threads()


def test_errors_while_reading_are_raised_where_the_rows_are_used(tmp_path):
    files = SampleFiles(tmp_path / "t.csv", columns_of(*pixels(500)), 37)
    source = source_of(scan_sample(files, cache=False))
    files.table = files.table.slice(0, 300)
    with pytest.raises(InputError, match="the files have changed since the first pass; start again"):
        read_all(source.parts(16, Seeds()))
    assert not stream_threads()


def test_a_new_class_in_a_later_pass_is_reported(tmp_path):
    x, y = pixels(100)
    files = SampleFiles(tmp_path / "t.csv", columns_of(x, [f"c{v}" for v in y]), 37)
    source = source_of(scan_sample(files, cache=False))
    files.table = files.table.set_column(0, "label", [["d"] * 100])
    with pytest.raises(InputError, match="'d' was not found in the first pass"):
        read_all(source.parts(16, Seeds()))


def test_a_cache_damaged_while_in_use_is_reported_and_removed(tmp_path):
    source = stream_of(tmp_path)
    path = source._profile.cache.path
    with open(path, "r+b") as file:
        file.seek(200)
        file.write(b"????")
    with pytest.raises(InputError, match="was damaged while it was in use .*start again"):
        read_all(source.parts(16, Seeds()))
    assert not path.exists()


def test_the_fingerprint_depends_on_the_rows_the_targets_and_the_order(tmp_path):
    x, y = pixels(300)

    def of(x, y, name="t.csv", **options):
        options = {"buffer_bytes": 1000, "cache": True} | options
        found = scan_sample(SampleFiles(tmp_path / name, columns_of(x, y), 37), 0.2, options.pop("cache"))
        return source_of(found, **options).fingerprint()

    one = of(x, y)
    assert one == of(x, y) == of(x, y, "copy.csv") == of(x, y)
    other_x = x.copy()
    other_y = y.copy()
    other_x[5, 3] += 1
    other_y[5] = (y[5] + 1) % 3
    others = [of(other_x, y), of(x, other_y), of(x, y, buffer_bytes=2000), of(x, y, cache=False)]
    others.append(of(x, y, split=VALIDATION))
    assert len({one, *others}) == 6
    # a missing cache is part of the fingerprint, except where all rows fit into one buffer
    assert of(x, y, cache=False) == f"{one}, without a cache" and one.endswith(" blocks per buffer")
    assert of(x, y, buffer_bytes=2000).partition(", ")[0] == one.partition(", ")[0]
    assert of(x, y, buffer_bytes=2**20) == of(x, y, buffer_bytes=2**20, cache=False)


def test_a_block_has_about_a_megabyte_of_rows():
    assert [block_rows(columns) for columns in (1, 64, 784, 10_000, 10**7)] == [4096, 4096, 256, 16, 1]


def test_the_memory_of_buffers_is_reused(tmp_path):
    source = stream_of(tmp_path)
    arrays = {id(part.rows.x) for _ in range(3) for part in source.parts(16, Seeds())}
    assert len(arrays) == 1
