"""``iqa-eval card``: what a model says of itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .model import ModelCard, TrainedOn

WIDTH = 98
TITLES = 18  # columns
NOT_STATED = "not stated"


def card(
    model: Annotated[str, typer.Argument(help="A model's name, e.g. pyiqa:psnr")],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, for the model.")] = None,
) -> None:
    """Show what a model is: its weights, what it was trained on, what it sees of an image."""
    from .cli_options import options
    from .model import Unavailable, operations
    from .registry import load_model, maker, option_names

    lacking = None
    try:
        loaded = load_model(model, **options(option))
        shown, offered = loaded.card, sorted(operations(loaded))
    except Unavailable as error:
        if error.card is None:
            raise
        shown, offered, lacking = error.card, None, str(error)
    takes = [name for name in option_names(maker(model)) if name != "device"]
    for line in card_lines(shown, offered, takes):
        typer.echo(line)
    if lacking is not None:
        typer.echo(f"\n{lacking}")


def card_lines(
    found: ModelCard, offered: Sequence[str] | None = None, takes: Sequence[str] = ()
) -> Iterator[str]:
    """The card ``found`` in lines of at most WIDTH columns, if no word is longer.

    ``offered`` are the operations of the model, None where they are not known; ``takes`` the
    options that it can be loaded with.
    """
    control = " (a control: shown, never ranked)" if found.control else ""
    yield f"{found.name}, version {found.version}{control}"
    if found.summary:
        yield from textwrap.wrap(found.summary, WIDTH)
    yield ""
    for title, lines in card_facts(found, offered, takes):
        for i, line in enumerate(lines):
            pad = " " * TITLES
            start = f"{title:<{TITLES}}" if i == 0 else pad
            yield from textwrap.wrap(
                line,
                WIDTH,
                initial_indent=start,
                subsequent_indent=f"{pad}  ",
                break_long_words=False,
                break_on_hyphens=False,
            )


def card_facts(
    found: ModelCard, offered: Sequence[str] | None = None, takes: Sequence[str] = ()
) -> Iterator[tuple[str, list[str]]]:
    """Titles, each with the lines beside it, of which there is at least one."""
    yield "mode", [found.mode]
    if offered is not None:
        yield "operations", [_list(offered, "none")]
    if takes:
        yield "takes", [_list(takes, "")]
    if found.options:
        yield "options", [_list((f"{k}={v}" for k, v in sorted(found.options.items())), "")]
    yield "paper", [found.paper or NOT_STATED]
    yield "license", [found.license]
    yield "weights", list(_weights(found)) or ["none" if offered is not None else "not here"]
    yield "trained on", _trained_on(found.trained_on)
    if found.trained_on != ():
        yield "  damaged by", [_list(found.trained_degradations, "none stated")]
        yield "  within masks", [_list(found.trained_masks, "none stated")]
    yield "sees", [found.coverage or NOT_STATED]
    yield "largest image", [f"{found.max_pixels:,} pixels"]
    if found.map_channels:
        yield "map channels", [_list(found.map_channels, "")]
    yield "batch-invariant", ["yes" if found.batch_invariant else "not promised"]
    yield "deterministic", ["yes" if found.deterministic else "no"]
    yield "precision", [found.precision]
    yield "requires", [_list(found.requires, "no library beyond those of every model")]


def _weights(found: ModelCard) -> Iterator[str]:
    for weights in found.weights:
        yield weights.name
        yield f"  SHA-256 {weights.sha256}"
        if weights.source:
            yield f"  from {weights.source}"
        yield f"  license: {weights.license}"


def _trained_on(seen: tuple[TrainedOn, ...] | None) -> list[str]:
    if seen is None:
        return ["unknown"]
    return [_seen(each) for each in seen] or ["nothing"]


def _seen(each: TrainedOn) -> str:
    part = "" if each.split == "all" else f" ({each.split})"
    return f"{each.component}: {each.role} of {each.dataset}{part}"


def _list(items: Iterable[str], nothing: str) -> str:
    return ", ".join(items) or nothing
