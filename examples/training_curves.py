"""The training loss of eight solvers and schedules, on four small datasets.

    python examples/training_curves.py [--out training_curves.png] [--quick]

After an example of scikit-learn's gallery. The first six are also available in scikit-learn, the last two are not.
"""

import argparse
import warnings

import matplotlib as mpl
from matplotlib.ticker import LogLocator
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import MinMaxScaler

from glassnet import MLPClassifier

mpl.use("Agg")
import matplotlib.pyplot as plt

SGD = {"solver": "sgd", "learning_rate_init": 0.2}
WAYS = {
    "constant rate": {**SGD, "momentum": 0.0},
    "constant rate, momentum": {**SGD, "nesterovs_momentum": False},
    "constant rate, Nesterov": SGD,
    "falling rate": {**SGD, "learning_rate": "invscaling", "momentum": 0.0},
    "falling rate, Nesterov": {**SGD, "learning_rate": "invscaling"},
    "adam": {"learning_rate_init": 0.01},
    "adam, one cycle": {"learning_rate_init": 0.03, "learning_rate": "one_cycle"},
    "nadam, cosine": {"solver": "nadam", "learning_rate_init": 0.03, "learning_rate": "cosine"},
}
# the palette of Okabe & Ito, suitable for colour blindness; dashed lines: not available in scikit-learn
COLOURS = ["#999999", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#0072B2", "#009E73", "#000000"]


def tables():
    """Return the name, rows and classes of each dataset."""
    yield "iris", *load_iris(return_X_y=True)
    yield "digits", *load_digits(return_X_y=True)
    yield "circles", *make_circles(noise=0.2, factor=0.5, random_state=1)
    yield "moons", *make_moons(noise=0.3, random_state=0)


def main() -> None:
    """Train and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="training_curves.png")
    parser.add_argument("--quick", action="store_true", help="few epochs, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # all have the same number of epochs, converged or not

    figure, panels = plt.subplots(2, 2, figsize=(10, 7.2), layout="constrained")
    for panel, (name, X, y) in zip(panels.flat, tables(), strict=True):
        epochs = 3 if given.quick else 15 if name == "digits" else 300
        X = MinMaxScaler().fit_transform(X)
        print(f"{name}:")
        for (way, settings), colour in zip(WAYS.items(), COLOURS, strict=True):
            network = MLPClassifier(max_iter=epochs, n_iter_no_change=epochs, random_state=0, **settings).fit(X, y)
            print(f"  {way:25} loss {network.loss_:.4f}, {network.score(X, y):6.1%} accuracy")
            style = "--" if "learning_rate" in settings and settings.get("solver") != "sgd" else "-"
            panel.plot(range(1, epochs + 1), network.loss_curve_, style, color=colour, label=way, linewidth=1.6)
        panel.set(title=name, xlabel="epoch", ylabel="loss", yscale="log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("")
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.01)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
