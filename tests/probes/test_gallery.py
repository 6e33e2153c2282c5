"""The contact sheet."""

from pathlib import Path

from PIL import Image

from probes.demo import demo_probes
from probes.gallery import CAPTION, contact_sheet


def test_the_contact_sheet_is_a_picture_with_a_caption_and_the_same_every_time(
    tmp_path: Path,
) -> None:
    dataset = demo_probes()
    for name in ("a", "b"):
        contact_sheet(dataset, tmp_path / name / "contact_sheet.png", rows=2)
    first = tmp_path / "a" / "contact_sheet.png"
    assert first.read_bytes() == (tmp_path / "b" / "contact_sheet.png").read_bytes()
    assert (tmp_path / "a" / "contact_sheet.txt").read_text().strip() == CAPTION
    with Image.open(first) as sheet:
        assert sheet.width > 1000
        assert len(sheet.convert("RGB").getcolors(1 << 24)) > 1000  # photographs, not blank cells
