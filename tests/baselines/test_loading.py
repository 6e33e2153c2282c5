"""Loading without the network, and the helpers that the adapters share."""

import contextlib
import logging
import socket
import subprocess
import sys
import threading
import warnings

import pytest
import torch

from baselines.loading import (
    closest,
    only_what_is_here,
    refuse,
    tensors_sha256,
    usable_device,
)
from harness.model import Unavailable


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(port):
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_families_import_without_heavy_libraries():
    names = ("pyiqa", "timm_backbone", "nss", "controls", "scores_file")
    code = (
        f"import importlib, sys; [importlib.import_module('baselines.' + n) for n in {names}]; "
        "assert not {'torch', 'timm', 'pyiqa', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_connection_becomes_unavailable_and_is_allowed_again_afterwards(port):
    with pytest.raises(Unavailable) as caught, only_what_is_here("family:name", "fetch it"):
        connect(port)
    assert caught.value.command == "fetch it"
    assert "family:name" in caught.value.reason
    connect(port)


def test_a_library_that_retries_every_exception_does_not_swallow_it(port):
    tries = []

    def stubborn():
        for _ in range(3):
            with contextlib.suppress(Exception):
                tries.append(1)
                connect(port)

    with pytest.raises(Unavailable), only_what_is_here("m", "c"):
        stubborn()
    assert len(tries) == 1


def test_other_threads_keep_their_connections(port):
    errors = []

    def elsewhere():
        try:
            connect(port)
        except BaseException as error:
            errors.append(error)

    with only_what_is_here("m", "c"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert not errors


def test_hub_files_that_are_not_cached_are_unavailable(tmp_path):
    from huggingface_hub import constants, hf_hub_download

    before = constants.HF_HUB_OFFLINE
    with pytest.raises(Unavailable), only_what_is_here("m", "c"):
        hf_hub_download("nobody/nothing", "model.bin", cache_dir=tmp_path)
    assert before == constants.HF_HUB_OFFLINE


def test_missing_modules_are_unavailable_with_their_command():
    with pytest.raises(Unavailable, match="pip install no_such"), only_what_is_here("m", "c"):
        import no_such.part  # noqa: F401


def test_other_errors_pass():
    with pytest.raises(KeyError), only_what_is_here("m", "c"):
        raise KeyError("a bug")


def test_loading_is_silent_and_leaves_logging_as_it_was(capfd):
    with only_what_is_here("m", "c"):
        print("downloading")
        print("progress", file=sys.stderr)
        logging.getLogger("noisy").error("created")
        warnings.warn("deprecated", stacklevel=1)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("noisy").isEnabledFor(logging.ERROR)


def test_closest_names():
    assert closest("psnrr", ["psnr", "ssim"]) == "did you mean psnr?"
    assert closest("qqqq", ["psnr", "ssim"]) == "no name is like it"


def test_refuse_names_the_option_and_those_that_exist():
    refuse("m", {}, ("seed",))
    with pytest.raises(ValueError, match=r"^m: unknown option 'sed'; options: device, seed$"):
        refuse("m", {"sed": 1}, ("seed", "device"))


def test_devices():
    assert usable_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="device 'abacus' cannot be used here") as caught:
        usable_device("abacus")
    assert "\n" not in str(caught.value)


def test_tensor_hash_sees_names_types_shapes_and_values_but_not_order():
    a, b = torch.arange(4.0), torch.tensor(3, dtype=torch.bfloat16)
    base = tensors_sha256({"a": a, "b": b})
    assert base == tensors_sha256({"b": b.clone(), "a": a.clone()})
    others = (
        {"x": a, "b": b},
        {"a": a.double(), "b": b},
        {"a": a.view(2, 2), "b": b},
        {"a": a + 1, "b": b},
        {"a": a},
    )
    assert len({base, *map(tensors_sha256, others)}) == 6
