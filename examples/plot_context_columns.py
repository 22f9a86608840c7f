"""
Context columns
===============

Any id column beside user and item is context: under what circumstances the interaction happened. Here it is the month
and the hour in which a rating was given: tastes and the mood of the crowd drift, and a user mostly rates in one or two
sittings. Both are known when a prediction is asked for, so they may be used.

Context is a property of the interaction, not of the item: `recommend` applies the context that it is given to every
candidate alike. So the genre of a film, for example, must not be a context column. It is a feature of the item, see
:ref:`sphx_glr_auto_examples_plot_new_items.py`.
"""

# %%
# Real ratings with their timestamps, a fifth of them held out.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_ncf import NCFRegressor
from sklearn_ncf.datasets import load_movielens
from sklearn_ncf.dummy import BiasRegressor

frame = load_movielens().frame
time = pd.to_datetime(frame["timestamp"], unit="s").dt
frame["month"], frame["hour"] = time.strftime("%Y-%m"), time.hour
train, test = train_test_split(frame, test_size=0.2, random_state=0)

# %%
# A context column is used as soon as it is in the table. The first line is a baseline without tastes or context.
baseline = BiasRegressor().fit(train[["user", "item"]], train["rating"])
errors = {"biases alone": root_mean_squared_error(test["rating"], baseline.predict(test[["user", "item"]]))}
print(f"biases alone: RMSE {errors['biases alone']:.4f}")
models = {}
for context in ([], ["hour"], ["month"], ["month", "hour"]):
    columns = ["user", "item", *context]
    name = " and ".join(context) or "no context"
    models[name] = NCFRegressor(random_state=0).fit(train[columns], train["rating"])
    errors[name] = root_mean_squared_error(test["rating"], models[name].predict(test[columns]))
    print(f"{name}: RMSE {errors[name]:.4f}")

# %%
# What the model has learnt of the months: their biases, in spreads of the ratings, as the deviation of a rating.
# The fewer ratings a month has, the more its bias is drawn to zero.
months = models["month"]
module = months.net_.module_
bias = module.bias.weight[module.column_rows(2)].detach().numpy()[:, 0] * module.output_scale
dates = pd.to_datetime(months.encoder_.categories_[2])
counts = train["month"].value_counts().loc[months.encoder_.categories_[2]]

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.plot(list(errors.values()), list(errors), "o", markersize=9)
axes.set(xlabel="RMSE on the test set (stars)", title="Context lowers the error")
axes.grid(axis="x", alpha=0.4)
axes.invert_yaxis()
axes.margins(x=0.1, y=0.2)

figure, axes = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
axes.scatter(dates, bias, s=np.sqrt(counts) * 2, color="tab:orange", alpha=0.7)
axes.axhline(0, color="gray", linewidth=0.8)
axes.set(xlabel="month (size: number of ratings)", ylabel="bias (stars)", title="How generous each month was")
plt.show()
