"""What lies near what in a model's features: t-SNE of a probe set by type, area and severity.

van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 2008. Every feature is brought to
mean 0 and SD 1 first, since those of one model may differ in unit; then come 50 principal
components.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from harness.canonical import slug
from harness.executors.threads import one_thread
from harness.reports.style import INK, PAPER, Picture, finish, short, style
from harness.sample import Dataset, Sample

from ..sensitivity import plain
from .outputs import Answer
from .type_panels import by_family, draw_families, draw_types, height

COMPONENTS = 50
PERPLEXITY = 30.0
_AREA = "Damaged part of the picture (share of its area)"
_FEWEST = 10  # images
_DPI = 200  # of the points, which are pixels in the SVG, too
_POINTS: dict[str, Any] = {"linewidths": 0.2, "edgecolors": PAPER, "rasterized": True}
_PRISTINE: dict[str, Any] = {
    **{"marker": "*", "s": 110, "color": INK},
    **{"edgecolors": PAPER, "linewidths": 0.9, "zorder": 4},
}


def embed(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """t-SNE of ``features [N, D]``: ``float64 [N, 2]``, equal bits for equal input.

    Perplexity is 30, or (N - 1) / 3 for fewer than 91 images. Raises ValueError for fewer than
    10 images, and where all of them have the same features.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(features) < _FEWEST:
        raise ValueError(f"t-SNE of {len(features)} images: it needs at least {_FEWEST}")
    features = features.astype(np.float64)
    deviation = features.std(axis=0)
    varies = deviation > 1e-9 * np.abs(features).max(axis=0)
    if not varies.any():
        raise ValueError("all images have the same features: there is nothing to embed")
    x = (features[:, varies] - features[:, varies].mean(axis=0)) / deviation[varies]
    with one_thread():
        if min(x.shape) > COMPONENTS:
            x = PCA(COMPONENTS, svd_solver="randomized", random_state=seed).fit_transform(x)
        return TSNE(
            perplexity=perplexity(len(x)),
            init="pca" if x.shape[1] > 1 else "random",
            learning_rate="auto",
            random_state=seed,
            n_jobs=1,
        ).fit_transform(x).astype(np.float64)  # fmt: skip


def perplexity(n: int) -> float:
    """About how many neighbors of each of ``n`` images count."""
    return min(PERPLEXITY, (n - 1) / 3)


def embeddings(dataset: Dataset, answer: Answer, seed: int = 0) -> Picture:
    """One embedding by family, area and severity, pristine marked; a small panel for each type."""
    import seaborn as sns
    from matplotlib.figure import Figure

    shown, places = _placed(dataset, answer, seed)
    # Shuffled: in the order of the set, what comes last in each ladder would hide the rest.
    order = np.random.default_rng(seed).permutation(len(shown))
    shown, places = [shown[i] for i in order], places[order]
    probes = np.array([bool(sample.damages) for sample in shown])
    damages = [sample.damages[0] for sample in shown if sample.damages]
    areas = np.array([damage.area_asked for damage in damages])
    severities = np.array([damage.severity for damage in damages], dtype=float)
    shades = sns.color_palette("flare", as_cmap=True)  # its light end shows on paper, too
    x, y = places[probes].T
    look = {**_POINTS, "s": np.clip(8_000 / len(x), 5, 20)}
    with style():
        types = [damage.type for damage in damages]
        kinds = by_family(types)
        heights = [5.2, height(kinds)]
        figure = Figure(figsize=(12.6, sum(heights)), layout="constrained", dpi=_DPI)
        grid = figure.add_gridspec(3, 3, height_ratios=[30, 1, 30 * heights[1] / heights[0]])
        panels = [figure.add_subplot(grid[k // 3, k % 3]) for k in range(6)]
        (left, center, right), below = panels[:3], panels[3:]
        draw_families(left, places[probes], types, look)
        draw_types(figure.add_subplot(grid[2, :]), places[probes], types, kinds)
        ladder = sorted(set(areas.tolist()))
        for axes, bar, values, (low, high), label, ticks in (
            (center, below[1], np.log2(areas), _range(np.log2(ladder)), _AREA, np.log2(ladder)),
            (right, below[2], severities, (1, 5), "Severity (1 to 5, no unit)", range(1, 6)),
        ):
            points = axes.scatter(x, y, c=values, cmap=shades, vmin=low, vmax=high, **look)
            figure.colorbar(points, cax=bar, orientation="horizontal", label=label, ticks=ticks)
        below[1].set_xticklabels([str(Fraction(a).limit_denominator(4096)) for a in ladder])
        for axes, title in (
            (left, "By family of types"),
            (center, "By area"),
            (right, "By severity"),
        ):
            axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
            axes.scatter(*places[~probes].T, label="pristine", **_PRISTINE)
            axes.set(xticks=[], yticks=[], xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
        below[0].set_axis_off()
        below[0].legend(
            *left.get_legend_handles_labels(),
            loc="upper center",
            bbox_to_anchor=(0.5, 1.6),
            borderpad=0,
            ncols=4,
            fontsize=8,
            handletextpad=0.2,
            columnspacing=1.2,
        ).set_in_layout(False)
        card = answer.model.card
        return finish(
            f"embeddings.{slug(card.name, dict(card.options or {}))}.{slug(dataset.name)}",
            figure,
            f"Which probes lie near each other in the features of {short(answer.label)}",
            f"{dataset.name}, {probes.sum()} probes and {(~probes).sum()} pristine images",
            f"t-SNE (perplexity {perplexity(len(shown)):.3g}, seed {seed}) of the features, each "
            f"brought to mean 0 and SD 1, after a reduction to at most {COMPONENTS} principal "
            "components. The same places every time: a color and a marker a family of types, "
            "shades for the damaged area and for the severity; below, each type alone, in the "
            "color of its family, over all other probes in gray. Stars: pristine images; where "
            "probes keep to their star, the features tell photographs apart before damage. Only "
            "who is near whom means something: distances between clusters, their sizes and the "
            "axes mean nothing. Plain ladders with one visible damage.",
            f"Scatter plots of one t-SNE embedding of {len(shown)} images, colored by family of "
            f"damage, damaged area and severity, and for each of {len(kinds)} types alone.",
        )


def _placed(dataset: Dataset, answer: Answer, seed: int) -> tuple[list[Sample], np.ndarray]:
    """The plain probes and pristine images that have features, and where they lie, ``[N, 2]``."""
    known = set(answer.output.ids)
    pristine = [image for image in dataset.images if not image.damages]
    shown = [s for s in (*plain(dataset.samples), *pristine) if s.id in known]
    if not any(sample.damages for sample in shown):
        raise ValueError(f"dataset {dataset.name} has no plain probes with features")
    # Views are of one image: their mean stands for it.
    features = answer.output.at([sample.id for sample in shown]).mean(axis=1)
    return shown, embed(features, seed)


def _range(values: np.ndarray) -> tuple[float, float]:
    """From the smallest to 0, the logarithm of the whole; never empty."""
    return min(float(values.min()), -1.0), 0.0
