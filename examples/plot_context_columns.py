"""
Context columns
===============

Any id column beside user and item is context: the device, the hour, the genre. Here it is the month in which a rating
was given: tastes and the mood of the crowd drift, and a user mostly rates in one or two sittings. The month is known
when a prediction is asked for, so it may be used.
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

frame = load_movielens().frame
frame["month"] = pd.to_datetime(frame["timestamp"], unit="s").dt.strftime("%Y-%m")
frame["genre"] = frame["genres"].str.split("|").str[0]  # the first one named
train, test = train_test_split(frame, test_size=0.2, random_state=0)

# %%
# A further column needs nothing but to be there.
errors = {}
for context in ([], ["genre"], ["month"], ["month", "genre"]):
    columns = ["user", "item", *context]
    model = NCFRegressor(random_state=0).fit(train[columns], train["rating"])
    name = " and ".join(context) or "user and item alone"
    errors[name] = root_mean_squared_error(test["rating"], model.predict(test[columns]))
    print(f"{name}: RMSE {errors[name]:.4f}")

# %%
# What the model has learnt of the months: their biases, as the deviation of a rating in the middle of the scale.
# Months with few ratings stay near zero, as they should.
months = NCFRegressor(random_state=0).fit(train[["user", "item", "month"]], train["rating"])
module = months.net_.module_
low, high = months.rating_range_
bias = module.bias.weight[module.column_rows(2)].detach().numpy()[:, 0] * (high - low) / 4  # a sigmoid's slope is 1/4
dates = pd.to_datetime(months.encoder_.categories_[2])
counts = train["month"].value_counts().loc[months.encoder_.categories_[2]]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(list(errors.values()), list(errors), "o", markersize=9)
left.set(xlabel="RMSE on the test part", title="Each column helps")
left.grid(axis="x", alpha=0.4)
left.invert_yaxis()
left.margins(y=0.2)
right.scatter(dates, bias, s=np.sqrt(counts) * 2, color="tab:orange", alpha=0.7)
right.axhline(0, color="gray", linewidth=0.8)
right.set(xlabel="month (size: number of ratings)", ylabel="bias in stars", title="How generous each month was")
plt.show()
