"""SPAQ, Smartphone Photography Attribute and Quality: 11,125 photographs from 66 smartphones."""

from __future__ import annotations

from .layout import Folder
from .spec import Entry, Listing, Spec, mirror
from .text_rows import number
from .workbooks import read_sheet

WORKBOOK = "MOS and Image attribute scores.xlsx"


def read(folder: Folder) -> Listing:
    """From the owners' workbook. They publish no deviation for an image."""
    path = folder.find(f"Annotations/{WORKBOOK}", WORKBOOK)
    return Listing(
        tuple(
            Entry(
                name := row["Image name"], f"TestImage/{name}", name, number(row["MOS"], path, name)
            )
            for row in read_sheet(path, "Image name", "MOS")
        )
    )


SPAQ = Spec(
    name="spaq",
    title="SPAQ",
    license="not stated by the owners; see the homepage",
    citation=(
        "Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, Perceptual quality assessment of smartphone "
        "photography, CVPR 2020"
    ),
    homepage="https://github.com/h4nwei/SPAQ",
    layout=f"TestImage/00001.jpg … 11125.jpg, Annotations/{WORKBOOK}",
    label_kind="mos",
    range=(2.0, 96.0),
    n_images=11125,
    n_references=0,
    read=read,
    hub=mirror("spaq.tgz", "SPAQ"),
    split_order=sorted,  # the workbook's rows are numbered
)
