"""The suite file: one comparison under several settings, each of them resolved into a plan of its own."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.study.faults import MOST_FAULTS, shortened
from hpsearch.study.plan import Plan, read_text, resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import STRICT, Scalar, faults, spec_of
from hpsearch.study.shipped import find_study, recorded_name, shipped_studies, shipped_suites

MOST_SETTINGS = 1_000
REPLACED_BY = ("name", "method")
"""Keys by which a table names another task, searcher or method: it then takes the place of the study's whole table."""
LONGEST_STEM = 80


class SuiteSpec(BaseModel):
    """A study, and what varies: a grid of values (`vary`), a list of labelled changes (`settings`), or first the one
    and then the other.

    A change is a part of a study file: tables are merged key by key, everything else is replaced. A table with a `name`
    or `method` of its own replaces the study's whole table. `methods.LABEL = false` leaves a method out.
    """

    model_config = STRICT
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    description: str = ""
    study: str
    vary: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)


@dataclass(frozen=True)
class PlannedSetting:
    """One setting of a suite, ready to be run.

    Attributes:
        label: what the suite calls it.
        stem: its database's name without the ending.
        at: axis -> value, in a grid.
        plan: the comparison under this setting.
    """

    label: str
    stem: str
    at: Mapping[str, Scalar]
    plan: Plan


@dataclass(frozen=True)
class PlannedSuite:
    """A suite with every setting resolved.

    Attributes:
        name, description: the suite's own.
        study_file: what databases remember about where the study file was.
        settings: in the order of the suite's file.
    """

    name: str
    description: str
    study_file: str
    settings: tuple[PlannedSetting, ...]

    @property
    def time_limit(self) -> float | None:
        """How long a worker may train a pack: all settings have one, since they share the workers."""
        return self.settings[0].plan.spec.time_limit


def find_suite(name: str) -> Path | None:
    """The suite file at this path, or the shipped suite of this name; None if the name is a study's or nobody's."""
    for path in (Path(name), Path(f"{name}.toml")):
        if path.is_file():
            return path if _is_suite(path) else None
    return None if name in shipped_studies() else shipped_suites().get(name)


def _is_suite(path: Path) -> bool:
    """Whether a file has a suite's keys; a file that cannot be read is left to whoever reads it as a study."""
    try:
        read = tomllib.loads(read_text(path))
    except (SpecError, ValueError, RecursionError):
        return False
    return "study" in read or "vary" in read or "settings" in read


def read_suite(path: Path) -> PlannedSuite:
    """Read a suite file and check all of it, every setting's study included.

    Raises SpecError with one line for each fault, which names the setting.
    """
    read = _toml(path)
    try:
        spec = SuiteSpec.model_validate(read)
    except ValidationError as error:
        lines = shortened(faults(error, SuiteSpec, read), MOST_FAULTS)
        raise SpecError("\n".join(f"{path}: {line}" for line in lines)) from error
    if not spec.vary and not spec.settings:
        raise SpecError(
            f"{path}: a suite needs [vary], with lists of values, or [settings.LABEL], with changes by label"
        )
    study = _study_of(spec, path)
    base, found_in = _toml(study), Registry.here(study.resolve().parent, path.resolve().parent)
    settings: list[PlannedSetting] = []
    for label, at, change in _settings(spec, str(path)):
        source = f"{path}: setting {label!r}"
        changed = _merged(base, change)
        described = f"{changed.get('description', '')} ({label})".strip()
        plan = resolve(spec_of({**changed, "description": described}, source), found_in, source)
        stem = _stem(label)
        if any(other.stem.lower() == stem.lower() for other in settings):
            raise SpecError(f"{source}: its database would have another setting's name, {stem}.db: give another label")
        if settings and plan.spec.time_limit != settings[0].plan.spec.time_limit:
            raise SpecError(
                f"{source}: time_limit: settings share the workers, and so one time limit: give all the same"
            )
        settings.append(PlannedSetting(label, stem, at, plan))
    return PlannedSuite(spec.name, spec.description, recorded_name(study), tuple(settings))


def _toml(path: Path) -> Json:
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        raise SpecError(f"{path}: not valid TOML: {str(error).splitlines()[0]}") from error


def _study_of(spec: SuiteSpec, path: Path) -> Path:
    """The study file that a suite names: beside it, at a path, or shipped."""
    beside = path.resolve().parent / spec.study
    try:
        return find_study(str(beside) if beside.is_file() else spec.study)
    except SpecError as error:
        raise SpecError(f"{path}: study: {error}") from error


def _settings(spec: SuiteSpec, source: str) -> Iterator[tuple[str, dict[str, Scalar], Json]]:
    """Each setting's label, its place on the axes, and what it changes: those of the grid, then those of the list."""
    if spec.vary:
        yield from _grid(spec, source)
    for label, change in spec.settings.items():
        yield label, {}, change


def _grid(spec: SuiteSpec, source: str) -> Iterator[tuple[str, dict[str, Scalar], Json]]:
    """Every combination of the values that vary."""
    axes = list(_axes(spec.vary, (), source))
    if (settings := _product([values for _, values in axes])) > MOST_SETTINGS:
        raise SpecError(f"{source}: vary: asks for {settings:,} settings, and a suite has {MOST_SETTINGS:,} at most")
    names = _names([path for path, _ in axes])
    for chosen in product(*(values for _, values in axes)):
        varied: Json = {}
        for (path, _), value in zip(axes, chosen, strict=True):
            varied = _merged(varied, _nested(path, value))
        at = {name: _shown(value) for name, value in zip(names, chosen, strict=True)}
        yield ", ".join(f"{name} = {_text(value)}" for name, value in at.items()), at, varied


def _product(lists: list[list[object]]) -> int:
    size = 1
    for values in lists:
        size *= len(values)
    return size


def _axes(tables: Json, path: tuple[str, ...], source: str) -> Iterator[tuple[tuple[str, ...], list[object]]]:
    """The keys that vary, each with its values."""
    for key, below in tables.items():
        if isinstance(below, dict):
            yield from _axes(below, (*path, key), source)
        elif isinstance(below, list) and below:
            yield (*path, key), below
        else:
            name = ".".join((*path, key))
            raise SpecError(f"{source}: vary.{name}: expected a list of values to try, got {below!r}")


def _names(paths: list[tuple[str, ...]]) -> list[str]:
    """The shortest ends of paths that tell them apart: "epochs" of task.epochs."""
    for length in range(1, max(map(len, paths)) + 1):
        names = [".".join(path[-length:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def _nested(path: tuple[str, ...], value: object) -> Json:
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def _shown(value: object) -> Scalar:
    """A value as a place on an axis: numbers and texts as they are, the name of a table that has one, else its text."""
    if isinstance(value, Scalar):
        return value
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        others = {key: of for key, of in value.items() if key != "name"}
        return f"{value['name']} {json.dumps(others)}" if others else str(value["name"])
    return json.dumps(value)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _merged(base: Json, change: Json) -> Json:
    """A study file with a change: tables key by key, everything else replaced, and `false` leaves out a table."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if value is False and isinstance(old, dict):
            del merged[key]
        elif isinstance(old, dict) and isinstance(value, dict) and not any(name in value for name in REPLACED_BY):
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged


def _stem(label: str) -> str:
    """A file's name for a label: letters, digits, dots; everything else one hyphen."""
    stem = re.sub(r"[^\w.]+", "-", label).strip("-.")[:LONGEST_STEM].rstrip("-.")
    return stem or "setting"
