"""Settings of a fit: the schedule, and what is refused."""

from __future__ import annotations

import pytest

from baselines.finetuning.config import PRESETS, FitConfig, configured, learning_rate


def test_the_rate_warms_up_and_then_falls_in_steps():
    config = PRESETS["paper"]
    ends = [learning_rate(config, epoch, 1.0) for epoch in range(9)]
    low, mid, high = 2e-4 / 3, 4e-4 / 3, 2e-4
    assert ends == pytest.approx([low, mid, high, high, high, high, *[2e-5] * 3])
    assert learning_rate(config, 0, 0.5) == pytest.approx(low / 2)
    assert learning_rate(config, 1, 0.25) == pytest.approx(1.25 * low)
    cold = FitConfig(epochs=2, warmup_epochs=0, decay_every=1, decay=0.5)
    assert [learning_rate(cold, e, 0.1) for e in (0, 1)] == pytest.approx([2e-4, 1e-4])


def test_options_take_the_place_of_the_presets():
    found = configured("m", "tiny", {"epochs": 4, "lr_search": [1e-4, 1e-3], "lr": 1})
    assert (found.epochs, found.lr_search, found.lr) == (4, (1e-4, 1e-3), 1)
    assert found.crop == PRESETS["tiny"].crop


@pytest.mark.parametrize(
    ("preset", "options", "message"),
    [
        ("papr", {}, "m has no preset 'papr'; did you mean paper"),
        ("tiny", {"epoch": 3}, "m: unknown option 'epoch'; options: .*epochs"),
        ("tiny", {"epochs": "3"}, "m: epochs is '3'"),
        ("tiny", {"epochs": True}, "m: epochs is True"),
        ("tiny", {"flips": 1}, "m: flips is 1"),
        ("tiny", {"lr_search": 0.1}, "m: lr_search is 0.1"),
        ("tiny", {"lr_search": ["a"]}, "m: lr_search is "),
        ("tiny", {"lr_search": [0.1, 0.1]}, "m: those of lr_search must be distinct"),
        ("tiny", {"lr": -1.0}, "m: lr, decay and those of lr_search must be above 0"),
        ("tiny", {"epochs": 1}, "m: warmup_epochs must be 0 to below the 1 epochs, not 1"),
        ("tiny", {"warmup_epochs": -1}, "m: warmup_epochs must be 0 to below the 6 epochs, not -1"),
        ("tiny", {"crop": 600}, "m: shorter_side must be at least the crop, 600"),
        ("tiny", {"batch": 0}, "m: batch must be at least 1"),
        ("tiny", {"weight_decay": -0.1}, "m: weight_decay must not be below 0"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(preset, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        configured("m", preset, options)
    assert "\n" not in str(caught.value)
