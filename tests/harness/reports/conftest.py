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
        parts.setdefault((row.model, row.options, row.dataset, row.protocol), []).append(row)
    for (model, options, _, _), part in parts.items():
        name = slug(model, None if options == "{}" else options)
        write_record(out / "records", Record(tuple(part), {}, name, slug(part[0].protocol)))
    if header is not None:
        (out / "run.json").write_text(json.dumps(header), "utf-8")
    return out


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    return make_rows()


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
