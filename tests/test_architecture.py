"""The arrows of the design: who may import whom, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("harness", "probes", "baselines")

# From each package to what of the others it may import.
ARROWS = {
    "harness": (),
    "probes": ("harness",),
    "baselines": (
        *("harness.model", "harness.sample", "harness.weights", "harness.file_hashes"),
        # Pretraining is no adapter: it reads photographs, keeps files and draws its loss.
        *("harness.images", "harness.image_files", "harness.atomic", "harness.canonical"),
        "harness.registry",
        "harness.reports.style",
        *("harness.datasets", "harness.fit_head"),  # a checkpoint is shipped with a head
        *("probes.degradations", "probes.masks"),
    ),
}


def imports(path: Path, package: str) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import in a file, relative ones resolved."""
    here = [package, *path.relative_to(ROOT / package).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*here[: -node.level]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # "from package import module" names the module, too.
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            (name, *_) = node.args
            if isinstance(name, ast.Constant) and not name.value.startswith("."):
                yield node.lineno, name.value


def allowed(name: str, package: str) -> bool:
    first = name.partition(".")[0]
    if first not in OURS or first == package:
        return True
    return any(name == to or name.startswith(f"{to}.") for to in ARROWS[package])


@pytest.mark.parametrize("package", OURS)
def test_arrows_run_one_way(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files
        for line, name in imports(path, package)
        if not allowed(name, package)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import probes.masks as m, os", ["probes.masks", "os"]),
        ("from probes import masks", ["probes.masks"]),
        ("from ..baselines import pyiqa", ["harness.baselines.pyiqa"]),
        ("from . import x\nfrom .x import y", ["harness.sub.x", "harness.sub.x.y"]),
        ("def f():\n    from baselines.nss import F", ["baselines.nss.F"]),
        ("importlib.import_module('probes.demo')", ["probes.demo"]),
    ],
)
def test_imports_of_every_form_are_seen(source, names, monkeypatch, tmp_path):
    monkeypatch.setattr("tests.test_architecture.ROOT", tmp_path)
    path = tmp_path / "harness" / "sub" / "module.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert [name for _, name in imports(path, "harness")] == names


def test_what_is_forbidden_is_found():
    assert not allowed("probes.masks", "harness")
    assert not allowed("baselines.nss.FAMILY", "harness")
    assert not allowed("baselines.nss", "probes")
    assert not allowed("harness.store.Store", "baselines")
    assert not allowed("probes.demo", "baselines")
    assert allowed("harness.model.ModelCard", "baselines")
    assert allowed("harness.store", "probes")
    assert allowed("torch", "harness")


def test_the_engine_names_no_model_of_ours():
    """A model is reached by entry point alone: no module of the engine speaks of one."""
    prefixes = ("pyiqa:", "timm:", "nss:", "control:", "scores:")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for path in sorted((ROOT / "harness").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(prefixes)
    ]
    assert not found
