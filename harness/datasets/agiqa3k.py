"""AGIQA-3K: images made from prompts by six generators, rated for quality.

Assumed of the layout, which was not at hand: ``data.csv`` with the columns name, prompt,
mos_quality and std_quality (and mos_align, std_align: agreement with the prompt, not read), on a
scale of 0 to 5, and the images beside it or in a folder of their own. Public loaders of the set
read it so.
"""

from __future__ import annotations

from .layout import Folder
from .spec import Entry, Listing, Spec
from .text_rows import number, read_csv

FOLDERS = ("", "images/", "AGIQA-3K/")


def read(folder: Folder) -> Listing:
    """From the owners' table. A content is a prompt: the generators drew the same scene."""
    path = folder.find("data.csv")
    entries = []
    for row in read_csv(path, "name", "prompt", "mos_quality", "std_quality"):
        name = row["name"]
        where = folder.first(*(f"{below}{name}" for below in FOLDERS))
        score, std = (number(row[f"{what}_quality"], path, name) for what in ("mos", "std"))
        entries.append(Entry(name, where, row["prompt"], score, std))
    return Listing(tuple(entries))


AGIQA3K = Spec(
    name="agiqa3k",
    title="AGIQA-3K",
    license="not stated by the owners; see the homepage",
    citation=(
        "C. Li, Z. Zhang, H. Wu, W. Sun, X. Min, X. Liu, G. Zhai, W. Lin, AGIQA-3K: an open "
        "database for AI-generated image quality assessment, IEEE Transactions on Circuits and "
        "Systems for Video Technology, 2023"
    ),
    homepage="https://github.com/lcysyzxdxc/AGIQA-3k-Database",
    layout="data.csv, and the images beside it, in images/ or in AGIQA-3K/",
    label_kind="mos",
    range=(0.0, 5.0),
    n_images=2982,
    n_references=0,
    counts_seen=False,
    read=read,
    known_as=("AGIQA-3K", "AGIQA"),
)
