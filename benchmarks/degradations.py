"""Time of each degradation on one thread, beside the plain alternative in SciPy or scikit-image.

Prints milliseconds for a 384 x 512 uint8 image at severity 3, and plain / ours. Last line:
``degradations ratio VALUE``, the median over types. The codecs have no other implementation.
"""

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from scipy.interpolate import CubicSpline
from scipy.signal import wiener
from skimage import color
from skimage.data import astronaut
from skimage.util import random_noise

from probes.degradations import BANK, TYPES, degrade, level, seeded
from probes.degradations.blur import disk_kernels, line_kernels

REPEATS = 5
Array = np.ndarray
Plain = Callable[[Array, float], Array]  # float [H, W, 3] in [0, 1] and a level to the same


def per_channel(filtered: Callable[[Array, float], Array]) -> Plain:
    return lambda image, x: np.dstack([filtered(c, x) for c in np.moveaxis(image, -1, 0)])


def in_lab(edit: Callable[[Array, float], None]) -> Plain:
    def edited(image: Array, x: float) -> Array:
        lab = color.rgb2lab(image)
        edit(lab, x)
        return color.lab2rgb(lab)

    return edited


def gaussian(channel: Array, sigma: float) -> Array:
    return ndimage.gaussian_filter(channel, sigma, mode="nearest")


def lens(channel: Array, radius: float) -> Array:
    kernel = disk_kernels(torch.tensor([radius]))[0].numpy()
    return ndimage.convolve(channel, kernel, mode="nearest")


def motion(channel: Array, length: float) -> Array:
    kernel = line_kernels(torch.tensor([length]), torch.tensor([0.7]))[0].numpy()
    return ndimage.convolve(channel, kernel, mode="nearest")


def diffuse(lab: Array, x: float) -> None:
    for channel in (1, 2):
        lab[..., channel] = x * gaussian(lab[..., channel], 1.5 * x + 2)


def saturate(lab: Array, x: float) -> None:
    lab[..., 1:] *= x


def sharpen(lab: Array, x: float) -> None:
    lightness = lab[..., 0]
    lab[..., 0] = np.clip(lightness + x * (lightness - gaussian(lightness, 3)), 0, 100)


def color_shift(image: Array, x: float) -> Array:
    steps = np.gradient(color.rgb2gray(image))
    edges = gaussian(np.hypot(*steps), 4)
    low, high = np.percentile(edges, [1, 99])
    edges = np.clip((edges - low) / (high - low), 0, 1)
    moved = ndimage.shift(image[..., 1], (0.6 * x, 0.8 * x), order=1, mode="nearest")
    green = image[..., 1] + edges * (moved - image[..., 1])
    return np.dstack([image[..., 0], green, image[..., 2]])


def palette(image: Array, x: float) -> Array:
    quantized = picture(image).quantize(round(x), Image.Quantize.MEDIANCUT, dither=0)
    return np.asarray(quantized.convert("RGB")) / 255


def saturate_hsv(image: Array, x: float) -> Array:
    return color.hsv2rgb(color.rgb2hsv(image) * [1, x, 1])


def color_noise(image: Array, x: float) -> Array:
    noise = np.random.default_rng(0).normal(0, 255 * x**0.5, image.shape)
    return color.ycbcr2rgb(color.rgb2ycbcr(image) + noise)


def denoise(image: Array, x: float) -> Array:
    noisy = random_noise(image, "gaussian", var=x)
    return per_channel(lambda channel, v: wiener(channel, 5, noise=v))(noisy, x)


def parabola(image: Array, x: float) -> Array:
    return np.clip(image + 2 * x * image * (1 - image), 0, 1)


def brighten(image: Array, x: float) -> Array:
    lab = color.rgb2lab(image)
    lab[..., 0] = 100 * parabola(lab[..., 0] / 100, x)
    return (2 * parabola(image, x) + color.lab2rgb(lab)) / 3


def jitter(image: Array, x: float) -> Array:
    rng = np.random.default_rng(0)
    grid = np.mgrid[: image.shape[0], : image.shape[1]]
    for _ in range(5):
        places = grid + rng.normal(0, x, grid.shape)
        image = per_channel(
            lambda c, _, p=places: ndimage.map_coordinates(c, p, order=1, mode="nearest")
        )(image, x)
    return image


def patches(image: Array, x: float) -> Array:
    rng, moved = np.random.default_rng(0), image.copy()
    for _ in range(round(x)):
        y, z = rng.integers(16, 384 - 32), rng.integers(16, 512 - 32)
        dy, dz = rng.integers(-8, 9, 2)
        moved[y : y + 16, z : z + 16] = image[y + dy : y + dy + 16, z + dz : z + dz + 16]
    return moved


def blocks(image: Array, x: float) -> Array:
    rng, covered = np.random.default_rng(0), image.copy()
    for _ in range(round(x)):
        y, z = rng.integers(0, 384 - 32), rng.integers(0, 512 - 32)
        covered[y : y + 32, z : z + 32] = rng.random(3)
    return covered


def contrast(image: Array, x: float) -> Array:
    return CubicSpline([0, 0.3, 0.5, 0.7, 1], [0, 0.3 - x / 4, 0.5, 0.7 + x / 4, 1])(image)


def resized(filter: Image.Resampling, scale: Callable[[float], float]) -> Plain:
    def there_and_back(image: Array, x: float) -> Array:
        small = (round(512 * scale(x)), round(384 * scale(x)))
        return np.asarray(picture(image).resize(small, filter).resize((512, 384), filter)) / 255

    return there_and_back


def picture(image: Array) -> Image.Image:
    return Image.fromarray((image * 255).round().astype(np.uint8))


PLAIN: dict[str, Plain] = {
    "gaussian-blur": per_channel(gaussian),
    "lens-blur": per_channel(lens),
    "motion-blur": per_channel(motion),
    "color-diffusion": in_lab(diffuse),
    "color-shift": color_shift,
    "color-quantization": palette,
    "color-saturation-hsv": saturate_hsv,
    "color-saturation-lab": in_lab(saturate),
    "white-noise": lambda image, x: random_noise(image, "gaussian", var=x),
    "white-noise-color": color_noise,
    "impulse-noise": lambda image, x: random_noise(image, "s&p", amount=x),
    "multiplicative-noise": lambda image, x: random_noise(image, "speckle", var=x),
    "denoise": denoise,
    "brighten": brighten,
    "darken": lambda image, x: parabola(image, -x),
    "mean-shift": lambda image, x: image + x,
    "jitter": jitter,
    "non-eccentricity": patches,
    "pixelate": resized(Image.Resampling.NEAREST, lambda x: 0.95 - x**0.6),
    "quantization": lambda image, x: (image * (x - 1)).round() / (x - 1),
    "color-block": blocks,
    "high-sharpen": in_lab(sharpen),
    "contrast": contrast,
    "resize-bicubic": resized(Image.Resampling.BICUBIC, lambda x: 1 / x),
    "resize-bilinear": resized(Image.Resampling.BILINEAR, lambda x: 1 / x),
    "resize-lanczos": resized(Image.Resampling.LANCZOS, lambda x: 1 / x),
}


def milliseconds(run: Callable[..., object], *arguments: object) -> float:
    """The fastest of a few runs after a first: the one that was disturbed least."""
    run(*arguments)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run(*arguments)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def ours(image: torch.Tensor, name: str) -> torch.Tensor:
    return degrade(image, name, 3, seeded(0, "astronaut", name))


def theirs(pixels: Array, name: str) -> Image.Image:
    damaged = PLAIN[name](pixels / 255, level(BANK[name], 3))
    return picture(np.clip(damaged, 0, 1))


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Conversion from CIE-LAB")
    pixels = np.ascontiguousarray(astronaut()[:384])
    image = torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    ratios = []
    print(f"{'type':22}{'ours ms':>9}{'plain ms':>10}{'ratio':>8}")
    for name in TYPES:
        own = milliseconds(ours, image, name)
        line = f"{name:22}{own:9.2f}"
        if name in PLAIN:
            plain = milliseconds(theirs, pixels, name)
            ratios.append(plain / own)
            line += f"{plain:10.2f}{ratios[-1]:8.2f}"
        print(line)
    print(f"degradations ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
