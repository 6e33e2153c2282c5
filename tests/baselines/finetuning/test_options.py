"""Options in place of the fields of a config."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from baselines.finetuning.options import with_numbers, with_options


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


def test_text_of_a_number_is_one_where_a_float_is_taken():
    """What YAML 1.1 makes of 1e-4."""
    given = {"rate": "1e-4", "rates": ["1e-3", 2], "name": "1e-4", "count": "3", "of_rate": "1"}
    found = with_numbers(Config(), given)
    assert found == {**given, "rate": 1e-4, "rates": [1e-3, 2]}
    assert with_numbers(Config(), given, "of_") == {**given, "of_rate": 1.0}
    left = {"rate": "fast", "rates": "1e-3", "names": ["1"]}
    assert with_numbers(Config(), left) == left
    assert with_numbers(Config(), {"rate": "nan", "rates": ["inf"]}) == {
        "rate": "nan",
        "rates": ["inf"],
    }
