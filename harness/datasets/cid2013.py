"""CID2013: photographs from 79 cameras in six image sets."""

from __future__ import annotations

import re
from pathlib import Path

from .layout import Folder
from .spec import Entry, Listing, Spec
from .text_rows import number, read_csv
from .workbooks import read_sheet

TEXT = "CID2013.txt"
WORKBOOK = "CID2013 data - version 12112014.xlsx"
_SETS = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6}
_NAME = re.compile(r"IS_(VI|IV|V|I{1,3})_C(\d\d)_D(\d\d)")


def read(folder: Folder) -> Listing:
    """From the owners' workbook, or from its text form {dis_img_path, dis_type, score}.

    The scores are the realigned MOS, which put the six sets on one scale. A content is an image
    set: its scenes were photographed with the same cameras and rated by the same people.
    """
    path = folder.find(WORKBOOK, TEXT)
    if path.suffix.lower() == ".xlsx":
        name, score = "Source_ID", "Realigned MOS"
        rows = read_sheet(path, name, score, sheet="CID2013 MOS")
    else:
        name, score = "dis_img_path", "score"
        rows = read_csv(path, name, score)
    return Listing(tuple(_entry(path, row[name], row[score]) for row in rows))


def _entry(path: Path, name: str, score: str) -> Entry:
    stem = Path(name).stem
    if (parts := _NAME.fullmatch(stem)) is None:
        raise ValueError(f"{path}: {name!r} is no image of CID2013, such as IS_I_C01_D01")
    group = f"IS{_SETS[parts[1]]}"
    return Entry(stem, f"{group}/co{int(parts[2])}/{stem}.jpg", group, number(score, path, stem))


CID2013 = Spec(
    name="cid2013",
    title="CID2013",
    license="see the homepage",
    citation=(
        "T. Virtanen, M. Nuutinen, M. Vaahteranoksa, P. Oittinen, J. Häkkinen, CID2013: a "
        "database for evaluating no-reference image quality assessment algorithms, IEEE "
        "Transactions on Image Processing 24(1), 2015"
    ),
    homepage="https://zenodo.org/records/2647033",
    layout=f"IS1 … IS6/coN/IS_I_C01_D01.jpg, and {WORKBOOK} or {TEXT}",
    label_kind="mos",
    range=(-9.55, 87.89),  # of realigned scores
    n_images=474,
    n_references=0,
    read=read,
    wrappers=("CID2013",),
)
