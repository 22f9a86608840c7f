"""EmbeddingNN: the networks of He et al. (2017) over any number of id columns, with biases and a bounded output."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ncf.nn._cold_start import N_SPECIAL, fill_untrained
from sklearn_ncf.nn._dropout import FastDropout
from sklearn_ncf.nn._gradients import dropped_vectors, weighted_product
from sklearn_ncf.nn._grid import EncodedItems, EncodedQueries, Shifts, score_grid_by_parts
from sklearn_ncf.nn._history import InteractionHistory
from sklearn_ncf.nn._layers import has_hooks, look_up, new_embedding, new_mlp, pairwise_products
from sklearn_ncf.nn._network import ITEM, Network
from sklearn_ncf.nn._output_link import OUTPUT_LINKS
from sklearn_ncf.nn._subset import Subset

ARCHITECTURES = ("mlp", "gmf", "neumf")
READING = ("__call__", "forward", "vectors", "summed_bias", "table_rows")  # methods that look up a row's parts
INIT_STD = 0.05  # of embeddings; N(0, 1), torch's own, starts with scores that dwarf the ratings


class EmbeddingNN(Subset, Network):
    r"""Score rows of integer codes with GMF, MLP or NeuMF.

    Every id of every column has an embedding vector and, with `use_bias`, a bias. With :math:`p` and :math:`q` the
    vectors of a row's user and item, the score is

    - ``"gmf"``: :math:`h^\top (p \odot q)` (He et al., equation 9),
    - ``"mlp"``: a stack of Linear-ReLU-Dropout layers over :math:`[p, q]`, then one linear unit (equation 10),
    - ``"neumf"``: both, each with vectors of its own, joined in one linear unit (equation 12),

    plus the biases and a global one. Further columns (context) enter the MLP's concatenation; GMF's product becomes
    the sum of the products of all pairs of columns, as in a factorization machine (Rendle 2010, equation 1).

    Parameters
    ----------
    n_ids : sequence of int, length n_columns
        Number of ids of each column; user first, item second.

    architecture : {"mlp", "gmf", "neumf"}, default="gmf"
        Which network.

    embedding_dim : int, default=64
        Length of an embedding vector; NeuMF has two of this length an id.

    hidden_layer_sizes : sequence of int, default=(64, 32, 16)
        Units of the MLP's hidden layers. GMF has none.

    dropout : float, default=0.0
        Share of hidden units dropped in training.

    embedding_dropout : float, default=0.0
        Share of embedding components dropped in training.

    use_bias : bool, default=True
        Whether ids have biases.

    use_history : bool, default=False
        Whether a user's vector is joined by those of the items rated in training, and an item's by those of its users
        (SVD++, Koren 2008); `set_interactions` tells the network which.

    temperature : float or None, default=None
        With a number, the product of GMF becomes the cosine of :math:`p` and :math:`q`, divided by it: no vector's
        length says anything, and :math:`h` is not learned. :math:`p` is then the sum of the vectors of all columns but
        the items. The MLP has no temperature.

    output_range : (float, float) or None, default=None
        The score is brought into this range, in rating units, by `output_link`. ``None`` leaves it unbounded.

    output_link : {"sigmoid", "soft_clip"}, default="sigmoid"
        A sigmoid scaled to the range, or the identity inside it, which bends at its ends.

    output_center : float, default=0.0
        The rating that a score of zero stands for: the network starts its training there.

    output_scale : float, default=1.0
        How many rating units a score of one is, but with a sigmoid.

    device, dtype : default=None
        Of the parameters, as in torch's own modules; ``None`` is torch's default.

    Attributes
    ----------
    embedding : nn.Embedding of shape (n_rows, embedding width)
        The vectors of all columns, one column's block behind the other. The first row of a block stands for a missing
        id, the second for an unknown one; the row of code ``c`` is ``first_rows[column] + c``.

    bias : nn.Embedding of shape (n_rows, 1) or None
        The biases, laid out in the same way.

    history : InteractionHistory or None
        The histories' vectors, laid out in the same way.

    References
    ----------
    He, X., L. Liao, H. Zhang, L. Nie, X. Hu, T.-S. Chua (2017). "Neural Collaborative Filtering", WWW.

    Rendle, S. (2010). "Factorization Machines", ICDM.

    Koren, Y. (2008). "Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering Model", KDD.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ncf.nn import EmbeddingNN
    >>> net = EmbeddingNN(n_ids=[3, 4], architecture="gmf", output_range=(1, 5), output_center=3)
    >>> codes = torch.tensor([[0, 3], [2, 1], [-1, -1]])  # -1: unknown
    >>> net(codes).shape
    torch.Size([3])
    >>> bool(net(codes).min() >= 1 and net(codes).max() <= 5)
    True
    """

    tells_missing_apart = True

    def __init__(
        self,
        n_ids: Sequence[int],
        *,
        architecture: str = "gmf",
        embedding_dim: int = 64,
        hidden_layer_sizes: Sequence[int] = (64, 32, 16),
        dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        use_bias: bool = True,
        use_history: bool = False,
        temperature: float | None = None,
        output_range: tuple[float, float] | None = None,
        output_link: str = "sigmoid",
        output_center: float = 0.0,
        output_scale: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture={architecture!r} must be one of {ARCHITECTURES}.")
        if output_link not in OUTPUT_LINKS:
            raise ValueError(f"output_link={output_link!r} must be one of {tuple(OUTPUT_LINKS)}.")
        self.n_ids = tuple(int(n) for n in n_ids)
        # Python's own numbers: torch takes numpy's too, but a float64 of numpy makes a float64 of the result.
        embedding_dim = int(embedding_dim)
        self.temperature = None if temperature is None else float(temperature)
        self.output_range = None if output_range is None else tuple(map(float, output_range))
        self.output_center = float(output_center)
        self.output_scale = float(output_scale)
        self.output_link = None
        if output_range is not None:
            self.output_link = OUTPUT_LINKS[output_link](*self.output_range, self.output_center, self.output_scale)

        n_columns = len(self.n_ids)
        self.gmf_dim = embedding_dim if architecture in ("gmf", "neumf") else 0
        mlp_dim = embedding_dim if architecture in ("mlp", "neumf") else 0
        like = torch.empty(0, device=device, dtype=dtype)
        factory = {"device": like.device, "dtype": like.dtype}
        blocks = torch.tensor([0, *(n + N_SPECIAL for n in self.n_ids)], device=like.device).cumsum(0)
        self.register_buffer("first_rows", blocks[:-1] + N_SPECIAL, persistent=False)

        n_rows = sum(n + N_SPECIAL for n in self.n_ids)
        self.embedding = new_embedding(n_rows, self.gmf_dim + mlp_dim, std=INIT_STD, **factory)
        self.bias = new_embedding(n_rows, 1, std=0.0, **factory) if use_bias else None
        self.history = InteractionHistory(n_rows, self.gmf_dim + mlp_dim, **factory) if use_history else None
        self.embedding_dropout = FastDropout(embedding_dropout)
        if self.gmf_dim:
            weight = torch.full((self.gmf_dim,), 1 / (self.temperature or 1.0), **factory)
            self.gmf_weight = nn.Parameter(weight, requires_grad=self.temperature is None)
        self.mlp = (
            new_mlp([n_columns * mlp_dim, *map(int, hidden_layer_sizes)], dropout, **factory) if mlp_dim else None
        )
        self.score_of_center = 0.0 if self.output_link is None else self.output_link.score_of_center()
        self.intercept = nn.Parameter(torch.tensor(self.score_of_center, **factory))

    def forward(self, codes: Tensor) -> Tensor:
        """Score rows of codes.

        Parameters
        ----------
        codes : Tensor of shape (n_rows, n_columns), int64
            Codes from 0, ``-1`` for an unknown id, ``-2`` for a missing one.

        Returns
        -------
        Tensor of shape (n_rows,)
            Scores, in rating units.
        """
        rows = self.table_rows(codes)
        is_own = type(self).vectors is EmbeddingNN.vectors and "vectors" not in vars(self)
        vectors = dropped_vectors(self, rows) if is_own else self.embedding_dropout(self.vectors(rows))
        return self.score(vectors, self.summed_bias(rows))

    def score_lists(self, codes: Tensor, items: Tensor) -> Tensor:
        """Score rows of codes, and each of them with further items in the place of its own.

        Parameters
        ----------
        codes : Tensor of shape (n_rows, n_columns), int64
            Codes of positives: in training, each is scored without its own part in the histories.
        items : Tensor of shape (n_rows, n_items) or (n_items,), int64
            Codes of further items, for each row or for all of them; none of them is in the histories of its row.

        Returns
        -------
        Tensor of shape (n_rows, 1 + n_items)
            Scores, in rating units.
        """
        if not is_standard(self):
            return super().score_lists(codes, items)
        rows, item_rows = self.table_rows(codes), items + self.first_rows[ITEM]
        vectors, others = self.vectors(rows), self.embedding(item_rows)
        if self.history is not None:
            others = others + self.history.look_up(item_rows)
        vectors, others = self.embedding_dropout(vectors), self.embedding_dropout(others)
        bias = self.summed_bias(rows)
        of_user = bias if self.bias is None else bias - self.bias(rows[:, ITEM])[:, 0]
        of_items = self.summed_bias(item_rows.unsqueeze(-1))
        if self.mlp is None:
            query, alone = self.gmf_of_query(_without_item(vectors))
            others, of_items = self.gmf_of_item(others), of_items + self.intercept
            if items.dim() == 1:
                score = torch.addmm(of_items, query, others.T)
            else:
                score = torch.baddbmm(of_items.unsqueeze(1), query.unsqueeze(1), others.mT).squeeze(1)
            score = self.to_ratings(score.add_((of_user + alone).unsqueeze(1)))
        else:
            shape = len(codes), items.shape[-1]
            lists = vectors.unsqueeze(1).repeat(1, shape[1], 1, 1)
            lists[:, :, ITEM] = others
            score = self.score(lists.flatten(0, 1), (of_user.unsqueeze(1) + of_items).flatten()).view(shape)
        return torch.cat([self.score(vectors, bias).unsqueeze(1), score], dim=1)

    def encode_queries(self, queries: Tensor, shifts: Shifts | None = None) -> EncodedQueries | Tensor:
        """What `score_grid` needs of queries, codes of shape (n_queries, n_columns - 1): of all columns but the items.

        A network that computes its scores in another way than this class is asked for each pair: codes are what it
        needs. `shifts` are those of `GridScorer`.
        """
        return EncodedQueries.of(self, queries, shifts) if shifts is not None or is_standard(self) else queries

    def encode_items(self, items: Tensor, shifts: Shifts | None = None) -> EncodedItems | Tensor:
        """What `score_grid` needs of items, codes of shape (n_items,); `shifts` are those of `GridScorer`."""
        return EncodedItems.of(self, items, shifts) if shifts is not None or is_standard(self) else items

    def score_grid(self, queries: EncodedQueries | Tensor, items: EncodedItems | Tensor) -> Tensor:
        r"""Scores of every query with every item, both encoded, of shape (n_queries, n_items).

        A pair's first hidden layer is linear in the concatenated vectors, :math:`W [p, q] + b = W_p p + (W_q q + b)`,
        so each half is computed once for each query or item instead of once for each pair; GMF's products, weighted,
        are a product of two matrices. What is left for each pair are the layers behind the first one. The scores are
        those of `forward` in evaluation, but for rounding.
        """
        if isinstance(items, EncodedItems):
            return score_grid_by_parts(self, queries, items)
        return super().score_grid(queries, items)

    def score(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """Scores in rating units, from vectors of shape (n, n_columns, width) and summed biases of shape (n,)."""
        return self.to_ratings(self.raw_score(vectors, bias))

    def raw_score(self, vectors: Tensor, bias: Tensor) -> Tensor:
        """The same before the output link."""
        score = self.intercept + bias
        if self.gmf_dim:
            score = score + self._gmf(vectors[..., : self.gmf_dim])
        if self.mlp is not None:
            score = score + self.mlp(vectors[..., self.gmf_dim :].flatten(1)).squeeze(1)
        return score

    def gmf_of_query(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """What GMF multiplies with an item's vector, (n, dim), and what it adds for every item, (n,).

        `vectors` are those of all columns but the items, (n, n_columns - 1, dim).
        """
        summed = vectors.sum(dim=1)
        if self.temperature is not None:
            return F.normalize(summed, dim=-1) * self.gmf_weight, summed.new_zeros(summed.shape[0])
        several = vectors.shape[1] > 1
        alone = pairwise_products(vectors) @ self.gmf_weight if several else summed.new_zeros(summed.shape[0])
        return summed * self.gmf_weight, alone

    def gmf_of_item(self, vectors: Tensor) -> Tensor:
        """What GMF multiplies with a query."""
        return vectors if self.temperature is None else F.normalize(vectors, dim=-1)

    def _gmf(self, vectors: Tensor) -> Tensor:
        if self.temperature is None:
            return weighted_product(vectors, self.gmf_weight)
        query, _ = self.gmf_of_query(_without_item(vectors))
        return (query * self.gmf_of_item(vectors[:, ITEM])).sum(dim=-1)

    def summed_bias(self, rows: Tensor) -> Tensor:
        """Sums of the biases of rows of the table, shape (..., n_columns) to (...)."""
        if self.bias is None:
            return self.intercept.new_zeros(rows.shape[:-1])
        return look_up(self.bias, rows).sum(dim=(-2, -1))

    def vectors(self, rows: Tensor) -> Tensor:
        """The vectors of rows of the table, of any shape, with their histories': they end in one more dimension."""
        vectors = look_up(self.embedding, rows)
        return vectors if self.history is None else vectors + self.history(rows)

    def set_interactions(self, codes: Tensor, n_batches: int, *, storage=None) -> None:
        """Tell the histories which users and items have been rated together.

        Parameters
        ----------
        codes : Tensor of shape (n_pairs, 2), integer
            Codes of users and items, each pair once.
        n_batches : int
            Batches per epoch: histories are refreshed several times per epoch.
        storage : object, optional
            Where to keep the pairs during training on a CPU: ``new(shape, dtype)`` makes a numpy array,
            ``release_pages(array)`` is called whenever a part of it has been written or read.
        """
        if self.history is not None:
            self.history.set_interactions(codes, self.first_rows[:2], n_batches, storage=storage)

    def add_interactions(self, codes: Tensor) -> None:
        """Tell the histories of further pairs, none of them told of before; the vectors that they sum up stay."""
        if self.history is not None:
            self.history.extend(*(codes.to(self.first_rows) + self.first_rows[:2]).unbind(1))

    def table_rows(self, codes: Tensor) -> Tensor:
        """The rows of `embedding` and `bias` that codes stand for, in the shape of the codes."""
        return codes + self.first_rows

    def n_table_rows(self, n_ids: Sequence[int]) -> int:
        """Rows of the table of embeddings."""
        return self.embedding.num_embeddings

    def column_rows(self, column: int) -> slice:
        """The rows of a column's known ids in `embedding` and `bias`; the two before are for missing and unknown."""
        first = sum(n + N_SPECIAL for n in self.n_ids[:column]) + N_SPECIAL
        return slice(first, first + self.n_ids[column])

    def fill_untrained(self, counts: Sequence[Tensor], means: Sequence[Tensor] | None = None) -> None:
        """Give every id without training rows, and the unknown id, what a rating says on average of its column.

        That is the mean of the column's trained vectors and biases, each with the weight of its ratings, so that a row
        with an unknown user is scored with what is known of its item. Where `means` are given, it is then moved so
        that the users' mean ratings come out for an unknown item, and the items' for an unknown user (ridge
        regression, one Gauss-Newton step): somebody who rates low will rate an unknown item low, too. Where many ids
        have a single rating, unknown ids are more of these, and get the level of their ratings (Good 1953).

        Parameters
        ----------
        counts : sequence of n_columns float Tensors of shape (n_ids + 2,)
            How many training rows (their weight) each id had, the missing and the unknown one first.
        means : sequence of n_columns float Tensors of shape (n_ids + 2,), default=None
            Mean rating of those rows.
        """
        fill_untrained(self, counts, means if keeps(type(self), READING) else None)

    def to_ratings(self, score: Tensor) -> Tensor:
        """Scores as the output layer gives them, in rating units."""
        if self.output_link is not None:
            return self.output_link(score)
        is_rating = (self.output_center, self.output_scale) == (0.0, 1.0)
        return score if is_rating else self.output_center + self.output_scale * score


def _without_item(vectors: Tensor) -> Tensor:
    """The vectors of all columns but the items, from (n, n_columns, width)."""
    return torch.cat([vectors[:, :ITEM], vectors[:, ITEM + 1 :]], dim=1)


def keeps(class_: type, names: Sequence[str]) -> bool:
    """Whether a class is `EmbeddingNN`, or inherits all methods of these names from it."""
    inherits = issubclass(class_, EmbeddingNN)
    return inherits and all(getattr(class_, name) is getattr(EmbeddingNN, name) for name in names)


def reads_standard_rows(class_: type) -> bool:
    """Whether networks of a class have the tables of `EmbeddingNN` and read no other rows of them."""
    return keeps(class_, ("__init__", *READING))


def bias_of(class_: type, params: dict) -> str | None:
    """The name of the table of biases of a network with some parameters; None if it has none that is known."""
    return "bias.weight" if issubclass(class_, EmbeddingNN) and params.get("use_bias", True) else None


# Methods that turn a row's codes into its score.
SCORING = (*READING, "score", "raw_score", "gmf_of_query", "gmf_of_item", "to_ratings")


def is_standard(module: EmbeddingNN) -> bool:
    """Whether a network computes its scores as `EmbeddingNN` does: no method, layer or hook of it is another one."""
    if not keeps(type(module), SCORING) or any(name in vars(module) for name in SCORING):
        return False
    if any(has_hooks(part) for part in module.modules()):
        return False
    layers = [] if module.mlp is None else [type(layer) for layer in module.mlp]
    tables = [type(table) for table in (module.embedding, module.bias) if table is not None]
    return (
        set(tables) == {nn.Embedding}
        and layers in ([], [nn.Linear, nn.ReLU, FastDropout] * (len(layers) // 3) + [nn.Linear])
        and (module.history is None or type(module.history) is InteractionHistory)
    )
