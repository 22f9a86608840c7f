"""
The lecture's settings
======================

The notebook that this library grew from trains an MLP on the concatenated embeddings of user and item, in batches of
eight ratings, for three epochs. All of it is constructor parameters here. Its mistakes are repaired, see
``docs/lecture.md``.
"""

# %%
# Real ratings, a tenth of them held out as the lecture does, and a fifth to test on.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

X, y = load_movielens(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

# %%
# The lecture's configuration, to the letter: ``z_dim`` is `embedding_dim`, ``bs`` is `batch_size`.
lecture = NCFRegressor(
    architecture="mlp",
    embedding_dim=16,
    hidden_layer_sizes=(64, 32, 16),
    embedding_dropout=0.05,
    dropout=0.3,
    use_bias=False,
    use_history=False,
    optimizer="adam",
    learning_rate=1e-3,
    learning_rate_schedule="constant",
    weight_decay=1e-5,
    batch_size=8,
    max_epochs=3,
    early_stopping=True,
    validation_fraction=0.1,
    patience=30,
    random_state=0,
    verbose=2,
)
default = NCFRegressor(early_stopping=True, random_state=0)

baseline = BiasRegressor().fit(X_train, y_train)
print(f"biases alone: RMSE {np.sqrt(np.mean((baseline.predict(X_test) - y_test) ** 2)):.3f} on the test set")
models = {"lecture's settings": lecture, "defaults": default}
for name, model in models.items():
    model.fit(X_train, y_train)
    rmse = np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2))
    seconds = model.history_["duration"].sum()
    print(f"{name}: RMSE {rmse:.3f} on the test set, {model.n_iter_} epochs in {seconds:.0f} seconds")

# %%
# First how both learn, then what they predict for each rating that users gave.
colors = {"lecture's settings": "tab:orange", "defaults": "tab:blue"}
figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for name, model in models.items():
    history = model.history_
    axes.plot(history["epoch"], np.sqrt(history["valid_loss"]), "o-", color=colors[name], label=name)
axes.set(xlabel="epoch", ylabel="RMSE on the validation part (stars)", title="Learning")
axes.xaxis.get_major_locator().set_params(integer=True)
axes.legend()

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
for (name, model), shift in zip(models.items(), (-0.1, 0.1), strict=True):
    drawn = axes.boxplot(
        [model.predict(X_test[y_test == rating]) for rating in np.unique(y)],
        positions=np.unique(y) + shift,
        widths=0.17,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": colors[name], "alpha": 0.6},
        medianprops={"color": "black"},
        manage_ticks=False,
    )
    drawn["boxes"][0].set_label(name)
axes.plot([0.5, 5], [0.5, 5], ":", color="gray", label="as given")
axes.set(xlabel="rating given (stars)", ylabel="rating predicted (stars)", title="Predictions on the test set")
axes.legend(loc="lower right")
plt.show()
