"""The decision boundary with an L2 penalty of increasing strength, and with dropout.

    python examples/regularisation.py [--out regularisation.png] [--quick]

Each row is a dataset of points: without a network, with increasing values of scikit-learn's L2 penalty ``alpha``, and
with dropout instead. The number is the accuracy on the test points.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from sklearn.datasets import make_circles, make_classification, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from glassnet import MLPClassifier

mpl.use("Agg")
import matplotlib.pyplot as plt

LBFGS = {"hidden_layer_sizes": (60, 60), "solver": "lbfgs", "max_iter": 1000}
WAYS = {
    "alpha = 0.1": {**LBFGS, "alpha": 0.1},
    "alpha = 1": {**LBFGS, "alpha": 1.0},
    "alpha = 3": {**LBFGS, "alpha": 3.0},
    "alpha = 10": {**LBFGS, "alpha": 10.0},
    "dropout = 0.4": {"hidden_layer_sizes": (60, 60), "dropout": 0.4, "learning_rate_init": 0.005, "max_iter": 400},
}
INK = ListedColormap(["#D55E00", "#0072B2"])
LABEL = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
GROUND = LinearSegmentedColormap.from_list("ground", ["#F0B080", "#FFFFFF", "#80B8E0"])


def tables():
    """Return points (200, 2) and classes: moons, circles, and two linearly separable clouds."""
    clouds, y = make_classification(
        200, n_features=2, n_redundant=0, n_informative=2, random_state=0, n_clusters_per_class=1
    )
    clouds += 2 * np.random.default_rng(2).uniform(size=clouds.shape)
    yield make_moons(200, noise=0.3, random_state=0)
    yield make_circles(200, noise=0.2, factor=0.5, random_state=1)
    yield clouds, y


def main() -> None:
    """Train and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="regularisation.png")
    parser.add_argument("--quick", action="store_true", help="few epochs, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    figure, panels = plt.subplots(3, 1 + len(WAYS), figsize=(13, 6.8), layout="constrained")
    for row, (X, y) in zip(panels, tables(), strict=True):
        X = StandardScaler().fit_transform(X)
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=42)
        low, high = X.min(axis=0) - 0.5, X.max(axis=0) + 0.5
        across, up = np.meshgrid(np.linspace(low[0], high[0], 150), np.linspace(low[1], high[1], 150))
        everywhere = np.column_stack([across.ravel(), up.ravel()])
        for panel, way in zip(row, ("the points", *WAYS), strict=True):
            if way in WAYS:
                settings = WAYS[way] | ({"max_iter": 3} if given.quick else {})
                network = MLPClassifier(random_state=1, **settings).fit(X_train, y_train)
                probability = network.predict_proba(everywhere)[:, 1].reshape(across.shape)
                panel.contourf(across, up, probability, np.linspace(0, 1, 21), cmap=GROUND)
                panel.contour(across, up, probability, [0.5], colors="black", linewidths=1)
                score = network.score(X_test, y_test)
                panel.text(0.96, 0.04, f"{score:.0%}", transform=panel.transAxes, ha="right", size=12, bbox=LABEL)
            points = {"cmap": INK, "edgecolors": "white", "linewidths": 0.4, "s": 22}
            panel.scatter(*X_train.T, c=y_train, **points)
            panel.scatter(*X_test.T, c=y_test, alpha=0.45, **points)
            panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
    for panel, way in zip(panels[0], ("the points", *WAYS), strict=True):
        panel.set_title(way)
    figure.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
