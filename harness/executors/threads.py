"""Fix the number of threads: the last bits of many results depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

# What a library that is loaded later reads; threadpoolctl reaches only those that are there.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch, BLAS and OpenMP use one thread inside; cores are filled by processes instead."""
    before = torch.get_num_threads()
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    with threadpool_limits(1):
        limit_threads()
        try:
            yield
        finally:
            torch.set_num_threads(before)
            for name, value in variables.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def limit_threads() -> None:
    """One thread for the rest of this process, also for libraries that are loaded later."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
