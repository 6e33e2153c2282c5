"""The commands that the probes add to ``iqa-eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Real models on the embedded photographs, chosen to finish in minutes on two cores. Those
# whose weights are not here are skipped with the command that fetches them.
DEMO_MODELS = (
    *("pyiqa:psnr", "pyiqa:ssim", "pyiqa:ms_ssim", "pyiqa:fsim", "pyiqa:vsi", "pyiqa:gmsd"),
    *("pyiqa:nlpd", "pyiqa:piqe", "pyiqa:brisque", "pyiqa:niqe"),
    *("nss:brisque", "timm:resnet18", "timm:vit_tiny_patch16_224"),
    *("control:untrained-vit", "control:luminance", "control:constant"),
)


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for records, tables, figures and the page.")
    ] = Path("results/demo"),
    workers: Annotated[int | None, typer.Option(help="Processes; default: every core.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where finished work is kept.")] = None,
    seed: Annotated[int, typer.Option(help="Fixes everything that is drawn.")] = 0,
) -> None:
    """Evaluate real models on embedded photographs: tables, figures and a page in minutes."""
    from harness.run_command import show
    from harness.suite import make_suite

    from .demo import demo_probes
    from .gallery import contact_sheet

    suite = make_suite(
        "demo",
        {
            "name": "demo",
            "models": list(DEMO_MODELS),
            "datasets": ["demo", "demo-probes"],
            "protocols": ["correlation", "linear-probe", "sensitivity"],
            "seed": seed,
        },
    )
    contact_sheet(demo_probes(), out / "figures" / "contact_sheet.png")
    show(suite, out, workers=workers, cache=cache)
