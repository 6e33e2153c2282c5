"""The pickle of a scikit-learn Ridge, interpreted as data by a machine that calls nothing."""

from __future__ import annotations

import math
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .state_dict import few, in_one_line

_RIDGE = "sklearn.linear_model._ridge Ridge"
_ARRAYS = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_SCALARS = ("numpy.core.multiarray scalar", "numpy._core.multiarray scalar")
_DTYPE = "numpy dtype"
_KNOWN = {_RIDGE, *_ARRAYS, *_SCALARS, _DTYPE, "numpy ndarray"}

_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class _Name:
    """A global, by its name alone: module and attribute."""

    name: str


@dataclass(eq=False)
class _Object:
    """What calling ``maker`` with ``args`` and then setting ``state`` would have made."""

    maker: str
    args: tuple[Any, ...]
    state: Any = None


def ridge_of(data: bytes, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """coef_ ``[n_features]`` and intercept_ ``[1]`` of a pickled Ridge, in the types of the file.

    Raises ValueError for anything else, in its protocol, its globals or its arrays.
    """
    match _interpret(data):
        case _Object(maker, (), {"coef_": coef, "intercept_": intercept}) if maker == _RIDGE:
            return (
                _floats("coef_", coef, ((n_features,), (1, n_features))),
                _floats("intercept_", intercept, ((), (1,))),
            )
    raise ValueError("holds no fitted scikit-learn Ridge")


def _floats(name: str, value: Any, shapes: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """The floats, flat, that NumPy would have made of ``value``, an array of one of ``shapes``."""
    match value:
        case float():
            shape, dtype, data = (), np.dtype(float), np.float64(value).tobytes()
        case _Object(maker, (kind, bytes(data)), None) if maker in _SCALARS:
            shape, dtype = (), _float_type(kind)
        case _Object(maker, _, (_, tuple(shape), kind, _, bytes(data))) if maker in _ARRAYS:
            dtype = _float_type(kind)
        case _:
            raise ValueError(f"{name} is no array of floats")
    if shape not in shapes or len(data) != dtype.itemsize * math.prod(shapes[0]):
        raise ValueError(f"{name} has another shape than {' or '.join(map(str, shapes))}")
    return np.frombuffer(data, dtype)


def _float_type(kind: Any) -> np.dtype[Any]:
    match kind:
        case _Object(maker, ("f4" | "f8" as size, *_), (_, "<" | ">" as order, *_)):
            if maker == _DTYPE:
                return np.dtype(order + size)
    raise ValueError("its numbers are neither float32 nor float64")


def _interpret(data: bytes) -> Any:
    """The value of a pickle, with _Name and _Object in place of globals and what they make.

    A machine of its own instead of an Unpickler: globals, extension codes and __setstate__ of
    live objects cannot be reached, and the memo is a dict, which a huge index does not fill.
    """
    stack: list[Any] = []
    marked: list[list[Any]] = []
    memo: dict[int, Any] = {}
    try:
        for operation, argument in _operations(data):
            if operation in _LITERALS:
                stack.append(argument)
            elif operation in _CONSTANTS:
                stack.append(_CONSTANTS[operation])
            elif operation in _TUPLES:
                items = [stack.pop() for _ in range(_TUPLES[operation])]
                stack.append(tuple(reversed(items)))
            elif operation == "EMPTY_DICT":
                stack.append({})
            elif operation == "MARK":
                marked.append(stack)
                stack = []
            elif operation == "TUPLE":
                marked[-1].append(tuple(stack))
                stack = marked.pop()
            elif operation == "SETITEMS":
                _update(marked[-1][-1], stack)
                stack = marked.pop()
            elif operation == "SETITEM":
                value, key = stack.pop(), stack.pop()
                _update(stack[-1], [key, value])
            elif operation in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = stack[-1]
            elif operation == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif operation in ("BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif operation == "GLOBAL":
                stack.append(_known(argument))
            elif operation == "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(_known(f"{_text(module)} {_text(attribute)}"))
            elif operation in ("REDUCE", "NEWOBJ"):
                args, maker = stack.pop(), stack.pop()
                stack.append(_made(maker, args))
            elif operation == "BUILD":
                state = stack.pop()
                _build(stack[-1], state)
            elif operation not in ("PROTO", "FRAME", "STOP"):
                raise ValueError(f"asks for {operation}, which no Ridge needs; refused")
        return stack.pop()
    except (IndexError, KeyError):  # from an empty stack, or of an absent memo
        raise ValueError("is a damaged pickle") from None


def _operations(data: bytes) -> Iterator[tuple[str, Any]]:
    """Name and argument of each operation of a pickle; ValueError if there is anything else."""
    if not data.startswith((b"\x80\x03", b"\x80\x04")):
        raise ValueError("is no pickle of protocol 3 or 4, or is compressed")
    try:
        for operation, argument, place in pickletools.genops(data):
            if operation.name == "STOP" and place != len(data) - 1:
                raise ValueError(f"{len(data) - 1 - (place or 0)} bytes follow its end")
            yield operation.name, argument
    except Exception as error:
        raise ValueError(f"is a damaged pickle: {in_one_line(error)}") from None


def _known(name: str) -> _Name:
    if name.startswith("joblib"):
        raise ValueError("is a file of joblib; save the Ridge with pickle instead")
    if name not in _KNOWN:
        shown = few([name.replace(" ", ".")])
        raise ValueError(f"holds code ({shown}) and was refused; nothing was run")
    return _Name(name)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is a damaged pickle")
    return value


def _made(maker: Any, args: Any) -> _Object:
    if not isinstance(maker, _Name) or not isinstance(args, tuple):
        raise ValueError("calls what is no global; refused, nothing was run")
    return _Object(maker.name, args)


def _build(target: Any, state: Any) -> None:
    if not isinstance(target, _Object) or target.state is not None:
        raise ValueError("sets the state of what is no object; refused, nothing was run")
    target.state = state


def _update(target: Any, items: list[Any]) -> None:
    # Keys are text alone: the hash of a deeply nested tuple overflows the stack.
    keys, values = items[::2], items[1::2]
    if not isinstance(target, dict) or not all(isinstance(key, str) for key in keys):
        raise ValueError("fills what is no dict of attributes; refused, nothing was run")
    if len(keys) != len(values):
        raise ValueError("is a damaged pickle")
    target.update(zip(keys, values, strict=True))
