"""Every row comes once per epoch, in an order that depends only on the seed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.streaming.order import max_buffer_rows, plan_buffers


def visited(rows, blocks_per_buffer, batch_size, seed, random_access=True):
    """Return the numbers of the rows in the order of the epoch, and the lengths of the parts."""
    starts = np.concatenate([[0], np.cumsum(rows)])
    found = []
    lengths = []
    before = np.empty(0, np.int64)
    for buffer in plan_buffers(np.array(rows), blocks_per_buffer, batch_size, seed, random_access):
        np.testing.assert_array_equal(before[buffer.carried_from], buffer.carried)
        before = np.concatenate([buffer.carried, *(np.arange(starts[b], starts[b + 1]) for b in buffer.blocks)])
        assert len(before) <= max_buffer_rows(np.array(rows), blocks_per_buffer, batch_size)
        found.append(before[buffer.order])
        assert buffer.first_batch * batch_size == sum(lengths)
        lengths.append(len(buffer.order))
    return np.concatenate(found).tolist(), lengths


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(1, 90),
    st.one_of(st.none(), st.integers(0, 2**63)),
    st.booleans(),
)
def test_every_row_comes_exactly_once_in_parts_of_whole_batches(
    rows, blocks_per_buffer, batch_size, seed, random_access
):
    order, lengths = visited(rows, blocks_per_buffer, batch_size, seed, random_access)
    assert sorted(order) == list(range(sum(rows)))
    assert all(length > 0 and length % batch_size == 0 for length in lengths[:-1]) and lengths[-1] > 0
    if seed is None:
        assert order == list(range(sum(rows)))
    assert visited(rows, blocks_per_buffer, batch_size, seed, random_access) == (order, lengths)


def test_another_seed_gives_another_order_and_sequential_blocks_stay_in_order():
    rows = [50] * 100
    one = visited(rows, 10, 32, 1)[0]
    other = visited(rows, 10, 32, 2)[0]
    assert one != other and len({row // 500 for row in one[:400]}) > 5
    in_order = visited(rows, 10, 32, 1, random_access=False)[0]
    assert in_order != sorted(in_order) and max(in_order[:400]) < 600


def test_no_buffer_exceeds_the_maximum_number_of_blocks_and_all_have_similar_sizes():
    found = [len(buffer.blocks) for buffer in plan_buffers(np.full(101, 8), 10, 4, 0, True)]
    assert max(found) <= 10 and min(found) >= 9 and sum(found) == 101


def test_the_order_of_a_seed_never_changes():
    assert visited([3, 3, 3, 2], 2, 2, 5)[0] == [4, 10, 5, 9, 3, 0, 2, 8, 6, 1, 7]
