"""Blocks: exact storage of rows in the smallest type."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from glassnet.streaming.blocks import Block, BlockBuilder, compact, decode_block, encode_block, encoded_size


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 6),
    st.sampled_from(["u1", "f4", "f8"]),
    st.sampled_from(["i8", "f8", "i4"]),
    st.booleans(),
)
def test_a_block_survives_encoding_and_decoding(rows, columns, kind, target, is_sparse):
    rng = np.random.default_rng(rows)
    values = {"u1": rng.integers(0, 256, (rows, columns)), "f4": rng.integers(0, 9, (rows, columns)) / 4 - 0.25}
    x = compact(np.asarray(values.get(kind, rng.normal(size=(rows, columns)))))
    assert x.dtype == kind
    if is_sparse:
        x = compact(sparse.csr_matrix(x))
    y = rng.integers(0, 9, rows).astype(target)
    kind, target_kind, entries, arrays = encode_block(Block(x, y))
    content = np.frombuffer(b"".join(array.tobytes() for array in arrays), np.uint8)
    assert len(content) == encoded_size(rows, columns, kind, target_kind, entries)
    back = decode_block(content, rows, columns, kind, target_kind, entries)
    np.testing.assert_array_equal(back.y, y)
    assert (back.x != x).sum() == 0 and type(back.x) is type(x)


def test_numbers_are_stored_exactly_in_the_smallest_type():
    def kind(*numbers):
        return compact(np.array([numbers], np.float64)).dtype

    assert [kind(0, 255), kind(0.5, 300), kind(-1), kind(0.1), kind(2**24 + 1), kind(1e300)] == [
        "u1", "f4", "f4", "f8", "f8", "f8",
    ]  # fmt: skip


def test_a_block_builder_keeps_every_row_and_starts_a_block_where_the_target_type_changes():
    builder = BlockBuilder(4)
    found = []
    for first, count, kind in ((0, 3, "i8"), (3, 6, "i8"), (9, 2, "f8"), (11, 9, "f8")):
        x = np.arange(first, first + count, dtype=np.float64)[:, np.newaxis]
        found += builder.add(x, x[:, 0].astype(kind))
    found += builder.flush()
    assert np.concatenate([block.x[:, 0] for block in found]).tolist() == list(range(20))
    assert [len(block.y) for block in found] == [4, 4, 1, 4, 4, 3]
