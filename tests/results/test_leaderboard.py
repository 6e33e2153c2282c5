"""What is shown of the records that are kept is what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.leaderboard import check, page_files

RESULTS = Path(__file__).parents[2] / "results"
RECORDS = RESULTS / "records"

pytestmark = pytest.mark.skipif(not RECORDS.is_dir(), reason="no records are kept here")


def test_the_leaderboard_is_up_to_date() -> None:
    for name, data in page_files(RECORDS).items():
        assert (RESULTS / name).read_bytes() == data, f"make leaderboard writes results/{name} anew"


@pytest.mark.slow
def test_everything_is_up_to_date() -> None:
    wrong = [f"{what}: results/{name}" for name, what in check(RECORDS, RESULTS)]
    assert not wrong, "make leaderboard writes them anew: " + ", ".join(wrong)
