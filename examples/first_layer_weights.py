"""Weights of the first layer of a network trained on digits.

    python examples/first_layer_weights.py [--data mnist_train.csv] [--out first_layer_weights.png] [--quick]

Each unit of the first layer has one weight per pixel, so that its weights form an image: noise after one epoch, strokes
after the training. ``--data`` names a CSV file in Kaggle's layout (label, then the pixels) to use instead of
scikit-learn's digits.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from glassnet import MLPClassifier

mpl.use("Agg")
import matplotlib.pyplot as plt

UNITS = 24


def pictures(path: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels from 0 to 1 (samples, pixels) and digits (samples,) of a file, or of scikit-learn's digits."""
    if path is None:
        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(np.float32), y
    from glassnet.data import choose_target, features, read_table, target_values

    table = read_table(path)
    label = choose_target(table)
    pixels = features(table, [name for name in table.names if name != label])
    return (pixels / 255).astype(np.float32), target_values(table, label)


def draw(figure: plt.Figure, weights: np.ndarray, title: str) -> None:
    """Draw a square for each unit: red for positive weights, blue for negative ones."""
    side = round(len(weights) ** 0.5)
    strongest = np.quantile(np.abs(weights), 0.995)
    for panel, unit in zip(figure.subplots(4, 6).flat, weights.T, strict=True):
        panel.imshow(unit.reshape(side, side), cmap="RdBu_r", vmin=-strongest, vmax=strongest)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    figure.suptitle(title)


def main() -> None:
    """Train and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="CSV file: a column label, and a column per pixel from 0 to 255")
    parser.add_argument("--out", default="first_layer_weights.png")
    parser.add_argument("--quick", action="store_true", help="few epochs, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    X, y = pictures(given.data)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    # decoupled weight decay moves the weights of uninformative pixels to 0
    chosen = {"solver": "adamw", "weight_decay": 0.5, "learning_rate_init": 0.005, "batch_size": 32, "random_state": 1}
    network = MLPClassifier((UNITS,), max_iter=1, warm_start=True, **chosen).fit(X, y)
    after_one = network.coefs_[0].copy()
    network.set_params(max_iter=2 if given.quick else 60, learning_rate="cosine").fit(X, y)
    right = network.score(X_test, y_test)
    print(f"{network.score(X, y):.1%} accuracy on the training rows, {right:.1%} on the test rows")

    whole = plt.figure(figsize=(11, 3.9), layout="constrained")
    before, after = whole.subfigures(1, 2, wspace=0.06)
    draw(before, after_one, "after one epoch")
    draw(after, network.coefs_[0], f"trained: test accuracy {right:.1%}")
    whole.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
