"""Features against those of the official code, and against a plain program of a few lines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from torchvision.models import resnet50
from torchvision.transforms.functional import to_tensor

from harness import load_model
from harness.conformance import check

BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
IMAGES = ("edge_odd_101x77", "edge_wide_451x225")
PHOTOGRAPHS = {
    "kodim03": "data/photos/kodak24/kodim03.png",
    "kodim17": "data/photos/kodak24/kodim17.png",
    "cid22_1025469": "data/photos/cid22-512/validation/1025469.png",
}


@dataclass(frozen=True)
class Recipe:
    """How one of the official programs makes its features, in plain PIL and torchvision."""

    file: str
    prefix: str  # of the encoder's tensors in the file
    normalized: bool = False  # by the statistics of ImageNet
    unit: bool = False  # each half of norm 1
    filter: Image.Resampling = BICUBIC
    crops: bool = False
    short_side: int | None = None
    # From here on: what none of them does.
    section: str = "model"
    channels: tuple[int, ...] = (0, 1, 2)
    order: tuple[int, ...] = (0, 1, 2, 3, 4)
    scales: tuple[int, int] = (0, 1)
    epsilon: float = 1e-5
    tensor_resize: bool = False
    rounded_up: bool = False
    gray_borders: bool = False


REIQA = Recipe("reiqa/quality_aware_r50.pth", "module.encoder.")
ARNIQA = Recipe("arniqa/ARNIQA.pth", "model.", normalized=True, unit=True, crops=True)
RECIPES = {
    "contrique": Recipe("contrique/CONTRIQUE_checkpoint25.tar", "encoder.", unit=True),
    "reiqa-quality": REIQA,
    "reiqa-content": replace(REIQA, file="reiqa/content_aware_r50.pth", normalized=True),
    "arniqa-whole": replace(ARNIQA, crops=False, filter=BILINEAR),
    "arniqa-five-crop": replace(ARNIQA, filter=BILINEAR),
    "arniqa-benchmark": ARNIQA,
    "arniqa-spaq": replace(ARNIQA, short_side=512),
}
GOLDEN = {
    "contrique": "contrique/features",
    "reiqa-quality": "reiqa/quality",
    "reiqa-content": "reiqa/content",
    "arniqa-whole": "arniqa/A_whole_bilinear",
    "arniqa-five-crop": "arniqa/B_crops_bilinear",
    "arniqa-benchmark": "arniqa/C_crops_bicubic",
    "arniqa-spaq": "arniqa/D_spaq_crops_bicubic",
}
WHOLE = [name for name, recipe in RECIPES.items() if not recipe.crops]
CROPS = [name for name, recipe in RECIPES.items() if recipe.crops]


def slow(names: Iterable[str]) -> list:
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


# Width and height: odd, tall, two pixels thin, long, smaller than a crop in one side or both.
SIZES = [(97, 211), (41, 180), (2, 90), (101, 3), (1101, 37), (29, 1030), (2, 2)]
SIZES += [(225, 223), (449, 61), (113, 448), (33, 31), (226, 240)]


@pytest.fixture(scope="session")
def plain(official) -> Callable:
    """``plain(picture, recipe)``: float32 [V, 4096] by the plain program."""

    @lru_cache(maxsize=2)  # of 100 MB each
    def network_of(file: str, prefix: str, section: str, epsilon: float) -> torch.nn.Module:
        model, _, name = file.partition("/")
        return network(official(model) / name, prefix, section, epsilon)

    def features(picture: Image.Image, recipe: Recipe) -> torch.Tensor:
        net = network_of(recipe.file, recipe.prefix, recipe.section, recipe.epsilon)
        with torch.inference_mode():
            rows = [
                torch.stack([net(view[None])[0] for view in views])
                for views in scales(picture, recipe)
            ]
        rows = [normalize(row, dim=1) if recipe.unit else row for row in rows]
        order = list(recipe.order[: len(rows[0])])
        return torch.cat([rows[i] for i in recipe.scales], dim=1)[order]

    return features


def network(path: Path, prefix: str, section: str, epsilon: float) -> torch.nn.Module:
    tensors = torch.load(path, weights_only=True)
    if section in tensors:
        tensors = tensors[section]
    net = resnet50()
    positions = {str(i): name for i, (name, _) in enumerate(net.named_children())}
    state = {}
    for key, tensor in tensors.items():
        if key.startswith(prefix):
            layer, _, rest = key.removeprefix(prefix).partition(".")
            state[f"{positions.get(layer, layer)}.{rest}"] = tensor
    net.fc = torch.nn.Identity()
    net.load_state_dict(state)
    net.bn1.eps = epsilon
    return net.eval()


def scales(picture: Image.Image, recipe: Recipe) -> list[list[torch.Tensor]]:
    """The views of the full scale and of the half scale, ready for the network."""
    if recipe.short_side is not None:
        short = recipe.short_side
        width, height = picture.size
        long = int(short * max(width, height) / min(width, height))
        size = (long, short) if width > height else (short, long)
        picture = picture.resize(size, BICUBIC)
    width, height = picture.size
    up = recipe.rounded_up
    size = (width + up) // 2, (height + up) // 2
    if recipe.tensor_resize:
        full = to_tensor(picture)[None]
        half = torch.nn.functional.interpolate(full, size[::-1], mode="bicubic", antialias=True)
        both = [full[0], half[0]]
    else:
        both = [to_tensor(picture), to_tensor(picture.resize(size, recipe.filter))]
    return [[prepared(view, recipe) for view in views(image, recipe)] for image in both]


def views(image: torch.Tensor, recipe: Recipe) -> list[torch.Tensor]:
    if not recipe.crops:
        return [image]
    height, width = image.shape[1:]
    bottom, right = height - 224, width - 224
    corners = [(height // 2 - 112, width // 2 - 112), (0, 0), (bottom, 0), (0, right)]
    return [crop(image, top, left) for top, left in [*corners, (bottom, right)]]


def crop(image: torch.Tensor, top: int, left: int) -> torch.Tensor:
    """224 × 224 pixels, NaN outside of the image."""
    margin = torch.nn.functional.pad(image, (224, 224, 224, 224), value=torch.nan)
    return margin[:, top + 224 : top + 448, left + 224 : left + 448]


def prepared(view: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    outside = view.isnan()
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    values = view[list(recipe.channels)].nan_to_num(0)
    if recipe.normalized:
        values = (values - mean) / std
    return values.masked_fill(outside, 0) if recipe.gray_borders else values


def unlike(found: np.ndarray | torch.Tensor, expected: np.ndarray | torch.Tensor) -> float:
    """The largest difference, as a fraction of the largest value expected."""
    found, expected = torch.as_tensor(found), torch.as_tensor(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == torch.float32
    return float((found - expected).abs().max() / expected.abs().max())


# --- the official code ------------------------------------------------------------------------


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("name", RECIPES)
def test_features_are_the_official_ones(name, image, adapter, golden, pixels):
    found = adapter(name).features([pixels(image)])
    assert unlike(found[0], golden[f"{GOLDEN[name]}/{image}"]) < 1e-5


def test_both_is_quality_then_content(adapter, golden, pixels):
    found = adapter("reiqa").features([pixels(IMAGES[0])])
    assert found.shape == (1, 1, 8192)
    for half, branch in zip(found[0].split(4096, dim=1), ("quality", "content"), strict=True):
        assert unlike(half, golden[f"reiqa/{branch}/{IMAGES[0]}"]) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("image", PHOTOGRAPHS)
@pytest.mark.parametrize("name", RECIPES)
def test_features_of_photographs_are_the_official_ones(name, image, adapter, pixels, shared):
    file, _, array = GOLDEN[name].partition("/")
    with np.load(shared(f"parity/golden/{file}.npz")) as arrays:
        expected = arrays[f"{array}/{image}"]
    found = adapter(name).features([pixels(shared(PHOTOGRAPHS[image]))])
    assert unlike(found[0], expected) < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("name", RECIPES)
def test_features_of_a_gpu(name, image, adapter, golden, pixels):
    found = adapter(name, device="cuda").features([pixels(image)])
    assert unlike(found[0], golden[f"{GOLDEN[name]}/{image}"]) < 1e-3


# --- the plain program ------------------------------------------------------------------------


def picture(width: int, height: int) -> Image.Image:
    """Smooth colors with grain, from a seed that the size gives; gray where both sides are odd."""
    rng = np.random.default_rng([width, height])
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), BICUBIC), np.float64)
    grainy = (smooth + rng.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)
    found = Image.fromarray(grainy)
    return found.convert("L").convert("RGB") if width % 2 and height % 2 else found


def tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


@pytest.fixture
def edge(pixels) -> Image.Image:
    return Image.fromarray(pixels(IMAGES[0]).permute(1, 2, 0).numpy())


@pytest.mark.parametrize("name", [*WHOLE, *slow(CROPS)])
def test_the_plain_program_gives_the_official_features(name, edge, plain, golden):
    assert unlike(plain(edge, RECIPES[name]), golden[f"{GOLDEN[name]}/{IMAGES[0]}"]) < 1e-5


@pytest.mark.parametrize("name", [WHOLE[0], *slow(WHOLE[1:])])
def test_whole_images_of_every_shape(name, adapter, plain):
    pictures = [picture(*size) for size in SIZES]
    found = adapter(name).features([tensor(image) for image in pictures])
    for size, image, row in zip(SIZES, pictures, found, strict=True):
        assert unlike(row, plain(image, RECIPES[name])) < 1e-5, size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("arniqa-benchmark", size) for size in SIZES),
        *((name, size) for name in ("arniqa-five-crop", "arniqa-spaq") for size in SIZES[::3]),
    ],
)
def test_crops_of_images_of_every_shape(name, size, adapter, plain):
    found = adapter(name).features([tensor(picture(*size))])
    assert unlike(found[0], plain(picture(*size), RECIPES[name])) < 1e-5


MISTAKES = {
    "bilinear": ("contrique", {"filter": BILINEAR}),
    "lanczos": ("contrique", {"filter": Image.Resampling.LANCZOS}),
    "bicubic": ("arniqa-whole", {"filter": BICUBIC}),
    "a resize of the tensor": ("reiqa-quality", {"tensor_resize": True}),
    "half rounded up": ("contrique", {"rounded_up": True}),
    "blue first": ("contrique", {"channels": (2, 1, 0)}),
    "half scale first": ("reiqa-quality", {"scales": (1, 0)}),
    "not normalized": ("arniqa-whole", {"normalized": False}),
    "normalized": ("reiqa-quality", {"normalized": True}),
    "no norm of 1": ("contrique", {"unit": False}),
    "the momentum encoder": ("reiqa-quality", {"section": "model_ema", "prefix": "encoder."}),
    "another epsilon": ("contrique", {"epsilon": 1e-3}),
    "the whole image": ("arniqa-five-crop", {"crops": False}),
}
MISTAKES_OF_CROPS = {
    "crops in order of rows": ("arniqa-benchmark", {"order": (0, 1, 3, 2, 4)}),
    "borders of the mean": ("arniqa-benchmark", {"gray_borders": True}),
}


@pytest.mark.parametrize("mistake", [*MISTAKES, *slow(MISTAKES_OF_CROPS)])
def test_the_tolerance_tells_mistakes_apart(mistake, plain, golden, edge):
    name, changes = (MISTAKES | MISTAKES_OF_CROPS)[mistake]
    wrong = plain(edge, replace(RECIPES[name], **changes))
    right = golden[f"{GOLDEN[name]}/{IMAGES[0]}"]
    assert unlike(wrong.expand(right.shape), right) > 1e-4


# --- lists, and the contract ------------------------------------------------------------------


@pytest.fixture
def forgetful(monkeypatch):
    """Every image is computed, also one that was seen before."""
    monkeypatch.setattr("baselines.resnet50.RECENT", 0)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("name", ["contrique", *slow(["reiqa", "arniqa-whole", "arniqa"])])
def test_a_list_of_mixed_sizes_gives_the_bits_of_its_images_alone(name, adapter):
    images = [tensor(picture(*size)) for size in ((97, 41), (60, 70), (97, 41), (2, 33))]
    model = adapter(name)
    together = model.features(images)
    alone = [model.features([image])[0] for image in images]
    assert torch.equal(together, torch.stack(alone))


def test_what_is_remembered_is_of_the_same_pixels_alone(adapter):
    first = tensor(picture(60, 70))
    second = first.transpose(1, 2)  # the same bytes in memory
    third = first.reshape(3, 60, 70)  # the same bytes in order
    fourth = first.clone()
    fourth[0, 0, 0] ^= 1
    images = [first, second, third, fourth]
    model = adapter("contrique")
    together = model.features(images)
    assert len({row.numpy().tobytes() for row in together}) == 4
    first //= 2
    for image, before in zip(images, together, strict=True):
        changed = model.features([image])[0]
        assert torch.equal(changed, before) == (image is fourth)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("name", ["contrique", *slow(["reiqa", "arniqa", "arniqa-whole"])])
def test_the_contract_is_kept(name, adapter):
    assert {c.name: c.problem for c in check(adapter(name)) if c.problem} == {}


# --- files ------------------------------------------------------------------------------------


def prefixed(checkpoint: dict) -> dict:
    return {f"module.{key}": value for key, value in checkpoint.items()}


def with_optimizer(checkpoint: dict) -> dict:
    """As a trainer leaves it behind: the state dict beside the optimizer's."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(3))], lr=0.1).state_dict()
    if "model" in checkpoint:
        return checkpoint | {"optimizer": optimizer, "contrast": {"memory": torch.zeros(8, 4)}}
    encoder = {key.replace("model.", "encoder."): value for key, value in checkpoint.items()}
    states = {"model_state_dict": encoder, "optimizer_state_dict": optimizer}
    return {**states, "epoch": 10, "config": {"lr": 0.1}}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("contrique", prefixed),
        ("reiqa-quality", with_optimizer),
        ("arniqa-whole", with_optimizer),
    ],
)
def test_the_same_weights_in_another_file(name, change, adapter, official, tmp_path):
    model, _, file = RECIPES[name].file.partition("/")
    path = tmp_path / "mine.pth"
    torch.save(change(torch.load(official(model) / file, weights_only=True)), path)
    options = {k: v for k, v in adapter(name).card.options.items() if k != "weights"}
    mine = load_model(model, weights=str(path), **options)
    image = tensor(picture(60, 70))
    expected = adapter(name).features([image])
    assert torch.equal(mine.features([image]), expected)
