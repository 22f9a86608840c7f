"""RatingScale: range, center and unit of ratings, learned in a fit, and kept in further ones."""

import numpy as np

from sklearn_ncf._warnings import warn_caller
from sklearn_ncf.fitting._ratings import center_and_spread, check_range, clipped, learnt_range
from sklearn_ncf.fitting._units import from_units, losses_from_units, to_units, units_of
from sklearn_ncf.nn import USER

FAR = 5.0  # standard deviations of the first ratings, from which on later ones are of another scale


class RatingScale:
    """What an estimator of ratings knows of their scale, beside `BaseNCF`."""

    @property
    def rating_range_(self):
        """Lowest and highest rating that `predict` gives, or None where it is unbounded."""
        output_range = self.net_.module__output_range
        return output_range and tuple(float(from_units(bound, self._units)) for bound in output_range)

    @property
    def mean_rating_(self):
        """Weighted mean of the ratings seen in `fit`, the prediction where neither user nor item are known."""
        return float(from_units(self.net_.module__output_center, self._units))

    @property
    def _of_unknown(self):
        return self.net_.module__output_center

    def _in_rating_units(self, history):
        losses = ["train_loss", "valid_loss"]
        return history.assign(**losses_from_units(history[losses], self._units, self._settings.objective.rating_power))

    def _knows_one_rating(self):
        if self.net_.module__output_scale != 1.0:
            return False
        means = [of_ids[counts > 0] for of_ids, counts in zip(self._seen.means(), self._seen.counts, strict=True)]
        return np.allclose(np.concatenate(means), self.net_.module__output_center, rtol=1e-6, atol=0)

    def _in_units(self, y, sample_weight, *, resumes):
        found = learnt_range(self.rating_range, y, estimator=self) or (float(y.min()), float(y.max()))
        if not resumes:
            self._units = units_of(*found)
        elif self._knows_one_rating():  # the network could learn nothing from it: everything is learned again, with it
            known = self.mean_rating_
            self._units = units_of(min(known, found[0]), max(known, found[1]))
            self._known = float(to_units(known, self._units))
            self._seen = self._seen.with_mean(self._known)
        elif isinstance(self.rating_range, str) and self.rating_range_ is not None:
            return to_units(clipped(y, self.rating_range_), self._units)
        else:
            self._check_scale(y, sample_weight)
        return to_units(y, self._units)

    def _check_scale(self, y, sample_weight):
        """Warn of ratings that lie far from those whose center and unit the network has learned."""
        center, spread = center_and_spread(to_units(y, self._units), sample_weight)
        learned, unit = self.net_.module__output_center, self.net_.module__output_scale
        if max(abs(center - learned), spread) > FAR * unit:
            warn_caller(
                f"The ratings have a mean of {center_and_spread(y, sample_weight)[0]:g}, far from mean_rating_="
                f"{self.mean_rating_:g}, which the first fit has learned in a unit that further fits keep. They are "
                "followed slowly, or not at all. Fit from scratch on all ratings."
            )

    def _output_params(self, y, sample_weight, *, resumes):
        rating_range = self.rating_range
        if not isinstance(rating_range, str | None):
            rating_range = [float(to_units(bound, self._units)) for bound in check_range(rating_range, estimator=self)]
        if self._known is not None:
            sample_weight = np.ones(len(y)) if sample_weight is None else sample_weight / sample_weight.mean()
            y = np.append(y, self._known)
            sample_weight = np.append(sample_weight, self._seen.counts[USER].sum())
        rating_range = learnt_range(rating_range, y, estimator=self)
        if resumes and self._known is None:
            return self._output_of_last_fit(rating_range)
        center, spread = center_and_spread(y, sample_weight)
        rounding = 1e-6 * max(y.max(), -y.min())
        link = {"output_link": "soft_clip"} if isinstance(self.architecture, str) else {}
        return link | {
            "output_range": rating_range,
            "output_center": center,
            "output_scale": spread if spread > rounding else 1.0,
        }

    def _output_of_last_fit(self, rating_range):
        """The output that a further fit keeps; `rating_range` is what it would learn from scratch."""
        automatic, last = isinstance(self.rating_range, str), self.net_.module__output_range
        if (last is None) if automatic else (rating_range != last):
            raise ValueError(
                f"rating_range={self.rating_range!r} is not that of the last fit, {self.rating_range_}. Fit from "
                "scratch, with warm_start=False."
            )
        params = self.net_.get_params_for("module")
        return {name: value for name, value in params.items() if name.startswith("output_")}
