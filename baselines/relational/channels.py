"""The channels of the maps: what is told apart, and which types are two ends of one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.degradations import BANK, HELD_OUT

# Where either image may be damaged, more of the one cannot be told from less of the other.
_INVERSE = {
    "blur": {"gaussian-blur": 1, "high-sharpen": -1},
    "saturation": {"color-saturation-lab": 1, "color-saturation-hsv": -1},
    "brightness": {"brighten": 1, "darken": -1},
}


def _channels() -> Mapping[str, Mapping[str, int]]:
    channel_of = {name: channel for channel, types in _INVERSE.items() for name in types}
    found: dict[str, Mapping[str, int]] = {}
    for name, damage in BANK.items():
        # Of a type whose sign is drawn, the direction would not be known.
        if name not in HELD_OUT and not damage.signed:
            channel = channel_of.get(name, name)
            found[channel] = MappingProxyType(_INVERSE.get(channel, {name: 1}))
    return MappingProxyType(found)


CHANNELS: Mapping[str, Mapping[str, int]] = _channels()
"""Of each channel its types, with their signs: above 0.5 is more of a type whose sign is 1.

One channel a trained type, in the order of the bank, but for types that are each other's inverse.
"""
