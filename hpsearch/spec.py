"""The study file: one TOML file describes one comparison, read strictly and frozen.

Every name in it is a file name: `task = "audio_task"` is that module's TASK, `method = "filter"` is
METHOD in `filter.py` of the package that the task names, `searcher = "botorch"` is SEARCHER in `botorch.py`.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import json
import pkgutil
import sys
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from hpsearch.dataset import DataSet
from hpsearch.space import Choice, Fixed, Float, Int, Parameter, Space, Value, space_as_json
from hpsearch.stopping import Stopped
from hpsearch.task import Method, Objective, SpaceOnly, Task

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


RESERVED = frozenset(
    ("method", "repeat", "trial", "objective", "state", "reason", "seconds", "seed", "step", "progress")
)
"""Names that a hyperparameter or metric may not have: columns of the trials table, and what training adds."""


class SpecError(Exception):
    """What is wrong with a study file, a line a fault: file, key, what was expected, nearest valid key."""

    exit_code = 2


class Named(BaseModel):
    """A module by name with its settings: `task = "audio_task"` or a table `[task]` with `name`."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """Everything in the table but the name."""
        return dict(self.model_extra or {})


def _seconds(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Scalar = bool | int | float | str


class Range(BaseModel):
    """A hyperparameter's range as a table; what is left out is the method's own."""

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


class MethodSpec(BaseModel):
    """One method of the comparison: where it is found and what differs from its defaults."""

    model_config = STRICT
    method: str | None = None
    space: dict[str, Scalar | list[Scalar] | Choices | Range] = Field(default_factory=dict)
    schedules: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Scalar] = Field(default_factory=dict)


class Spec(BaseModel):
    """A comparison: methods x repeats studies of `trials` trials each, on one task, by one searcher.

    `time_limit` is how many seconds a worker may train a pack, loading its data included, before it is ended and the
    pack counts as failed. A trial that fails whenever it is tried counts at chance level ("count"), or ends the run
    with its reason and is tried again by the next one ("stop").
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

    @property
    def pack_size(self) -> int:
        """How many studies travel together: the study file's `pack`, else the task's wish, evened out.

        20 repeats at a wish of 16 make two packs of 10 rather than 16 and 4.
        """
        wish = min(self.pack or load_task(self.task).pack, self.repeats)
        packs = -(-self.repeats // wish)
        return -(-self.repeats // packs)


def read_spec(path: Path) -> Spec:
    """Read a study file and check all of it: keys, types, ranges, and that every name can be loaded.

    Raises SpecError with one line for each fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # a task of one's own lies beside its study file
        sys.path.append(folder)
    return parse_spec(text, str(path))


def parse_spec(text: str, source: str) -> Spec:
    """`read_spec` for a text already in memory; `source` is what messages call it."""
    try:
        spec = Spec.model_validate(tomllib.loads(text))
        task, searcher = load_task(spec.task), load_searcher(spec.searcher)
        if not task.objective.searchable and spec.searcher.name != "fixed":
            raise SpecError(
                f"searcher: the task measures its {task.objective.name}, by which nothing may be chosen; "
                'say searcher = "fixed", which tries given configurations, or have it measure on validation data'
            )
        methods = {label: load_method(task, label, method_spec) for label, method_spec in spec.methods.items()}
        _check_spaces(searcher, {label: method.space for label, method in methods.items()})
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{source}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise SpecError("\n".join(f"{source}: {line}" for line in _faults(error, Spec))) from error
    except SpecError as error:
        raise SpecError("\n".join(f"{source}: {line}" for line in str(error).splitlines())) from error
    except (ValueError, OverflowError, RecursionError) as error:  # numbers of thousands of digits, endless nesting
        raise SpecError(f"{source}: cannot be read: {str(error).splitlines()[0]}") from error
    return spec


def _check_spaces(searcher: Any, spaces: Mapping[str, Space]) -> None:
    """A searcher that is not for every space says so in a method `check`."""
    if not hasattr(searcher, "check"):
        return
    try:
        searcher.check(spaces)
    except ValueError as error:
        raise SpecError(str(error)) from error


def load_task(named: Named) -> Task:
    """TASK of the module `named.name`, with the settings of the study file in place of its own."""
    module = _import(named.name, "task", available_tasks())
    task = _attribute(module, "TASK", "task")
    for name in ("objective", "methods", "pack", "prepare", "train"):
        if not hasattr(task, name):
            raise SpecError(f"task: {named.name}.TASK has no {name}; wrap a function in hpsearch.task.FunctionTask")
    made = cast(Task, _with_settings(task, named.settings, "task"))
    if not isinstance(made.objective, Objective):
        raise SpecError(f"task: {named.name}.TASK.objective must be an hpsearch.task.Objective, got {made.objective!r}")
    if type(made.pack) is not int or made.pack < 1:
        raise SpecError(f"task: {named.name}.TASK.pack must be a whole number from 1, got {made.pack!r}")
    return made


def load_searcher(named: Named) -> Any:
    """SEARCHER of `hpsearch/searchers/<name>.py`, with the settings of the study file."""
    module = member("hpsearch.searchers", named.name, "searcher")
    return _with_settings(_attribute(module, "SEARCHER", "searcher"), named.settings, "searcher")


def searches(name: str) -> bool:
    """Whether the searcher of that name searches, or tries given configurations."""
    return bool(getattr(load_searcher(Named(name=name)), "searches", True))


def load_executor(name: str, workers: int | None = None, **settings: Any) -> Any:
    """EXECUTOR of `hpsearch/executors/<name>.py`, started; `settings` that are None are left to it."""
    executor = _attribute(member("hpsearch.executors", name, "executor"), "EXECUTOR", "executor")
    given = {key: value for key, value in settings.items() if value is not None}
    if unknown := [key for key in given if key not in inspect.signature(executor).parameters]:
        raise SpecError(f"executor: {name} takes no {unknown[0]}")
    try:
        return executor(workers, **given)
    except ValueError as error:
        raise SpecError(f"executor: {error}") from error


def load_method(task: Task, label: str, spec: MethodSpec) -> Method:
    """The method called `label`, its space and schedules changed as the study file says."""
    key = f"methods.{label}"
    if task.methods is None:
        if spec.method is not None or spec.schedules or spec.settings:
            wrong = "method" if spec.method is not None else "schedules" if spec.schedules else "settings"
            raise SpecError(f"{key}.{wrong}: this task has no methods to choose from; give only a space")
        if not spec.space:
            raise SpecError(f"{key}.space: this task has no methods, so a space is needed here")
        # Such a task uses nothing of its method but the space.
        return cast(Method, SpaceOnly(_changed(Space(()), spec.space, key, open_space=True)))
    name = spec.method or label
    if ":" in name:
        module_name, _, attribute = name.partition(":")
        method = _attribute(_import(module_name, f"{key}.method", []), attribute, f"{key}.method")
    else:
        method = _attribute(member(str(task.methods), name, f"{key}.method"), "METHOD", f"{key}.method")
    if not (
        dataclasses.is_dataclass(method)
        and not isinstance(method, type)
        and hasattr(method, "space")
        and hasattr(method, "schedules")
    ):
        raise SpecError(f"{key}.method: {name} is not a method: a frozen dataclass with a space and schedules")
    if unknown := [name for name in spec.schedules if name not in method.space.names]:
        raise SpecError(_unknown(f"{key}.schedules.{unknown[0]}", unknown[0], method.space.names))
    still = {parameter.name for parameter in method.space if isinstance(parameter, Choice)}
    if switches := [name for name in spec.schedules if name in still]:
        raise SpecError(f"{key}.schedules.{switches[0]}: a choice has no schedule, only a number has")
    if reserved := [name for name in spec.settings if name in ("space", "schedules")]:
        raise SpecError(f"{key}.settings.{reserved[0]}: this has a table of its own, {key}.{reserved[0]}")
    if spec.settings:
        method = _with_settings(method, spec.settings, f"{key}.settings")
    schedules = {**method.schedules, **spec.schedules}
    space = _changed(method.space, spec.space, key, open_space=False)
    try:
        return cast(Method, dataclasses.replace(method, space=space, schedules=schedules))
    except ValueError as error:
        raise SpecError(f"{key}: {error}") from error


def resolved(spec: Spec) -> dict[str, Any]:
    """Every setting with its value, as plain values: those of the study file and those left to defaults."""
    task = load_task(spec.task)
    methods = {label: load_method(task, label, method) for label, method in spec.methods.items()}
    settings = {
        "task": _plain_settings(task),
        "searcher": _plain_settings(load_searcher(spec.searcher)),
        "methods": {
            label: {
                "space": space_as_json(method.space),
                "schedules": dict(method.schedules),
                "settings": {k: v for k, v in _plain_settings(method).items() if k not in ("space", "schedules")},
            }
            for label, method in methods.items()
        },
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings))  # as a database gives it back: lists, no tuples
    return plain


def _plain_settings(thing: Any) -> dict[str, Any]:
    if not dataclasses.is_dataclass(thing):
        return {}
    values = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_settings(value)
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def available_tasks() -> list[str]:
    """Modules that can be imported here and are called `..._task`."""
    names = {module.name for module in pkgutil.iter_modules()}
    return sorted(name for name in names if name.endswith("_task") and not name.startswith("test_"))


def available(package: str) -> list[str]:
    """Names of the modules in a package, each of which is one method, searcher or executor."""
    return sorted(m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__))


def member(package: str, name: str, key: str) -> ModuleType:
    """The module of that name in a package, for `key` in messages. SpecError names the valid and nearest names."""
    valid = available(package)
    if name not in valid:
        raise SpecError(_unknown(key, name, valid, what="no such name"))
    return _import(f"{package}.{name}", key, valid)


def available_datasets() -> dict[str, DataSet]:
    """Name -> data set, of all tasks that can be imported here."""
    found: dict[str, DataSet] = {}
    for task in available_tasks():
        package = getattr(load_task(Named(name=task)), "datasets", None)
        for name in available(package) if package else []:
            module = _import(f"{package}.{name}", "data", [])
            if hasattr(module, "DATASET"):
                found[name] = module.DATASET
    return found


def load_dataset(name: str) -> DataSet:
    """The data set of that name. Raises SpecError with the names that there are."""
    found = available_datasets()
    if name not in found:
        raise SpecError(_unknown(name, name, found, what="no such data set"))
    return found[name]


def shipped_studies() -> dict[str, Path]:
    """The study files that come with the tool, by name."""
    here = Path(__file__).resolve().parent
    folder = next((f for f in (here / "studies", here.parent / "studies") if f.is_dir()), here)
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_study(name: str) -> Path:
    """The study file at a path, with or without its .toml, or the shipped one of that name."""
    for path in (Path(name), Path(f"{name}.toml")):
        if path.is_file():
            return path
    shipped = shipped_studies()
    if name in shipped:
        return shipped[name]
    raise SpecError(_unknown(name, name, shipped, what="no such study file, and no shipped study"))


def recorded_name(path: Path) -> str:
    """What a database remembers of where its study file was: a shipped one's name, another one's path."""
    shipped = {study.resolve() for study in shipped_studies().values()}
    return path.name if path.resolve() in shipped else str(path.resolve())


# What follows turns names into objects and faults into sentences.


def _import(name: str, key: str, valid: list[str]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise SpecError(f"{key}: {name} needs the module {error.name}, which is not installed") from error
        raise SpecError(_unknown(key, name, valid, what="no such module")) from error
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # the user's own module may raise anything while it is imported
        raise SpecError(f"{key}: importing {name} raised {type(error).__name__}: {error}") from error


def _attribute(module: ModuleType, name: str, key: str) -> Any:
    if not hasattr(module, name):
        raise SpecError(f"{key}: the module {module.__name__} has no {name}")
    return getattr(module, name)


def _with_settings(thing: Any, settings: Mapping[str, Any], key: str) -> Any:
    """A copy of the frozen dataclass `thing` with `settings`, checked against its annotations."""
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        if settings:
            raise SpecError(f"{key}: takes no settings, for it is no dataclass; got {', '.join(settings)}")
        return thing
    try:
        hints = typing.get_type_hints(type(thing))
    except NameError as error:
        raise SpecError(f"{key}: an annotation of {type(thing).__name__} cannot be resolved: {error}") from error
    # TOML has only arrays; a frozen dataclass likes tuples.
    settings = {
        name: tuple(value) if isinstance(value, list) and typing.get_origin(hints.get(name)) is tuple else value
        for name, value in settings.items()
    }
    fields = {f.name: (hints[f.name], getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    Settings = create_model(type(thing).__name__, __config__=STRICT, **cast(Any, fields))
    try:
        given = Settings.model_validate(settings)
        return dataclasses.replace(thing, **{name: getattr(given, name) for name in settings})
    except ValidationError as error:
        raise SpecError("\n".join(_faults(error, Settings, prefix=f"{key}."))) from error
    except ValueError as error:
        raise SpecError(f"{key}: {error}") from error


def _changed(space: Space, changes: Mapping[str, Any], key: str, *, open_space: bool) -> Space:
    for name, change in changes.items():
        where = f"{key}.space.{name}"
        if name in RESERVED:
            raise SpecError(f"{where}: a hyperparameter may not have this name: a column of the trials table has it")
        if name not in space.names and not open_space:
            raise SpecError(_unknown(where, name, space.names))
        old = space[name] if name in space.names else None
        try:
            space = space.replaced(_parameter(name, change, old))
        except ValueError as error:
            raise SpecError(f"{where}: {error}") from error
    return space


def _parameter(name: str, change: Any, old: Parameter | None) -> Parameter:
    """One line of a study file's space: a value fixes, [low, high] or a table gives the range."""
    if isinstance(change, Choices):
        return _choice(name, change.choices, change.ordered, old)
    if isinstance(change, list):
        if isinstance(old, Choice):
            return _choice(name, change, old.ordered, old)
        if len(change) != 2 or not all(type(bound) in (int, float) for bound in change):
            raise ValueError("expected a value, [low, high], {low, high, log} or {choices = [...]}")
        whole = old is None and all(type(bound) is int for bound in change)
        change = Range(low=change[0], high=change[1], integer=whole or None)
    if isinstance(change, Range):
        return _range(name, change, old)
    return _fixed(name, change, old)


def _fixed(name: str, value: Value, old: Parameter | None) -> Fixed:
    if isinstance(old, Choice) and not any(type(v) is type(value) and v == value for v in old.values):
        raise ValueError(f"expected one of {list(old.values)}, got {value!r}")
    if isinstance(old, Float | Int):
        if isinstance(value, bool | str):
            raise ValueError(f"expected a number, got {value!r}")
        if isinstance(old, Int) and value != int(value):
            raise ValueError(f"expected a whole number, got {value!r}")
    # A fixed value may lie outside the searched range: the range is only where it is worth looking.
    return Fixed(name, value)


def _choice(name: str, values: list[Any], ordered: bool, old: Parameter | None) -> Choice:
    if isinstance(old, Float | Int):
        values = [_fixed(name, value, old).value for value in values]
    if isinstance(old, Choice):
        for value in values:
            _fixed(name, value, old)
    return Choice(name, tuple(values), ordered)


def _range(name: str, change: Range, old: Parameter | None) -> Float | Int:
    if isinstance(old, Choice):
        raise ValueError(f"expected one of {list(old.values)} or a list of some of them, got a range")
    known = old if isinstance(old, Float | Int) else None
    low = change.low if change.low is not None else known.low if known else None
    high = change.high if change.high is not None else known.high if known else None
    log = change.log if change.log is not None else known.log if known else False
    integer = change.integer if change.integer is not None else isinstance(known, Int)
    if low is None or high is None:
        raise ValueError("a range needs both low and high")
    if integer:
        return Int(name, cast(int, low), cast(int, high), log)
    return Float(name, float(low), float(high), log)


def _unknown(key: str, name: str, valid: Iterable[str], what: str = "unknown key") -> str:
    names = sorted(valid)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    known = f" (valid: {', '.join(names)})" if names else ""
    said = what if what == "unknown key" else f"{what} {name!r}"
    return f"{key}: {said}{hint}{known}"


def _faults(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """One sentence a fault; of a union's faults only the first, which names the key."""
    lines: dict[str, str] = {}
    for fault in error.errors():
        location = [part for part in fault["loc"] if not (isinstance(part, str) and _is_branch(part))]
        key = prefix + ".".join(str(part) for part in location)
        if fault["type"] == "extra_forbidden":
            owner = _model_at(model, location[:-1])
            line = _unknown(key, str(location[-1]), owner.model_fields if owner else [])
        elif fault["type"] == "missing":
            line = f"{key}: this key is needed and missing"
        elif key.count(".space.") and "methods" in key:
            key = ".".join(key.split(".")[:4])
            line = f"{key}: expected a value, [low, high], {{low, high, log}} or {{choices = [...]}}"
        else:
            line = f"{key}: {_lower(fault['msg'])}, got {fault['input']!r}"
        lines.setdefault(key, line)
    return list(lines.values())


def _is_branch(part: str) -> bool:
    """Whether a part of pydantic's location names a branch of a union rather than a key of the file."""
    return part in ("Choices", "Range", "bool", "int", "float", "str") or part.startswith(("list[", "function-"))


def _model_at(model: type[BaseModel], location: list[Any]) -> type[BaseModel] | None:
    if not location:
        return model
    return MethodSpec if location[0] == "methods" and len(location) == 2 else None


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
