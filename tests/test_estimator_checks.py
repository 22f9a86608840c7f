"""Each check of scikit-learn's, also of those that `check_estimator` leaves out, and the documentation of parameters.

The checks are read from `sklearn.utils.estimator_checks`, so that new ones appear; what does not apply is named below
with the reason, and nothing else is left out.
"""

import inspect
import re
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import _yield_all_checks

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.dummy import BiasRegressor, PopularityRanker
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.model_selection import LeaveLastOut

CHECKS = {
    name: check
    for name, check in vars(estimator_checks).items()
    if name.startswith("check_") and callable(check) and check.__module__ == estimator_checks.__name__
}
BASELINES = [BiasRegressor, PopularityRanker]
CLASSES = [IdEncoder, NCFRegressor, NCFRanker, *BASELINES, RankingScorer]
ESTIMATORS = [IdEncoder(), IdEncoder(passthrough=1), NCFRegressor(max_epochs=1), NCFRanker(max_epochs=1)]
ESTIMATORS += [class_() for class_ in BASELINES]

# Reasons why a check does not apply, and the estimators that each is true of.
NO_CHECK = "a part of other checks, or what runs them"
CLASSIFIER, CLUSTERER, OUTLIERS = "of classifiers", "of clusterers", "of outlier detectors"
REGRESSOR, TRANSFORMER, LINEAR = "of regressors", "of transformers", "of linear models"
STATELESS = "of transformers without a state"
ARRAYS = "of transformers that return an array unless set_output asks for a table"
KEEPS_TYPES = "of transformers that keep the type of the input"
WEIGHTS, EQUAL_WEIGHTS = "of estimators with weights", "a weight of two is not two rows: mini-batches and dropout"
NUMBERS = "of estimators that take numbers: any value is an id here, missing ones too"
SPARSE, SQUARE = "of estimators that take sparse matrices", "of estimators that take square matrices"
TARGET, TARGETS = "of estimators that learn from y", "of estimators that learn from several y"
NAMESPACES = "of estimators that compute in the library of their input"
REASONS = {
    NO_CHECK: lambda estimator: True,
    CLASSIFIER: lambda estimator: not is_classifier(estimator),
    CLUSTERER: lambda estimator: not is_clusterer(estimator),
    OUTLIERS: lambda estimator: not is_outlier_detector(estimator),
    REGRESSOR: lambda estimator: not is_regressor(estimator),
    TRANSFORMER: lambda estimator: not hasattr(estimator, "transform"),
    LINEAR: lambda estimator: not hasattr(estimator, "sparsify"),
    STATELESS: lambda estimator: get_tags(estimator).requires_fit,
    ARRAYS: lambda estimator: getattr(estimator, "passthrough", None) is not None,
    KEEPS_TYPES: lambda estimator: not getattr(get_tags(estimator).transformer_tags, "preserves_dtype", None),
    WEIGHTS: lambda estimator: "sample_weight" not in inspect.signature(estimator.fit).parameters,
    EQUAL_WEIGHTS: lambda estimator: isinstance(estimator, NCFRegressor | NCFRanker),
    NUMBERS: lambda estimator: get_tags(estimator).input_tags.categorical,
    SPARSE: lambda estimator: not get_tags(estimator).input_tags.sparse,
    SQUARE: lambda estimator: not get_tags(estimator).input_tags.pairwise,
    TARGET: lambda estimator: not get_tags(estimator).target_tags.required,
    TARGETS: lambda estimator: not get_tags(estimator).target_tags.multi_output,
    NAMESPACES: lambda estimator: not get_tags(estimator).array_api_support,
}
DOES_NOT_APPLY = {
    "check_estimator": [NO_CHECK],
    "check_estimators_data_not_an_array": [NO_CHECK],
    "check_outlier_corruption": [NO_CHECK],
    "check_class_weight_balanced_classifiers": [CLASSIFIER],
    "check_class_weight_balanced_linear_classifier": [CLASSIFIER],
    "check_class_weight_classifiers": [CLASSIFIER],
    "check_classifier_data_not_an_array": [CLASSIFIER],
    "check_classifier_multioutput": [CLASSIFIER],
    "check_classifier_not_supporting_multiclass": [CLASSIFIER],
    "check_classifiers_classes": [CLASSIFIER],
    "check_classifiers_multilabel_output_format_decision_function": [CLASSIFIER],
    "check_classifiers_multilabel_output_format_predict": [CLASSIFIER],
    "check_classifiers_multilabel_output_format_predict_proba": [CLASSIFIER],
    "check_classifiers_multilabel_representation_invariance": [CLASSIFIER],
    "check_classifiers_one_label": [CLASSIFIER],
    "check_classifiers_one_label_sample_weights": [CLASSIFIER],
    "check_classifiers_predictions": [CLASSIFIER],
    "check_classifiers_regression_target": [CLASSIFIER],
    "check_classifiers_train": [CLASSIFIER],
    "check_decision_proba_consistency": [CLASSIFIER],
    "check_clusterer_compute_labels_predict": [CLUSTERER],
    "check_clustering": [CLUSTERER],
    "check_outlier_contamination": [OUTLIERS],
    "check_outliers_fit_predict": [OUTLIERS],
    "check_outliers_train": [OUTLIERS],
    "check_sparsify_coefficients": [LINEAR],
    "check_get_feature_names_out_error": [TRANSFORMER],
    "check_global_output_transform_pandas": [TRANSFORMER, ARRAYS],
    "check_global_set_output_transform_polars": [TRANSFORMER],
    "check_set_output_transform": [TRANSFORMER],
    "check_set_output_transform_pandas": [TRANSFORMER, ARRAYS],
    "check_set_output_transform_polars": [TRANSFORMER],
    "check_transformer_data_not_an_array": [TRANSFORMER],
    "check_transformer_general": [TRANSFORMER],
    "check_transformer_get_feature_names_out": [TRANSFORMER],
    "check_transformer_get_feature_names_out_pandas": [TRANSFORMER],
    "check_transformer_preserve_dtypes": [TRANSFORMER, KEEPS_TYPES],
    "check_transformers_unfitted_stateless": [TRANSFORMER, STATELESS],
    "check_transformers_unfitted": [TRANSFORMER],
    "check_transformer_n_iter": [TRANSFORMER],
    "check_regressor_data_not_an_array": [REGRESSOR],
    "check_regressors_int": [REGRESSOR],
    "check_regressors_no_decision_function": [REGRESSOR],
    "check_regressors_train": [REGRESSOR],
    "check_regressor_multioutput": [REGRESSOR, TARGETS],
    "check_supervised_y_2d": [TARGET],
    "check_supervised_y_no_nan": [TARGET],
    "check_requires_y_none": [TARGET],
    "check_estimators_nan_inf": [NUMBERS],
    "check_fit_non_negative": [NUMBERS],
    "check_nonsquare_error": [SQUARE],
    "check_all_zero_sample_weights_error": [WEIGHTS],
    "check_sample_weights_list": [WEIGHTS],
    "check_sample_weights_not_an_array": [WEIGHTS],
    "check_sample_weights_not_overwritten": [WEIGHTS],
    "check_sample_weights_pandas_series": [WEIGHTS],
    "check_sample_weights_shape": [WEIGHTS],
    "check_sample_weight_equivalence_on_dense_data": [WEIGHTS, EQUAL_WEIGHTS],
    "check_sample_weight_equivalence_on_sparse_data": [WEIGHTS, SPARSE],
    "check_array_api_input": [NAMESPACES],
    "check_array_api_input_and_values": [NAMESPACES],
    "check_array_api_mixed_inputs": [NAMESPACES],
    "check_array_api_same_namespace": [NAMESPACES],
}


def yielded(estimator):
    """Names of the checks that `check_estimator` runs, which tests/test_common.py does."""
    return {
        (check.func if isinstance(check, partial) else check).__name__
        for check in _yield_all_checks(estimator, legacy=True)
    }


def applies(name, estimator):
    return not any(REASONS[reason](estimator) for reason in DOES_NOT_APPLY.get(name, []))


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_a_check_that_check_estimator_leaves_out_passes_where_it_applies(estimator, name):
    if name not in yielded(estimator) and applies(name, estimator):
        CHECKS[name](type(estimator).__name__, clone(estimator))


def test_reasons_are_those_in_use():
    assert {reason for reasons in DOES_NOT_APPLY.values() for reason in reasons} == REASONS.keys()


@pytest.mark.parametrize("class_", CLASSES, ids=lambda class_: class_.__name__)
def test_each_parameter_has_constraints_and_none_has_them_in_vain(class_):
    assert class_._parameter_constraints.keys() == class_().get_params(deep=False).keys()


@pytest.mark.parametrize("class_", [RankingScorer, LeaveLastOut])
def test_scorers_and_splitters_set_their_parameters_and_nothing_else(class_):
    object_ = class_()
    parameters = inspect.signature(class_).parameters
    assert vars(object_) == {name: parameter.default for name, parameter in parameters.items()}
    assert repr(object_).startswith(class_.__name__)
    if class_ is RankingScorer:
        assert clone(object_).get_params() == object_.get_params()
        estimator_checks.check_parameters_default_constructible("RankingScorer", object_)
        estimator_checks.check_get_params_invariance("RankingScorer", object_)
        estimator_checks.check_set_params("RankingScorer", object_)
        estimator_checks.check_estimator_repr("RankingScorer", object_)


def documented(text, section):
    """Names in a section of a numpydoc docstring."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", inspect.cleandoc(text), re.DOTALL | re.MULTILINE)
    lines = re.findall(r"^(\w[^\n]*)$", found[1], re.MULTILINE) if found else []
    return {name.strip() for line in lines for name in line.partition(" : ")[0].split(",")}


@pytest.mark.parametrize("class_", [*CLASSES, LeaveLastOut], ids=lambda class_: class_.__name__)
def test_every_parameter_attribute_and_argument_is_documented(class_):
    assert documented(class_.__doc__, "Parameters") == set(inspect.signature(class_).parameters)
    if hasattr(class_, "fit"):
        X = np.array([[1, 2], [1, 3], [2, 2], [2, 4]])
        model = class_(**({"max_epochs": 1, "device": "cpu"} if class_ in (NCFRegressor, NCFRanker) else {})).fit(
            X, [1, 2, 3, 4]
        )
        properties = {name for name in dir(class_) if isinstance(getattr(class_, name), property)}
        public = {name for name in {*vars(model), *properties} if name.endswith("_") and not name.startswith("_")}
        assert documented(class_.__doc__, "Attributes") == public | {"feature_names_in_"}
    for name, method in inspect.getmembers(class_, inspect.isfunction):
        ours = method.__module__.startswith("sklearn_ncf")
        if ours and not name.startswith("_"):
            arguments = set(inspect.signature(method).parameters) - {"self"}
            assert documented(method.__doc__, "Parameters") == arguments, name
