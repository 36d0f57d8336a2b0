"""The study file: one TOML file that describes one comparison, read strictly and frozen. Names in it stay names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.study.faults import MOST_FAULTS, lower, shortened, shown, unknown

MOST = 100_000
"""The most trials or repeats that a study file may ask for."""
MOST_TOGETHER = 1_000
"""The most trials in parallel, and the most seeds of a trial."""
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
When = dict[str, Scalar | list[Scalar]]
"""Condition of a hyperparameter: another one -> the value, or the values, that it must have."""


class Range(BaseModel):
    """A hyperparameter's range as a table; what it leaves out stays as the method has it."""

    model_config = STRICT
    low: int | float | None = None
    high: int | float | None = None
    log: bool | None = None
    integer: bool | None = None
    when: When | None = None


class Choices(BaseModel):
    """A hyperparameter's values as a table."""

    model_config = STRICT
    choices: list[Scalar]
    ordered: bool = False
    when: When | None = None


MEANT = {
    **dict.fromkeys(("min", "minimum", "lower", "from", "start"), "low"),
    **dict.fromkeys(("max", "maximum", "upper", "to", "stop", "end"), "high"),
    **dict.fromkeys(("scale", "logarithmic"), "log"),
    **dict.fromkeys(("step", "whole", "type"), "integer"),
    **dict.fromkeys(("values", "options", "categories"), "choices"),
    **dict.fromkeys(("if", "condition", "conditions", "only_if"), "when"),
}
"""Names that other tools give to the keys of a range or of choices -> their names here."""


def _kind(change: object) -> str:
    """Which branch of `SpaceChange` a line of a space is meant for, so that only that one's faults are told."""
    if isinstance(change, Choices | Range):
        return type(change).__name__
    if isinstance(change, dict):
        keys = {MEANT.get(str(key), str(key)) for key in change}
        is_choices = any(get_close_matches(key, ("choices", "ordered"), cutoff=0.7) for key in keys)
        return "Choices" if is_choices else "Range"
    return "list" if isinstance(change, list) else "value"


SpaceChange = Annotated[
    Annotated[Scalar, Tag("value")]
    | Annotated[list[Scalar], Tag("list")]
    | Annotated[Choices, Tag("Choices")]
    | Annotated[Range, Tag("Range")],
    Discriminator(_kind),
]
"""One line of a method's space."""
LINE = "expected a value, [low, high], {low, high, log, when} or {choices = [...], when}"


class MethodSpec(BaseModel):
    """One method of the comparison: where it is found, what differs from its defaults, and who searches it.

    Without a `searcher` of its own it is searched by the comparison's. `formerly` is the label that it had when it was
    run first: its seeds derive from that, and it is also the method's name where `method` is left out.
    """

    model_config = STRICT
    method: str | None = None
    formerly: str | None = None
    space: dict[str, SpaceChange] = Field(default_factory=dict)
    schedules: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Scalar] = Field(default_factory=dict)
    searcher: Annotated[Named, BeforeValidator(_named)] | None = None


class Incumbent(BaseModel):
    """From which trial to which a configuration was a study's incumbent, and the objective that made it so."""

    model_config = STRICT
    study: int
    first: int
    last: int
    objective: float


class Confirm(BaseModel):
    """What a comparison confirms: choices of another one, each trained with fresh seeds as a method of its own.

    `of` is the name of the comparison that chose. `recorded` has, for each method here, the objective that its
    configuration was chosen for. Where studies are confirmed along their trials, `incumbents` has when each method's
    configuration was an incumbent. `changed` has the task's settings that differ from those of the choice. `splits` has
    for each method the settings by which the study that chose split the data, where each study did so in its own way.
    """

    model_config = STRICT
    of: str
    recorded: dict[str, float]
    incumbents: dict[str, list[Incumbent]] = Field(default_factory=dict)
    changed: Json = Field(default_factory=dict)
    splits: dict[str, dict[str, int]] = Field(default_factory=dict)


class Budget(BaseModel):
    """What ends a study, beside its number of trials: at the first that is reached, after the round that reached it.

    `epochs` counts the values of each trial's curves, of all its seeds; `seconds` is time of training.
    """

    model_config = STRICT
    epochs: Annotated[int, Field(ge=1, le=10**12)] | None = None
    seconds: Annotated[float, Field(gt=0, le=1e12), BeforeValidator(_seconds)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Budget:
        if self.epochs is None and self.seconds is None:
            raise ValueError("a budget needs epochs or seconds")
        return self


class Spec(BaseModel):
    """A comparison: methods x repeats studies of `trials` trials each, on one task.

    A study ends after `trials` trials, or when its `budget` is spent, whichever comes first; one of the two is needed.
    Its trials are proposed in rounds of `parallel`, each round from the results of those before it. A configuration is
    trained with `seeds` seeds, and its objective is their mean.

    With `repeats_over = "fold"` each repeat splits the data in its own way, all methods in the same one.

    `searcher` searches those methods that name none of their own. `space` has hyperparameters of the task, such as the
    learning rate of a part that no method moves, which are searched with every method's own.
    `primary` names the endpoint that decides: "trials", those that one method needs to match what another ends with, or
    the "difference" at the end. All others are secondary.
    `incumbent` says how a study chooses among its trials at its end: the one with the best "recorded" objective, or the
    one of which a "model" of all its trials expects most. No proposal depends on it.
    `time_limit` is how many seconds a worker may train a pack, with the loading of its data, before it is ended and
    the pack counts as failed. `on_failure` says what becomes of a trial that fails whenever it is tried: it counts at
    chance level ("count"), or it ends the run with its reason and is tried again by the next run ("stop"). A trial that
    diverges has a result, which would be the same again: it counts at chance level either way, and stops no run.
    `keep_correct` keeps which examples each incumbent classified correctly, if the task says so; where a model chooses,
    those of every trial.
    """

    model_config = STRICT
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    description: str = ""
    trials: Annotated[int, Field(ge=1, le=MOST)]
    budget: Budget | None = None
    repeats: Annotated[int, Field(ge=1, le=MOST)]
    repeats_over: Literal["fold"] | None = None
    parallel: Annotated[int, Field(ge=1, le=MOST_TOGETHER)] = 1
    seeds: Annotated[int, Field(ge=1, le=MOST_TOGETHER)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    pack: Annotated[int, Field(ge=1)] | None = None
    time_limit: Annotated[float, Field(gt=0, le=1e9), BeforeValidator(_seconds)] | None = None
    on_failure: Literal["count", "stop"] = "count"
    keep_correct: bool = True
    primary: Literal["trials", "difference"] = "trials"
    incumbent: Literal["recorded", "model"] = "recorded"
    task: Annotated[Named, BeforeValidator(_named)]
    searcher: Annotated[Named, BeforeValidator(_named)] = Named(name="botorch")
    space: dict[str, SpaceChange] = Field(default_factory=dict)
    methods: Annotated[dict[str, MethodSpec], Field(min_length=1)]
    confirm: Confirm | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_many_as_the_budget_allows(cls, given: object) -> object:
        without = isinstance(given, dict) and "budget" in given and "trials" not in given
        return {**given, "trials": MOST} if without else given  # type: ignore[dict-item]

    def method_name(self, label: str) -> str:
        """Name of the method that has this label, which is the label itself unless the study file says otherwise."""
        return self.methods[label].method or self.seed_label(label)

    def seed_label(self, label: str) -> str:
        """The label that the seeds of a method derive from, which keeps them when it gets another label."""
        return self.methods[label].formerly or label

    @property
    def length(self) -> str:
        """What ends a study, for people to read: "25 trials", "500 epochs", "25 trials or 500 epochs"."""
        ends = [f"{self.trials} trial{'s' * (self.trials != 1)}"] if self.budget is None or self.trials < MOST else []
        if self.budget is not None:
            ends += [f"{self.budget.epochs} epochs"] if self.budget.epochs is not None else []
            ends += [f"{self.budget.seconds:g} seconds of training"] if self.budget.seconds is not None else []
        return " or ".join(ends)

    def is_spent(self, trials: int, epochs: int, seconds: float) -> bool:
        """Whether a study ends that has had so many trials, epochs and seconds of training."""
        budget = self.budget
        return trials >= self.trials or (
            budget is not None
            and (
                (budget.epochs is not None and epochs >= budget.epochs)
                or (budget.seconds is not None and seconds >= budget.seconds)
            )
        )


MOVED = ("confirms", "recorded", "changed")
"""What was a setting of the searcher up to version 0.1, and is the table `confirm` now."""
DEEP_KEY = re.compile(r"""(?<![\w"'.\\-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){50}""")
"""A key of so many parts that reading it takes too long: time and memory grow with their square."""


def parse(text: str, source: str) -> Spec:
    """The study file that a text holds; `source` is what messages call it.

    Raises SpecError with one line for each fault. No name in the file is looked for.
    """
    if deep := DEEP_KEY.search(text):
        raise SpecError(f"{source}: a key of more than 50 parts cannot be read: {deep[0][:40]}...")
    try:
        return spec_of(tomllib.loads(text), source)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{source}: not valid TOML: {error}") from error
    except (ValueError, OverflowError, RecursionError) as error:  # numbers of thousands of digits, endless nesting
        raise SpecError(f"{source}: cannot be read: {str(error).splitlines()[0]}") from error


def spec_of(read: Json, source: str = "") -> Spec:
    """What was read, as a study file; `source` is what messages call it.

    Raises SpecError with one line for each fault.
    """
    try:
        return Spec.model_validate(read)
    except ValidationError as error:
        where = f"{source}: " if source else ""
        lines = shortened(faults(error, Spec, read), MOST_FAULTS)
        raise SpecError("\n".join(f"{where}{line}" for line in lines)) from error


def from_record(recorded: Json) -> Spec:
    """The study file that a database remembers, whatever version wrote it. Raises ValueError if it is none.

    Up to version 0.1, what a comparison confirms was a setting of its searcher.
    """
    searcher = recorded.get("searcher")
    if isinstance(searcher, dict) and "confirms" in searcher:
        confirm = {"of": searcher["confirms"], "recorded": searcher.get("recorded", {})}
        confirm["changed"] = searcher.get("changed", {})
        kept = {key: value for key, value in searcher.items() if key not in MOVED}
        recorded = {**recorded, "searcher": kept, "confirm": confirm}
    try:
        return Spec.model_validate(recorded)
    except ValidationError as error:
        raise ValueError(f"the study file in it: {faults(error, Spec, recorded)[0]}") from error


def faults(error: ValidationError, model: type[BaseModel], given: object, prefix: str = "") -> list[str]:
    """One sentence per fault of what was given. Of a union's faults only the first, which names the key, is kept."""
    lines: dict[str, str] = {}
    for fault in error.errors():
        location = _path(fault["loc"], given)
        if fault["type"] == "missing":
            location.append(str(fault["loc"][-1]))
        key = prefix + ".".join(location)
        if fault["type"] == "extra_forbidden":
            name, owner = location[-1], _model_at(model, location[:-1], fault["loc"])
            line = unknown(key, name, owner.model_fields if owner else [], meant=_meant(name, owner))
        elif fault["type"] == "missing":
            line = f"{key}: this key is needed and missing"
        elif length := _in_space(location):
            key = prefix + ".".join(location[:length])
            line = f"{key}: {LINE}, got {shown(_at(given, location[:length]))}"
        else:
            line = f"{key}: {lower(fault['msg'])}, got {shown(fault['input'])}"
        lines.setdefault(key, line)
    return list(lines.values())


def _path(location: Sequence[int | str], given: object) -> list[str]:
    """The keys and places in what was given, without the names of unions' branches that pydantic puts in between."""
    path = []
    for part in location:
        with suppress(KeyError, IndexError, TypeError):
            given = cast(Any, given)[part]
            path.append(str(part))
    return path


def _at(given: Any, path: Sequence[str]) -> object:
    for key in path:
        given = given[key]
    return given


def _in_space(location: Sequence[str]) -> int:
    """How long the path to a line of a space is: of a method's own or of the task's; 0 if this leads into none."""
    if len(location) >= 4 and (location[0], location[2]) == ("methods", "space"):
        return 4
    return 2 if len(location) >= 2 and location[0] == "space" else 0


TABLES: dict[str, type[BaseModel]] = {"budget": Budget, "confirm": Confirm}
"""Tables at the top of a study file that have keys of their own."""


def _model_at(model: type[BaseModel], path: list[str], location: Sequence[int | str]) -> type[BaseModel] | None:
    if not path:
        return model
    if len(path) == 1 and path[0] in TABLES:
        return TABLES[path[0]]
    if length := _in_space(path):
        return Choices if "Choices" in location[length : length + 1] else Range
    return MethodSpec if path[0] == "methods" and len(path) == 2 else None


def _meant(name: str, owner: type[BaseModel] | None) -> str | None:
    found = MEANT.get(name)
    return found if owner in (Range, Choices) and owner is not None and found in owner.model_fields else None
