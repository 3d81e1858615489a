"""Prediction intervals: bands that contain 50 % and 90 % of the values.

    python examples/quantile_bands.py [--out quantile_bands.png] [--quick]

The variance of the points grows with x. One network predicts five quantiles, which never cross. The coverage of the
bands is measured on new points.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from glassnet import MLPRegressor

mpl.use("Agg")
import matplotlib.pyplot as plt

QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


def points(samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw x (samples, 1) and y (samples,), whose distribution becomes wider and is skewed."""
    x = rng.uniform(0, 10, samples)
    return x[:, None], np.sin(x) * x / 2 + (0.1 + 0.15 * x) * (rng.gamma(2.0, size=samples) - 2.0)


def main() -> None:
    """Train, measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="quantile_bands.png")
    parser.add_argument("--quick", action="store_true", help="few epochs, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    rng = np.random.default_rng(0)
    X, y = points(2000, rng)
    X_test, y_test = points(5000, rng)
    network = MLPRegressor(
        quantiles=QUANTILES, hidden_layer_sizes=(64, 64), activation="silu", preprocess="auto",
        target_transform="standardize", learning_rate="cosine", learning_rate_init=0.01,
        max_iter=3 if given.quick else 120, random_state=0,
    ).fit(X, y)  # fmt: skip

    found = network.predict(X_test)
    for quantile, values in zip(QUANTILES, found.T, strict=True):
        print(f"below the {quantile:.0%} line: {np.mean(y_test <= values):.1%} of 5,000 new points")
    inside = [np.mean((found[:, low] < y_test) & (y_test <= found[:, high])) for low, high in ((0, 4), (1, 3))]

    along = np.linspace(0, 10, 400)[:, None]
    lines = network.predict(along).T
    figure, panel = plt.subplots(figsize=(9, 5), layout="constrained")
    panel.scatter(X[:, 0], y, s=5, color="#666666", alpha=0.35, linewidths=0, label="training rows")
    for (low, high), shade, nominal, covered in zip(((0, 4), (1, 3)), (0.25, 0.4), (0.9, 0.5), inside, strict=True):
        label = f"nominal {nominal:.0%}, covers {covered:.1%} of new points"
        panel.fill_between(along[:, 0], lines[low], lines[high], color="#0072B2", alpha=shade, linewidth=0, label=label)
    panel.plot(along[:, 0], lines[2], color="#D55E00", linewidth=2, label="median")
    panel.set(xlabel="x", ylabel="y", xlim=(0, 10))
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(loc="upper left", frameon=False)
    figure.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
