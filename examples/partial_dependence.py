"""Partial dependence of the progression of diabetes on each column.

    python examples/partial_dependence.py [--out partial_dependence.png] [--quick]

scikit-learn's display works with any estimator. A thick line is the mean prediction as a function of one column, with
the other columns unchanged; the thin lines are single patients. The plot on the right varies two columns.
"""

import argparse
import warnings

import matplotlib as mpl
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import PartialDependenceDisplay
from sklearn.model_selection import train_test_split

from glassnet import MLPRegressor

mpl.use("Agg")
import matplotlib.pyplot as plt

NAMES = {"bmi": "body mass index", "bp": "blood pressure", "s5": "log of triglycerides", "age": "age"}


def main() -> None:
    """Train and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="partial_dependence.png")
    parser.add_argument("--quick", action="store_true", help="few epochs and lines, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X = X.rename(columns=NAMES)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    network = MLPRegressor(
        hidden_layer_sizes=(32, 16), activation="silu", preprocess="auto", target_transform="standardize",
        dropout=0.3, weight_decay=0.3, ema_decay=0.98, solver="adamw", learning_rate_init=0.003,
        early_stopping=True, n_iter_no_change=40, max_iter=3 if given.quick else 300, random_state=0,
    ).fit(X_train, y_train)  # fmt: skip
    print(f"R² of the test rows: {network.score(X_test, y_test):.3f}, after {network.n_iter_} epochs")

    names = list(NAMES.values())
    figure, panels = plt.subplot_mosaic(
        [[*names[:2], "two"], [*names[2:], "two"]], figsize=(12, 6), width_ratios=[1, 1, 1.5], layout="constrained"
    )
    lines = {"kind": "both", "subsample": 10 if given.quick else 60, "random_state": 0, "grid_resolution": 30}
    colours = {
        "ice_lines_kw": {"color": "#56B4E9", "alpha": 0.25, "linewidth": 0.6},
        "pd_line_kw": {"color": "#0072B2", "linewidth": 2.5, "linestyle": "-"},
    }
    PartialDependenceDisplay.from_estimator(
        network, X_train, names, ax=[panels[name] for name in names], **lines, **colours
    )
    low, high = y.quantile([0.02, 0.98])
    for place, name in enumerate(names):
        panel = panels[name]
        panel.set(ylim=(low, high), ylabel="" if place % 2 else "progression after a year")
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend():
            panel.get_legend().remove()
    PartialDependenceDisplay.from_estimator(
        network, X_train, [(names[0], names[2])], ax=panels["two"], grid_resolution=8 if given.quick else 25,
        contour_kw={"cmap": "viridis"},
    )  # fmt: skip
    panels["two"].set_title("two columns")
    figure.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
