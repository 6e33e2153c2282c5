"""The released weights of CONTRIQUE, Re-IQA and ARNIQA: where their authors offer them.

None of these files is ours to ship. A size or SHA-256 is given where it is known from the
official files; those of CONTRIQUE and Re-IQA were never published.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.weights import WeightsFile


def _encoder(model: str, path: Path) -> None:
    from . import checkpoint

    checkpoint.resnet50_state(path, getattr(checkpoint, model.upper()))


def _ridge(path: Path) -> None:
    from .linear_heads import read_ridge

    read_ridge(path)


def _torchscript(path: Path) -> None:
    from .linear_heads import read_torchscript

    read_torchscript(path)


_CONTRIQUE = "https://raw.githubusercontent.com/pavancm/CONTRIQUE"
_CONTRIQUE_COMMIT = "f73233cd89a66bd4a0cc145fa911c8813a09a42b"
_CONTRIQUE_HEADS = {
    "live": "LIVE.save",
    "csiq": "CSIQ.save",
    "clive": "CLIVE.save",
    "koniq10k": "Koniq.save",
    "live-fr": "LIVE_FR.save",
    "csiq-fr": "CSIQ_FR.save",
}
_REIQA = {
    "quality": "1DYMx8omn69yXUmBFL728JD3qMLNogFt8",
    "content": "1TO-5fmZFT2_nt99j4IZen6vmXUb_UL3n",
}
_ARNIQA = "https://github.com/miccunifi/ARNIQA/releases"
_ARNIQA_HEADS: dict[str, tuple[int, str] | None] = {
    "live": None,
    "csiq": None,
    "tid2013": None,
    "kadid10k": (19_778, "4315bf471d52eb7d3e5de1e2ac8bb465f8eec10cd724103c72a178b9aaa4aa3f"),
    "flive": None,
    "spaq": (19_678, "dbee93f9a8deb3c8357af0b7d4598c153b4a10075be34f9b69daa1aa04e778e3"),
    "clive": None,
    "koniq10k": (19_560, "af8f127aca38a8e1082e066b5ee93e533bf5f33aaf9c76b3c31526ef901919e1"),
}

FILES = (
    WeightsFile(
        name="contrique-encoder",
        model="contrique",
        file="CONTRIQUE_checkpoint25.tar",
        summary="encoder",
        license="not stated",
        address="https://utexas.box.com/shared/static/rhpa8nkcfzpvdguo97n2d5dbn4qb03z8.tar",
        page="https://drive.google.com/file/d/1pmaomNVFhDgPSREgHBzZSu-SuGzNJyEt/view",
        check=partial(_encoder, "contrique"),
    ),
    *(
        WeightsFile(
            name=f"contrique-{head}",
            model="contrique",
            file=file,
            summary=f"regressor fitted on {head.removesuffix('-fr')}"
            + (", full reference" if head.endswith("-fr") else ""),
            license="not stated",
            address=f"{_CONTRIQUE}/{_CONTRIQUE_COMMIT}/models/{file}",
            page=f"https://github.com/pavancm/CONTRIQUE/blob/{_CONTRIQUE_COMMIT}/models/{file}",
            check=_ridge,
        )
        for head, file in _CONTRIQUE_HEADS.items()
    ),
    *(
        WeightsFile(
            name=f"reiqa-{branch}",
            model="reiqa",
            file=f"{branch}_aware_r50.pth",
            summary=f"encoder of {branch}",
            license="MIT",
            address="https://drive.usercontent.google.com/download"
            f"?id={key}&export=download&confirm=t",
            page=f"https://drive.google.com/file/d/{key}/view",
            check=partial(_encoder, "reiqa"),
        )
        for branch, key in _REIQA.items()
    ),
    WeightsFile(
        name="arniqa-encoder",
        model="arniqa",
        file="ARNIQA.pth",
        summary="encoder",
        license="Apache-2.0",
        address=f"{_ARNIQA}/download/weights/ARNIQA.pth",
        page=f"{_ARNIQA}/tag/weights",
        size=112_155_914,
        sha256="ad2022e59b1040d5bab24f9325c10d0215956a2061248a36c15edaec3e60fcd1",
        check=partial(_encoder, "arniqa"),
    ),
    *(
        WeightsFile(
            name=f"arniqa-{head}",
            model="arniqa",
            file=f"regressor_{head}.pth",
            summary=f"regressor fitted on {head}",
            license="Apache-2.0",
            address=f"{_ARNIQA}/download/weights/regressor_{head}.pth",
            page=f"{_ARNIQA}/tag/weights",
            size=known[0] if known else None,
            sha256=known[1] if known else None,
            check=_torchscript,
        )
        for head, known in _ARNIQA_HEADS.items()
    ),
)
