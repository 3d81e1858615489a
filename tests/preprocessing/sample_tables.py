"""Tables and comparisons that several test modules use."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from glassnet.preprocessing import (
    TablePreprocessor,
    fit_preprocessor,
    preprocessor_from_dict,
)

NAN = float("nan")


def polars_frame(columns: dict) -> Any:
    return pytest.importorskip("polars", reason="compares with polars").DataFrame(columns)


FRAMES = {"pandas": pd.DataFrame, "polars": polars_frame, "arrow": pa.table}
every_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


def through_json(preprocessor: TablePreprocessor) -> TablePreprocessor:
    text = json.dumps(preprocessor.to_dict(), allow_nan=False)
    arrays = {name: np.frombuffer(array.tobytes()) for name, array in preprocessor.arrays().items()}
    return preprocessor_from_dict(json.loads(text), arrays)


def same(one: TablePreprocessor, other: TablePreprocessor) -> bool:
    return one.to_dict() == other.to_dict() and all(
        array.tobytes() == other.arrays()[name].tobytes() for name, array in one.arrays().items()
    )


def example() -> tuple[TablePreprocessor, pd.DataFrame]:
    rows = np.arange(120)
    table = pd.DataFrame(
        {
            "x": np.where(rows % 5 == 0, NAN, rows * 1.5),
            "b": rows % 2 == 0,
            "k": np.array(["r", "g"])[rows % 2],
            "z": rows % 40 + 2**53,
        }
    )
    return fit_preprocessor(table, ["z"]), table
