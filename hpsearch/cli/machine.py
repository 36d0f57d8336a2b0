"""Commands about this machine: what a run would find on it, and which plug-ins and studies it has."""

from __future__ import annotations

from pathlib import Path

import typer


def doctor() -> None:
    """Look at versions, processor, GPUs, folders and data, and say what will be slow or wrong and why."""
    from rich.console import Console
    from rich.text import Text

    from hpsearch.cli.tables import broken
    from hpsearch.study import kinds, registry
    from hpsearch.system.doctor import examine

    datasets, passed_over = registry.Registry.here().everything(kinds.DATASET)
    console = Console(highlight=False)
    with console.status("looking at this machine"):
        findings = examine([(name, dataset.find) for name, dataset in datasets.items()])
    wide = max(len(finding.subject) for finding in findings)
    colours = {"ok": "green", "info": "cyan", "slow": "yellow", "wrong": "red"}
    for finding in findings:
        head = f"{finding.subject:<{wide}}  {finding.verdict:<5}  "
        indent = " " * len(head)
        line = Text(broken(head + finding.value, indent))
        line.stylize(colours[finding.verdict], wide + 2, len(head))
        console.print(line, soft_wrap=True)
        for remark in finding.remark.splitlines():
            console.print(Text(broken(indent + remark, indent), "dim"), soft_wrap=True)
    for reason in passed_over:
        print(broken(f"passed over: {reason}"))
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(4)


def list_() -> None:
    """List the tasks, methods, searchers, executors, shipped studies and suites, and what cannot be imported."""
    from rich.console import Console

    from hpsearch.cli.tables import broken
    from hpsearch.study import kinds, registry
    from hpsearch.study.shipped import shipped_studies, shipped_suites

    found_in = registry.Registry.here()
    console = Console(highlight=False, soft_wrap=True)

    def item(text: str) -> None:
        print(broken(f"  {text}", "    "))

    tasks, passed_over = found_in.everything(kinds.TASK)
    console.print("[bold]tasks[/bold]")
    for name, task in tasks.items():
        item(f"{name}: {task.objective.name}, {task.objective.direction}")
    for heading, names in (
        ("methods", found_in.everything(kinds.METHOD)),
        ("data sets", found_in.everything(kinds.DATASET)),
        ("searchers", found_in.everything(kinds.SEARCHER)),
        ("executors", found_in.everything(kinds.EXECUTOR)),
        ("export formats", found_in.everything(kinds.EXPORT)),
    ):
        console.print(f"[bold]{heading}[/bold]")
        item(", ".join(names[0]))
        passed_over += names[1]
    console.print("[bold]shipped studies[/bold]")
    for name, path in shipped_studies().items():
        item(f"{name}: {_description(path)}")
    console.print("[bold]shipped suites[/bold]")
    for name, path in shipped_suites().items():
        item(f"{name}: {_description(path)}")
    if passed_over:
        console.print("[bold]passed over[/bold]")
        for reason in passed_over:
            item(reason)


def _description(path: Path) -> str:
    import tomllib

    return str(tomllib.loads(path.read_text(encoding="utf-8")).get("description", ""))
