"""Rows as a run leaves them: ranked, circular, control, skipped and failed models."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.canonical import slug
from harness.records import Record, Row, write_record
from harness.reports import write_report

AREAS = ("1/64", "1/16", "1/4", "1")
TYPES = (
    *("gaussian_blur", "motion_blur", "jpeg", "avif", "white_noise", "impulse_noise", "darken"),
    *("color_shift", "pixelate", "quantization", "over_sharpen", "contrast"),
)
NASTY = "<script>alert(1)</script>"

# name → (mode, quality, exponent of the response over area, extra marks, contamination)
MODELS: dict[str, tuple[str, float, float, tuple[str, ...], str]] = {
    "pyiqa:psnr": ("FR", 0.80, 0.45, (), "none"),
    "pyiqa:ssim": ("FR", 0.86, 0.80, ("circular",), "none"),
    "pyiqa:ms_ssim": ("FR", 0.93, 0.85, ("circular",), "none"),
    "pyiqa:fsim": ("FR", 0.95, 0.75, ("circular",), "none"),
    "pyiqa:vsi": ("FR", 0.94, 0.70, ("circular",), "none"),
    "pyiqa:gmsd": ("FR", 0.92, 0.55, ("circular",), "none"),
    "pyiqa:brisque": ("NR", 0.48, 0.95, (), "unknown"),
    "pyiqa:niqe": ("NR", 0.55, 0.60, (), "unknown"),
    "nss:brisque-features": ("NR", 0.66, 0.90, (), "none"),
    "timm:vit_tiny_patch16_224": ("NR", 0.74, 0.65, (), "content"),
    "scores:matlab.csv": ("FR", 0.70, 0.50, (), "unknown"),
    NASTY: ("NR", 0.30, 0.35, (), "unknown"),
    "control:luminance": ("NR", 0.08, 0.20, ("control",), "none"),
    "control:untrained-vit": ("NR", 0.22, 0.40, ("control",), "none"),
}
NO_WEIGHTS = "the weights of {} are not here; to get it: iqa-eval fetch {}"


def base_row(model: str, dataset: str, protocol: str, **changes: object) -> Row:
    """A row with sensible fields; every one can be changed."""
    mode, _, _, marks, contamination = MODELS.get(model, ("NR", 0, 0, (), "unknown"))
    label_kind = "pseudo" if dataset == "demo" else "none"
    shared = ("pseudo-labels",) if label_kind == "pseudo" else ()
    row = Row(
        model=model,
        model_version="1",
        weights="",
        options="{}",
        mode=mode,
        dataset=dataset,
        images_hash="a1b2c3d4" * 8,
        labels_hash="5e6f7a8b" * 8,
        label_kind=label_kind,
        protocol=protocol,
        protocol_version="1",
        protocol_options="{}",
        decoding="exif-srgb@1",
        device="cpu",
        others="{}",
        split="all",
        subset="all",
        metric="srcc",
        value=0.5,
        ci_low=None,
        ci_high=None,
        ci_method=None,
        n_expected=480,
        n_scored=480,
        n_failed=0,
        seed=0,
        published=None,
        published_source=None,
        contamination=contamination,
        marks=(*shared, "few contents (8)", *marks),
        scores=None,
        reason=None,
    )
    return replace(row, **changes)


def _correlation(model: str, protocol: str, split: str, rng: np.random.Generator) -> list[Row]:
    row = base_row(model, "demo", protocol, split=split)
    quality = MODELS[model][1] + 0.02 * rng.standard_normal()
    half = 0.25 * (1 - quality**2) + 0.02
    interval = {
        "ci_low": quality - half,
        "ci_high": min(quality + 0.7 * half, 0.99),
        "ci_method": "jackknife t interval over 8 contents",
    }
    rows = [
        replace(row, metric="srcc", value=quality, **interval),
        replace(row, metric="plcc", value=quality * 0.96),
        replace(row, metric="plcc_logistic", value=quality * 0.99),
        replace(row, metric="krcc", value=quality * 0.78),
        replace(row, metric="rmse", value=0.3 * (1 - quality)),
    ]
    if protocol == "linear-probe":
        rows.append(replace(row, metric="alpha", value=float(10.0 ** rng.integers(-2, 4))))
    if model == "pyiqa:niqe":
        rows = [replace(r, n_scored=478, n_failed=2) for r in rows]
        rows[2] = replace(rows[2], value=None, reason="the logistic fit did not converge")
    for name in TYPES if protocol == "correlation" else ():
        by_type = float(np.clip(quality + 0.15 * rng.standard_normal(), -0.3, 0.99))
        rows.append(replace(row, subset=f"type={name}", value=by_type, n_expected=20, n_scored=20))
    return rows


def _sensitivity(model: str, rng: np.random.Generator) -> list[Row]:
    row = base_row(model, "demo-probes", "sensitivity", n_expected=384, n_scored=384)
    _, quality, exponent, _, _ = MODELS[model]
    full = 0.4 + quality
    rows = []
    for area in AREAS:
        number, _, denominator = area.partition("/")
        ratio = (float(number) / float(denominator or 1)) ** exponent
        half = 0.12 * ratio if area != "1" else 0.1
        method = {"ci_method": "jackknife t interval over 8 contents"}
        subset = f"area={area}"
        for metric, unit in (("response", full), ("response_ratio", 1.0)):
            if metric == "response_ratio" and area == "1":
                continue
            ends = {"ci_low": unit * (ratio - half), "ci_high": unit * (ratio + half), **method}
            rows.append(replace(row, metric=metric, subset=subset, value=unit * ratio, **ends))
    small = (1 / 16) ** exponent
    for name in TYPES:
        value = full * small * float(np.clip(1 + 0.6 * rng.standard_normal(), -0.3, 3))
        rows.append(replace(row, metric="response", subset=f"type={name} area=1/16", value=value))
    return rows


def make_rows() -> list[Row]:
    """About a thousand rows of 18 models under three protocols."""
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for model in MODELS:
        rows += _correlation(model, "correlation", "all", rng)
        rows += _sensitivity(model, rng)
        if MODELS[model][0] == "NR" and not model.startswith("pyiqa:"):
            split = "leave-one-content-out"
            rows += _correlation(model, "linear-probe", split, rng)
    for dataset, protocol in (("demo", "correlation"), ("demo-probes", "sensitivity")):
        for name in ("pyiqa:lpips", "pyiqa:musiq"):
            skip = base_row(name, dataset, protocol, value=None, n_scored=0)
            rows.append(replace(skip, reason=NO_WEIGHTS.format(name, name)))
        failed = base_row("timm:resnet50", dataset, protocol, value=None, n_scored=0, n_failed=480)
        rows.append(replace(failed, reason="every image failed: out of memory | 3.2 GB asked for"))
        constant = base_row("control:constant", dataset, protocol, value=None)
        marks = (*constant.marks, "control")
        rows.append(replace(constant, marks=marks, reason="the scores are constant"))
    skip = base_row("pyiqa:psnr", "demo", "linear-probe", value=None, n_scored=0)
    rows.append(replace(skip, reason="offers no features"))
    return rows


# name → (quality, exponent of what few labels cost, extra marks, sets whose labels it has seen)
PROBED: dict[str, tuple[float, float, tuple[str, ...], tuple[str, ...]]] = {
    "arniqa": (0.93, 0.35, (), ()),
    "timm:vit_small_patch14_dinov2": (0.90, 0.30, (), ()),
    "contrique": (0.91, 0.45, (), ("kadid10k",)),
    "reiqa": (0.89, 0.55, (), ("koniq10k",)),
    "nss:brisque-features": (0.66, 0.50, (), ()),
    "control:untrained-vit": (0.28, 0.60, ("control",), ()),
}
SETS = {"clive": 1162, "kadid10k": 10125, "koniq10k": 10073, "live": 779}
SHARES = (1, 2, 3, 5, 7, 10, 15, 20, 25, 40, 60, 80)
ON_REST = (5, 10, 25)
SOURCE = "A paper (2025), supplementary Table 1"


def probed_row(model: str, dataset: str, protocol: str, **changes: object) -> Row:
    """A row of a model of PROBED on one of SETS."""
    _, _, marks, seen = PROBED[model]
    n = SETS[dataset]
    found = base_row(
        *(model, dataset, protocol),
        marks=marks,
        contamination="labels" if dataset in seen else "none",
        label_kind="dmos" if dataset == "live" else "mos",
        images_hash=f"{dataset}-images",
        labels_hash=f"{dataset}-labels",
        n_expected=n,
        n_scored=n,
    )
    return replace(found, **changes)


def _probe(
    model: str, dataset: str, options: str, split: str, rng: np.random.Generator
) -> list[Row]:
    row = probed_row(model, dataset, "linear-probe", protocol_options=options, split=split)
    value = PROBED[model][0] - 0.05 * rng.random()
    ends = {"ci_low": value - 0.02, "ci_high": value + 0.015, "ci_method": "bootstrap, B=1000"}
    rows = [
        replace(row, metric="srcc", value=value, **ends),
        replace(row, metric="plcc", value=value + 0.01),
        replace(row, metric="plcc_logistic", value=value + 0.02),
        replace(row, metric="krcc", value=value - 0.15),
        replace(row, metric="rmse", value=0.3),
        replace(row, metric="alpha", value=10.0),
    ]
    if split.startswith("median"):
        for metric in ("srcc", "plcc"):
            rows.append(replace(row, metric=f"{metric}_mean", value=value - 0.001))
            rows.append(replace(row, metric=f"{metric}_split_sd", value=0.011))
    return rows


def _efficiency(model: str, dataset: str, rng: np.random.Generator) -> list[Row]:
    quality, cost, _, _ = PROBED[model]
    n = SETS[dataset]
    rows = []
    for rest, shares in ((False, SHARES), (True, ON_REST)):
        where = "all other images" if rest else "fixed 20% test part"
        split = f"mean of 10 repeats, {where}, unit: images ({n})"
        row = probed_row(model, dataset, "data-efficiency", split=split)
        for share in shares:
            subset = f"fraction={share}%{' test=rest' if rest else ''}"
            value = quality * (1 - 0.5 * cost * share**-0.6) + 0.004 * rng.standard_normal()
            for metric, more in (("srcc", 0.0), ("plcc", 0.01)):
                own = replace(row, subset=subset, metric=metric, value=value + more)
                if model == "arniqa" and not rest and share in (20, 40, 60):
                    own = replace(own, published=value - 0.015, published_source=SOURCE)
                spread = replace(row, subset=subset, metric=f"{metric}_split_sd")
                rows += [own, replace(spread, value=0.04 / share**0.5)]
    return rows


def _cross(model: str, dataset: str, rng: np.random.Generator) -> list[Row]:
    others = {name: [f"{name}-images", f"{name}-labels"] for name in SETS if name != dataset}
    row = probed_row(model, dataset, "cross-dataset", split="fit on all of it")
    row = replace(row, others=json.dumps(others))
    rows = []
    for name in others:
        value = PROBED[model][0] * (0.6 + 0.35 * rng.random())
        n = SETS[name]
        own = replace(row, subset=f"test={name}", n_expected=n, n_scored=n, value=value)
        own = replace(own, ci_low=value - 0.03, ci_high=value + 0.03, ci_method="bootstrap")
        own = replace(own, reason="alpha 0.1")
        if (model, dataset, name) == ("reiqa", "live", "koniq10k"):
            own = replace(own, n_scored=n - 3, n_failed=3)
        rows += [own, replace(own, metric="plcc", value=value + 0.01)]
    return rows


def _local(model: str, rng: np.random.Generator) -> list[Row]:
    quality = PROBED[model][0]
    parts = {"local": 810, "global": 9315, "type=color-block": 405, "type=non-eccentricity": 405}
    rows = []
    for subset, n in parts.items():
        value = quality - (0.02 if subset == "global" else 0.3 + 0.1 * rng.random())
        row = probed_row(model, "kadid10k", "local-human", subset=subset, value=value)
        row = replace(row, n_expected=n, n_scored=n, ci_low=value - 0.03, ci_high=value + 0.03)
        rows += [row, replace(row, metric="plcc", value=value + 0.01)]
    whole = replace(probed_row(model, "clive", "local-human"), dataset="flive-patches")
    whole = replace(whole, value=quality - 0.2)
    within = replace(whole, metric="pair_accuracy", subset="within-image", value=0.7)
    within = replace(within, ci_low=0.68, ci_high=0.72, ci_method="bootstrap over images")
    return [*rows, whole, replace(whole, metric="plcc", value=quality - 0.19), within]


def make_suite_rows() -> list[Row]:
    """Rows of four datasets under the protocols that a suite for a paper has."""
    rng = np.random.default_rng(1)
    rows: list[Row] = []
    official = '{"splits":"official"}'
    for model in PROBED:
        for dataset in SETS:
            if (model, dataset) != ("reiqa", "live"):
                rows += _probe(model, dataset, "{}", "median of 10 splits (70/10/20)", rng)
            rows += _cross(model, dataset, rng)
        rows += _probe(model, "koniq10k", official, "official", rng)
        rows += _efficiency(model, "koniq10k", rng)
        rows += _efficiency(model, "clive", rng)
        rows += _local(model, rng)
    for protocol in ("cross-dataset", "data-efficiency", "linear-probe"):
        for dataset in SETS:
            skip = base_row("pyiqa:musiq", dataset, protocol, value=None, n_scored=0, marks=())
            rows.append(replace(skip, label_kind="mos", reason="gives no features"))
    return rows


HEADER = {
    "run_id": "2025-11-20T14-03-11-7f3a",
    "started": "2025-11-20T14:03:11+00:00",
    "seconds": 312.4,
    "command": "iqa-eval demo --out out/demo",
    "hardware": {"cpu": "2 cores", "accelerator": None},
    "workers": 2,
    "revision": "9f2c1e7 (dirty)",
    "packages": {"torch": "2.9.0", "numpy": "2.4.6", "pillow": "12.0.0"},
    "seed": 0,
}


def write_run(out: Path, rows: list[Row], header: object = None) -> Path:
    """A folder as a run leaves it."""
    parts: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        protocol = slug(row.protocol, json.loads(row.protocol_options))
        parts.setdefault((row.model, row.options, row.dataset, protocol), []).append(row)
    for (model, options, _, protocol), part in parts.items():
        name = slug(model, None if options == "{}" else options)
        write_record(out / "records", Record(tuple(part), {}, name, protocol))
    if header is not None:
        (out / "run.json").write_text(json.dumps(header), "utf-8")
    return out


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return make_rows()


@pytest.fixture(scope="session")
def suite_rows() -> list[Row]:
    return make_suite_rows()


@pytest.fixture(scope="session")
def row() -> Callable[..., Row]:
    """``row(model, dataset, protocol, **changes)``: one row."""
    return base_row


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    """``save(out, rows, header=None)``: a folder as a run leaves it."""
    return write_run


@pytest.fixture(scope="session")
def nasty() -> str:
    """A model's name that is markup."""
    return NASTY


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Path:
    """The folder of a run, with a picture of others, after a report."""
    out = write_run(tmp_path_factory.mktemp("run"), rows, HEADER)
    (out / "figures").mkdir()
    Image.new("RGB", (60, 20), "gray").save(out / "figures" / "contact sheet #1.png")
    (out / "figures" / "contact sheet #1.txt").write_text("Probes & their <masks>.\n", "utf-8")
    assert write_report(out) == out / "index.html"
    return out
