"""``iqa-eval compare-images``: two versions of one picture, and what models say of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .images import Decoded
    from .model import ModelCard

_PATIENCE = 2.0  # seconds without a word


def compare_images(
    test: Annotated[Path, typer.Argument(help="The image that is judged.")],
    reference: Annotated[Path, typer.Argument(help="Another version of the same picture.")],
    model: Annotated[
        list[str], typer.Option("--model", "-m", help="A model that compares; repeat, or A,B.")
    ],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for one model.")] = None,
    model_option: Annotated[
        list[str] | None, typer.Option(help="MODEL.NAME=VALUE, where there are several.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("results/compare.html"),
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
) -> None:
    """Show what differs between two versions of one picture, and which one models call better.

    Writes one HTML file that needs no network. Models with distortion maps show where and what;
    those with pair scores say how much.
    """
    from .cli_options import names, options, options_of

    chosen = list(dict.fromkeys(names(model)))
    if not chosen:
        raise ValueError("--model: name at least one model")
    if option and len(chosen) > 1:
        raise ValueError("--option is for one model; write --model-option MODEL.NAME=VALUE")
    given = options_of("model", chosen, model_option)
    if option:
        given[chosen[0]] |= options(option)
    _require_writable(out, test, reference)
    # Before any model is loaded: what is wrong with the images is known in a moment.
    with _noted("reading the images"):
        images = _read(test, reference)
    with _noted("loading libraries"):
        from .alignment import misaligned
        from .judging import judge, require_comparing
        from .registry import load_model
        from .reports.compare_page import Pair, render
        from .reports.compare_words import summary

    if warned := misaligned(images[0].image, images[1].image):
        typer.echo(f"warning: {warned}", err=True)
    models: list[Any] = []
    for name in chosen:
        with _noted(f"loading {name}"):
            models.append(load_model(name, **given[name]))
        require_comparing(models[-1])
        _require_within(models[-1].card, images[0])
        if hasattr(models[-1], "to"):
            models[-1].to(device)
    pair = Pair(_title(test, reference), _title(reference, test), *images, warned or "")
    verdicts = []
    for name, loaded in zip(chosen, models, strict=True):
        with _noted(f"asking {name}"):
            verdicts.append(judge(loaded, pair.test.image, pair.reference.image))
    with _noted("drawing the page"):
        page = render(pair, verdicts)
    _write(out, page)
    for verdict in verdicts:
        typer.echo(f"{verdict.card.name}: {' '.join(summary(verdict))}")
    typer.echo(f"\nThe page: {out}")


@contextmanager
def _noted(doing: str) -> Iterator[None]:
    """Say what is being done once it has taken a while."""
    timer = Timer(_PATIENCE, typer.echo, (f"{doing} …",), {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _require_writable(out: Path, *images: Path) -> None:
    """Raise ValueError, before any work is done, for a page that cannot or must not be written."""
    if out.is_dir():
        raise ValueError(f"--out {out}: a folder; name a file, e.g. {out / 'compare.html'}")
    if out.resolve() in [image.resolve() for image in images]:
        raise ValueError(f"--out {out}: that is one of the images")


def _title(path: Path, other: Path) -> str:
    """The name of a file, with its folder where the other one has the same name."""
    return str(Path(path.parent.name, path.name)) if path.name == other.name else path.name


def _read(test: Path, reference: Path) -> tuple[Decoded, Decoded]:
    """Both images. Raises ValueError for an unreadable one and for sizes that do not match."""
    from .images import Failure, decode

    found = []
    for path in (test, reference):
        decoded = decode(path)
        if isinstance(decoded, Failure):
            raise ValueError(f"{path}: {decoded.reason}")
        for warning in decoded.warnings:
            typer.echo(f"warning: {path}: {warning}", err=True)
        found.append(decoded)
    sizes = [f"{one.image.shape[2]} × {one.image.shape[1]}" for one in found]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{test} is {sizes[0]} pixels, {reference} {sizes[1]}: two versions of one picture "
            "have one size"
        )
    return found[0], found[1]


def _require_within(card: ModelCard, decoded: Decoded) -> None:
    """Raise ValueError, with the model's name, for an image larger than it takes."""
    from .images import too_large

    height, width = decoded.image.shape[1:]
    if height * width > card.max_pixels:
        raise ValueError(f"{card.name}: {too_large(width, height)}")


def _write(out: Path, page: str) -> None:
    from .atomic import write_atomic

    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out, page.encode())
