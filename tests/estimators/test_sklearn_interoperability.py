"""scikit-learn's tools (pipelines, searches, ensembles, inspection) give the same results as with its own MLP."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network as sklearn_mlp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # importing it is what it does
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

import glassnet

from .sklearn_comparison import ignore_convergence, problem

XC, YC = problem("multi-class")
XB, YB = problem("binary")
XR, YR = problem("one target")
XM, YM = problem("three targets")
XL, YL = problem("multi-label")
QUICK: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 4, "random_state": 1, "batch_size": 12}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs are enough here


def classifier(home: Any, **parameters: Any) -> Any:
    return home.MLPClassifier(**{**QUICK, **parameters})


def regressor(home: Any, **parameters: Any) -> Any:
    return home.MLPRegressor(**{**QUICK, **parameters})


def fit_parts(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Call partial_fit with all rows."""
    model.partial_fit(x, y)
    return model


#: Uses of the estimators of a module, each of which returns numbers: the same for both modules.
USES: dict[str, Callable[[Any], Any]] = {
    "pipeline": lambda h: make_pipeline(StandardScaler(), classifier(h)).fit(XC, YC).predict_proba(XC),
    "pipeline, weights of rows": lambda h: (
        make_pipeline(StandardScaler(), regressor(h))
        .fit(XR, YR, mlpregressor__sample_weight=np.arange(60.0))
        .predict(XR)
    ),
    "pipeline of sparse rows": lambda h: (
        make_pipeline(MaxAbsScaler(), classifier(h)).fit(sparse.csr_array(XB), YB).predict_proba(XB)
    ),
    "column transformer": lambda h: (
        make_pipeline(ColumnTransformer([("a", StandardScaler(), [0, 2])], remainder="passthrough"), regressor(h))
        .fit(XR, YR)
        .predict(XR)
    ),
    "transformed target": lambda h: (
        TransformedTargetRegressor(regressor(h), transformer=StandardScaler()).fit(XR, 100 * YR).predict(XR)
    ),
    "cross-validated score": lambda h: cross_val_score(classifier(h), XC, YC, cv=3),
    "cross-validated scorers": lambda h: cross_validate(
        classifier(h), XB, YB, cv=3, scoring=["roc_auc", "neg_log_loss", "f1_macro"]
    )["test_neg_log_loss"],
    "cross-validated predictions": lambda h: cross_val_predict(classifier(h), XC, YC, cv=3, method="predict_proba"),
    "cross-validated regression": lambda h: cross_val_score(regressor(h), XM, YM, cv=3, scoring="r2"),
    "grid": lambda h: (
        GridSearchCV(classifier(h), {"alpha": [0.1, 1.0], "hidden_layer_sizes": [(3,), (4, 2)]}, cv=2)
        .fit(XB, YB)
        .cv_results_["mean_test_score"]
    ),
    "grid over solvers": lambda h: (
        GridSearchCV(regressor(h), {"solver": ["sgd", "adam", "lbfgs"], "activation": ["relu", "tanh"]}, cv=2)
        .fit(XR, YR)
        .predict(XR)
    ),
    "random search": lambda h: (
        RandomizedSearchCV(regressor(h), {"alpha": [0.0, 0.1, 1.0]}, n_iter=2, cv=2, random_state=0)
        .fit(XR, YR)
        .cv_results_["mean_test_score"]
    ),
    "search that halves": lambda h: (
        HalvingGridSearchCV(
            classifier(h), {"alpha": [0.1, 1.0, 5.0]}, resource="max_iter", max_resources=9, cv=2, random_state=0
        )
        .fit(XB, YB)
        .cv_results_["mean_test_score"]
    ),
    "a threshold that is tuned": lambda h: (
        TunedThresholdClassifierCV(classifier(h), cv=2).fit(XB, YB).predict(XB) == "yes"
    ),
    "voting": lambda h: (
        VotingClassifier([("a", classifier(h)), ("b", LogisticRegression())], voting="soft")
        .fit(XC, YC)
        .predict_proba(XC)
    ),
    "hard voting": lambda h: (
        VotingClassifier([("a", classifier(h)), ("b", classifier(h, alpha=1.0))]).fit(XB, YB).predict(XB) == "yes"
    ),
    "voting regression": lambda h: VotingRegressor([("a", regressor(h)), ("b", Ridge())]).fit(XR, YR).predict(XR),
    "stacking": lambda h: (
        StackingClassifier([("a", classifier(h))], final_estimator=LogisticRegression(), cv=2)
        .fit(XB, YB)
        .predict_proba(XB)
    ),
    "stacking regression": lambda h: (
        StackingRegressor([("a", Ridge())], final_estimator=regressor(h), cv=2).fit(XR, YR).predict(XR)
    ),
    "bagging": lambda h: BaggingClassifier(classifier(h), n_estimators=3, random_state=0).fit(XC, YC).predict_proba(XC),
    "bagging regression": lambda h: BaggingRegressor(regressor(h), 3, random_state=0).fit(XR, YR).predict(XR),
    "boosting": lambda h: AdaBoostRegressor(regressor(h), n_estimators=2, random_state=0).fit(XR, YR).predict(XR),
    "calibration": lambda h: CalibratedClassifierCV(classifier(h), cv=2).fit(XB, YB).predict_proba(XB),
    "calibration, isotonic": lambda h: (
        CalibratedClassifierCV(classifier(h), cv=2, method="isotonic", ensemble=False).fit(XC, YC).predict_proba(XC)
    ),
    "one against the rest": lambda h: OneVsRestClassifier(classifier(h)).fit(XC, YC).predict_proba(XC),
    "one against one": lambda h: OneVsOneClassifier(classifier(h)).fit(XC, YC).predict(XC),
    "many outputs": lambda h: MultiOutputClassifier(classifier(h)).fit(XL, YL).predict_proba(XL)[2],
    "many targets": lambda h: MultiOutputRegressor(regressor(h)).fit(XM, YM).predict(XM),
    "many targets with partial_fit": lambda h: fit_parts(MultiOutputRegressor(regressor(h)), XM, YM).predict(XM),
    "a chain": lambda h: ClassifierChain(classifier(h), random_state=0).fit(XL, YL).predict_proba(XL),
    "self-training": lambda h: (
        SelfTrainingClassifier(classifier(h), max_iter=2, threshold=0.6)
        .fit(XB, np.where(np.arange(60) % 3, (YB == "yes").astype(int), -1))
        .predict_proba(XB)
    ),
    "feature selection": lambda h: (
        SequentialFeatureSelector(regressor(h), n_features_to_select=2, cv=2).fit(XR, YR).get_support()
    ),
    "permutation importance": lambda h: (
        permutation_importance(regressor(h).fit(XR, YR), XR, YR, n_repeats=2, random_state=0).importances
    ),
    "partial dependence": lambda h: partial_dependence(regressor(h).fit(XR, YR), XR, [1], grid_resolution=5)["average"],
    "partial dependence of classes": lambda h: partial_dependence(
        classifier(h).fit(XC, YC), XC, [(0, 1)], grid_resolution=3
    )["average"],
    "learning curve": lambda h: learning_curve(classifier(h), XB, YB, cv=2, train_sizes=[0.5, 1.0])[2],
    "learning curve with partial_fit": lambda h: learning_curve(
        classifier(h, shuffle=False), XB, YB, cv=2, train_sizes=[0.5, 1.0], exploit_incremental_learning=True
    )[2],
    "validation curve": lambda h: validation_curve(
        regressor(h), XR, YR, param_name="alpha", param_range=[0.1, 1], cv=2
    )[1],
}


@pytest.mark.parametrize("use", USES)
def test_a_tool_of_sklearn_gives_the_same_result(use: str) -> None:
    mine, other = USES[use](glassnet), USES[use](sklearn_mlp)
    assert mine.shape == other.shape and mine.dtype == other.dtype
    if mine.dtype.kind == "f":
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(mine, other)


def test_a_search_with_failed_fits_reports_them() -> None:
    from sklearn.exceptions import FitFailedWarning

    for home in (glassnet, sklearn_mlp):
        search = GridSearchCV(classifier(home), {"alpha": [0.1, -1.0]}, cv=2)
        with (
            pytest.warns(FitFailedWarning, match="The 'alpha' parameter of MLPClassifier"),
            pytest.warns(UserWarning, match="test scores are non-finite"),
        ):
            search.fit(XB, YB)
        assert np.isnan(search.cv_results_["mean_test_score"][1])
        with ignore_convergence(), pytest.raises(ValueError, match="The 'alpha' parameter of MLPClassifier"):
            GridSearchCV(classifier(home), {"alpha": [-1.0]}, cv=2, error_score="raise").fit(XB, YB)


def test_parameters_are_set_through_a_pipeline() -> None:
    for home in (glassnet, sklearn_mlp):
        pipeline = make_pipeline(StandardScaler(), classifier(home))
        pipeline.set_params(mlpclassifier__hidden_layer_sizes=(3, 2), mlpclassifier__max_iter=2).fit(XB, YB)
        assert [w.shape for w in pipeline[-1].coefs_] == [(5, 3), (3, 2), (2, 1)]
        assert pipeline.classes_.tolist() == ["no", "yes"] and pipeline.n_features_in_ == 5
