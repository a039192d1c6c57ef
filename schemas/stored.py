"""JSON forms of the values that are stored or sent: written and checked by pydantic at the border."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from schemas.errors import IntegrityBroken

T = TypeVar("T")


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_json(value: object) -> Any:
    """*value* (a dataclass of ``schemas``) as plain JSON values."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_json(kind: type[T], stored: Any) -> T:
    """The value that ``to_json`` wrote. IntegrityBroken when the stored form does not fit."""
    try:
        value: T = _adapter(kind).validate_python(stored)
        return value
    except ValidationError as error:
        raise IntegrityBroken(f"stored {kind.__name__}: {error}") from error
