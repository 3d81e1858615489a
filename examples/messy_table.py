"""A table with text, missing values and a column of many categories, without manual preprocessing.

    python examples/messy_table.py [--out messy_table.png] [--quick]

The data are generated rents of flats, so that the true rents are known. ``preprocess="auto"`` is compared with the
numeric columns alone, and with a pipeline of scikit-learn's transformers. The plot on the right shows the predicted and
the true rent of one flat in each of 80 streets.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from glassnet import MLPRegressor

mpl.use("Agg")
import matplotlib.pyplot as plt

STREETS = 80


def flats(samples: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Return a generated table, the rents, and the price difference per square metre of each street."""
    worth = rng.normal(0, 2.0, STREETS)
    street = rng.integers(STREETS, size=samples)
    heating = rng.choice(["gas", "district", "oil", "heat pump"], samples, p=[0.5, 0.25, 0.15, 0.1])
    table = pd.DataFrame({
        "area": rng.gamma(9.0, 8.0, samples).round(),
        "year": rng.integers(1890, 2025, samples).astype(float),
        "floor": rng.integers(0, 8, samples).astype(float),
        "lift": rng.random(samples) < 0.4,
        "heating": heating,
        "street": [f"street {number:02}" for number in street],
    })  # fmt: skip
    warmth = pd.Series(heating).map({"gas": 0, "district": 0, "oil": -1.5, "heat pump": 1.5})
    metre = 11 + worth[street] + 3 * (table.year > 2000) + warmth
    stairs = np.where(table.lift, 0, 15 * table.floor)
    rent = table.area * metre - stairs + rng.normal(0, 40, samples)
    missing = {"year": 0.2, "floor": 0.1, "heating": 0.15}
    for column, share in missing.items():
        table.loc[rng.random(samples) < share, column] = None
    return table, rent.rename("rent"), worth


def by_hand(network: MLPRegressor) -> object:
    """Return a pipeline of scikit-learn that imputes, scales and encodes."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return make_pipeline(
        make_column_transformer(
            (numbers, make_column_selector(dtype_include="number")),
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        ),
        network,
    )


def main() -> None:
    """Train, measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="messy_table.png")
    parser.add_argument("--quick", action="store_true", help="few epochs, to test that it runs")
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)

    table, rent, worth = flats(600 if given.quick else 4000, np.random.default_rng(0))
    print(table.head(4).to_string(), "\n")
    chosen = {
        "hidden_layer_sizes": (64, 32), "target_transform": "standardize", "learning_rate": "cosine",
        "learning_rate_init": 0.005, "max_iter": 3 if given.quick else 60, "random_state": 0,
    }  # fmt: skip
    whole = MLPRegressor(preprocess="auto", **chosen)
    ways = {
        "numeric columns alone": (whole, table.select_dtypes("number")),
        "scikit-learn's transformers": (by_hand(MLPRegressor(**chosen)), table),
        'preprocess="auto"': (whole, table),
    }
    folds = KFold(3 if given.quick else 5, shuffle=True, random_state=0)
    scores = {name: cross_val_score(estimator, rows, rent, cv=folds) for name, (estimator, rows) in ways.items()}
    for name, values in scores.items():
        print(f"{name:28} R² {values.mean():.3f} ± {values.std():.3f}")

    whole.fit(table, rent)
    flat = pd.DataFrame([{"area": 70, "year": 1960, "floor": 2, "lift": True, "heating": "gas"}] * STREETS)
    flat["street"] = [f"street {number:02}" for number in range(STREETS)]
    asked = whole.predict(flat)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=[1.15, 1], layout="constrained")
    for place, values in enumerate(scores.values()):
        left.scatter(values, np.full(len(values), place), s=60, alpha=0.7, color="#0072B2", linewidths=0)
        left.annotate(f"{values.mean():.3f}", (values.mean(), place), (0, 11), textcoords="offset points", ha="center")
    left.set(yticks=range(len(scores)), yticklabels=list(scores), ylim=(-0.5, 2.5), xlim=(None, 1.0))
    left.set(xlabel="R² of the held-out rows, one point per fold", title="three kinds of preprocessing")
    left.grid(axis="x", alpha=0.3)
    true = 70 * (11 + worth)
    right.plot([true.min(), true.max()], [true.min(), true.max()], color="#999999", linewidth=1, label="true rent")
    right.scatter(true, asked, s=18, color="#D55E00", alpha=0.8, linewidths=0, label="a street")
    right.set(xlabel="true rent", ylabel="predicted rent", title="the same flat in 80 streets")
    right.legend(frameon=False)
    for panel in (left, right):
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(given.out, dpi=120)
    print("written:", given.out)


if __name__ == "__main__":
    main()
