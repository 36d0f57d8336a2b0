"""A command that shows what a study file asks for, with every name in it resolved, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.completion import studies
from hpsearch.system.threads import pin_threads

OBJECTS = frozenset(("function", "provide", "objective"))
"""Fields of tasks and methods made of functions, which are no settings that a study file may give."""

if TYPE_CHECKING:
    from hpsearch.contracts.json import Json
    from hpsearch.study.plan import Plan


def show(
    study: Annotated[
        str,
        typer.Argument(help="Study file, or the name of a shipped study.", show_default=False, autocompletion=studies),
    ],
) -> None:
    """Show what a study file asks for: task, searcher, every range with its type, packs and trainings."""
    pin_threads()  # a task may load torch
    from hpsearch.cli.tables import broken, printable, table_lines, terminal_width
    from hpsearch.contracts.space import condition_text
    from hpsearch.study.plan import read_plan
    from hpsearch.study.shipped import find_study
    from hpsearch.study.spaces import in_words

    plan = read_plan(find_study(study))
    settings = plan.settings()
    facts = _facts(plan, settings)
    wide, width = max(map(len, facts)), terminal_width() - 2
    print(broken(printable(": ".join(filter(None, (plan.spec.name, plan.spec.description))))))
    for name, value in facts.items():
        print(broken(printable(f"  {name:<{wide}}  {value}"), " " * (wide + 4)))
    for label, method in plan.methods.items():
        print()
        print(broken(printable(f"{label}{_about_method(plan, settings, label)}"), "  "))
        rows = [(p.name, *in_words(p), condition_text(p) if p.when else "") for p in method.space]
        columns = 5 if any(row[4] for row in rows) else 4
        head = ["hyperparameter", "type", "values", "scale", "only if"][:columns]
        for line in table_lines(head, [[printable(text) for text in row[:columns]] for row in rows], 1, width):
            print(f"  {line}")
        for said in _whole_ranges(plan, label):
            print(broken(printable(f"  {said}"), "  "))
    print()
    print(broken(_cost(plan)))
    print(f"how long that takes here, measured by one pack of each method: hpsearch run {study} --dry-run")


def _facts(plan: Plan, settings: Json) -> dict[str, str]:
    """What holds for all methods: what it is -> what it is set to."""
    from hpsearch.study.plan import split_text

    spec, task = plan.spec, plan.spec.task.name
    together = [f"{plan.pack_size} of a method together" if plan.pack_size > 1 else "one at a time"]
    together += [f"trials in rounds of {spec.parallel}"] if spec.parallel > 1 else []
    together += [f"{spec.seeds} seeds for each trial"] if spec.seeds > 1 else []
    found = {
        "task": _with_settings(task, settings["task"]),
        "objective": str(plan.task.objective),
        "searcher": _with_settings(spec.searcher.name, settings["searcher"]),
        "studies": f"{spec.repeats} of each method, of {spec.length}, from seed {spec.seed}",
        "training": ", ".join(together),
        "endpoint": spec.primary,
    }
    if plan.splits:
        ways = list(dict.fromkeys(split_text(split) for split in plan.splits.values()))
        found["data"] = f"each repeat has its own split: {'; '.join(ways[:3])}{'; ...' if len(ways) > 3 else ''}"
    return found


def _with_settings(name: str, settings: Json) -> str:
    shown = ", ".join(f"{key} = {value}" for key, value in settings.items() if key not in OBJECTS)
    return f"{name} ({shown})" if shown else name


def _about_method(plan: Plan, settings: Json, label: str) -> str:
    """What is said of a method beside its label: its name, settings, schedules and searcher, where there are any."""
    of_method, own = plan.spec.methods[label], settings["methods"][label]
    about = []
    if plan.task.methods is not None:
        about.append(_with_settings(plan.spec.method_name(label), own["settings"]))
    if own["schedules"]:
        about.append("schedules: " + ", ".join(f"{name} {schedule}" for name, schedule in own["schedules"].items()))
    if of_method.searcher is not None:
        about.append("searched by " + _with_settings(own["searcher"]["name"], own["searcher"]["settings"]))
    if of_method.formerly is not None:
        about.append(f"with the seeds of {of_method.formerly!r}")
    return f": {'; '.join(about)}" if about else ""


def _whole_ranges(plan: Plan, label: str) -> list[str]:
    """A sentence for each range of whole numbers that is one only because its bounds have no decimals."""
    from hpsearch.contracts.space import Int

    if plan.task.methods is not None:  # the method's own code says of what type a hyperparameter is
        return []
    spaces = [plan.spec.space, *(method.space for method in plan.spec.methods.values())]
    return [
        f"{p.name}: [{p.low}, {p.high}] is a range of whole numbers; for real numbers write "
        f"[{float(p.low)}, {float(p.high)}]"
        for p in plan.methods[label].space
        if isinstance(p, Int) and any(space.get(p.name) == [p.low, p.high] for space in spaces)
    ]


def _cost(plan: Plan) -> str:
    """How many trainings a run takes, and in how many packs."""
    spec = plan.spec
    studies = len(plan.methods) * spec.repeats
    packs = f" in {len(plan.methods) * -(-spec.repeats // plan.pack_size)} packs" if plan.pack_size > 1 else ""
    of = f"{len(plan.methods)} methods x {spec.repeats} repeats"
    if spec.budget is not None:
        return f"{of} = {studies} studies{packs}, each of {spec.length}"
    seeds = f" x {spec.seeds} seeds" if spec.seeds > 1 else ""
    trainings = studies * spec.trials * spec.seeds
    return f"{of} x {spec.trials} trials{seeds} = {trainings:,} trainings; {studies} studies{packs}"
