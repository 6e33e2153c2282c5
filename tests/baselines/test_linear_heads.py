"""Published regressors: their numbers, or one clear line, and nothing run."""

import copyreg
import gzip
import io
import os
import pickle
import pickletools
import random
import struct
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, Ridge

from baselines.linear_heads import LinearHead, read_ridge, read_torchscript

D = 4096


def fitted(dtype="float32", **options):
    """A real Ridge, fitted on 12 rows."""
    rng = np.random.default_rng(0)
    rows, scores = rng.normal(size=(12, D)).astype(dtype), rng.normal(50, 9, 12).astype(dtype)
    return Ridge(alpha=0.1, **options).fit(rows, scores)


def old(data):
    """A pickle with the names of modules that NumPy 1 used."""
    return data.replace(b"numpy._core", b"numpy.core")


RIDGE = old(pickle.dumps(fitted(), 3))


@pytest.fixture
def put(tmp_path):
    def write(data, name="a.save"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


class Regressor(torch.nn.Module):
    def __init__(self, weights, biases):
        super().__init__()
        self.weights, self.biases = torch.nn.Parameter(weights), torch.nn.Parameter(biases)

    def forward(self, features):
        return features @ self.weights.t() + self.biases


def script(weights, biases):
    """A TorchScript archive as ARNIQA's are."""
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
        torch.jit.save(torch.jit.script(Regressor(weights, biases)), file)
    return file.getvalue()


WEIGHTS, BIAS = torch.randn((1, D), generator=torch.Generator().manual_seed(0)), torch.tensor(50.5)
SCRIPT = script(WEIGHTS, BIAS)


def refusal(read, path):
    """The words of the one line that refuses ``path``."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read(path)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert text.isprintable()
    assert len(text) < len(str(path)) + 260
    assert text.startswith(f"regressor {path}: ")
    return text


# --- what a head computes ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(D,), (1, D), (7, D), (3, 5, D), (0, D)])
def test_a_head_is_the_product_in_float64(shape):
    head = LinearHead(WEIGHTS[0].double(), 2.5)
    features = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    scores = head(features)
    expected = features.numpy().astype(np.longdouble) @ WEIGHTS[0].numpy().astype(np.longdouble)
    assert scores.dtype == torch.float64
    assert scores.shape == shape[:-1]
    np.testing.assert_allclose(scores.numpy(), (expected + 2.5).astype(float), rtol=0, atol=1e-11)


def test_a_batch_changes_no_bit():
    head = LinearHead(WEIGHTS[0].double(), 0.1)
    features = torch.randn((67, 5, D), generator=torch.Generator().manual_seed(1))
    scores = head(features)
    alone = torch.stack([torch.stack([head(view) for view in image]) for image in features])
    assert torch.equal(scores, alone)
    assert torch.equal(scores, head(features.flip(0)).flip(0))
    assert torch.equal(scores, head(features.permute(2, 1, 0).contiguous().permute(2, 1, 0)))


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=33))
def test_any_number_of_terms_is_added(values):
    head = LinearHead(torch.ones(len(values), dtype=torch.float64), 1.0)
    scores = head(torch.tensor([values]))
    assert scores.item() == pytest.approx(1 + sum(map(float, values)), abs=1e-6)


@pytest.mark.parametrize("shape", [(2, 1), (2, D + 1), ()])
def test_features_of_another_size_are_refused(shape):
    with pytest.raises(ValueError, match="do not end in 4096 values"):
        LinearHead(WEIGHTS[0].double(), 0.0)(torch.zeros(shape))


# --- Ridge ------------------------------------------------------------------------------------


def predicts(path, ridge):
    """Whether the head at ``path`` holds the very numbers of ``ridge`` and predicts the same."""
    head = read_ridge(path)
    features = np.random.default_rng(3).normal(size=(4, D)).astype("float32")
    np.testing.assert_array_equal(head.weight.numpy(), np.ravel(ridge.coef_).astype(float))
    assert head.bias == float(np.ravel(ridge.intercept_)[0])
    assert head.weight.dtype == torch.float64
    exact = features.astype(float) @ np.ravel(ridge.coef_).astype(float) + head.bias
    np.testing.assert_allclose(head(torch.from_numpy(features)), exact, rtol=1e-12)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("age", [old, bytes])
def test_a_pickled_ridge(put, protocol, dtype, age):
    ridge = fitted(dtype)
    data = pickle.dumps(ridge, protocol)
    predicts(put(age(data) if protocol == 3 else data), ridge)


def test_the_attributes_of_scikit_learn_1_0(put):
    ridge = fitted()
    vars(ridge).update(normalize="deprecated", max_iter=None, n_iter_=None, tol=1e-3)
    del ridge.positive, ridge.solver_
    data = old(pickle.dumps(ridge, 3).replace(b"1.9.1", b"1.0.1"))
    assert data.startswith(b"\x80\x03csklearn.linear_model._ridge\nRidge\n")
    predicts(put(data), ridge)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: {"coef_": r.coef_[None], "intercept_": np.array([r.intercept_])},
        lambda r: {"coef_": np.asfortranarray(r.coef_[None]), "intercept_": np.array(3.5)},
        lambda r: {"coef_": r.coef_.astype(">f4"), "intercept_": 0.0},
        lambda r: {"coef_": r.coef_.astype(">f8"), "intercept_": np.float64(-1.5)},
    ],
)
def test_other_forms_of_the_same_arrays(put, change):
    ridge = fitted()
    vars(ridge).update(change(ridge))
    predicts(put(pickle.dumps(ridge, 3)), ridge)


def test_no_unpickler_and_nothing_of_numpy_is_called(put, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("called")

    path = put(RIDGE)
    for module, names in (
        (pickle, ("load", "loads", "Unpickler", "_Unpickler")),
        (np._core.multiarray, ("_reconstruct", "scalar")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, forbidden)
    assert read_ridge(path).weight.shape == (D,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coef_": np.ones(2048, "f4")}, "coef_ has another shape"),
        ({"coef_": np.ones((2, D), "f4")}, "coef_ has another shape"),
        ({"coef_": np.ones((D, 1), "f4")}, "coef_ has another shape"),
        ({"coef_": np.float32(1)}, "coef_ has another shape"),
        ({"coef_": np.ones(D, "i4")}, "neither float32 nor float64"),
        ({"coef_": np.ones(D, "f2")}, "neither float32 nor float64"),
        ({"coef_": "text"}, "coef_ is no array"),
        ({"intercept_": np.ones(2)}, "intercept_ has another shape"),
        ({"intercept_": 1}, "intercept_ is no array"),
        ({"intercept_": float("nan")}, "not finite"),
        ({"coef_": np.full(D, np.inf, "f4")}, "not finite"),
    ],
)
def test_other_arrays_are_refused(put, change, words):
    ridge = fitted()
    vars(ridge).update(change)
    assert words in refusal(read_ridge, put(pickle.dumps(ridge, 3)))


def test_a_shape_that_its_bytes_do_not_fill_is_refused(put):
    short = RIDGE.replace(b"B\x00\x40\x00\x00", b"B\xfc\x3f\x00\x00")  # 16,384 to 16,380
    start = short.index(b"B\xfc\x3f\x00\x00") + 5
    short = short[:start] + short[start + 4 :]
    assert "another shape" in refusal(read_ridge, put(short))


def test_what_is_no_ridge_is_one_clear_line(put, tmp_path):
    lasso = Lasso().fit(np.eye(3), [1.0, 2.0, 3.0])
    joblib.dump(fitted(), tmp_path / "a.joblib", protocol=3)
    joblib.dump(fitted(), tmp_path / "z.joblib", compress=3)
    zipped = put(SCRIPT, "script.pth")
    cases = {
        put(b"", "empty"): "it is empty",
        put(b"<html>no</html>", "page"): "it is a web page",
        tmp_path / "absent": "no such file",
        tmp_path: "is a folder",
        zipped: "no pickle of protocol 3 or 4",
        put(gzip.compress(RIDGE), "gz"): "or is compressed",
        tmp_path / "z.joblib": "or is compressed",
        tmp_path / "a.joblib": "is a file of joblib",
        put(pickle.dumps(fitted(), 2), "two"): "no pickle of protocol 3 or 4",
        put(pickle.dumps(lasso, 3), "lasso"): "holds code ('sklearn.linear_model._coordinate",
        put(pickle.dumps(Ridge(), 3), "unfitted"): "no fitted scikit-learn Ridge",
        put(pickle.dumps({"coef_": 1.0}, 3), "dict"): "no fitted scikit-learn Ridge",
        put(pickle.dumps(np.ones(D), 3), "array"): "no fitted scikit-learn Ridge",
        put(RIDGE + b"\0" * 7, "longer"): "7 bytes follow its end",
        put(bytes(10**6), "big"): "a whole checkpoint?",
    }
    for path, words in cases.items():
        assert words in refusal(read_ridge, path), path


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_cut_and_damaged_ridges_are_refused_or_read(put):
    ends = {*range(0, len(RIDGE), 911), *range(0, 600, 3), *range(len(RIDGE) - 99, len(RIDGE))}
    for end in sorted(ends):
        refusal(read_ridge, put(RIDGE[:end]))
    read = damage(RIDGE, read_ridge, put, [*range(500), *range(len(RIDGE) - 300, len(RIDGE))])
    assert read


def damage(data, read, put, places):
    """How many of 300 damaged copies are read as a sound head; all others must be refused."""
    draw = random.Random(0)
    count = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.choice(places)] = draw.randrange(256)
        path = put(bytes(damaged))
        try:
            head = read(path)
        except ValueError:
            refusal(read, path)
        else:
            assert head.weight.shape == (D,)
            assert head.weight.isfinite().all()
            assert np.isfinite(head.bias)
            count += 1
    return count


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([op.code.encode("latin1") for op in pickletools.opcodes])
        | st.binary(max_size=4),
        max_size=30,
    )
)
def test_operations_in_any_order_are_refused(put, operations):
    refusal(read_ridge, put(b"\x80\x03" + b"".join(operations) + b"."))


# --- what would run, or fill the memory -------------------------------------------------------


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
    """Pickles that make the file ``marker`` as they are unpickled, most inside a sound Ridge."""
    touch = f"__import__('pathlib').Path({str(marker)!r}).touch()"

    def within(value):
        ridge = fitted()
        ridge.solver = value
        return old(pickle.dumps(ridge, 3))

    system = Reduced(os.system, f"touch '{marker}'")
    path = f"X{chr(len(str(marker)))}\0\0\0{marker}".encode()
    return {
        "os.system": within(system),
        "alone": pickle.dumps(system, 3),
        "protocol 4": pickle.dumps(system, 4),
        "eval": within(Reduced(eval, touch)),
        "getattr": within(Reduced(Path.touch, Path(marker))),
        "setstate": within(Stateful(system)),
        "nested": within([{"a": (system,)}]),
        "after": RIDGE[:-1] + b"cos\nmknod\n" + path + b"\x85R0.",
        "instance": b"\x80\x03(" + path + b"ios\nmknod\n.",
        "object": b"\x80\x03(cos\nmknod\n" + path + b"o.",
        "new": b"\x80\x03cos\nmknod\n" + path + b"\x85R.",
    }


@pytest.mark.parametrize("name", attacks(""))
def test_code_in_a_ridge_is_never_run(put, tmp_path, name):
    marker = tmp_path / "made"
    data = attacks(marker)[name]
    refusal(read_ridge, put(data))
    assert not marker.exists()
    pickle.loads(data)
    assert marker.exists()


def test_extension_codes_and_persistent_ids_are_refused(put, tmp_path, monkeypatch):
    marker = tmp_path / "made"
    path = f"X{chr(len(str(marker)))}\0\0\0{marker}".encode()
    monkeypatch.setitem(copyreg._extension_registry, (os.mknod.__module__, "mknod"), 240)
    monkeypatch.setitem(copyreg._inverted_registry, 240, (os.mknod.__module__, "mknod"))
    monkeypatch.setitem(copyreg._extension_cache, 240, os.mknod)
    for data in (
        b"\x80\x03\x82\xf0" + path + b"\x85R.",
        b"\x80\x03" + path + b"Q.",
        b"\x80\x03Pa\n.",
    ):
        assert "asks for" in refusal(read_ridge, put(data))
    assert not marker.exists()


GLOBAL = b"csklearn.linear_model._ridge\nRidge\n"


BOMBS = {
    "a huge index": b"Nr\xff\xff\xff\xff.",
    "a huge count": b"\x8e" + b"\xff" * 7 + b"\x0f.",
    "a huge frame": b"\x95" + b"\xff" * 7 + b"\x0f.",
    "a deep tuple": b")" + b"\x85" * 120_000 + b".",
    "a deep tuple as a key": b"})" + b"\x85" * 120_000 + b"Ns.",
    "a deep tuple in a state": GLOBAL + b")\x81)" + b"\x85" * 120_000 + b"b.",
    "many dicts": b"}" * 260_000 + b".",
    "many marks": b"(" * 260_000 + b".",
    "doubled tuples": b")" + b"q\0h\0\x86" * 50_000 + b".",
    "a long number": b"\x8b\x00\xff\x03\x00" + b"\x7f" * 261_888 + b".",
    "digits": b"L" + b"9" * 260_000 + b"L\n.",
    "a cycle": GLOBAL + b")\x81q\0}X\1\0\0\0ah\0sb.",
    "a class as its own state": GLOBAL + b"q\0h\0b.",
    "state twice": GLOBAL + b")\x81}b}b.",
    "a call of a result": GLOBAL + b")R)R.",
    "a name in two parts": b"csklearn.linear_model._ridge\nRidge.fit\n.",
    "a name that is no text": b"NN\x93.",
    "half a text": b"X\4\0\0\0\xed\xa0\x80\xed.",
    "an odd item": b"}(Nu.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(put, name):
    refusal(read_ridge, put(b"\x80\x04" + BOMBS[name]))


# --- TorchScript ------------------------------------------------------------------------------


def entries(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def zipped(content, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_a_torchscript_regressor(put, monkeypatch):
    monkeypatch.delattr(torch.jit, "load")
    head = read_torchscript(put(SCRIPT))
    assert torch.equal(head.weight, WEIGHTS[0].double())
    assert head.bias == 50.5
    features = torch.randn((3, D), generator=torch.Generator().manual_seed(1))
    expected = features.double() @ WEIGHTS.double().T + 50.5
    torch.testing.assert_close(head(features), expected[:, 0], rtol=1e-12, atol=1e-12)


def test_tensors_are_told_by_their_size_alone(put):
    """Neither the program nor the order of entries is looked at; a byte order may be absent."""
    content = {k: v for k, v in entries(SCRIPT).items() if not k.endswith("byteorder")}
    content = {k: b"?" if "code" in k or k.endswith(".pkl") else v for k, v in content.items()}
    content |= {"a/constants/0": bytes(16_384), "a/constants/1": bytes(4)}
    head = read_torchscript(put(zipped(dict(reversed(content.items())))))
    assert torch.equal(head.weight, WEIGHTS[0].double())
    assert head.bias == 50.5


def changed(**changes):
    """SCRIPT with entries added, or changed, by the end of their names."""
    content = entries(SCRIPT)
    root = next(iter(content)).partition("/")[0]
    return zipped(content | {f"{root}/{k.replace('__', '/')}": v for k, v in changes.items()})


def test_what_is_no_regressor_is_one_clear_line(put, tmp_path):
    checkpoint = io.BytesIO()
    torch.save({"a": torch.ones(D), "b": torch.ones(())}, checkpoint)
    nan = np.full(D, np.nan, "<f4").tobytes()
    cases = {
        put(b"", "empty"): "it is empty",
        put(b"<html>no</html>", "page"): "it is a web page",
        tmp_path / "absent": "no such file",
        tmp_path: "is a folder",
        put(RIDGE, "ridge"): "is no TorchScript archive",
        put(checkpoint.getvalue(), "checkpoint"): "is no TorchScript archive",
        put(SCRIPT[: len(SCRIPT) // 2], "cut"): "cut short or damaged",
        put(bytes(10**6), "big"): "a whole checkpoint?",
        put(script(WEIGHTS[:, :8].clone(), BIAS), "small"): "holds tensors of [4, 32] bytes",
        put(script(WEIGHTS.double(), BIAS), "double"): "holds tensors of [4, 32768] bytes",
        put(script(WEIGHTS, torch.ones(2)), "two"): "holds tensors of [8, 16384] bytes",
        put(changed(data__2=bytes(4)), "three"): "holds tensors of [4, 4, 16384] bytes",
        put(changed(byteorder=b"big"), "big"): "little-endian",
        put(changed(byteorder=b"bigger"), "bigger"): "little-endian",
        put(changed(data__0=nan), "nan"): "not finite",
        put(changed(data__1=nan[:4]), "nan4"): "not finite",
        put(zipped(entries(SCRIPT), zipfile.ZIP_DEFLATED), "deflated"): "is compressed",
        put(zipped(entries(SCRIPT), zipfile.ZIP_LZMA), "lzma"): "is compressed",
        put(b"PK", "end"): "cut short or damaged",
    }
    for path, words in cases.items():
        assert words in refusal(read_torchscript, path), path


def test_a_size_that_an_archive_only_claims_is_refused(put):
    """The directory says 16,384 bytes; fewer are there."""
    content = entries(SCRIPT)
    name = next(k for k, v in content.items() if len(v) == 4 * D)
    data = bytearray(zipped(content | {name: b"abcd"}))
    record = data.index(b"PK\x01\x02")
    while data[record + 46 : record + 46 + len(name)] != name.encode():
        record = data.index(b"PK\x01\x02", record + 4)
    struct.pack_into("<I", data, record + 24, 4 * D)
    refusal(read_torchscript, put(bytes(data)))


def test_cut_and_damaged_archives_are_refused_or_read(put):
    for end in [*range(0, len(SCRIPT), 397), *range(len(SCRIPT) - 60, len(SCRIPT))]:
        refusal(read_torchscript, put(SCRIPT[:end]))
    assert damage(SCRIPT, read_torchscript, put, range(16_600, len(SCRIPT)))
    assert damage(SCRIPT, read_torchscript, put, range(0, 16_600)) < 20
