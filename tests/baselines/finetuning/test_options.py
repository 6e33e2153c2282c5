"""Options in place of the fields of a config."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from baselines.finetuning.options import with_options


@dataclass(frozen=True)
class Config:
    count: int = 3
    rate: float = 0.5
    on: bool = False
    name: str = "a"
    rates: tuple[float, ...] = ()
    names: tuple[str, ...] = ("a", "b")

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count must not be below 0")


def test_they_take_the_place_of_what_is_there():
    found = with_options(Config(), {"rate": 1, "names": ["c"], "rates": [1, 0.1], "on": True})
    assert found == Config(rate=1, names=("c",), rates=(1, 0.1), on=True)
    assert with_options(Config(2), {}) == Config(2)


@pytest.mark.parametrize(
    "option",
    [
        {"count": 1.0},
        {"count": True},
        {"rate": "1"},
        {"rate": True},
        {"on": 1},
        {"name": 3},
        {"rates": 0.1},
        {"rates": ["a"]},
        {"names": "ab"},
        {"names": [1]},
    ],
)
def test_one_of_another_kind_is_refused_by_its_name(option):
    (name, value), default = next(iter(option.items())), Config()
    message = f"of_{name} is {value!r}; it takes the like of {getattr(default, name)!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        with_options(default, option, "of_")


def test_what_the_config_refuses_is_refused():
    with pytest.raises(ValueError, match=r"^count must not be below 0$"):
        with_options(Config(), {"count": -1})
