"""
A map of the films
==================

A model knows nothing of a film but who rated it and how. From that it learns a vector a film, and films with like
vectors are liked by the same people. `EmbeddingDisplay` draws these vectors on a plane, so that one can see what was
learnt.
"""

# %%
# Real ratings. Films with few of them have vectors that say little, so the map shows those with at least 50.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.manifold import TSNE

from sklearn_ncf import NCFRegressor, similar_items
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.inspection import EmbeddingDisplay

movielens = load_movielens()
X, y, films = movielens.data, movielens.target, movielens.item_frame.set_index("item")
model = NCFRegressor(random_state=0).fit(X, y)

counts = X["item"].value_counts()
popular = counts.index[counts >= 50]
print(f"{len(popular)} of {len(films)} films have 50 ratings or more")

# %%
# The plane that shows most of the vectors' variance, by principal component analysis. Labels and colours are looked up
# by the films' ids; the films with the most ratings get a label, as far as there is room.
mean_rating = y.groupby(X["item"]).mean().rename("mean rating")

figure, axes = plt.subplots(figsize=(5.6, 5.4), layout="constrained")
pca = EmbeddingDisplay.from_estimator(model, ids=popular, labels=films["title"], color=mean_rating, ax=axes)
plt.show()

# %%
# How the axes go together with what is known of the films. The first one has to do with how good people find a film,
# though each film has a bias for that beside its vector: not everybody cares alike for what is commonly thought good.
known = pd.DataFrame({"mean rating": mean_rating, "year": films["year"].astype(float), "number of ratings": counts})
table = pd.DataFrame(pca.positions, index=pca.ids, columns=["component 1", "component 2"]).join(known)
print(table.corr(method="spearman").loc[known.columns, ["component 1", "component 2"]].round(2).to_string())

# %%
# Two dimensions cannot show all that 64 hold. t-SNE gives up true distances, and keeps neighbours together instead; any
# transformer of scikit-learn will do as `projection`. Strings as colours get a legend. Most films have several genres:
# what counts here is the first one of a list that begins with those that say the most.
genre = pd.Series("other", index=films.index, name="genre")
for name in ("Drama", "Comedy", "Romance", "Thriller", "Sci-Fi", "Animation"):
    genre[films["genres"].str.contains(name)] = name

figure, axes = plt.subplots(figsize=(5.6, 5.4), layout="constrained")
EmbeddingDisplay.from_estimator(
    model,
    ids=popular,
    labels=films["title"],
    color=genre,
    projection=TSNE(metric="cosine", init="random", random_state=0),
    ax=axes,
)
plt.show()

# %%
# A map is for looking around. What is like a film in all dimensions, `similar_items` says.
similar = similar_items(model, [1, 260], n_items=4)
for column in ("item", "similar_item"):
    similar[column] = similar[column].map(films["title"])
similar.round(2)
