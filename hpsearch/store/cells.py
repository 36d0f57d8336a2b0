"""The cells of a database as values. Each is checked for what it should be, and nothing else is damage to the file."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hpsearch.contracts.correctness import PARTS, Correctness, Part
from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective, is_precision
from hpsearch.contracts.seeds import SEED_BITS, TRIAL_SEED_BITS
from hpsearch.contracts.space import RESERVED, RESERVED_OF_CURVES, RESERVED_OF_SEEDS, Space, space_from_json
from hpsearch.contracts.text import in_characters
from hpsearch.store.correct import unpacked
from hpsearch.store.rows import Comparison, Look, MethodRow, Run, SeedRow, StudyRow, Trial, TrialRow
from hpsearch.store.schema import STATES
from hpsearch.study.schema import MOST, STRICT, Scalar, When, from_record

T = TypeVar("T")

DEEPEST = 100
"""How deep the JSON of a cell may be nested."""


class UndecodableError(ValueError):
    """A cell of a database that does not hold what it should."""


class _Range(BaseModel):
    model_config = STRICT
    kind: Literal["float", "int"]
    name: str
    low: int | float
    high: int | float
    log: bool = False
    when: When = Field(default_factory=dict)


class _Choice(BaseModel):
    model_config = STRICT
    kind: Literal["choice"]
    name: str
    values: list[Scalar]
    ordered: bool = False
    when: When = Field(default_factory=dict)


class _Fixed(BaseModel):
    model_config = STRICT
    kind: Literal["fixed"]
    name: str
    value: Scalar
    when: When = Field(default_factory=dict)


class _Searcher(BaseModel):
    model_config = STRICT
    name: str
    settings: Json


class _Method(BaseModel):
    model_config = ConfigDict(strict=True)
    schedules: dict[str, str]
    searcher: _Searcher | None = None


class _Objective(BaseModel):
    model_config = ConfigDict(strict=True)
    bounds: Annotated[list[float | None], Field(min_length=2, max_length=2)]


class _Resolved(BaseModel):
    model_config = ConfigDict(strict=True)
    objective: _Objective = _Objective(bounds=[None, None])  # an older version recorded none
    task: Json
    searcher: Json
    methods: dict[str, _Method]
    splits: dict[str, dict[str, int]] = Field(default_factory=dict)


class _Provenance(BaseModel):
    """Where it is given; an older version recorded less."""

    model_config = ConfigDict(strict=True)
    host: str = ""
    processor: str = ""
    cores: int | None = None
    system: str = ""
    python: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str | None = None
    command: str = ""
    only_repeats: str = ""
    searcher_version: int = 1
    searcher_versions: dict[str, int] = Field(default_factory=dict)
    rounding: str = ""
    mkl_cbwr: str = ""
    executor: str = ""
    workers: int = 0
    device: str = ""


_SPACE = TypeAdapter(list[Annotated[_Range | _Choice | _Fixed, Field(discriminator="kind")]])
_RESOLVED, _PROVENANCE = TypeAdapter(_Resolved), TypeAdapter(_Provenance)
_SCHEDULES = TypeAdapter(dict[str, str], config=ConfigDict(strict=True))


def comparison(row: Json, labels: Sequence[str], looks: Sequence[Json] = ()) -> Comparison:
    """The comparison's row; `labels` are of the methods that are laid out, `looks` rows of its tests."""
    resolved = _settings(row["resolved"], "its settings")
    shaped = _shaped(_RESOLVED, resolved, "its settings")
    low, high = shaped.objective.bounds
    try:
        objective = Objective(row["objective"], row["chance"], row["direction"], row["unit"], bounds=(low, high))
        spec = from_record(_settings(row["spec"], "the study file in it"))
    except UndecodableError:
        raise
    except ValueError as error:
        raise UndecodableError(str(error)) from error
    for known in (resolved["methods"], spec.methods):
        if sorted(known) != sorted(labels):
            raise UndecodableError(f"its methods are {', '.join(labels)}, and others in its settings")
    for label, named in spec.methods.items():
        resolved_to = shaped.methods[label].searcher
        if (named.searcher and named.searcher.name) != (resolved_to and resolved_to.name):
            raise UndecodableError(f"the searcher of {label} is another one in its settings")
    if spec.confirm is not None and sorted(spec.confirm.recorded) != sorted(labels):
        raise UndecodableError("it confirms others than its methods")
    for name, least in (("trials", 1), ("repeats", 1), ("seed", 0), ("pack_size", 1)):
        if not least <= row[name] <= (2**63 if name == "seed" else MOST):
            raise UndecodableError(f"its {name} is {row[name]}")
    bits = row.get("seed_bits", SEED_BITS)  # a file from before they were noted
    if bits not in (SEED_BITS, TRIAL_SEED_BITS):
        raise UndecodableError(f"its trials' seeds are of {bits!r} bits")
    if "\0" in row["study_file"]:
        raise UndecodableError("its study file has no file's name")
    return Comparison(
        name=row["name"],
        spec=spec,
        study_file=row["study_file"],
        trials=row["trials"],
        repeats=row["repeats"],
        seed=row["seed"],
        pack_size=row["pack_size"],
        objective=objective,
        data=_settings(row["data"], "what the task said about its data"),
        created=row["created"],
        resolved=resolved,
        seed_bits=bits,
        looks=tuple(map(_look, looks)),
    )


def _look(row: Json) -> Look:
    """A test's row."""
    look = Look(**row)
    time(look.at)
    if not (1 <= look.repeats <= look.most <= MOST and 0 < look.alpha < 1):
        raise UndecodableError(f"it was looked at with {look.repeats} of {look.most} studies, at {look.alpha}")
    if not (0 <= look.level <= 1 and (look.p is None or 0 <= look.p <= 1)):
        raise UndecodableError(f"the look at {look.repeats} studies has p = {look.p}, and {look.level} to be reached")
    return look


def space(text: str, label: str) -> Space:
    """The space of a method."""
    where = f"the space of {label}"
    found = _json(text, where)
    _shaped(_SPACE, found, where)
    try:
        return space_from_json(found)
    except ValueError as error:
        raise UndecodableError(f"{where}: {error}") from error


def method(row: Json) -> MethodRow:
    """A method's row."""
    schedules = _json(row["schedules"], f"the schedules of {row['label']}")
    _shaped(_SCHEDULES, schedules, f"the schedules of {row['label']}")
    return MethodRow(row["label"], space(row["space"], row["label"]), schedules)


def study(row: Json) -> StudyRow:
    """A study's row."""
    if not (1 <= row["repeat"] <= MOST and row["pack"] >= 0):
        raise UndecodableError(f"study {row['id']} is number {row['repeat']} of pack {row['pack']}")
    return StudyRow(row["id"], row["label"], row["repeat"], row["seed"], row["pack"])


def run(row: Json) -> Run:
    """A run's row."""
    provenance = _settings(row["provenance"], f"what run {row['id']} says of its machine")
    _shaped(_PROVENANCE, provenance, f"what run {row['id']} says of its machine")
    return Run(**{**row, "provenance": provenance})


def trial(row: Json, of: Space) -> TrialRow:
    """A trial's row as the loop needs it."""
    where = f"trial {row['trial']} of study {row['study_id']}"
    if row["trial"] < 1:
        raise UndecodableError(f"there is a {where}")
    configuration = _settings(row["configuration"], f"the configuration of {where}")
    if misfit := of.misfit(configuration):
        raise UndecodableError(f"the configuration of {where} {misfit}")
    objective = row["objective"] if row["state"] == "complete" else None
    seconds, epochs = row["seconds"], row["epochs"]
    if (seconds is not None and not math.isfinite(seconds)) or (epochs or 0) < 0:
        raise UndecodableError(f"{where} took {seconds} seconds and {epochs} epochs")
    return TrialRow(row["study_id"], row["trial"], row["seed"], configuration, row["state"], objective, seconds, epochs)


def trials(rows: Sequence[Sequence[Any]], spaces: Mapping[str, Space], parallel: int = 1) -> list[Trial]:
    """Rows of all columns, in the order of the fields of Trial; there may be a hundred thousand.

    Trials of a study are finished in rounds of `parallel`, in any order within a round.
    """
    place = Trial._fields.index
    configurations, metrics, curves = (
        _objects([row[place(name)] for row in rows], name) for name in ("configuration", "metrics", "curves")
    )
    # By place: rows by name take seconds.
    found = [
        Trial._make((*row[:4], configuration, *row[5:7], measured, curve, *row[9:]))
        for row, configuration, measured, curve in zip(rows, configurations, metrics, curves, strict=True)
    ]
    before = None
    for each in found:
        if fault := _fault(each, spaces[each.method]) or _out_of_order(each, before, parallel):
            raise UndecodableError(f"{each.method}, study {each.repeat}, trial {each.trial}: {fault}")
        before = each
    return found


def time(text: str) -> str:
    """A time as it is recorded, if it is one."""
    if not _is_time(text):
        raise UndecodableError(f"a trial's time is {text!r}")
    return text


def _fault(trial: Trial, space: Space) -> str:
    """What is wrong with a trial's own cells; empty if nothing is."""
    if not 1 <= trial.repeat <= MOST:
        return "there is no such study"
    if fault := _fault_of_result(trial):
        return fault
    if trial.seconds is not None and not math.isfinite(trial.seconds):
        return f"its seconds is {trial.seconds}"
    if trial.epochs is not None and trial.epochs < 0:
        return f"its epochs are {trial.epochs}"
    if not is_precision(trial.precision):
        return f"its precision is {trial.precision!r}"
    if misfit := space.misfit(trial.configuration):
        return f"its configuration {misfit}"
    if wrong := [time for time in (trial.proposed, trial.started, trial.ended) if not (time is None or _is_time(time))]:
        return f"its time is {wrong[0]!r}"
    return ""


def _fault_of_result(of: Trial | SeedRow) -> str:
    """What is wrong with the cells of a result, a trial's or a seed's; empty if nothing is."""
    if of.state not in STATES:
        return f"its state is {of.state!r}"
    if of.state == "complete" and of.objective is None:
        return "is complete and has no objective"
    if of.objective is not None and not math.isfinite(of.objective):
        return f"its objective is {of.objective}"
    if not (_are_numbers(of.metrics.values()) and RESERVED.isdisjoint(of.metrics)):
        return "its metrics are not what they should be"
    if of.curves and not _are_curves(of.curves):
        return "its curves are not what they should be"
    return ""


def seeds(rows: Sequence[Sequence[Any]]) -> list[SeedRow]:
    """Rows of all seeds, in the order of the fields of SeedRow."""
    metrics, curves = (
        _objects([row[SeedRow._fields.index(name)] for row in rows], name) for name in ("metrics", "curves")
    )
    found = []
    for row, measured, curve in zip(rows, metrics, curves, strict=True):
        each = SeedRow._make((*row[:7], measured, curve, row[9]))
        fault = "there is no such seed" if each.number < 1 else _fault_of_result(each)
        if not fault and not RESERVED_OF_SEEDS.isdisjoint(measured):
            fault = "its metrics are not what they should be"
        if fault:
            where = f"{each.method}, study {each.repeat}, trial {each.trial}, seed {each.number}"
            raise UndecodableError(f"{where}: {fault}")
        found.append(each)
    return found


def correct(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, int, int], dict[Part, Correctness]]:
    """Rows of incumbents' correctness: method, repeat, trial, part of the data, examples, tries, and packed counts."""
    found: dict[tuple[str, int, int], dict[Part, Correctness]] = {}
    for label, repeat, trial, part, examples, tries, counts in rows:
        where = f"what {label}, study {repeat}, trial {trial} classified correctly"
        try:
            of_part = Correctness(unpacked(counts, examples), tries)
        except (ValueError, OverflowError) as error:
            raise UndecodableError(f"{where}: {error}") from error
        if part not in PARTS or any(of_part.faults()):
            raise UndecodableError(f"{where}: is not what it should be")
        found.setdefault((label, repeat, trial), {})[part] = of_part
    return found


def _out_of_order(trial: Trial, before: Trial | None, parallel: int) -> str:
    """What is wrong with a trial after the one before it, which may be another study's."""
    number = 1
    if before is not None and before[:2] == trial[:2]:
        number = before.trial + 1
        if before.state == "proposed" != trial.state and (trial.trial - 1) % parallel == 0:
            return "is finished, and the trial before it is not"
    return "" if trial.trial == number else "the trials before it have gaps"


def _are_curves(curves: Mapping[str, Any]) -> bool:
    values = list(curves.values())
    return (
        RESERVED_OF_CURVES.isdisjoint(curves)
        and all(type(curve) is list for curve in values)
        and len({len(curve) for curve in values}) == 1
        and _are_numbers(chain.from_iterable(values))
    )


def _are_numbers(values: Iterable[object]) -> bool:
    """Whether all are real numbers or None, which stands for one that was not finite."""
    return {float, type(None)}.issuperset(map(type, values))


def _is_time(text: str) -> bool:
    """Whether a text is a time of this age: in another, local times overflow."""
    try:
        return 1970 <= datetime.fromisoformat(text).year < 9000
    except ValueError:
        return False


def _shaped(shape: TypeAdapter[T], value: object, where: str) -> T:
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UndecodableError(f"{where}: {key}: {first['msg']}" if key else f"{where}: {first['msg']}") from error


def _settings(text: str, where: str) -> Json:
    found = _json(text, where)
    if not isinstance(found, dict):
        raise UndecodableError(f"{where}: is no table")
    return found


def _json(text: str, where: str) -> Any:
    try:
        return _plain(json.loads(text), DEEPEST)
    except (ValueError, RecursionError) as error:
        raise UndecodableError(f"{where}: {error}") from error


def _plain(value: Any, deepest: int) -> Any:
    """A value that is not too deep to be handled, and its texts in characters."""
    if deepest < 0:
        raise UndecodableError(f"is nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        return {_plain(key, 0): _plain(inner, deepest - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, deepest - 1) for inner in value]
    return in_characters(value) if isinstance(value, str) else value


def _objects(texts: Sequence[str | None], name: str) -> list[Json]:
    """All at once: a call for each of a hundred thousand cells costs more than reading them."""
    try:
        found: Collection[Any] = orjson.loads(f"[{','.join(text or '{}' for text in texts)}]")
    except ValueError as error:
        raise UndecodableError(f"a trial's {name}: {error}") from error
    if len(found) != len(texts) or not all(type(value) is dict for value in found):
        raise UndecodableError(f"a trial's {name} are not what they should be")
    return list(found)
