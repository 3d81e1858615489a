"""Portable networks: parts that do not match are errors that name them."""

from typing import Any

import numpy as np
import pytest

from glassnet import InputError, Structure
from glassnet.models.exchange import Portable
from glassnet.models.exchange.portable import as_labels
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.preprocessing.scaling import Scaling
from tests.models.exchange.networks import network


@pytest.mark.parametrize(
    ("outputs", "around", "message"),
    [
        (2, {"kind": "both"}, "kind is 'both'; it must be one of binary, multiclass, multilabel, regression"),
        (2, {"kind": "binary", "classes": [0, 1]}, "kind 'binary' with 2 outputs; it has one"),
        (1, {"kind": "binary", "classes": [0, 1, 2]}, "3 classes do not match 1 outputs of a binary network"),
        (3, {"kind": "multiclass", "classes": [0, 1]}, "2 classes do not match 3 outputs"),
        (1, {"kind": "regression", "classes": [0]}, "1 classes do not match"),
        (2, {"kind": "multilabel", "classes": [0, 1]}, "2 classes do not match"),
        (1, {"kind": "regression", "feature_names": ("a",)}, "1 feature names for 2 inputs"),
        (2, {"kind": "multilabel", "target_scaling": Scaling("standard", np.zeros(2), np.ones(2))}, "for regression"),
        (
            1,
            {"kind": "regression", "scaling": Scaling("standard", np.zeros(3), np.ones(3))},
            "scaling has shape .3,.;",
        ),
        (2, {"kind": "regression", "quantiles": (0.5,)}, "1 quantiles do not match 2 outputs of a regression"),
        (2, {"kind": "multilabel", "quantiles": (0.1, 0.9)}, "2 quantiles do not match 2 outputs of a multilabel"),
        (
            3,
            {"kind": "regression", "target_scaling": Scaling("standard", np.zeros(2), np.ones(2))},
            "target_scaling has shape .2,.; the network needs .3,.",
        ),
    ],
)
def test_parts_that_do_not_match_are_named(outputs: int, around: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Portable(*network((2, outputs), "relu"), **around)


def test_a_custom_activation_is_named_with_its_layer() -> None:
    custom = Activation("relu", lambda z, out=None: z, ACTIVATIONS["relu"].derivative)
    structure = Structure((2, 3, 3, 1), ("tanh", custom, "identity"))
    with pytest.raises(InputError, match="layer 2 has the activation 'relu', a custom function, which can't"):
        Portable(structure, np.zeros(structure.n_parameters), "regression")


@pytest.mark.parametrize("dtype", ["float16", "int64", "longdouble"])
def test_other_dtypes_are_rejected(dtype: str) -> None:
    with pytest.raises(InputError, match=r"dtype \w+; it must be float32 or float64"):
        Portable(Structure((2, 1), "relu"), np.zeros(3, dtype), "regression")


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        ([True, False], [1, 0]),
        (np.array([2.0, 3.0], np.float32), [2, 3]),
        (np.array([1, 255], np.uint8), [1, 255]),
        (np.array(["a", "b"]), ["a", "b"]),
        (("1", "2"), ["1", "2"]),
        ((), []),
    ],
)
def test_labels_are_text_or_whole_numbers(classes: Any, labels: list) -> None:
    found = as_labels(classes)
    assert found.tolist() == labels and found.dtype in (np.int64, object)


@pytest.mark.parametrize(
    "classes", [[0.5, 1], [1, "a"], [2**63, 1], [None, "a"], [np.nan, 1], [1e300, 1], [b"a", b"b"]]
)
def test_other_labels_are_rejected(classes: list) -> None:
    with pytest.raises(InputError, match="the class .* can't be exported; all must be text, or all whole numbers"):
        as_labels(classes)
