"""
When to stop
============

A network that is trained for too long learns its training ratings by heart. `early_stopping` holds out some of them,
stops when these are not predicted any better, and keeps the weights of the best epoch. `TrainingHistoryDisplay` draws
how it went.
"""

# %%
# Real ratings, half of them to train on, so that it takes seconds, and half to test on.
import matplotlib.pyplot as plt
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback, LRScheduler

from sklearn_ncf import NCFRanker, NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor
from sklearn_ncf.inspection import TrainingHistoryDisplay
from sklearn_ncf.model_selection import LeaveLastOut

movielens = load_movielens()
X, y = movielens.data, movielens.target
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
shared = {"embedding_dim": 32, "early_stopping": True, "patience": 3, "random_state": 0}

# %%
# With one learning rate all the time, the loss of the validation part soon falls no more, while that of the training
# part goes on falling. The ring is around the epoch whose weights were kept; three epochs later, training stopped.
constant = NCFRegressor(learning_rate_schedule="constant", max_epochs=50, **shared).fit(X_train, y_train)

figure, axes = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
TrainingHistoryDisplay.from_estimator(constant, ax=axes).ax_.set_title("Constant learning rate")
plt.show()


# %%
# Any callback of skorch can take part, and a schedule of torch in the place of the library's own. What a callback
# records becomes a column of `history_`; this one looks at how long the vectors grow.
class VectorLength(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("vector_length", net.module_.embedding.weight.detach().norm(dim=1).mean().item())


callbacks = [LRScheduler("StepLR", step_size=3, gamma=0.3), VectorLength()]
steps = NCFRegressor(callbacks=callbacks, max_epochs=12, **shared).fit(X_train, y_train)
print(steps.history_[["epoch", "valid_loss", "learning_rate", "vector_length"]].round(4).to_string(index=False))

# %%
# The default, one cycle, begins and ends with a low learning rate, over a number of epochs that is known beforehand: it
# mostly needs no stopping, only the best epoch. The slow end is what both of these have before the constant rate.
one_cycle = NCFRegressor(max_epochs=20, **shared).fit(X_train, y_train)

biases = BiasRegressor().fit(X_train, y_train)  # what all of them have to beat
for name, model in {"biases alone": biases, "constant": constant, "steps": steps, "one cycle": one_cycle}.items():
    print(f"{name}: RMSE {root_mean_squared_error(y_test, model.predict(X_test)):.4f} on the test set")

for title, model in {"In steps": steps, "One cycle": one_cycle}.items():
    figure, axes = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    TrainingHistoryDisplay.from_estimator(model, ax=axes).ax_.set(title=title, ylim=(0.4, 1.2))
plt.show()

# %%
# A ranker can be stopped by what it is for. The validation part here is each user's last film, and what decides is the
# NDCG of the lists and not the loss, with which it need not agree: the score has a panel of its own, and the ring.
frame = movielens.frame.sort_values("timestamp", kind="stable")
pairs = frame.loc[frame["user"] % 3 == 0, ["user", "item"]].reset_index(drop=True)
[(past, last)] = LeaveLastOut().split(pairs)
params = {"loss": "bpr", "embedding_dropout": 0.5, "use_history": True, "random_state": 0}
ranker = NCFRanker(scoring="ndcg", early_stopping=True, patience=4, **params)
ranker.fit(pairs.iloc[past], X_val=pairs.iloc[last])

figure, axes = plt.subplots(figsize=(5.6, 5.6), layout="constrained")
TrainingHistoryDisplay.from_estimator(ranker, ax=axes).ax_.set(title="A ranker, stopped by NDCG", ylabel="BPR loss")
plt.show()
