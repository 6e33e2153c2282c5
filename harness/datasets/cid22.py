"""CID22, validation part (Sneyers et al., 2023): encoders at several settings on 49 references.

Read by the column names of the owners' table as others describe them: ``reference_img`` and
``distorted_img`` (paths), ``encoder``, ``setting``, ``MCOS``, and one row for each reference,
whose encoder is "Reference". Not yet seen here: the table itself.
"""

from __future__ import annotations

from ..sample import Damage
from .layout import Folder
from .spec import Entry, Listing, Spec
from .text_rows import number, read_csv


def read(folder: Folder) -> Listing:
    """The label is MCOS; a reference's own score is left out. No severity: the settings of two
    encoders have no common scale."""
    path = folder.find("CID22_validation_set.csv")
    entries, references = [], {}
    for row in read_csv(path, "reference_img", "distorted_img", "encoder", "MCOS"):
        image, source = (row[c].replace("\\", "/") for c in ("distorted_img", "reference_img"))
        reference = source.lower()
        references[reference] = Entry(reference, source, reference)
        if row["encoder"].strip().lower() == "reference":
            continue
        kind = row["encoder"].strip().lower().replace("_", "-").replace(" ", "-")
        score = number(row["MCOS"], path, image)
        damages = (Damage(kind, None),)
        entry = Entry(image.lower(), image, reference, score, None, reference, damages)
        entries.append(entry)
    return Listing(tuple(entries), tuple(references[name] for name in sorted(references)))


CID22 = Spec(
    name="cid22",
    title="CID22 (validation part)",
    license="CC BY-SA 4.0",
    citation="J. Sneyers, E. Ben Baruch, Y. Vaxman: CID22: Large-Scale Subjective Quality "
    "Assessment for High Fidelity Image Compression, 2023",
    homepage="https://cloudinary.com/labs/cid22",
    layout="CID22_validation_set.csv and the images at the paths that it names",
    label_kind="mos",
    range=(0.0, 100.0),
    n_images=4292,
    n_references=49,
    counts_seen=False,
    read=read,
    known_as=("CID22",),
    wrappers=("CID22_validation_set",),
)
