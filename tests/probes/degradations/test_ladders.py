"""Damage grows with severity, measured on the embedded photographs."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from probes.contents import embedded
from probes.degradations import BANK, TYPES, degrade, seeded

# Mean damage in the first and the last step: barely visible, and heavy.
FIRST = {"psnr": (30, 42), "delta_e": (0.5, 2.6)}
LAST = {"psnr": (15, 26), "delta_e": (6, 18)}


@pytest.fixture(scope="module")
def photographs():
    return {content.id: content.image() for content in embedded()}


def damage(image, damaged, ladder):
    pair = [np.moveaxis(x.numpy(), 0, -1) for x in (image, damaged)]
    if ladder == "psnr":
        return -peak_signal_noise_ratio(*pair)
    # Every fourth pixel: the mean needs no more.
    return deltaE_ciede2000(*(rgb2lab(x[::4, ::4]) for x in pair)).mean()


@pytest.mark.parametrize("name", TYPES)
def test_mean_damage_grows_and_no_level_is_an_identity(name, photographs):
    ladder = BANK[name].ladder
    means = []
    for severity in range(1, 6):
        damages = []
        for content, image in photographs.items():
            damaged = degrade(image, name, severity, seeded(0, content, name))
            assert (damaged != image).float().mean() > 1e-4
            damages.append(damage(image, damaged, ladder))
        means.append(np.mean(damages))
    steps = np.diff(means)
    assert (steps > (1.0 if ladder == "psnr" else 0.4)).all(), means
    first, last = np.abs(means[0]), np.abs(means[-1])
    assert FIRST[ladder][0] <= first <= FIRST[ladder][1], means
    assert LAST[ladder][0] <= last <= LAST[ladder][1], means


@pytest.mark.parametrize("name", TYPES)
def test_damage_grows_between_the_integers_too(name, photographs):
    """With the same draws, as a bisection over severity needs it."""
    image = photographs["chelsea"][:, :160, :192]
    ladder = BANK[name].ladder
    damages = [
        damage(image, degrade(image, name, severity, seeded(0, "chelsea", name)), ladder)
        for severity in np.linspace(1, 5, 9)
    ]
    assert (np.diff(damages) > 0).all(), damages
