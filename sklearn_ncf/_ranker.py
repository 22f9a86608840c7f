"""NCFRanker: rankings from implicit feedback by neural collaborative filtering."""

import math

from sklearn.utils.validation import check_is_fitted

from sklearn_ncf._sklearn_compat import StrOptions, fit_context
from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.fitting import RANKING_CONSTRAINTS, BaseNCF, check_weight, encode_table, set_parameters, with_ones
from sklearn_ncf.lists import METRICS, PipelineIdMapper, predict_with_history, validation_score
from sklearn_ncf.metrics import RankingScorer
from sklearn_ncf.training import RankingObjective, undefined_score


class NCFRanker(BaseNCF):
    """Rank items by neural collaborative filtering from implicit feedback: clicks, plays, purchases.

    Every row of `X` is a positive: an interaction of a user with an item. The network learns to score positives above
    the items that the user has not interacted with (He et al. 2017, section 2.1). Ids of any type are encoded inside
    `fit`. See ``docs/ranking.md``, which also has the paper's own settings.

    Parameters
    ----------
    architecture : {"gmf", "neumf", "mlp"} or nn.Module class, default="gmf"
        The network, as in :class:`NCFRegressor`.

    embedding_dim : int or "auto", default="auto"
        Length of an id's embedding vector; NeuMF has one for each of its halves. ``"auto"`` is 256 with ``"als"`` (half
        of it, or a quarter, where the tables would exceed a gibibyte), and 64 otherwise.

    hidden_layer_sizes : sequence of int, default=(64, 32, 16)
        Units of the MLP's hidden layers. Ignored by ``"gmf"``.

    dropout : float, default=0.3
        Share of the MLP's hidden units dropped in training, in [0, 1).

    embedding_dropout : float, default=0.0
        Share of the embeddings' components dropped in training, in [0, 1). With other losses than ``"squared_error"``,
        0.5 is a good choice.

    use_bias : bool, default=True
        Whether every id has a bias beside its vector: an item's popularity.

    use_history : bool, default=False
        Whether a user's vector is joined by vectors of the items of `fit`, and an item's by those of its users (as in
        SVD++, Koren 2008, and FISM, Kabbur et al. 2013). Ignored by a network of your own.

    temperature : float or None, default=None
        With a number, GMF scores a pair by the cosine of its vectors, divided by it, so that popularity is in
        the biases alone. 0.1 to 0.2 suits ``"softmax"`` (Wu et al. 2024); the smaller, the more the negatives with the
        highest scores count.

    loss : {"squared_error", "softmax", "bce", "bpr"} or a subclass of RankingObjective, default="squared_error"
        What training minimizes for a positive and its negatives. ``"squared_error"`` pulls positives towards 1, with
        the weight `positive_weight`, and all other items towards 0, with the weight 1 (Hu et al. 2008); ``"softmax"``
        is the negative log of the positive's share in a softmax over the list (sampled softmax, Bengio and Senecal
        2008); ``"bce"`` is binary cross-entropy (He et al., equation 7), ``"bpr"`` the pairwise loss of
        Bayesian personalised ranking (Rendle et al. 2009), both summed over negatives.

    positive_weight : float or "auto", default="auto"
        With ``"squared_error"``, the weight of a positive whose sample weight is 1; that of all other pairs is 1. The
        sparser the data, the larger it should be. ``"auto"`` is 0.5 :math:`d^{-0.62}`, from 2 to 100, with :math:`d`
        the share of all pairs that are positives, divided by the mean weight of a pair (see ``docs/ranking.md``).

    n_negatives : int or "auto", default="auto"
        Negatives of each positive. With ``"squared_error"`` and ``"softmax"`` they are drawn without replacement for a
        whole batch, and those that a user has had are left out for that user; ``"auto"`` is then 1024 with ``"gmf"``,
        else 16. With the other losses each positive has its own, and it is 4.

    optimizer : {"auto", "als", "adamw", "rowwise_adamw", "adam"}, torch.optim.Optimizer or Solver class, default="auto"
        ``"als"``, alternating least squares, minimizes ``"squared_error"`` for ``"gmf"`` without histories and context,
        in a small part of the time of steps along gradients; an epoch takes a few steps of conjugate gradients for all
        users, then for all items. There are no negatives to draw then, and no biases: popularity is in the vectors.
        ``"auto"`` is ``"als"`` where it can be, else as in :class:`NCFRegressor`.

    weight_decay : float or "auto", default="auto"
        As in :class:`NCFRegressor`, but that the L2 penalty of ``"auto"`` with Adam is 60 / `n` with
        ``"squared_error"`` and 0.5 / `n` with other losses, for biases too; `n` is the number of positives. With
        ``"als"`` it is half of a power, `penalty_growth`, of the weight of all pairs that an id stands in, and draws
        users with few items to the mean of the users' vectors, what is liked in general; a number draws all vectors to
        zero. ``0.0`` is no penalty.

    penalty_growth : float or "auto", default="auto"
        With ``"als"``, the power of the weight of an id's pairs with which its penalty grows, in [0, 1]: with 0 it is
        the same for each id, with 1 that of a sum over pairs. ``"auto"`` is 0.5, and 0 if `weight_decay` is a number;
        that number is then the penalty of an average id.

    learning_rate, learning_rate_schedule, batch_size
        As in :class:`NCFRegressor`, where ``"auto"`` is 0.01 and a hundredth of the rows, at least 32 and at most
        4096; ``"als"`` has neither a learning rate nor batches.

    max_epochs : int or "auto", default="auto"
        Passes over the rows, fewer if training stops early. ``"auto"`` is 10 with ``"als"``, and 20 otherwise.

    early_stopping : bool, default=False
        Whether to stop when the validation part has not got better for `patience` epochs. The validation part is
        `X_val` of `fit`, else `validation_fraction` of the rows, drawn at random. Whenever there is a validation part,
        the weights of the best epoch are the fitted ones.

    scoring : str, default="loss"
        What says which epoch is best on the validation set: ``"loss"``, with the same negatives every time, or a
        metric of :mod:`sklearn_ncf.metrics`, ``"average_precision"``, ``"hit_rate"``, ``"ndcg"``, ``"precision"``,
        ``"recall"`` or ``"reciprocal_rank"``, at 10 among all items that the user has not interacted with in training,
        the mean over the users of the validation set that have such an item there. Where none has, the metric is
        undefined: an error with `early_stopping`, else a warning, a `valid_score` of NaN and the last epoch's weights.

    validation_fraction : float, default=0.1
        Share of the rows held out by `early_stopping` where `fit` gets no `X_val`.

    patience : int, default=5
        Epochs without improvement after which training stops.

    warm_start, checkpoint_dir, keep_checkpoints, callbacks, device, random_state, verbose
        As in :class:`NCFRegressor`. `random_state` also seeds the negatives.

    user_features, item_features, numeric_features, separator
        As in :class:`NCFRegressor`.

    Attributes
    ----------
    encoder_, net_
        As in :class:`NCFRegressor`.

    history_ : DataFrame of shape (`n_iter_`, n_columns)
        A row an epoch: `epoch`, `train_loss`, `valid_loss`, `learning_rate`, `duration` in seconds, `valid_score` where
        `scoring` is a metric, then what `callbacks` recorded.

    n_iter_, best_epoch_ : int
        Epochs run, and the epoch of the fitted weights, from 1.

    positive_weight_ : float
        The weight of a positive, which ``"auto"`` has found (1 with a loss that has none) or the parameter has set.

    user_embeddings_, item_embeddings_ : ndarray of shape (n_ids, n_components), float32
        Vectors, with their histories', in the order of ``encoder_.categories_``. Their products are no scores: biases,
        weights, temperature and layers are missing. :func:`~sklearn_ncf.export.to_vectors` gives vectors whose products
        order items as `recommend` does.

    user_biases_, item_biases_ : ndarray of shape (n_users,) or (n_items,), float32
        The biases in the same orders. ``AttributeError`` where there are none: with ``use_bias=False``, and with least
        squares.

    user_features_, item_features_, n_features_in_, feature_names_in_
        As in :class:`NCFRegressor`.

    See Also
    --------
    NCFRegressor : Predicts ratings.
    recommend, similar_items : Ranked items from a fitted estimator.
    sklearn_ncf.metrics.RankingScorer : How good the ranking is, as ``scoring=`` of scikit-learn's tools.
    sklearn_ncf.model_selection.LeaveLastOut : The paper's split.

    Notes
    -----
    *Repeated rows* count as often as they are there; as pairs that a user has had they count once. *A user who has had
    every item* has no negatives and is learnt from as far as the loss can: nothing is lost. *Unknown users* get the
    mean of the users' vectors, each with the weight of its rows, and with it what is liked in general; unknown items
    likewise. Scores have no unit and compare within a user.

    References
    ----------
    He, X., L. Liao, H. Zhang, L. Nie, X. Hu, T.-S. Chua (2017). "Neural Collaborative Filtering", WWW.

    Rendle, S., C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme (2009). "BPR: Bayesian Personalized Ranking from
    Implicit Feedback", UAI.

    Hu, Y., Y. Koren, C. Volinsky (2008). "Collaborative Filtering for Implicit Feedback Datasets", ICDM.

    Rendle, S., W. Krichene, L. Zhang, Y. Koren (2022). "Revisiting the Performance of iALS on Item Recommendation
    Benchmarks", RecSys.

    Wu, J., X. Wang, X. Gao, J. Chen, H. Fu, T. Qiu (2024). "On the Effectiveness of Sampled Softmax Loss for Item
    Recommendation", ACM Transactions on Information Systems 42(4).

    Bengio, Y., J.-S. Senecal (2008). "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic
    Language Model", IEEE Transactions on Neural Networks 19(4).

    Kabbur, S., X. Ning, G. Karypis (2013). "FISM: Factored Item Similarity Models for Top-N Recommender Systems", KDD.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ncf import NCFRanker, recommend
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob", "eve", "zoe"], "film": ["A", "B", "A", "B", "C", "A"]})
    >>> ranker = NCFRanker(max_epochs=50, random_state=0).fit(X)
    >>> recommend(ranker, "zoe", n_items=1)["film"].tolist()  # as ann and bob
    ['B']
    """

    _kind_of_objective = RankingObjective
    _parameter_constraints = {**RANKING_CONSTRAINTS, "scoring": [StrOptions({"loss", *METRICS})]}

    def __init__(
        self,
        architecture="gmf",
        *,
        embedding_dim="auto",
        hidden_layer_sizes=(64, 32, 16),
        dropout=0.3,
        embedding_dropout=0.0,
        use_bias=True,
        use_history=False,
        temperature=None,
        loss="squared_error",
        positive_weight="auto",
        n_negatives="auto",
        optimizer="auto",
        learning_rate=0.01,
        learning_rate_schedule="one_cycle",
        weight_decay="auto",
        penalty_growth="auto",
        batch_size="auto",
        max_epochs="auto",
        early_stopping=False,
        scoring="loss",
        validation_fraction=0.1,
        patience=5,
        warm_start=False,
        checkpoint_dir=None,
        keep_checkpoints=False,
        callbacks=None,
        device="auto",
        random_state=None,
        verbose=0,
        user_features=None,
        item_features=None,
        numeric_features=None,
        separator=None,
    ):
        set_parameters(self, locals())

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Learn from positives.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features), n_features >= 2
            Ids: user, item, then any number of further columns: context, properties of the interaction (device, hour)
            and not of the item. Integers, strings or mixed; missing ones allowed. Features may stand anywhere.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows: counts, or recency. A row of weight zero counts as not there.
        X_val : table or array-like of shape (n_val_samples, n_features), default=None
            Positives of a validation part. Behind an encoder in a Pipeline, use ``transform_input=["X_val"]``.

        Returns
        -------
        self : NCFRanker
            The fitted estimator.

        Raises
        ------
        ValueError
            If the shapes or values of `X`, `sample_weight`, `X_val` are not as said above, a parameter is out of its
            range, `device` is not available, or `early_stopping` is asked for by a metric that is undefined on the
            validation set.
        FloatingPointError
            If the loss becomes infinite or ``NaN``.

        Warns
        -----
        UserWarning
            If the metric of `scoring` is undefined on `X_val`: all of its rows are in `X`, or their items are not.
        """
        X, y = with_ones(X, "X")
        validation = None if X_val is None else with_ones(X_val, "X_val")
        return self._first_fit(X, y, check_weight(sample_weight, y, keeps_scale=True), validation)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn from positives; called again, go on with further ones.

        Each later call learns the users and items of the given rows and leaves everything else as it is, but for what
        unknown ids get. With ``"als"``, they are solved for: each from all of its pairs, earlier and new ones, given
        the vectors of all others, as in an epoch of `fit`, three times. Otherwise they are trained for `max_epochs`
        passes over the new rows, as in :meth:`NCFRegressor.partial_fit`: each is held to its place by a penalty that
        grows with the number of its earlier rows; further items serve as negatives and stay as they are.

        A pair of a user and an item that has been learned already changes nothing, whatever its weight, unless there
        are context columns.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Ids, in the columns of the first call.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, relative to their mean in this call.

        Returns
        -------
        self : NCFRanker
            The fitted estimator.
        """
        if not hasattr(self, "net_"):
            return self.fit(X, y, sample_weight)
        X, y = with_ones(X, "X")
        return self._partial_fit(X, y, check_weight(sample_weight, y, keeps_scale=True))

    def predict(self, X, *, history=None):
        """Score pairs.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Ids, in the columns of `fit`; unknown and missing ones are scored too.

        history : table of shape (n_rows, 2 to 4), default=None
            What users have done since `fit`, as in :func:`~sklearn_ncf.recommend`, in ids that this estimator was
            fitted on; after an encoder, :meth:`sklearn_ncf.Recommender.predict` takes raw ids.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32
            The higher, the better; they compare within a user.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the columns are not those of `fit`, or hold ids of another type, or `history` lacks a column.
        """
        if history is None:
            return self._scores(X)
        return predict_with_history(PipelineIdMapper(self), X, history)

    def score(self, X, y=None):
        """NDCG@10 of held-out positives, the mean over users: what `cross_val_score` takes.

        That is :class:`~sklearn_ncf.metrics.RankingScorer` as it comes; use it for other metrics.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Positives that `fit` has not seen, in its columns.
        y : None
            Ignored.

        Returns
        -------
        score : float
            In [0, 1], the higher the better; NaN where no positive is left to rank, since all were in `fit`.
        """
        check_is_fitted(self)
        learned = self._seen.contain(encode_table(self, X)[0])
        return math.nan if learned.all() else RankingScorer()(self, X)

    def _output_params(self, y, sample_weight, *, resumes):
        return {"output_range": None, "output_center": 0.0, "output_scale": 1.0}

    def _last_fit(self):
        return super()._last_fit() | {"positive_weight": self.positive_weight_}

    def _set_resolved(self, settings):
        self.positive_weight_ = settings.positive_weight

    def __setstate__(self, state):
        of_first_version = {"positive_weight": 3.0, "penalty_growth": "auto", "temperature": None}
        if "net_" in state or "_net_state" in state:
            of_first_version["positive_weight_"] = 3.0
        super().__setstate__(of_first_version | state)

    def _check_seen(self, seen):
        if not len(seen.items()):
            raise ValueError("Every item of X is a missing id, so there is nothing to rank.")

    def _validation_score(self, seen, codes):
        if self.scoring == "loss":
            return None
        score = validation_score(self.scoring, seen.without_held_out(), codes)  # held-out pairs are to be found
        if score is None:
            problem = (
                f"scoring={self.scoring!r} is undefined on the validation set: its rows are all pairs of the training "
                "set, or have items that are not in it"
            )
            if self.early_stopping:
                raise ValueError(f"{problem}. Pass other rows as X_val, or use scoring='loss'.")
            warn_caller(f"{problem}. valid_score is NaN and the last epoch is kept.")
            return undefined_score
        return score
