"""Blocks of pixels become one array of bytes; no row is lost or changed, whatever block comes between them."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from glassnet.data import ArrowTable, Matrix, features, target_values
from glassnet.data.concat import concat_blocks

WIDTH = 20


def block(rows: int, seed: int = 0, **changed: Any) -> ArrowTable:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"p{place}": rng.integers(0, 256, rows, np.uint8) for place in range(WIDTH)}
    columns["label"] = rng.integers(0, 10, rows, np.uint8)
    return ArrowTable("a.csv", pa.table(columns | changed), first_row=1 + 100 * seed)


def names() -> list[str]:
    return [f"p{place}" for place in range(WIDTH)]


def test_tables_of_bytes_become_a_matrix_without_the_target() -> None:
    blocks = [block(5), block(1, 1), block(7, 2)]
    whole = concat_blocks(blocks)
    assert isinstance(whole, Matrix) and whole.x.dtype == np.uint8 and whole.x.flags.c_contiguous
    assert whole.names == [*names(), "label"] and whole.locate(5) == ("a.csv", 101)
    assert np.array_equal(whole.x, np.concatenate([features(each, names()) for each in blocks]))
    assert np.array_equal(whole.y, np.concatenate([target_values(each, "label") for each in blocks]))


def test_bytes_without_a_target_become_a_matrix_too() -> None:
    blocks = [ArrowTable("a.csv", block(5, seed).columns.drop_columns(["label"])) for seed in range(2)]
    whole = concat_blocks(blocks)
    assert isinstance(whole, Matrix) and whole.y is None and whole.names == names()


OTHER = {
    "a larger number": {"p3": np.array([7, 300, 8, 9], np.int64)},
    "an empty pixel": {"p3": pa.array([1, None, 3, 4], pa.uint8())},
    "an empty target": {"label": pa.array([1, None, 3, 4], pa.uint8())},
    "another kind of target": {"label": np.array([1.5, 2, 3, 4])},
}


@pytest.mark.parametrize("other", OTHER)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_block_that_is_not_all_bytes_makes_the_result_a_table(other: str, at: int) -> None:
    blocks = [block(4, seed, **(OTHER[other] if seed == at else {})) for seed in range(3)]
    whole = concat_blocks(blocks)
    assert isinstance(whole, ArrowTable) and whole.names == [*names(), "label"]
    for place, each in enumerate(blocks):
        for name in whole.names:
            found = whole.columns[name].slice(4 * place, 4).to_pylist()
            assert found == each.columns[name].to_pylist()


def test_few_columns_of_bytes_stay_a_table() -> None:
    columns = block(4).columns.select(["p0", "p1", "label"])
    assert isinstance(concat_blocks([ArrowTable("a.csv", columns)]), ArrowTable)
