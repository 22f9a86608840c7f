"""NCFRegressor: ratings of user-item pairs by neural collaborative filtering."""

from sklearn.base import RegressorMixin

from sklearn_ncf._sklearn_compat import StrOptions, fit_context
from sklearn_ncf.fitting import BaseNCF, RatingScale, check_ratings, check_weight, set_parameters
from sklearn_ncf.lists import PipelineIdMapper, predict_with_history
from sklearn_ncf.training import RATING_OBJECTIVES, RatingObjective


class NCFRegressor(RegressorMixin, RatingScale, BaseNCF):
    """Predict ratings with neural collaborative filtering.

    The estimator encodes ids of any type inside `fit` and trains the networks of He et al. (2017), with biases and a
    bounded output, on ratings: an embedding vector an id, joined by a product (GMF), a multilayer perceptron (MLP)
    or both (NeuMF). The defaults are those that validated best over several data sets, see ``docs/defaults.md``.

    Parameters
    ----------
    architecture : {"gmf", "neumf", "mlp"} or nn.Module class, default="gmf"
        The network, see :class:`sklearn_ncf.nn.EmbeddingNN`. A class of your own is called with `n_ids` and the
        keyword parameters of ``EmbeddingNN`` but `architecture` and `use_history`, and maps int64 codes of shape
        (n_rows, n_columns), ``-1`` for an unknown or missing id, to ratings of shape (n_rows,).

    embedding_dim : int, default=64
        Length of an id's embedding vector; NeuMF has one for each of its halves.

    hidden_layer_sizes : sequence of int, default=(64, 32, 16)
        Units of the MLP's hidden layers. Ignored by ``"gmf"``.

    dropout : float, default=0.3
        Share of the MLP's hidden units dropped in training, in [0, 1).

    embedding_dropout : float, default=0.5
        Share of the embeddings' components dropped in training, in [0, 1).

    use_bias : bool, default=True
        Whether every id has a bias beside its vector.

    use_history : bool, default=True
        Whether a user's vector is joined by vectors of the items rated in `fit`, and an item's by those of its users
        (as in SVD++, Koren 2008, on both sides). Ignored by a network of your own.

    loss : {"squared_error", "absolute_error", "huber"} or a subclass of RatingObjective, default="squared_error"
        What training minimises. Errors are divided by the standard deviation of `y` first, so that
        `learning_rate` and `weight_decay` mean the same on every rating scale; ``"huber"`` turns from squares to
        lines at one standard deviation. For losses and solvers of your own see ``docs/extending.md``.

    rating_range : "auto", (float, float) or None, default="auto"
        Range that predictions stay in: the smallest and largest rating of `fit`, a given ``(low, high)``, or ``None``
        for an unbounded output. A prediction is the sum of what the network says, clipped smoothly at both ends.

    optimizer : {"auto", "adamw", "rowwise_adamw", "adam"}, torch.optim.Optimizer or Solver class, default="auto"
        ``"adam"`` adds an L2 penalty to the gradient, ``"adamw"`` shrinks the weights apart from it (Loshchilov and
        Hutter 2019). ``"rowwise_adamw"`` is AdamW for tables of any size: a step updates the rows that its batch
        reads, each making up for the steps that it has missed. ``"auto"`` is the row-wise one where the tables have
        more than 70 rows for each row of a batch, else ``"adam"``. A class gets `lr` and `weight_decay`.

    learning_rate : float or "auto", default="auto"
        Step size, 0.014 with GMF and 0.01 else; with ``learning_rate_schedule="one_cycle"`` the largest one.

    learning_rate_schedule : {"one_cycle", "constant"}, default="one_cycle"
        Whether the step size rises to `learning_rate` and falls to nearly zero over all `max_epochs` (Smith and Topin
        2018), or stays.

    weight_decay : float or "auto", default="auto"
        How strongly weights are drawn to zero: with ``"adam"`` the factor of an L2 penalty on the mean loss, with AdamW
        each step shrinks them by this share of the step size. ``"auto"`` fits the data with Adam and row-wise AdamW: 20
        divided by the number of ratings `n`, up to ten times that where the ratings show nothing for vectors to learn
        (Horn 1965), and for the biases of each column what their variance among the ratings says (Searle et al. 1992).
        It is 33 `batch_size` / `n` with AdamW, and a class's own default with any other.

    batch_size : int or "auto", default="auto"
        Ratings per step. ``"auto"`` is a fiftieth of the rows with GMF, at least 32 and at most 8192, and a hundredth
        else, at most 4096.

    max_epochs : int, default=20
        Passes over the ratings, fewer if training stops early.

    early_stopping : bool, default=False
        Whether to stop when the validation loss has not improved for `patience` epochs. The validation set is `X_val`
        and `y_val` of `fit`, else `validation_fraction` of the rows, drawn at random. With one, the weights of the best
        epoch are the fitted ones.

    validation_fraction : float, default=0.1
        Share of the rows held out by `early_stopping` where `fit` gets no `X_val`.

    patience : int, default=5
        Epochs without improvement after which training stops.

    warm_start : bool, default=False
        Whether a further `fit` resumes from the last one's weights, `rating_range_` and `mean_rating_`. New ids start
        with the mean vector of those known.

    checkpoint_dir : str or path-like, default=None
        Folder in which a fit keeps its state after each epoch. A fit that was cut off, with the same parameters and
        data, resumes from there with bitwise identical results, and one that was finished is loaded. See
        ``docs/saving.md``.

    keep_checkpoints : bool, default=False
        Whether the states of all epochs stay in `checkpoint_dir`, rather than the last one alone.

    callbacks : list of skorch callbacks, default=None
        Callbacks, or pairs ``(name, callback)``; each fit trains with copies of them, which refer to the same objects.
        An ``LRScheduler`` takes the place of `learning_rate_schedule`.

    device : str, default="auto"
        Where to train and predict: a torch device such as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``. ``"auto"`` is a CUDA
        GPU if there is one, else the CPU.

    random_state : int, RandomState instance or None, default=None
        Seeds first weights, shuffling, dropout and the validation set. Two fits with one int are bitwise identical on
        the same CPU, also in parallel threads; torch's and numpy's global random states are neither read nor changed.
        A custom network or optimizer that draws from torch's global generator continues the fit's random numbers
        there in each step, after which the old state returns: other threads should not draw from it meanwhile.

    verbose : int, default=0
        1 shows a progress bar over epochs, 2 prints a line an epoch.

    user_features, item_features : str, int or list of them, default=None
        Names or indices of columns of `X` that describe the user, or the item: genres, a price, an age. Unknown ids
        are scored by them, and ids with few ratings are drawn to what they say; all other columns are ids. Floats and
        times are numbers, strings, integers, booleans and categories are categories; lists hold several categories, or
        numbers that belong together, such as an embedding of text. Any value may be missing. Of an id whose rows
        differ, the last one counts. See ``docs/features.md``.

    numeric_features : str, int or list of them, default=None
        Features that are numbers though they hold integers.

    separator : str, default=None
        What separates several categories in a string, such as ``"|"`` in ``"Action|Comedy"``.

    Attributes
    ----------
    encoder_ : IdEncoder
        The ids seen in `fit`.

    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.

    history_ : DataFrame of shape (`n_iter_`, n_columns)
        A row an epoch: `epoch` from 1, `train_loss` and `valid_loss` (``NaN`` without a validation part) in rating
        units (squared for ``"squared_error"`` and ``"huber"``), `learning_rate`, `duration` in seconds, then what
        `callbacks` recorded.

    n_iter_, best_epoch_ : int
        Epochs run, and the epoch of the fitted weights, from 1: that of the lowest validation loss, else the last.

    rating_range_ : (float, float) or None
        Lowest and highest rating that `predict` gives.

    mean_rating_ : float
        Mean rating of `fit`, the prediction where neither user nor item are known.

    user_embeddings_ : ndarray of shape (n_users, n_components), float32
        The users' vectors, with their histories', in the order of ``encoder_.categories_[0]``; for NeuMF those of both
        halves side by side. Their products with the items' vectors are no scores: biases, weights and layers are
        missing. :func:`~sklearn_ncf.export.to_vectors` gives vectors whose products order items as `recommend` does.

    item_embeddings_ : ndarray of shape (n_items, n_components), float32
        The items' vectors in the order of ``encoder_.categories_[1]``.

    user_biases_, item_biases_ : ndarray of shape (n_users,) or (n_items,), float32
        The biases in the same orders, in the unit of scores, before the output layer; none with ``use_bias=False``.

    user_features_, item_features_ : DataFrame of shape (n_ids, n_features)
        The features of each id, in the order of ``encoder_.categories_``. ``AttributeError`` where none were named.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, where they are all strings.

    See Also
    --------
    IdEncoder : Turns raw ids into codes; as a step before this one it can pool infrequent ids.
    recommend, similar_items : Ranked items from a fitted estimator.
    sklearn_ncf.nn.EmbeddingNN : The networks.

    Notes
    -----
    *Unknown ids.* Features say how an unknown id deviates from an average one: a ridge regression after training finds
    how the vectors and biases of known ids go with their features. Without features, a row with a user that `fit` did
    not see is scored with what is known of its item, and the other way round: the unknown id's vector and bias are the
    mean of the others', each with the weight of its ratings, moved so that the users' mean ratings come out for an
    unknown item, and the items' for an unknown user, by one step of ridge regression. An unknown context counts as the
    mean of the others. A row with neither user nor item gets the mean rating. The code ``-1``, and missing ids, are one
    more id each with a learned vector, where `fit` has seen them. See ``docs/cold_start.md``.

    *Interrupts.* `KeyboardInterrupt` reaches the caller, and what was learned until then can be used. Before a whole
    epoch there is nothing learned: the estimator stays as it was, unfitted if it was that. A fitted estimator changes
    in one step, so that other threads may predict, recommend and pickle while it is fitted again.

    References
    ----------
    He, X., L. Liao, H. Zhang, L. Nie, X. Hu, T.-S. Chua (2017). "Neural Collaborative Filtering", WWW.

    Koren, Y. (2008). "Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering Model", KDD.

    Loshchilov, I., F. Hutter (2019). "Decoupled Weight Decay Regularization", ICLR.

    Kirkpatrick, J. et al. (2017). "Overcoming catastrophic forgetting in neural networks", PNAS 114(13).

    Horn, J. L. (1965). "A rationale and test for the number of factors in factor analysis", Psychometrika 30(2).

    Searle, S. R., G. Casella, C. E. McCulloch (1992). "Variance Components", Wiley.

    L. N. Smith, N. Topin (2018). "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates", arXiv:1708.07120.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn_ncf import IdEncoder, NCFRegressor
    >>> X = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "item": ["Alien", "Bambi", "Alien", "Dune"]})
    >>> y = [5, 1, 4, 5]
    >>> pipe = Pipeline([("enc", IdEncoder()), ("ncf", NCFRegressor(max_epochs=50, random_state=0))]).fit(X, y)
    >>> alien, bambi = pipe.predict(pd.DataFrame({"user": ["ann", "eve"], "item": ["Alien", "Bambi"]}))  # eve is new
    >>> bool(alien > bambi + 1)
    True
    >>> pipe["ncf"].rating_range_
    (1.0, 5.0)

    A rating by hand, for ``architecture="gmf"``: the weighted product of two vectors, the biases and the intercept
    are added up, in spreads of the ratings. Inside `rating_range_` that is the rating; it bends at its
    ends, over a twentieth of it.

    >>> import numpy as np
    >>> model = NCFRegressor(max_epochs=50, random_state=0).fit(X, y)
    >>> user, item = model.encoder_.transform(X[:1])[0]
    >>> network = model.net_.module_
    >>> weight, intercept = network.gmf_weight.detach().numpy(), network.intercept.item()
    >>> score = (model.user_embeddings_[user] * model.item_embeddings_[item]) @ weight
    >>> score += model.user_biases_[user] + model.item_biases_[item] + intercept
    >>> rating = network.output_center + network.output_scale * score
    >>> low, high = model.rating_range_
    >>> bend = (high - low) / 20
    >>> rating = low + bend * (np.logaddexp(0, (rating - low) / bend) - np.logaddexp(0, (rating - high) / bend))
    >>> bool(np.isclose(rating, model.predict(X[:1])[0]))
    True
    """

    _kind_of_objective = RatingObjective
    _parameter_constraints = {
        **BaseNCF._parameter_constraints,
        "loss": [StrOptions(set(RATING_OBJECTIVES)), type],
        "rating_range": [StrOptions({"auto"}), tuple, list, None],
    }

    def __init__(
        self,
        architecture="gmf",
        *,
        embedding_dim=64,
        hidden_layer_sizes=(64, 32, 16),
        dropout=0.3,
        embedding_dropout=0.5,
        use_bias=True,
        use_history=True,
        loss="squared_error",
        rating_range="auto",
        optimizer="auto",
        learning_rate="auto",
        learning_rate_schedule="one_cycle",
        weight_decay="auto",
        batch_size="auto",
        max_epochs=20,
        early_stopping=False,
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
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Learn from ratings.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features), n_features >= 2
            Ids: user, item, then any number of further columns: context, properties of the interaction (device, hour)
            and not of the item. Integers, strings or mixed; missing ones allowed. Features may stand anywhere.
        y : array-like of shape (n_samples,)
            Ratings, any finite numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. A row of weight zero counts as not there.
        X_val : table or array-like of shape (n_val_samples, n_features), default=None
            Ids of a validation part. Behind an encoder in a Pipeline, use ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val_samples,), default=None
            Ratings of the validation part.

        Returns
        -------
        self : NCFRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If the shapes or values of `X`, `y`, `sample_weight`, `X_val`, `y_val` are not as said above, a rating lies
            outside a given `rating_range`, a parameter is out of its range, or `device` is not there.
        FloatingPointError
            If the loss becomes infinite or ``NaN``.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together; pass both or neither.")
        X, y = check_ratings(X, y, estimator=self)
        names = ("X_val", "y_val")
        validation = None if X_val is None else check_ratings(X_val, y_val, estimator=self, names=names)
        return self._first_fit(X, y, check_weight(sample_weight, y), validation)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Learn from ratings; called again, go on with further ones.

        The first call is a `fit`. Each later one learns the vectors and biases of the ids in the given rows, new ones
        in any column among them: with squared error by ridge regressions, one per id, three times in turn for each
        column, with another loss by gradients, in `max_epochs` passes over these rows. An id is held to its place the
        more strongly, the more earlier ratings it has, by a quadratic penalty as in elastic weight consolidation
        (Kirkpatrick et al. 2017). No known code, nothing of other ids and nothing that ids have in common changes, nor
        do `rating_range_`, the loss's unit and `mean_rating_`: with ``rating_range="auto"``, ratings outside are
        clipped, with a warning. Calls that saw a single rating value tell none of these: the next one learns them, as a
        `fit` that keeps the codes. Weights compare within a call, where a row of mean weight counts as one rating. See
        ``docs/growing.md``.

        Behind an encoder in a Pipeline: ``pipe[0].partial_fit(X)``, then
        ``pipe[-1].partial_fit(pipe[0].transform(X), y)``. A network of your own is trained as a whole, for one pass at
        a tenth of `learning_rate`, and knows no new ids. Nothing validates, and no checkpoint is written.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Ids, in the columns of the first call.
        y : array-like of shape (n_samples,)
            Ratings.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        Returns
        -------
        self : NCFRegressor
            The fitted estimator.

        Raises
        ------
        ValueError, FloatingPointError
            As `fit`, and if the network's parameters have changed since the first call; the estimator stays as it was.

        Examples
        --------
        >>> from sklearn_ncf import NCFRegressor
        >>> model = NCFRegressor(random_state=0).fit([[1, 10], [1, 20], [2, 10], [2, 30]], [5, 1, 4, 5])
        >>> model.partial_fit([[3, 20], [3, 40]], [1, 2]).encoder_.categories_[0]
        array([1, 2, 3])
        """
        if not hasattr(self, "net_"):
            return self.fit(X, y, sample_weight)
        X, y = check_ratings(X, y, estimator=self)
        return self._partial_fit(X, y, check_weight(sample_weight, y))

    def predict(self, X, *, history=None):
        """Predict ratings.

        Parameters
        ----------
        X : table or array-like of shape (n_samples, n_features)
            Ids, in the columns of `fit`; unknown and missing ones are scored too.

        history : table of shape (n_rows, 2 to 4), default=None
            What users have done since `fit`, as in :func:`~sklearn_ncf.recommend`, in ids that this estimator was
            fitted on; after an encoder, :meth:`sklearn_ncf.Recommender.predict` takes raw ids.

        Returns
        -------
        ratings : ndarray of shape (n_samples,), float32
            Ratings in the units of `y`; float64 where float32 does not hold those of `fit` or their differences.

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
