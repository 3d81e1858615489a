"""Restoring a preprocessor: invalid descriptions and arrays are rejected."""

import copy
import json
from typing import Any

import numpy as np
import pytest

from glassnet import InputError
from glassnet.preprocessing import (
    CODES,
    ONE_HOT,
    Scaling,
    preprocessor_from_dict,
)
from tests.preprocessing.sample_tables import NAN, example


def set_field(path: tuple, value: Any):
    def damage(description: Any, arrays: dict) -> None:
        for key in path[:-1]:
            description = description[key]
        if value is KeyError:
            del description[path[-1]]
        else:
            description[path[-1]] = value

    return damage


def set_array(name: str, value: Any):
    def damage(description: Any, arrays: dict) -> None:
        if value is KeyError:
            del arrays[name]
        else:
            arrays[name] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (set_field(("names",), KeyError), "preprocessor is .*; it must be an object with kind, names, named"),
        (set_field(("extra",), 1), "it must be an object with"),
        (set_field(("names",), "xbkz"), "preprocessor.names is 'xbkz', which is of the wrong type"),
        (set_field(("names", 0), 5), r"preprocessor.names\[0\] is 5"),
        (set_field(("names", 0), []), r"preprocessor.names\[0\] is \[\]"),
        (set_field(("names", 0), "b"), "4 names, of which 3 differ"),
        (set_field(("names",), []), "0 names"),
        (set_field(("named",), 1), "preprocessor.named is 1"),
        (set_field(("centred",), None), "preprocessor.centred is None"),
        (set_field(("centred",), False), "is of sparse rows"),
        (set_field(("booleans",), [2]), r"booleans\[0\] is 2, which is not a column of numbers"),
        (set_field(("booleans",), [True]), "is True"),
        (set_field(("booleans",), [[]]), r"is \[\]"),
        (set_field(("booleans",), [1, 1]), "names a column twice"),
        (set_field(("indicators",), [-1]), r"indicators\[0\] is -1"),
        (set_field(("indicators",), [10**30]), "not a column of numbers"),
        (set_field(("categories",), {}), "preprocessor.categories is"),
        (set_field(("categories", 0), 5), r"preprocessor.categories\[0\] is 5"),
        (set_field(("categories", 0, "column"), 4), r"categories\[0\].column is 4; there are 4 columns"),
        (set_field(("categories", 0, "column"), -1), "column is -1"),
        (set_field(("categories", 0, "column"), True), "column is True"),
        (set_field(("categories", 0, "column"), 3), "each must come once, in order"),
        (set_field(("categories", 0, "column"), 0), "not a column of numbers"),
        (set_field(("categories", 0, "encoding"), "evil"), "encoding is 'evil'"),
        (set_field(("categories", 0, "encoding"), CODES), r"categories\[0\].shares"),
        (set_field(("categories", 0, "categories"), ["g"]), "shares has 2 entries for 1 categories"),
        (set_field(("categories", 0, "categories"), ["g", "g"]), "holds a category twice"),
        (set_field(("categories", 0, "categories"), [1, True]), "holds a category twice"),
        (set_field(("categories", 0, "rare"), 1.5), r"categories\[0\].rare is 1.5"),
        (set_field(("scaling",), "evil"), "preprocessor.scaling is 'evil'; it must be one of bytes, standard"),
        (set_field(("dates",), [4]), r"dates\[0\] is 4, which is not a column of the table"),
        (set_field(("dates",), [2]), "the column 2 is described twice"),
        (set_field(("dates",), [0, 0]), "dates names a column twice"),
        (set_field(("left_out",), [3]), r"left_out\[0\] is 3; it must be a position and a reason"),
        (set_field(("left_out",), [[2, "why"]]), "the column 2 is described twice"),
        (set_field(("left_out",), [[7, "why"]]), r"left_out\[0\] is 7"),
        (set_field(("categories", 0, "categories", 0), NAN), "is nan"),
        (set_field(("categories", 0, "categories", 0), ["g"]), r"is \['g'\]"),
        (set_field(("categories", 0, "categories", 0), {"int": 5}), "is {'int': 5}"),
        (set_field(("categories", 0, "categories", 0), {"int": "1e5"}), "1e5"),
        (set_field(("categories", 0, "categories", 0), {"int": "9" * 5000}), "999"),
        (set_field(("categories", 0, "categories", 0), {"int": "٣"}), "int"),
        (set_field(("categories", 0, "shares"), "ab"), "shares is 'ab'"),
        (set_field(("categories", 0, "shares"), [0.5]), "shares has 1 entries"),
        (set_field(("categories", 0, "shares"), [0.5, NAN]), "shares holds nan"),
        (set_field(("categories", 0, "shares"), [0.5, 2.0]), "shares holds 2.0"),
        (set_field(("categories", 0, "shares"), [0.5, 0.25]), "add up to 0.75"),
        (set_field(("categories", 0, "shares"), [0.5, "a"]), "shares holds 'a'"),
        (set_field(("categories", 1, "encoding"), ONE_HOT), "39 categories one-hot; the most is 32"),
        (set_array("median", KeyError), "must be median, offset, scale"),
        (set_array("more", np.zeros(2)), "must be median, offset, scale"),
        (set_array("offset", np.zeros(3)), "offset is .*; it must be float64 of shape"),
        (set_array("offset", np.zeros(2, np.float32)), "must be float64"),
        (set_array("offset", [0.0, 0.0]), "offset is list"),
        (set_array("offset", np.array([0, NAN])), "offset holds NaN"),
        (set_array("scale", np.array([0, -1.0])), "negative scale"),
        (set_array("scale", np.array([0, np.inf])), "scale holds NaN, infinity"),
    ],
)
def test_inconsistent_descriptions_are_rejected(damage: Any, message: str) -> None:
    preprocessor, _ = example()
    description = copy.deepcopy(preprocessor.to_dict())
    arrays = preprocessor.arrays()
    preprocessor_from_dict(description, arrays)
    damage(description, arrays)
    with pytest.raises(InputError, match=message):
        preprocessor_from_dict(description, arrays)


def test_a_description_must_be_an_object() -> None:
    for nothing in (None, [], "x", 5):
        with pytest.raises(InputError, match="it must be an object"):
            preprocessor_from_dict(nothing, {})
    with pytest.raises(InputError, match="the arrays of the preprocessor"):
        preprocessor_from_dict(example()[0].to_dict(), None)


@pytest.mark.parametrize("kind", ["bytes", "standard", "largest"])
def test_a_scaling_is_restored(kind: str) -> None:
    scaling = Scaling(kind, np.array([1.0, 2.0]), np.array([0.5, 4.0]))
    again = preprocessor_from_dict(json.loads(json.dumps(scaling.to_dict())), scaling.arrays())
    assert isinstance(again, Scaling) and again.kind == kind
    x = np.array([[3.0, 4.0]])
    assert again.transform(x).tolist() == scaling.transform(x).tolist() == [[1, 8]]
    assert again.n_features_in == again.n_inputs == 2 and again.embedding_shapes == ()
    assert again.get_feature_names_out() == ("x0", "x1") and again.get_feature_names_out(["a", "b"]) == ("a", "b")


@pytest.mark.parametrize(
    ("description", "arrays", "message"),
    [
        ({"kind": "other"}, {}, "it must be an object with kind, names"),
        ({"kind": "bytes", "more": 1}, {}, "it must be an object with kind"),
        ({"kind": ["bytes"]}, {}, "it must be an object with kind, names"),
        ({"kind": "bytes"}, None, "the arrays of the preprocessor are None"),
        ({"kind": "bytes"}, {"offset": np.zeros(2)}, "must be offset, scale"),
        ({"kind": "bytes"}, {"offset": np.zeros(2), "scale": [1, 1]}, "float64 of shape"),
        ({"kind": "bytes"}, {"offset": np.zeros(2), "scale": np.ones(3)}, "preprocessor.offset is .* float64 of shape"),
        ({"kind": "bytes"}, {"offset": np.zeros(2), "scale": np.array([1, 0.0])}, "scale holds 0"),
        ({"kind": "bytes"}, {"offset": np.array([NAN, 0]), "scale": np.ones(2)}, "offset holds NaN"),
        ({"kind": "bytes"}, {"offset": np.zeros(2), "scale": np.array([1, -1.0])}, "negative scale"),
    ],
)
def test_inconsistent_scalings_are_rejected(description: Any, arrays: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        preprocessor_from_dict(description, arrays)
