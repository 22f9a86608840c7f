"""What partial_fit learns from further rows, and what it leaves alone."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from sklearn_ncf import IdEncoder, NCFRegressor
from sklearn_ncf.nn import EmbeddingNN
from sklearn_ncf.training import Anchor
from sklearn_ncf.training._objectives import SquaredError

SETTINGS = {"max_epochs": 20, "embedding_dropout": 0.1}


def split(ratings, n_new_users=10):
    """Ratings of known users, and those of users 50 to 59 as users to come: the first eight of each and the others."""
    X, y = ratings
    new = X["user"] >= 60 - n_new_users
    few = new & (X.groupby("user").cumcount() < 8)
    return (X[~new], y[~new]), (X[few], y[few]), (X[new & ~few], y[new & ~few])


@pytest.mark.filterwarnings("ignore:.*hold ids that were not seen in fit")
@pytest.mark.parametrize("architecture", ["gmf", "mlp", "neumf"])
@pytest.mark.parametrize("optimizer", ["auto", "rowwise_adamw", torch.optim.Rprop])
def test_new_users_few_ratings_are_learnt_and_nobody_else_moves(quick, ratings, architecture, optimizer):
    known, few, _ = split(ratings)
    model = quick(**SETTINGS, architecture=architecture).fit(*known)
    items = few[0]["item"].unique()[:20]
    few = [part[few[0]["item"].isin(items)] for part in few]
    before, cold = model.predict(known[0]), model.predict(few[0])
    model.set_params(optimizer=optimizer).partial_fit(*few)
    untouched = ~known[0]["item"].isin(items)
    np.testing.assert_array_equal(model.predict(known[0])[untouched], before[untouched])
    assert np.abs(model.predict(known[0]) - before).mean() < 0.1
    assert root_mean_squared_error(few[1], model.predict(few[0])) < root_mean_squared_error(few[1], cold)


def test_new_users_get_better_predictions_of_what_they_have_not_rated(quick, ratings):
    known, few, others = split(ratings)
    model = quick(**SETTINGS, embedding_dim=4).fit(*known)
    with pytest.warns(UserWarning, match="100% of the rows of column 'user'"):
        cold = root_mean_squared_error(others[1], model.predict(others[0]))
    model.partial_fit(*few)
    assert root_mean_squared_error(others[1], model.predict(others[0])) < 0.95 * cold


def test_no_known_code_moves_and_new_ids_of_any_column_get_the_next(quick, ratings):
    X, y = ratings
    X = X.assign(hour=np.arange(len(X)) % 5)
    model = quick().fit(X, y)
    before = [ids.copy() for ids in model.encoder_.categories_]
    new = pd.DataFrame({"user": [1000, 3, -4], "item": [7, 777, -1], "hour": [9, 8, 0]})
    model.partial_fit(new, [3, 4, 5])
    for known, ids, added in zip(before, model.encoder_.categories_, ([-4, 1000], [-1, 777], [8, 9]), strict=True):
        np.testing.assert_array_equal(ids[: len(known)], known)
        np.testing.assert_array_equal(ids[len(known) :], added)
    assert len(model.user_embeddings_) == len(before[0]) + 2


def test_a_reloaded_model_grows_as_the_one_in_memory(quick, ratings):
    known, few, _ = split(ratings)
    model = quick().fit(*known)
    reloaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        model.partial_fit(*few).predict(ratings[0]), reloaded.partial_fit(*few).predict(ratings[0])
    )


def test_ratings_given_again_or_in_another_order_do_no_harm(quick, ratings):
    X, y = ratings
    model = quick(**SETTINGS, embedding_dim=4).fit(X[:1500], y[:1500])
    before = root_mean_squared_error(y[1500:], model.predict(X[1500:]))
    order = np.random.RandomState(0).permutation(300)
    for _ in range(3):
        model.partial_fit(X[:300].iloc[order], y[:300].iloc[order])
    assert root_mean_squared_error(y[1500:], model.predict(X[1500:])) < before + 0.01


def test_growth_through_a_pipeline(quick, ratings):
    known, few, _ = split(ratings)
    names = [
        frame.astype({"user": str}).assign(item="film " + frame["item"].astype(str)) for frame in (known[0], few[0])
    ]
    pipe = Pipeline([("enc", IdEncoder()), ("ncf", quick(**SETTINGS))]).fit(names[0], known[1])
    pipe[0].partial_fit(names[1])
    pipe[-1].partial_fit(pipe[0].transform(names[1]), few[1])
    alone = quick(**SETTINGS).fit(names[0], known[1]).partial_fit(names[1], few[1])
    np.testing.assert_allclose(pipe.predict(names[1]), alone.predict(names[1]), atol=0.2)
    errors = few[1] - pipe.predict(names[1])
    assert np.abs(errors).mean() < np.abs(few[1] - known[1].mean()).mean()


def test_a_weight_of_two_pulls_as_two_ratings(quick, ratings):
    known, few, _ = split(ratings)
    once, twice = (quick(**SETTINGS, dropout=0, batch_size=1000).fit(*known) for _ in range(2))
    weight = np.where(few[0]["user"] < 55, 2.0, 1.0)
    rows = np.repeat(np.arange(len(weight)), weight.astype(int))
    once.partial_fit(*few, sample_weight=weight)
    twice.partial_fit(few[0].iloc[rows], few[1].iloc[rows])
    np.testing.assert_allclose(once.predict(few[0]), twice.predict(few[0]), atol=0.1)


class Raise(Callback):
    """An error, or Ctrl-C, at the end of the epoch of that number."""

    def __init__(self, error, epoch=1):
        self.error = error
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise self.error


@pytest.mark.parametrize(
    ("callback", "error"), [(Raise(RuntimeError), RuntimeError), (None, FloatingPointError), (None, ValueError)]
)
def test_what_fails_leaves_a_fitted_model_as_it_was(quick, ratings, callback, error):
    known, few, _ = split(ratings)
    model = quick(loss="huber" if error is FloatingPointError else "squared_error").fit(*known)  # Huber's: by gradients
    before, ids = model.predict(known[0]), len(model.encoder_.categories_[0])
    if callback is not None:
        model.set_params(callbacks=[callback])
    if error is FloatingPointError:
        model.set_params(learning_rate=1e38, learning_rate_schedule="constant")
    if error is ValueError:
        few = [few[0].astype(str), few[1]]
    with pytest.raises(error):
        model.partial_fit(*few)
    np.testing.assert_array_equal(model.predict(known[0]), before)
    assert len(model.encoder_.categories_[0]) == ids == len(model.user_embeddings_)


def test_an_interrupt_keeps_what_was_learnt_of_the_new_rows(quick, ratings):
    known, few, _ = split(ratings)
    model = quick(**SETTINGS).fit(*known)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Raise(KeyboardInterrupt, epoch=2)]).partial_fit(*few)
    assert len(model.encoder_.categories_[0]) == 60
    assert model.n_iter_ == 2
    assert np.isfinite(model.predict(few[0])).all()


def test_a_network_of_ones_own_goes_on_where_no_id_is_new(quick, ratings, own_network):
    X, y = ratings
    model = quick(architecture=own_network).fit(X, y)
    before = root_mean_squared_error(y, model.predict(X))
    assert root_mean_squared_error(y, model.partial_fit(X, y).predict(X)) < before
    with pytest.raises(ValueError, match="cannot go on from the last fit"):
        model.partial_fit(pd.DataFrame({"user": [777], "item": [1]}), [3])


PAIRS = torch.tensor([[0, 0], [0, 2], [1, 2], [2, 0], [-2, 1]])
LATER = torch.tensor([[0, 1], [3, 2], [3, 0], [2, 4]])


def test_histories_extended_are_those_of_all_pairs():
    torch.manual_seed(0)
    extended, whole = (EmbeddingNN([4, 5], architecture="gmf", embedding_dim=3, use_history=True) for _ in range(2))
    whole.load_state_dict(extended.state_dict())
    extended.set_interactions(PAIRS.int(), 1)
    extended.history.summed[extended.first_rows[0] + 3] = 7.0  # an id without a history has the mean of the others
    extended.add_interactions(LATER)
    whole.set_interactions(torch.cat([PAIRS, LATER]).int(), 1)
    for name in ("summed", "counts"):
        torch.testing.assert_close(getattr(extended.history, name), getattr(whole.history, name))


def test_a_part_scores_as_the_whole_and_gives_back_what_it_learnt():
    torch.manual_seed(0)
    params = {"architecture": "neumf", "embedding_dim": 3, "hidden_layer_sizes": (4,), "use_history": True}
    whole, part = EmbeddingNN([6, 5, 2], **params), EmbeddingNN([2, 3, 1], **params)
    whole.set_interactions(PAIRS.int(), 1)
    ids = [torch.tensor([-2, 4]), torch.tensor([0, 1, 3]), torch.tensor([1])]
    part.load_subset(whole, ids)
    codes = torch.tensor([[0, 2, 0], [1, 0, 0], [1, 1, 0]])
    of_whole = torch.stack([column[codes[:, j]] for j, column in enumerate(ids)], dim=1)
    torch.testing.assert_close(part.eval()(codes), whole.eval()(of_whole))
    assert {name for name, p in part.named_parameters() if p.requires_grad} == {"embedding.weight", "bias.weight"}
    left_out = part.train().history(part.table_rows(codes))  # a pair in training is scored without itself
    torch.testing.assert_close(left_out, whole.train().history(whole.table_rows(of_whole)))
    assert not torch.equal(left_out, part.eval().history(part.table_rows(codes)))
    whole.eval()
    before = {name: table.clone() for name, table in whole.tables().items()}
    with torch.no_grad():
        part.embedding.weight += 1
    part.write_back(whole, ids)
    moved = (whole.embedding.weight != before["embedding.weight"]).any(dim=1)
    rows = torch.cat([column + whole.first_rows[j] for j, column in enumerate(ids)])
    assert set(moved.nonzero().squeeze(1).tolist()) == set(rows.tolist())
    torch.testing.assert_close(part(codes), whole(of_whole))


def test_the_anchor_holds_an_id_by_its_earlier_ratings():
    net = EmbeddingNN([2, 2], architecture="gmf", embedding_dim=3)
    n_before = [torch.tensor([0.0, 50.0]), torch.tensor([10.0, 0.0])]
    n_now = [torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])]
    anchor = Anchor(net, n_before, n_now, objective=SquaredError)
    codes = torch.tensor([[0, 0], [1, 0], [1, 1]])
    assert anchor(codes).item() == 0
    with torch.no_grad():
        net.embedding.weight += 0.1
        net.bias.weight -= 0.2
    # an epoch's mean over three rows: each id's own pull, 20 + n / 10 on a vector and 6 + 2 n on a bias, once
    before = torch.cat(n_before)
    expected = ((20 + 0.1 * before) * 3 * 0.1**2 + (6 + 2 * before) * 0.2**2).sum() / 2 / 3
    torch.testing.assert_close(anchor(codes), expected)


def test_partial_fit_writes_no_checkpoint_and_reports_its_epochs(quick, ratings, tmp_path):
    known, few, _ = split(ratings)
    model = quick(checkpoint_dir=str(tmp_path)).fit(*known)
    folders = set(tmp_path.iterdir())
    model.partial_fit(*few)
    assert set(tmp_path.iterdir()) == folders
    assert list(model.history_["epoch"]) == [1, 2, 3]
    assert model.history_["train_loss"].notna().all()


def test_many_small_updates_go_most_of_the_way_of_a_fresh_fit():
    rng = np.random.RandomState(0)
    truth = rng.randn(80, 1) + rng.randn(1, 40) + 3
    X = pd.DataFrame({"user": rng.randint(80, size=3000), "item": rng.randint(40, size=3000)}).drop_duplicates()
    y = truth[X["user"], X["item"]] + 0.2 * rng.randn(len(X))
    train, test = X.index[:-300], X.index[-300:]
    y = pd.Series(y, index=X.index)
    first, later = train[:1000], train[1000:]
    model = NCFRegressor(embedding_dim=8, random_state=0).fit(X.loc[first], y.loc[first])
    fresh = NCFRegressor(embedding_dim=8, random_state=0).fit(X.loc[train], y.loc[train])

    def error(model):
        return root_mean_squared_error(y.loc[test], model.predict(X.loc[test]))

    stale = error(model)
    for part in np.array_split(later, 10):
        model.partial_fit(X.loc[part], y.loc[part])
    assert error(model) - error(fresh) < 0.5 * (stale - error(fresh))
