"""FurtherUsers: the vectors of users from what they have done since a fit, which changes nothing."""

from dataclasses import replace

import numpy as np
import torch

from sklearn_ncf.features import RATINGS
from sklearn_ncf.interactions import Interactions, SeenByUser
from sklearn_ncf.nn import ITEM, USER, default_settings
from sklearn_ncf.training import RidgeOfUsers, UserRows


class FurtherUsers:
    """Solve for users, one fitted model's known ones or others, on request; many threads may ask at once.

    Parameters
    ----------
    fitted : FittedModel
    settings : Settings
        Of the last fit, with a number for each "auto".
    """

    def __init__(self, fitted, settings):
        if not isinstance(settings.architecture, str):
            raise ValueError(
                f"history= needs one of the networks of {settings.estimator}, whose users have vectors that can be "
                f"solved for; got architecture={settings.architecture!r}. Use partial_fit instead."
            )
        self.fitted, self.ranks = fitted, settings.ranks
        module, seen, device = fitted.net.module_, fitted.seen, fitted.net.device
        self.trained = SeenByUser(seen, held_out=False)
        self.width = module.embedding.weight.shape[1]
        plan = replace(fitted.net.plan_, **settings.of_penalties)
        solver, self.solver = settings.solver(len(seen.counts)), None
        if solver is not None:
            self.solver = solver.users(module, plan, Interactions(seen.pairs, np.ones(len(seen.pairs)), seen.weights))
        self.weighs_pairs = self.solver is not None
        if self.solver is None:
            items = torch.from_numpy(seen.items()).to(device)
            self.solver = RidgeOfUsers(module.eval(), plan, items, settings.negatives_per_positive)

    @default_settings()
    def solve(self, users, scored_as, owners, rows, described=None):
        """How the vectors and biases of users deviate from those of their codes, as the values of `Deviations`.

        users : codes, -1 for users that are not in the training set, or share their code with others
        scored_as : codes by which they are scored, those of infrequent users too
        owners : the place among `users` of each of the rows
        rows : `Interactions` of them, the targets in the network's units
        described : `Deviations` of some users, by their features
        """
        seen, device = self.fitted.seen, self.fitted.net.device
        order = np.argsort(owners, kind="stable")
        owners, rows = owners[order], rows.take(order)
        codes = rows.codes.astype(np.int64)
        n_items = len(seen.counts[ITEM])
        pairs = owners * n_items + codes[:, ITEM]
        known = np.flatnonzero(users >= 0)
        has_seen = np.zeros(len(codes), dtype=bool)
        if len(known):
            places, items = self.trained.items_of(users[known])
            has_seen = np.isin(pairs, known[places] * n_items + items)
        if self.ranks:  # learned once, they would only pull harder; an unknown item has nothing to tell
            kept = seen.trained(ITEM, codes[:, ITEM]) & (self.weighs_pairs | ~has_seen)
            owners, rows, codes, has_seen, pairs = (
                owners[kept],
                rows.take(kept),
                codes[kept],
                has_seen[kept],
                pairs[kept],
            )
        n_further = np.bincount(owners, minlength=len(users))
        is_first = np.zeros(len(codes), dtype=bool)
        is_first[np.unique(pairs, return_index=True)[1]] = True
        told = seen.trained(ITEM, codes[:, ITEM])
        n_before = np.where(users >= 0, seen.n_rows_of(USER, users), 0)
        start = np.zeros((len(users), self.width + 1), dtype=np.float32)
        if described is not None:
            places, values = described
            start[places] = values * (RATINGS / (n_further[places] + RATINGS))[:, None]
        shared = np.flatnonzero(users != scored_as)
        before, place = (self._of_codes(users[shared]), self._of_codes(scored_as[shared])) if len(shared) else (0, 0)
        if not self.weighs_pairs:
            start[shared] += place - before
        weights = np.ones(len(codes)) if rows.weights is None else rows.weights
        values = self.solver(
            UserRows(
                *(torch.from_numpy(part).to(device) for part in (users.astype(np.int64), start)),
                torch.from_numpy(n_before.astype(np.float32)).to(device),
                *(torch.from_numpy(part).to(device) for part in (owners.astype(np.int64), codes)),
                *(torch.from_numpy(np.asarray(part, np.float32)).to(device) for part in (rows.targets, weights)),
                *(torch.from_numpy(part).to(device) for part in (told, told & is_first & ~has_seen)),
            )
        )
        values = values.cpu().numpy()
        values[shared] += before - place
        return values

    def _of_codes(self, codes):
        """Vectors, with histories, and biases of users' codes."""
        module = self.fitted.net.module_
        rows = torch.from_numpy(codes.astype(np.int64)).to(self.fitted.net.device) + module.first_rows[USER]
        with torch.no_grad():
            parts = module.vectors(rows.unsqueeze(1))[:, 0], module.summed_bias(rows.unsqueeze(1)).unsqueeze(1)
            return torch.cat(parts, dim=1).float().cpu().numpy()
