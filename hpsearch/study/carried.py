"""Objects that no module holds, as they travel to workers: with their code, by cloudpickle."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import cast

from hpsearch.contracts.errors import SpecError
from hpsearch.system.import_path import look_in

Given = Mapping[tuple[str, str], object]
"""(kind, name) -> object."""


def packed(given: Given) -> bytes:
    """The objects as bytes; empty if there are none. Raises SpecError naming one that cannot be sent."""
    if not given:
        return b""
    for (kind, name), thing in given.items():
        try:
            _dumped(thing)
        except Exception as error:  # whatever an object's own code raises
            raise SpecError(
                f"{kind}: {name} cannot be sent to workers ({type(error).__name__}: {error}): move it into a module, "
                "which workers import, or let its functions make what they need"
            ) from error
    return _dumped(dict(given))


def unpacked(carried: bytes, folders: Iterable[str]) -> Given:
    """The objects again, with what they need of modules in these folders."""
    if not carried:
        return {}
    look_in(folders)
    return cast(Given, pickle.loads(carried))  # noqa: S301 from our own driver, never from a file


def _dumped(thing: object) -> bytes:
    """Objects with the code of the main module's functions and classes, others' by name."""
    import cloudpickle  # only for who needs it

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({cached_property: _without_lock})

    out = io.BytesIO()
    Pickler(out).dump(thing)
    return out.getvalue()


def _without_lock(stored: cached_property[object]) -> tuple[object, ...]:
    """How a class's cached property is made again; before Python 3.12 it has a lock, which cannot be sent."""
    return cached_property, (stored.func,), {"attrname": stored.attrname}
