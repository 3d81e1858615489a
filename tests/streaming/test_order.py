"""Every row once an epoch, in an order that only the seed decides."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.streaming.order import max_buffer_rows, plan_buffers


def met(rows, blocks_per_buffer, batch_size, seed, random_access=True):
    """Return the numbers of the rows in the order in which they are met, and the lengths of the parts."""
    starts = np.concatenate([[0], np.cumsum(rows)])
    found, lengths, before = [], [], np.empty(0, np.int64)
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
def test_every_row_is_met_exactly_once_in_parts_of_whole_batches(
    rows, blocks_per_buffer, batch_size, seed, random_access
):
    order, lengths = met(rows, blocks_per_buffer, batch_size, seed, random_access)
    assert sorted(order) == list(range(sum(rows)))
    assert all(length > 0 and length % batch_size == 0 for length in lengths[:-1]) and lengths[-1] > 0
    if seed is None:
        assert order == list(range(sum(rows)))
    assert met(rows, blocks_per_buffer, batch_size, seed, random_access) == (order, lengths)


def test_another_seed_is_another_order_and_blocks_move_only_where_they_may():
    rows = [50] * 100
    one, other = met(rows, 10, 32, 1)[0], met(rows, 10, 32, 2)[0]
    assert one != other and len({row // 500 for row in one[:400]}) > 5
    in_order = met(rows, 10, 32, 1, random_access=False)[0]
    assert in_order != sorted(in_order) and max(in_order[:400]) < 600


def test_a_buffer_holds_no_more_blocks_than_it_may_and_all_about_as_many():
    found = [len(buffer.blocks) for buffer in plan_buffers(np.full(101, 8), 10, 4, 0, True)]
    assert max(found) <= 10 and min(found) >= 9 and sum(found) == 101


def test_the_order_of_a_seed_stays_what_it_is():
    assert met([3, 3, 3, 2], 2, 2, 5)[0] == [4, 10, 5, 9, 3, 0, 2, 8, 6, 1, 7]
