"""The ways in which users save and load models, for the tests."""

import copy
import io
import pickle

import joblib
import skops.io

OUR_TYPES = ["sklearn_ncf._encoder.IdEncoder", "sklearn_ncf._ranker.NCFRanker", "sklearn_ncf._regressor.NCFRegressor"]
BASELINES = ["sklearn_ncf.dummy._bias_regressor.BiasRegressor", "sklearn_ncf.dummy._popularity_ranker.PopularityRanker"]


def by_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


WAYS = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "skops": lambda model: skops.io.loads(skops.io.dumps(model), trusted=OUR_TYPES + BASELINES),
}
