"""HTML representation before and after fitting, alone and in a pipeline; text representation."""

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from .sklearn_comparison import TASKS, fitted, pair

#: Void elements.
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "line", "circle", "rect", "polyline", "use"}


class Balanced(HTMLParser):
    """Parses HTML and checks that its tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> str:
    reader = Balanced()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return " ".join(reader.text)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_html_before_and_after_fitting(task: str, solver: str) -> None:
    for mine in (pair(task, solver=solver)[0], fitted(task, solver=solver, max_iter=3, early_stopping=True)[0]):
        assert type(mine).__name__ in read(mine._repr_html_())
        bundle = mine._repr_mimebundle_()
        assert bundle["text/plain"] == repr(mine) and type(mine).__name__ in bundle["text/html"]
        assert type(mine).__name__ in read(estimator_html_repr(make_pipeline(StandardScaler(), mine)))


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (1000, 500, 3, 700)},
        {"hidden_layer_sizes": None, "alpha": "<b>"},
        {"hidden_layer_sizes": np.array([3, 2])},
        {"solver": "no-such-thing", "max_iter": -1},
        {"random_state": np.random.RandomState(0)},
    ],
    ids=["no layers", "long layers", "markup", "an array", "wrong", "an object"],
)
def test_html_of_unvalidated_parameters(parameters: dict[str, Any]) -> None:
    mine, _ = pair("binary", **parameters)
    html = mine._repr_html_()
    read(html)
    assert "<b></" not in html


def test_text_representation() -> None:
    mine, other = pair("binary")
    with config_context(display="text"):
        assert "text/html" not in mine._repr_mimebundle_()
        assert repr(mine) == repr(other)
    with config_context(print_changed_only=False):
        assert "momentum=0.9" in repr(mine)
