"""The answers of a fenced process: plain values on the way, and on this side only what its task says that it returns.

A process that a hostile file has taken over sends whatever it likes. So an answer is MessagePack, which knows numbers,
texts, bytes, lists and maps and can neither name a class nor set an attribute; what is made of them here is the kind
that stands behind the arrow of the task's own function, checked part by part.

https://github.com/msgpack/msgpack/blob/master/spec.md
"""

import builtins
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import cache
from pathlib import PurePath
from typing import Any, get_type_hints

import msgpack
from pydantic import TypeAdapter, ValidationError

from schemas import errors
from schemas.errors import SohoaError


class _Extension(IntEnum):
    """What MessagePack has no kind of its own for."""

    DATETIME = 1
    DATE = 2
    TIME = 3
    DECIMAL = 4
    TIMEDELTA = 5


class NoAnswer(Exception):
    """What came is not what the task returns."""


def packed(value: object) -> bytes:
    """The answer of a task that returned *value*: plain values, dataclasses of them, days, times, decimals."""
    return _packed([True, value])


def packed_error(error: Exception) -> bytes:
    """The answer of a task that failed: the nearest kind of error that the other side knows, and what it says."""
    if isinstance(error, SohoaError):
        return _packed([False, _nearest(error, errors.__name__), str(error), None])
    text = str(error) if isinstance(error, MemoryError) else "".join(traceback.format_exception(error))
    number = error.errno if isinstance(error, OSError) else None
    return _packed([False, _nearest(error, builtins.__name__), text, number])


def unpacked(answer: bytes, task: Callable[..., object]) -> Any:
    """What *task* returned, as the kind that it is annotated to return; its error is raised.

    NoAnswer where the bytes are anything else. TypeError for a task that does not say what it returns.
    """
    kind = _kind(task)
    try:
        match msgpack.unpackb(answer, ext_hook=_plain, strict_map_key=False):
            case [True, value]:
                return kind.validate_python(value)
            case [False, str(name), str(text), (int() | None) as number]:
                failed = _error(name, text, number)
            case _:
                raise NoAnswer("neither a value nor an error")
    except (ValueError, TypeError, ArithmeticError, msgpack.UnpackException, ValidationError, RecursionError) as error:
        raise NoAnswer(str(error)) from error
    raise failed


def _packed(value: object) -> bytes:
    made: bytes = msgpack.packb(value, default=_packable)
    return made


def _packable(value: object) -> object:
    """*value* by what MessagePack knows; texts that are members of an enumeration it takes as texts anyhow."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    match value:
        case Enum():
            return value.value
        case PurePath():
            return str(value)
        case set() | frozenset():
            return list(value)
        case datetime():
            return msgpack.ExtType(_Extension.DATETIME, value.isoformat().encode())
        case date():
            return msgpack.ExtType(_Extension.DATE, value.isoformat().encode())
        case time():
            return msgpack.ExtType(_Extension.TIME, value.isoformat().encode())
        case timedelta():
            return msgpack.ExtType(_Extension.TIMEDELTA, repr(value.total_seconds()).encode())
        case Decimal():
            return msgpack.ExtType(_Extension.DECIMAL, str(value).encode())
    raise TypeError(f"{type(value)} cannot be answered")


def _plain(code: int, content: bytes) -> object:
    text = content.decode("ascii")
    match code:
        case _Extension.DATETIME:
            return datetime.fromisoformat(text)
        case _Extension.DATE:
            return date.fromisoformat(text)
        case _Extension.TIME:
            return time.fromisoformat(text)
        case _Extension.DECIMAL:
            return Decimal(text)
        case _Extension.TIMEDELTA:
            return timedelta(seconds=float(text))
    raise ValueError(f"no extension has the number {code}")


@cache
def _kind(task: Callable[..., object]) -> TypeAdapter[Any]:
    hints = get_type_hints(task)
    if "return" not in hints:
        raise TypeError(f"{task!r} does not say what it returns")
    return TypeAdapter(hints["return"])


def _nearest(error: Exception, module: str) -> str:
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == module)


def _error(name: str, text: str, number: int | None) -> Exception:
    kind = vars(errors).get(name) or vars(builtins).get(name)
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        raise NoAnswer(f"{name} is no error")
    if issubclass(kind, OSError):
        return OSError(number, text)  # the very kind follows from the number
    try:
        return kind(text)
    except TypeError:  # UnicodeDecodeError, which wants more to be made
        return RuntimeError(text)
