"""Feature importance: permutation importance compared with integrated gradients.

    python examples/importance.py [--out importance.png] [--quick]

The data are thirty features of tumours, many of them correlated. Permutation importance (scikit-learn's, for any
estimator) shuffles one column and measures the loss of accuracy, which is small if another column is correlated with
it. Integrated gradients attribute the output of each row to its columns: each point is one tumour, and the points of a
row add up to the difference from the output for an average tumour.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

from glassnet import MLPClassifier

mpl.use("Agg")
import matplotlib.pyplot as plt

SHOWN = 14


def spread(values: np.ndarray) -> np.ndarray:
    """Return a vertical offset for each point (points,), so that equal values do not overlap."""
    place = np.digitize(values, np.linspace(values.min(), values.max(), 60))
    moved = np.empty(len(values))
    for here in np.unique(place):
        inside = np.flatnonzero(place == here)
        moved[inside] = (np.arange(len(inside)) - (len(inside) - 1) / 2) / max(8, len(inside))
    return 0.7 * moved


def main() -> None:
    """Train, explain and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="importance.png")
    parser.add_argument("--quick", action="store_true", help="few epochs and shuffles, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    network = MLPClassifier(
        (32,), activation="silu", preprocess="auto", solver="adamw", weight_decay=0.5, learning_rate_init=0.005,
        learning_rate="cosine", max_iter=3 if given.quick else 80, random_state=0,
    ).fit(X_train, y_train)  # fmt: skip
    print(f"{network.score(X_test, y_test):.1%} accuracy on the test rows")

    shuffled = permutation_importance(network, X_test, y_test, n_repeats=2 if given.quick else 20, random_state=0)
    malignant = int(np.flatnonzero(network.classes_ == 0)[0])
    # the baseline is 0 for every input, which is the mean of the training rows
    shares = network.integrated_gradients(X_test, output=malignant, of="logit")
    costs = int((shuffled.importances_mean > 1 / len(X_test)).sum())
    print(f"shuffling lowers the accuracy by more than 1/{len(X_test)} for {costs} of {X.shape[1]} columns")

    inputs, names = network.prepare(X_test), network.input_names
    order = np.argsort(np.abs(shares).mean(axis=0))[-SHOWN:]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 5.6), width_ratios=[1, 1.9], sharey=True, layout="constrained"
    )
    left.barh(
        range(SHOWN), shuffled.importances_mean[order], xerr=shuffled.importances_std[order],
        color="#56B4E9", ecolor="#444444", height=0.65,
    )  # fmt: skip
    left.set(yticks=range(SHOWN), yticklabels=[names[column] for column in order])
    left.set(title="permutation importance", xlabel="loss of test accuracy when the column is shuffled")
    for place, column in enumerate(order):
        value = np.clip(inputs[:, column], -2, 2)
        points = right.scatter(
            shares[:, column], place + spread(shares[:, column]), c=value, cmap="coolwarm", vmin=-2, vmax=2,
            s=11, linewidths=0,
        )  # fmt: skip
    right.axvline(0, color="#999999", linewidth=0.8, zorder=0)
    right.set(
        title="integrated gradients, one point per test row",
        xlabel="← benign      contribution of the column to the logit      malignant →",
    )
    bar = figure.colorbar(points, ax=right, ticks=[-2, 0, 2], pad=0.01, aspect=40)
    bar.ax.set_yticklabels(["low", "mean", "high"])
    bar.set_label("value of the column")
    for panel in (left, right):
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(left=False)
    figure.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
