"""Every row of the table of bad input: a clear error, and what it says."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import NotFittedError

from sklearn_ncf import IdEncoder, NCFRanker, NCFRegressor
from sklearn_ncf.training._memory import available_memory

X = pd.DataFrame({"user": [1, 1, 2, 3], "item": [7, 8, 7, 9]})
y = np.array([1.0, 2.0, 3.0, 4.0])


def test_one_column_is_too_few():
    with pytest.raises(ValueError, match=r"1 feature\(s\) \(shape=\(4, 1\)\) while a minimum of 2 is required"):
        NCFRegressor().fit(X[["user"]], y)


def test_three_dimensions_are_too_many():
    with pytest.raises(ValueError, match="dim 3"):
        NCFRegressor().fit(np.zeros((4, 2, 2)), y)


def test_one_dimension_is_too_few():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        NCFRegressor().fit(np.zeros(4), y)


@pytest.mark.parametrize("empty", [X[:0], X[:0].to_numpy()])
def test_no_rows_are_too_few(empty):
    for fit in (lambda: NCFRegressor().fit(empty, y[:0]), lambda: IdEncoder().fit(empty)):
        with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1 is required"):
            fit()


@pytest.mark.parametrize(("value", "words"), [(np.nan, "Input y contains NaN"), (np.inf, "Input y contains infinity")])
def test_ratings_must_be_finite(value, words):
    with pytest.raises(ValueError, match=words):
        NCFRegressor().fit(X, [1, 2, 3, value])
    with pytest.raises(ValueError, match=words.replace("y ", "y_val ")):
        NCFRegressor().fit(X, y, X_val=X, y_val=[1, 2, 3, value])


def test_ratings_must_be_as_many_as_rows():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        NCFRegressor().fit(X, y[:3])


def test_ratings_must_be_given():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        NCFRegressor().fit(X, None)


def test_validation_table_and_ratings_belong_together():
    for part in ({"X_val": X}, {"y_val": y}):
        with pytest.raises(ValueError, match="X_val and y_val belong together"):
            NCFRegressor().fit(X, y, **part)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "transformer"),
        ("architecture", dict),
        ("embedding_dim", 0),
        ("embedding_dim", 8.5),
        ("hidden_layer_sizes", 8),
        ("hidden_layer_sizes", (8, 0)),
        ("hidden_layer_sizes", (8.5,)),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("embedding_dropout", 1.0),
        ("use_bias", "yes"),
        ("loss", "mse"),
        ("rating_range", "automatic"),
        ("rating_range", 5),
        ("rating_range", (5, 1)),
        ("rating_range", (1, 5, 9)),
        ("rating_range", (1, np.inf)),
        ("optimizer", "sgd++"),
        ("optimizer", dict),
        ("learning_rate", 0),
        ("learning_rate_schedule", "cosine"),
        ("weight_decay", -1),
        ("batch_size", 0),
        ("batch_size", "large"),
        ("max_epochs", 0),
        ("early_stopping", "auto"),
        ("validation_fraction", 1.0),
        ("patience", 0),
        ("warm_start", "yes"),
        ("checkpoint_dir", 3),
        ("callbacks", "EarlyStopping"),
        ("callbacks", [0]),
        ("callbacks", [("name", 0)]),
        ("keep_checkpoints", "all"),
        ("device", 0),
        ("random_state", "seed"),
        ("verbose", "loud"),
    ],
)
def test_parameter_out_of_range_is_named_in_fit_and_not_before(name, value):
    model = NCFRegressor(**{name: value})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of NCFRegressor must"):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_frequency", 0), ("min_frequency", 1.5), ("handle_unknown", "ignore"), ("dtype", np.uint8), ("dtype", "id")],
)
def test_encoder_parameter_out_of_range_is_named_in_fit_and_not_before(name, value):
    encoder = IdEncoder(**{name: value})
    for method in (encoder.fit, encoder.fit_transform, encoder.partial_fit):
        with pytest.raises(ValueError, match=f"The '{name}' parameter of IdEncoder must"):
            method(X)


def test_row_wise_training_needs_a_network_that_names_its_rows():
    class Plain(torch.nn.Module):
        pass

    with pytest.raises(ValueError, match=r"'optimizer' parameter of NCFRegressor must not be 'rowwise_adamw' with"):
        NCFRegressor(Plain, optimizer="rowwise_adamw").fit(X, y)


def test_nothing_works_before_fit():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        NCFRegressor().predict(X)
    for method in (IdEncoder().transform, IdEncoder().inverse_transform):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            method(X)


def test_columns_must_be_those_of_fit():
    model, encoder = NCFRegressor(max_epochs=1).fit(X, y), IdEncoder().fit(X)
    more = X.assign(hour=1)
    for method in (model.predict, encoder.transform, encoder.partial_fit, lambda table: model.partial_fit(table, y)):
        with pytest.raises(ValueError, match=r"feature names should match those that were passed during fit"):
            method(X.set_axis(["user", "film"], axis=1))
        with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
            method(X[["item", "user"]])
        with pytest.raises(ValueError, match=r"feature names should match|X has 1 features"):
            method(X[["user"]])
        with pytest.raises(ValueError, match=r"feature names should match|X has 3 features"):
            method(more)
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            method(X.to_numpy())


def test_ids_of_another_type_than_in_fit_are_refused():
    as_text = X.astype(str)
    for fitted, asked in ((X, as_text), (as_text, X)):
        for method in (NCFRegressor(max_epochs=1).fit(fitted, y).predict, IdEncoder().fit(fitted).transform):
            with pytest.raises(ValueError, match=r"column 'user' holds ids of type \w+, but in fit"):
                method(asked)


def test_ratings_outside_a_given_range_are_refused():
    with pytest.raises(ValueError, match=r"y holds ratings from 1 to 4, outside rating_range=\(2, 5\)"):
        NCFRegressor(rating_range=(2, 5)).fit(X, y)


def test_a_loss_that_breaks_names_the_epoch_and_the_cause_and_leaves_nothing_fitted():
    model = NCFRegressor(learning_rate=1e30, learning_rate_schedule="constant", rating_range=None, max_epochs=50)
    with pytest.raises(FloatingPointError, match=r"loss became \S+ in epoch \d+: .*rate \(1e\+30\) is too high"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda' is not available; available here: cpu"):
        NCFRegressor(device="cuda").fit(X, y)
    with pytest.raises(ValueError, match="device='gpu' is no torch device; available here: cpu"):
        NCFRegressor(device="gpu").fit(X, y)


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1, 1, 1, -1], "Negative values in data passed to `sample_weight`"),
        ([0, 0, 0, 0], r"weights? .*zero"),
        ([1, 1, 1], "sample_weight.shape == "),
        ([[1], [1], [1], [1]], "1D array or scalar"),
        ([1, 1, 1, np.nan], "sample_weight contains NaN"),
    ],
)
def test_sample_weight_must_be_a_weight_a_row(weight, words):
    with pytest.raises(ValueError, match=words):
        NCFRegressor().fit(X, y, sample_weight=weight)


def test_one_row_cannot_be_split_for_early_stopping():
    with pytest.raises(ValueError, match=r"n_samples=1; pass X_val and y_val or use early_stopping=False"):
        NCFRegressor(early_stopping=True).fit(X[:1], y[:1])


def test_warm_start_with_another_network_is_refused_and_the_old_one_stays():
    model = NCFRegressor("gmf", max_epochs=1, warm_start=True).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"cannot go on from the last fit, since its parameters have changed"):
        model.set_params(embedding_dim=3).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_masked_ids_are_missing_and_masked_ratings_are_refused(quick):
    mask = [[True, False], [False, False], [False, True], [False, False]]
    masked = quick().fit(np.ma.array(X.to_numpy(), mask=mask), y)
    missing = quick().fit(X.mask(np.array(mask)), y)
    np.testing.assert_array_equal(masked.predict(X.to_numpy()), missing.predict(X))
    with pytest.raises(ValueError, match="y holds masked ratings"):
        quick().fit(X, np.ma.array(y, mask=[False, True, False, False]))


def test_a_last_step_that_goes_too_far_is_no_fit():
    model = NCFRegressor(max_epochs=1, batch_size=4, random_state=0, device="cpu", learning_rate=1e13)
    with pytest.raises(FloatingPointError, match=r"predictions became infinite or NaN in epoch 1: .*lower"):
        model.fit(X, y)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize(
    ("model", "n_tables", "advice"),
    [
        (NCFRegressor("neumf", embedding_dim=5_000_000), 9, "embedding_dim, set use_history=False, or"),
        (NCFRegressor("neumf", embedding_dim=5_000_000, use_history=False), 3, "embedding_dim, or"),
        (NCFRanker(embedding_dim=10_000_000), 1, "embedding_dim, or"),  # least squares have no moments
    ],
)
def test_tables_that_do_not_fit_are_refused_before_they_are_made(ratings, monkeypatch, model, n_tables, advice):
    needed = 100 * 10_000_000 * 4 * n_tables
    monkeypatch.setattr("sklearn_ncf.training._memory.available_memory", lambda device: needed - 1)
    with pytest.raises(MemoryError, match=rf"100 rows of 10,000,000 numbers.*at least \d+.*GiB.*Lower {advice}"):
        model.fit(*ratings)


def test_memory_is_asked_of_the_device_that_trains(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**30, 2**35))
    assert available_memory("cuda:0") == 2**30
    assert available_memory("cpu") > 2**20
