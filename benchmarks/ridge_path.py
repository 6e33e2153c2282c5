"""How much faster the ridge path is than refitting scikit-learn's Ridge for each alpha.

10,000 images with 5 views of 4,096 features, mapped from a file; 10 splits (70/10/20), 100 alphas,
and the predictions of every alpha for the validation and test parts. A few of scikit-learn's
fits, on all cores, are timed and multiplied. ``--images``, ``--features`` and ``--timed`` make it
smaller. The last line is ``ridge_path ratio VALUE``: scikit-learn's time over ours.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from harness.executors.threads import one_thread
from harness.protocols.heads import predict_views
from harness.protocols.ridge import SharedRidge
from harness.protocols.rows import Rows
from harness.protocols.threads import Threads

VIEWS, SPLITS = 5, 10
ALPHAS = np.geomspace(1e-3, 1e3, 100)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=4096)
    parser.add_argument("--timed", type=int, default=2, help="how many fits of scikit-learn's")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        x, y = made(Path(folder) / "features.npy", asked.images, asked.features)
        compare(x, y, asked.timed)


def made(path: Path, images: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Features with correlated columns and views, mapped read-only, and labels."""
    rng = np.random.default_rng(0)
    x = np.lib.format.open_memmap(path, "w+", np.float32, (images, VIEWS, features))
    mixing = (rng.normal(size=(64, features)) / 8).astype(np.float32)
    scenes = rng.normal(size=(images, 64)).astype(np.float32)
    for i in range(0, images, 500):
        noise = rng.standard_normal((len(x[i : i + 500]), VIEWS, features), np.float32)
        x[i : i + 500] = (scenes[i : i + 500] @ mixing)[:, None] + noise
    x.flush()
    y = 50 + 5 * scenes[:, :20].sum(axis=1) + rng.normal(size=images)
    return np.load(path, mmap_mode="r"), y


def compare(x: np.ndarray, y: np.ndarray, timed: int) -> None:
    rng = np.random.default_rng(1)
    n = len(x)
    splits = [np.split(rng.permutation(n), [7 * n // 10, 8 * n // 10]) for _ in range(SPLITS)]

    start, cpu = time.perf_counter(), time.process_time()
    ours = []
    with one_thread():
        shared = SharedRidge(x, y, ALPHAS, standardize=False)
        for train, *others in splits:
            path = shared.path(train)
            ours.append([predict_views(path, Rows(x, part)) for part in others])
    our_time, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"ours: {our_time:.1f} s for {SPLITS} splits x {len(ALPHAS)} alphas of {x.shape} "
        f"on {Threads().count} cores ({cpu:.0f} s of CPU), peak memory {peak:.2f} GiB"
    )

    difference, times = 0.0, []
    train, *others = splits[0]
    # As one would: the training part once as float64, then a fit and predictions for each alpha.
    rows, labels = x[train].reshape(-1, x.shape[2]).astype(np.float64), np.repeat(y[train], VIEWS)
    means = [x[part].mean(axis=1, dtype=np.float64) for part in others]
    for i in np.linspace(0, len(ALPHAS) - 1, timed).astype(int):
        start = time.perf_counter()
        model = Ridge(alpha=ALPHAS[i]).fit(rows, labels)
        theirs = [model.predict(part) for part in means]
        times.append(time.perf_counter() - start)
        for a, b in zip(ours[0], theirs, strict=True):
            difference = max(difference, float(np.abs(a[i] - b).max() / np.abs(b).max()))
    their_time = float(np.mean(times)) * len(ALPHAS) * SPLITS
    print(
        f"scikit-learn: {their_time:.0f} s, which is {len(ALPHAS) * SPLITS} times "
        f"{np.mean(times):.2f} s, the mean of {timed} fits with their predictions"
    )
    print(f"largest difference of a prediction, relative to the largest: {difference:.1e}")
    print(f"ridge_path ratio {their_time / our_time:.1f}")


if __name__ == "__main__":
    main()
