"""How much faster the ridge path is than refitting scikit-learn's Ridge for each alpha.

2,000 images, 2,048 features, 10 splits (70/10/20), 25 alphas. A few of scikit-learn's fits are
timed and multiplied. The last line is ``ridge ratio VALUE``: scikit-learn's time over ours.
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from harness.protocols.ridge import SharedRidge

IMAGES, FEATURES, SPLITS, TIMED = 2000, 2048, 10, 5
ALPHAS = np.geomspace(1e-3, 1e3, 25)


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(IMAGES, FEATURES)).astype(np.float32)
    y = x[:, :20].sum(axis=1) + rng.normal(size=IMAGES)
    parts = [rng.permutation(IMAGES) for _ in range(SPLITS)]
    masks = [np.isin(np.arange(IMAGES), part[: int(0.7 * IMAGES)]) for part in parts]

    start = time.perf_counter()
    shared = SharedRidge(x, y, ALPHAS)
    ours = [shared.path(mask).predict(x[~mask]) for mask in masks]
    our_time = time.perf_counter() - start

    start = time.perf_counter()
    mask, difference = masks[0], 0.0
    for i in np.linspace(0, len(ALPHAS) - 1, TIMED).astype(int):
        scaler = StandardScaler().fit(x[mask].astype(np.float64))
        model = Ridge(alpha=ALPHAS[i]).fit(scaler.transform(x[mask].astype(np.float64)), y[mask])
        theirs = model.predict(scaler.transform(x[~mask].astype(np.float64)))
        difference = max(difference, float(np.abs(theirs - ours[0][i]).max() / np.ptp(theirs)))
    their_time = (time.perf_counter() - start) * len(ALPHAS) * SPLITS / TIMED

    print(f"ours: {our_time:.2f} s for {SPLITS} splits x {len(ALPHAS)} alphas")
    print(f"scikit-learn: {their_time:.1f} s, from {TIMED} of {len(ALPHAS) * SPLITS} fits")
    print(f"largest difference of a prediction, relative to their range: {difference:.1e}")
    print(f"ridge ratio {their_time / our_time:.1f}")


if __name__ == "__main__":
    main()
