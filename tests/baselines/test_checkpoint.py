"""Checkpoints of strangers: the right tensors, or one clear line, and nothing run."""

import os
import pickle
import random
import warnings
import zipfile
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18, resnet50

from baselines.checkpoint import ARNIQA, CONTRIQUE, REIQA, resnet50_state
from baselines.state_dict import read_state_dict

LAYOUTS = {layout.model: layout for layout in (CONTRIQUE, REIQA, ARNIQA)}
POSITION = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
HEADS = {
    "contrique": {
        "projector.0.weight": (8, 8),
        "projector.1.bias": (8,),
        "projector.3.weight": (1, 8),
    },
    "reiqa": {"head.0.weight": (8, 8), "head.2.weight": (1, 8), "head.2.bias": (1,)},
    "arniqa": {"projector.0.bias": (8,), "projector.2.weight": (1, 8), "projector.2.bias": (1,)},
}


def file_name(model, name, prefix=None):
    """How the official file of a model calls the tensor that torchvision calls ``name``."""
    if model == "reiqa":
        return f"{prefix or 'encoder.'}{name}"
    layer, _, rest = name.partition(".")
    return (
        f"{prefix or {'contrique': 'encoder.', 'arniqa': 'model.'}[model]}{POSITION[layer]}.{rest}"
    )


def constants():
    """A ResNet-50 without fc in which every tensor is one number of its own, a few bytes each."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in resnet50().state_dict().items() if k[:3] != "fc."}
    return {
        name: torch.tensor(i) if not shape else torch.tensor([i + 0.5]).expand(shape)
        for i, (name, shape) in enumerate(shapes.items())
    }


def twin(model, prefix=None, head=True):
    """The state dict of an official file, with the tensors of ``constants``."""
    state = {file_name(model, name, prefix): value for name, value in constants().items()}
    return state | ({k: torch.zeros(shape) for k, shape in HEADS[model].items()} if head else {})


@pytest.fixture
def saved(tmp_path):
    def save(content, name="file.pth", legacy=False):
        torch.save(content, tmp_path / name, _use_new_zipfile_serialization=not legacy)
        return tmp_path / name

    return save


def refusal(path, read=read_state_dict, *args):
    """The words of the one line that refuses ``path``."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read(path, *args)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert text.isprintable()
    assert len(text) < len(str(path)) + 260
    assert text.startswith(f"weights {path}: ")
    return text


def same(state, expected):
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert torch.equal(state[name], value), name
        assert state[name].dtype == value.dtype


# --- the right tensors ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A ResNet-50 with random weights, and a file of it in the container of Re-IQA."""
    torch.manual_seed(0)
    net = resnet50()
    net.fc = torch.nn.Identity()
    state = {f"module.encoder.{name}": value for name, value in net.state_dict().items()}
    head = {"module.head.0.weight": torch.ones(3), "module.head.2.weight": torch.ones(3)}
    path = tmp_path_factory.mktemp("whole") / "quality_aware_r50.pth"
    torch.save({"model": state | head, "epoch": 40, "model_ema": {"x": torch.zeros(2**24)}}, path)
    yield net, path
    path.unlink()


def test_a_whole_network_comes_back_bit_for_bit_and_loads_strictly(whole):
    net, path = whole
    before = torch.get_rng_state()
    state = resnet50_state(path, REIQA)
    assert torch.equal(torch.get_rng_state(), before)
    same(state, net.state_dict())
    copy = resnet50()
    copy.fc = torch.nn.Identity()
    copy.load_state_dict(state, strict=True)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_what_is_not_asked_for_is_not_read_into_memory(whole):
    def resident():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    state = read_state_dict(whole[1])
    assert resident() - before < 20e6 < whole[1].stat().st_size / 8
    assert len(state) == 320


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("model", LAYOUTS)
def test_every_layout_under_torchvisions_names(saved, model, legacy):
    path = saved(twin(model), legacy=legacy)
    same(resnet50_state(path, LAYOUTS[model]), constants())


@pytest.mark.parametrize("legacy", [False, True])
def test_every_container_and_nothing_beside_the_state_dict(saved, legacy):
    state = {"encoder.0.weight": torch.ones(3), "encoder.1.bias": torch.arange(2)}
    other = {k: v + 1 for k, v in state.items()}
    some = {"module.encoder.0.weight": torch.ones(3), "encoder.1.bias": torch.arange(2)}
    parallel = {f"module.{k}": v for k, v in state.items()}
    training = {"optimizer": {"state": {0: torch.ones(3)}}, "epoch": 3, "scaler": {"scale": 2.0}}
    contents = (
        state,
        parallel,
        some,
        state | {"optimizer": {"lr": 1.0}, "epoch": 3},
        {"model": parallel, "model_ema": other, **training},
        {"model_ema": other, "state_dict": state, **training},
        {"model_state_dict": some, "optimizer_state_dict": {}, "config": {"a": [1, "b"]}},
    )
    for content in contents:
        same(read_state_dict(saved(content, legacy=legacy)), state)


def test_a_safetensors_file(tmp_path):
    state = {f"module.{k}": v.contiguous() for k, v in twin("contrique").items()}
    save_file(state, tmp_path / "a.safetensors")
    same(resnet50_state(tmp_path / "a.safetensors", CONTRIQUE), constants())


def test_an_encoder_without_its_head(saved):
    for model, layout in LAYOUTS.items():
        same(resnet50_state(saved(twin(model, head=False)), layout), constants())


def test_the_other_prefix_of_arniqa(saved):
    path = saved({"model_state_dict": twin("arniqa", "encoder.")})
    same(resnet50_state(path, ARNIQA), constants())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(saved, dtype):
    state = {k: v.to(dtype) for k, v in twin("contrique").items()}
    # Whole numbers and halves below 512: bfloat16 rounds, float16 does not.
    expected = {k: v.to(dtype).to(v.dtype) for k, v in constants().items()}
    same(resnet50_state(saved(state), CONTRIQUE), expected)


def test_counters_may_be_absent(saved):
    state = {k: v for k, v in twin("reiqa").items() if "num_batches" not in k}
    found = resnet50_state(saved(state), REIQA)
    assert len(found) == 318
    assert found["layer4.2.bn3.num_batches_tracked"].item() == 0
    assert found["layer4.2.bn3.num_batches_tracked"].dtype == torch.int64


def test_parameters_come_without_gradients(saved):
    state = {k: torch.nn.Parameter(v, v.is_floating_point()) for k, v in twin("reiqa").items()}
    assert not any(v.requires_grad for v in resnet50_state(saved(state), REIQA).values())


# --- the wrong ones ---------------------------------------------------------------------------


def changed(**changes):
    """The twin of CONTRIQUE with some of its encoder's tensors changed, None: left out."""
    state = twin("contrique") | {f"encoder.{k.replace('_', '.')}": v for k, v in changes.items()}
    return {k: v for k, v in state.items() if v is not None}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (changed(**{"0_weight": None}), "missing: 'encoder.0.weight'"),
        (changed(**{"1_bias": None, "1_weight": None}), "missing: 'encoder.1.weight' and 1 more"),
        (changed(**{"9_bias": torch.ones(2)}), "unknown: 'encoder.9.bias'"),
        (changed(**{"1_bias": torch.ones(65)}), "of another shape: 'encoder.1.bias'"),
        (changed(**{"1_bias": torch.ones(64).int()}), "not floats: 'encoder.1.bias'"),
        (changed(**{"1_bias": torch.ones(64).cfloat()}), "not floats: 'encoder.1.bias'"),
        (changed(**{"1_bias": torch.full((64,), torch.nan)}), "not finite: 'encoder.1.bias'"),
        (changed(**{"1_bias": torch.full((64,), torch.inf)}), "not finite: 'encoder.1.bias'"),
        (changed(**{"1_bias": torch.ones(64).double() * 1e39}), "not finite"),
        (changed(**{"1_bias": torch.ones(64, device="meta")}), "without plain values"),
        (changed(**{"1_bias": torch.ones(64).to_sparse()}), "without plain values"),
        (twin("contrique") | {"module.encoder.0.weight": torch.ones(1)}, "there twice"),
        (
            {k: v for k, v in twin("contrique").items() if "3." not in k},
            "its tensors are 'encoder.0",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(saved, state, words):
    assert words in refusal(saved(state), resnet50_state, CONTRIQUE)


@pytest.mark.parametrize("model", LAYOUTS)
def test_a_file_of_another_model_is_named(saved, model):
    path = saved(twin(model))
    for other in LAYOUTS.keys() - {model}:
        text = refusal(path, resnet50_state, LAYOUTS[other])
        assert text.endswith(f"not a checkpoint of {other}: it is one of {model}")


def test_a_head_tells_models_apart_that_name_the_encoder_alike(saved):
    text = refusal(saved(twin("arniqa", "encoder.")), resnet50_state, CONTRIQUE)
    assert text.endswith("it is one of arniqa")


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_other_networks_are_refused(saved, layout):
    with torch.device("meta"):
        shapes = resnet18().state_dict()
    vit = timm.create_model("test_vit").state_dict()
    bare = {f"encoder.{k}": torch.zeros(()).expand(v.shape) for k, v in shapes.items()}
    assert "its tensors are 'conv1.weight'" in refusal(saved(constants()), resnet50_state, layout)
    assert "its tensors are 'cls_token'" in refusal(saved(vit), resnet50_state, layout)
    assert "not a checkpoint of" in refusal(saved(bare), resnet50_state, layout)


# --- what cannot be read ----------------------------------------------------------------------


def test_what_is_no_checkpoint_is_one_clear_line(tmp_path, saved):
    def written(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    page = b"\xef\xbb\xbf\n<!DOCTYPE html><html>Quota exceeded</html>"
    small = twin("reiqa", head=False)
    data = saved(small).read_bytes()
    with zipfile.ZipFile(tmp_path / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("file/data.pkl", b"\x80\x02}.")
    cases = {
        tmp_path / "absent.pth": "no such file",
        tmp_path / ("x" * 300): "cannot be read: File name too long",
        tmp_path: "is a folder",
        written("empty.pth", b""): "it is empty",
        written("page.pth", page): "it is a web page",
        written("page.safetensors", page): "it is a web page",
        written("text.pth", b"eno weights here"): "it is no file that torch.save has written",
        written(
            "odd.pth", b"\x80\x02eno weights here"
        ): "cannot be read as a state dict: it is damaged",
        written("text.safetensors", b"no weights here"): "cannot be read as a state dict",
        written("cut.pth", data[:-30]): "cut short or damaged",
        written("middle.pth", data[: len(data) // 2]): "cut short or damaged",
        tmp_path / "deflated.pth": "it is compressed",
        saved({"epoch": 3, 4: torch.ones(3)}, "none.pth"): "it holds no state dict",
        saved([torch.ones(3)], "list.pth"): "it holds no state dict",
        saved(torch.ones(3), "tensor.pth"): "it holds no state dict",
        saved({"model": {}, "x": torch.ones(3)}, "inner.pth"): "it holds no state dict",
        saved({"model_ema": small}, "ema.pth"): "it holds no state dict",
    }
    for path, words in cases.items():
        assert words in refusal(path), path


def test_a_header_that_looks_like_markup_is_no_page(tmp_path):
    """The length 0x3c20 of a header reads " <" as text."""
    metadata, tensors = {"pad": ""}, {"x": torch.ones(1)}
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, metadata)
    metadata["pad"] = "x" * (0x3C20 - int.from_bytes(path.read_bytes()[:8], "little"))
    save_file(tensors, path, metadata)
    assert path.read_bytes()[:2] == b" <"
    same(read_state_dict(path), tensors)


def test_a_torchscript_archive_is_refused(tmp_path):
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), tmp_path / "script.pth")
    assert "it is a TorchScript program" in refusal(tmp_path / "script.pth")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_cut_and_damaged_files_are_refused_or_read(tmp_path, kind):
    content = {"encoder.0.weight": torch.arange(40.0), "encoder.1.bias": torch.ones(3)}
    path = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    if kind == "safetensors":
        save_file(content, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    data = path.read_bytes()
    for end in [*range(0, len(data), 29), len(data) - 1]:
        path.write_bytes(data[:end])
        refusal(path)
    draw = random.Random(0)
    read = 0
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            read += bool(read_state_dict(path))
        except ValueError:
            refusal(path)
    assert 0 < read < 150


# --- what would run ---------------------------------------------------------------------------


class Reduced:
    """Unpickles to a call of ``function``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Stateful:
    """An object whose state holds another."""

    def __init__(self, inner):
        self.inner = inner

    def __setstate__(self, state):
        self.inner = state["inner"]


def attacks(marker):
    """Objects that make the file ``marker`` as they are unpickled."""
    touch = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    return {
        "os.system": Reduced(os.system, f"touch '{marker}'"),
        "eval": Reduced(eval, touch),
        "exec": Reduced(exec, touch),
        "method": Reduced(Path.touch, Path(marker)),  # pickled as getattr(Path, "touch")
        "setstate": Stateful(Reduced(os.system, f"touch '{marker}'")),
        "nested": [torch.ones(2), {"a": (Reduced(os.mknod, str(marker)),)}],
    }


def raw_attacks(marker):
    """Pickles of protocol 2 that do the same, and one of a persistent id, by hand."""
    path = f"X{chr(len(str(marker)))}\0\0\0{marker}".encode()
    touch = b"cpathlib\nPath\n" + path + b"\x85R"
    return {
        "getattr": b"\x80\x02cbuiltins\ngetattr\n" + touch + b"X\5\0\0\0touch\x86R)R.",
        "persistent id": b"\x80\x02(X\7\0\0\0storagecos\nmknod\n" + path + b"tQ.",
        "instance": b"\x80\x02(" + path + b"ios\nmknod\n.",
        "object": b"\x80\x02(cos\nmknod\n" + path + b"o.",
    }


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", attacks(""))
def test_code_in_a_checkpoint_is_never_run(saved, tmp_path, name, legacy):
    marker = tmp_path / "made"
    content = {"state_dict": {"a": torch.ones(3)}, "epoch": attacks(marker)[name]}
    path = saved(content, legacy=legacy)
    assert "it holds code" in refusal(path)
    assert "it holds code" in refusal(path, resnet50_state, REIQA)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", raw_attacks(""))
def test_code_in_a_pickle_made_by_hand_is_never_run(tmp_path, name, zipped):
    marker, path = tmp_path / "made", tmp_path / "file.pth"
    data = raw_attacks(marker)[name]
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("file/data.pkl", data)
            archive.writestr("file/version", "3\n")
    else:
        path.write_bytes(data)
    refusal(path)
    assert not marker.exists()
    if name != "persistent id":
        pickle.loads(data)
        assert marker.exists()
