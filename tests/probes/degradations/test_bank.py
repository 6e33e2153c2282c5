import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from probes.degradations import (
    BANK,
    HELD_OUT,
    TYPES,
    degrade,
    degrade_batch,
    find,
    level,
    seeded,
)

KADID_ORDER = (
    *("gaussian-blur", "lens-blur", "motion-blur", "color-diffusion", "color-shift"),
    *("color-quantization", "color-saturation-hsv", "color-saturation-lab", "jpeg2000", "jpeg"),
    *("white-noise", "white-noise-color", "impulse-noise", "multiplicative-noise", "denoise"),
    *("brighten", "darken", "mean-shift", "jitter", "non-eccentricity"),
    *("pixelate", "quantization", "color-block", "high-sharpen", "contrast"),
)
# Cut from a photograph: three crops of odd size.
CROPS = torch.from_numpy(astronaut()).permute(2, 0, 1)[:, 100:365, 150:431].unfold(1, 67, 66)
CROPS = CROPS[:, :3, :83].permute(1, 0, 3, 2).contiguous()


def test_thirty_types_in_canonical_order():
    assert TYPES[:25] == KADID_ORDER
    assert TYPES[25:] == ("resize-bicubic", "resize-bilinear", "resize-lanczos", "webp", "avif")
    assert all(BANK[name].name == name for name in TYPES)


def test_held_out_are_webp_avif_and_six_families():
    assert len(HELD_OUT) == 8
    assert {"jpeg2000", "webp", "avif"} < set(HELD_OUT)
    six = [BANK[name].family for name in HELD_OUT if name not in ("webp", "avif")]
    assert len(set(six)) == 6


def test_kadid_levels_are_known_for_kadid_types_only():
    assert tuple(name for name in TYPES if BANK[name].kadid) == KADID_ORDER


def test_ladders_follow_the_family():
    assert {BANK[name].ladder for name in TYPES if BANK[name].family == "color"} == {"delta_e"}
    assert BANK["contrast"].ladder == "delta_e"
    assert BANK["jpeg"].ladder == "psnr"


@pytest.mark.parametrize("table", ["ours", "kadid"])
@pytest.mark.parametrize("name", TYPES)
def test_level_hits_the_table_and_stays_between_neighbors(name, table):
    levels = BANK[name].levels if table == "ours" else BANK[name].kadid
    if levels is None:
        with pytest.raises(ValueError, match="no KADID-10k levels"):
            level(BANK[name], 1, table)
        return
    for i, expected in enumerate(levels):
        assert level(BANK[name], i + 1, table) == pytest.approx(expected, abs=1e-12)
    for i in range(4):
        low, high = sorted(levels[i : i + 2])
        assert low <= level(BANK[name], i + 1.5, table) <= high


@given(st.sampled_from(TYPES), st.floats(1, 5), st.floats(1, 5))
def test_our_levels_are_monotone_in_severity(name, a, b):
    levels = BANK[name].levels
    direction = 1 if levels[4] > levels[0] else -1
    gentle, heavy = sorted([a, b])
    difference = level(BANK[name], heavy) - level(BANK[name], gentle)
    assert direction * difference >= -1e-12


def test_positive_levels_are_interpolated_geometrically_and_others_linearly():
    assert level(BANK["jpeg"], 4.5) == pytest.approx((12 * 4) ** 0.5)
    assert level(BANK["color-saturation-hsv"], 4.25) == pytest.approx(0.3 * 0.75)
    assert level(BANK["mean-shift"], 2.5, "kadid") == pytest.approx(0.04)


@pytest.mark.parametrize("severity", [0.99, 5.01, 0, -1, float("nan"), float("inf")])
def test_a_severity_outside_is_refused(severity):
    with pytest.raises(ValueError, match="severity must be from 1 to 5"):
        level(BANK["jpeg"], severity)


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(ValueError, match="gaussian-blur") as error:
        find("gausian-blur")
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="unknown table"):
        level(BANK["jpeg"], 1, "theirs")


@pytest.mark.parametrize("name", TYPES)
def test_one_image_alone_equals_it_in_a_batch(name):
    severities = [1, 3.3, 5]
    images = CROPS / 255
    batch = degrade_batch(images, name, severities, rngs(name, severities))
    assert batch.shape == images.shape
    assert batch.dtype == torch.float32
    assert batch.min() >= 0
    assert batch.max() <= 1
    for i, (severity, rng) in enumerate(zip(severities, rngs(name, severities), strict=True)):
        alone = degrade(CROPS[i], name, severity, rng)
        assert alone.dtype == torch.uint8
        assert torch.equal(alone, (batch[i] * 255).round().byte())


@pytest.mark.parametrize("name", TYPES)
def test_one_call_on_a_whole_batch_computes_the_same(name):
    """As on a GPU; only Gaussian tails beyond 4 sigma of the milder images differ."""
    images = CROPS / 255
    levels = torch.tensor([level(BANK[name], severity) for severity in (1, 3.3, 5)])
    together = BANK[name].apply(images, levels, rngs(name, [1, 3.3, 5]))
    alone = [
        BANK[name].apply(images[i : i + 1], levels[i : i + 1], [rng])
        for i, rng in enumerate(rngs(name, [1, 3.3, 5]))
    ]
    torch.testing.assert_close(together, torch.cat(alone), atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", TYPES)
def test_generators_are_used_by_stochastic_types_only(name):
    rng = torch.Generator().manual_seed(3)
    before = rng.get_state()
    degrade(CROPS[0], name, 3, rng)
    assert torch.equal(rng.get_state(), before) != BANK[name].stochastic


@pytest.mark.parametrize("name", TYPES)
def test_same_seed_same_bytes_and_input_untouched(name):
    kept = CROPS[0].clone()
    runs = [degrade(CROPS[0], name, 4, seeded(1, "x", name)) for _ in range(2)]
    assert torch.equal(*runs)
    assert torch.equal(CROPS[0], kept)


@pytest.mark.parametrize("name", [name for name in TYPES if BANK[name].stochastic])
def test_another_seed_gives_another_image(name):
    images = {
        degrade(CROPS[0], name, 4, seeded(seed, "x", name)).numpy().tobytes() for seed in range(8)
    }
    assert len(images) == (2 if BANK[name].signed else 8)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("size", [(16, 16), (17, 45), (16, 200)])
def test_small_images(name, size):
    image = CROPS[1][:, : size[0]].repeat(1, 1, 5)[:, :, : size[1]]
    for table in ("ours", "kadid") if BANK[name].kadid else ("ours",):
        for severity in (1, 2.5, 5):
            damaged = degrade(image, name, severity, seeded(0, "x", name), table)
            assert damaged.shape == image.shape
    assert not torch.equal(degrade(image, name, 5, seeded(0, "x", name)), image)


@pytest.mark.parametrize("name", TYPES)
def test_views_that_are_not_contiguous(name):
    view = CROPS[2].flip(2).mT[:, ::2, 1:]
    assert not view.is_contiguous()
    copies = [degrade(v, name, 3, seeded(0, "x", name)) for v in (view, view.contiguous())]
    assert torch.equal(*copies)


@pytest.mark.parametrize("name", [name for name in TYPES if BANK[name].family != "compression"])
def test_flat_images_give_finite_values(name):
    flat = torch.stack([torch.full((3, 32, 32), value) for value in (0.0, 0.5, 1.0)])
    damaged = degrade_batch(flat, name, [5, 5, 5], rngs(name, [5, 5, 5]))
    assert damaged.isfinite().all()


@pytest.mark.parametrize("name", ["mean-shift", "contrast"])
def test_signs_are_drawn_for_our_levels_and_written_in_kadids(name):
    image = torch.full((3, 16, 16), 180, dtype=torch.uint8)
    ours = {degrade(image, name, 4, seeded(s, "x", name))[0, 0, 0].item() for s in range(16)}
    assert len(ours) == 2
    assert min(ours) < 180 < max(ours)
    kadid = {
        degrade(image, name, 4, seeded(s, "x", name), "kadid")[0, 0, 0].item() for s in range(16)
    }
    assert len(kadid) == 1
    assert kadid.pop() < 180


def test_a_single_generator_and_no_images():
    images = CROPS / 255
    rng = torch.Generator().manual_seed(0)
    noisy = degrade_batch(images, "white-noise", [3, 3, 3], rng)
    assert not torch.equal(noisy[0] - images[0], noisy[1] - images[1])
    assert degrade_batch(images[:0], "jpeg", [], []).shape == (0, *images.shape[1:])


def test_bad_input_is_one_line():
    images, rng = CROPS / 255, torch.Generator()
    bad = [
        (lambda: degrade(images[0], "jpeg", 1, rng), "takes uint8"),
        (lambda: degrade_batch(CROPS, "jpeg", [1] * 3, rng), "expected float"),
        (lambda: degrade_batch(images[:, :1], "jpeg", [1] * 3, rng), "expected float"),
        (lambda: degrade_batch(images[:, :, :15], "jpeg", [1] * 3, rng), "at least 16 px"),
        (lambda: degrade_batch(images, "jpeg", [1, 1], rng), "as many severities"),
        (lambda: degrade_batch(images, "jpeg", [1] * 3, [rng]), "as many generators"),
    ]
    for call, words in bad:
        with pytest.raises(ValueError, match=words) as error:
            call()
        assert "\n" not in str(error.value)


def test_importing_the_package_loads_no_torch():
    code = "import sys, probes.degradations; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def rngs(name, severities):
    return [seeded(5, f"image {i}", name) for i in range(len(severities))]
