"""The study file: one TOML file that describes one comparison, read strictly and frozen. Names in it stay names."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.study.faults import lower, unknown

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Named(BaseModel):
    """A module by name with its settings: `task = "audio_task"` or a table `[task]` with `name`."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    name: str

    @property
    def settings(self) -> Json:
        """Everything in the table except the name."""
        return dict(self.model_extra or {})


def _seconds(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Scalar = bool | int | float | str


class Range(BaseModel):
    """A hyperparameter's range as a table; what it leaves out stays as the method has it."""

    model_config = STRICT
    low: int | float | None = None
    high: int | float | None = None
    log: bool | None = None
    integer: bool | None = None


class Choices(BaseModel):
    """A hyperparameter's values as a table."""

    model_config = STRICT
    choices: list[Scalar]
    ordered: bool = False


SpaceChange = Scalar | list[Scalar] | Choices | Range
"""One line of a method's space."""


class MethodSpec(BaseModel):
    """One method of the comparison: where it is found and what differs from its defaults."""

    model_config = STRICT
    method: str | None = None
    space: dict[str, SpaceChange] = Field(default_factory=dict)
    schedules: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Scalar] = Field(default_factory=dict)


class Confirm(BaseModel):
    """What a comparison confirms: choices of another one, each trained with fresh seeds as a method of its own.

    `of` is the name of the comparison that chose. `recorded` has, for each method here, the objective that its
    configuration was chosen for. `changed` has the task's settings that differ from those of the choice.
    """

    model_config = STRICT
    of: str
    recorded: dict[str, float]
    changed: Json = Field(default_factory=dict)


class Spec(BaseModel):
    """A comparison: methods x repeats studies of `trials` trials each, on one task, by one searcher.

    `time_limit` is how many seconds a worker may train a pack, with the loading of its data, before it is ended and
    the pack counts as failed. `on_failure` says what becomes of a trial that fails whenever it is tried: it counts at
    chance level ("count"), or it ends the run with its reason and is tried again by the next run ("stop"). A trial that
    diverges has a result, which would be the same again: it counts at chance level either way, and stops no run.
    """

    model_config = STRICT
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    description: str = ""
    trials: Annotated[int, Field(ge=1, le=100_000)]
    repeats: Annotated[int, Field(ge=1, le=100_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    pack: Annotated[int, Field(ge=1)] | None = None
    time_limit: Annotated[float, Field(gt=0, le=1e9), BeforeValidator(_seconds)] | None = None
    on_failure: Literal["count", "stop"] = "count"
    task: Annotated[Named, BeforeValidator(_named)]
    searcher: Annotated[Named, BeforeValidator(_named)] = Named(name="botorch")
    methods: Annotated[dict[str, MethodSpec], Field(min_length=1)]
    confirm: Confirm | None = None


def parse(text: str, source: str) -> Spec:
    """The study file that a text holds; `source` is what messages call it.

    Raises SpecError with one line for each fault. No name in the file is looked for.
    """
    try:
        return Spec.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{source}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise SpecError("\n".join(f"{source}: {line}" for line in faults(error, Spec))) from error
    except (ValueError, OverflowError, RecursionError) as error:  # numbers of thousands of digits, endless nesting
        raise SpecError(f"{source}: cannot be read: {str(error).splitlines()[0]}") from error


def from_record(recorded: Json) -> Spec:
    """The study file that a database remembers, whatever version wrote it. Raises ValueError if it is none.

    Up to version 0.1, what a comparison confirms was a setting of its searcher.
    """
    searcher = recorded.get("searcher")
    if isinstance(searcher, dict) and "confirms" in searcher:
        confirm = {"of": searcher["confirms"], "recorded": searcher.get("recorded", {})}
        confirm["changed"] = searcher.get("changed", {})
        kept = {key: value for key, value in searcher.items() if key not in ("confirms", "recorded", "changed")}
        recorded = {**recorded, "searcher": kept, "confirm": confirm}
    try:
        return Spec.model_validate(recorded)
    except ValidationError as error:
        raise ValueError(f"the study file in it: {faults(error, Spec)[0]}") from error


def faults(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """One sentence per fault. A union has several for one value; only the first, which names the key, is kept."""
    lines: dict[str, str] = {}
    for fault in error.errors():
        location = [part for part in fault["loc"] if not (isinstance(part, str) and _is_branch(part))]
        key = prefix + ".".join(str(part) for part in location)
        if fault["type"] == "extra_forbidden":
            owner = _model_at(model, location[:-1])
            line = unknown(key, str(location[-1]), owner.model_fields if owner else [])
        elif fault["type"] == "missing":
            line = f"{key}: this key is needed and missing"
        elif key.count(".space.") and "methods" in key:
            key = ".".join(key.split(".")[:4])
            line = f"{key}: expected a value, [low, high], {{low, high, log}} or {{choices = [...]}}"
        else:
            line = f"{key}: {lower(fault['msg'])}, got {fault['input']!r}"
        lines.setdefault(key, line)
    return list(lines.values())


def _is_branch(part: str) -> bool:
    """Whether a part of pydantic's location names a branch of a union rather than a key of the file."""
    return part in ("Choices", "Range", "bool", "int", "float", "str") or part.startswith(("list[", "function-"))


def _model_at(model: type[BaseModel], location: list[Any]) -> type[BaseModel] | None:
    if not location:
        return model
    return MethodSpec if location[0] == "methods" and len(location) == 2 else None
