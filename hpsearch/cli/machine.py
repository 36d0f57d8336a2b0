"""Commands about this machine: what a run would find on it, and which plug-ins and studies it has."""

from __future__ import annotations

from pathlib import Path

import typer


def doctor() -> None:
    """Look at versions, processor, GPUs, folders and data, and say what will be slow or wrong and why."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from hpsearch.study import kinds, registry
    from hpsearch.system.doctor import examine

    datasets, passed_over = registry.Registry.here().everything(kinds.DATASET)
    console = Console(highlight=False)
    with console.status("looking at this machine"):
        findings = examine([(name, dataset.find) for name, dataset in datasets.items()])
    table = Table(box=None, show_header=False)
    colours = {"ok": "green", "info": "cyan", "slow": "yellow", "wrong": "red"}
    for finding in findings:
        remark = f"\n[dim]{escape(finding.remark)}[/dim]" if finding.remark else ""
        verdict = f"[{colours[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.subject, verdict, escape(finding.value) + remark)
    console.print(table)
    for reason in passed_over:
        console.print(f"passed over: {escape(reason)}", soft_wrap=True)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(4)


def list_() -> None:
    """List the tasks, methods, searchers, executors and shipped studies, and what cannot be imported."""
    from rich.console import Console
    from rich.markup import escape

    from hpsearch.study import kinds, registry
    from hpsearch.study.shipped import shipped_studies

    found_in = registry.Registry.here()
    console = Console(highlight=False, soft_wrap=True)
    tasks, passed_over = found_in.everything(kinds.TASK)
    console.print("[bold]tasks[/bold]")
    for name, task in tasks.items():
        console.print(f"  {name}: {escape(task.objective.name)}, {task.objective.direction}")
    for heading, names in (
        ("methods", found_in.everything(kinds.METHOD)),
        ("data sets", found_in.everything(kinds.DATASET)),
        ("searchers", found_in.everything(kinds.SEARCHER)),
        ("executors", found_in.everything(kinds.EXECUTOR)),
        ("export formats", found_in.everything(kinds.EXPORT)),
    ):
        console.print(f"[bold]{heading}[/bold]\n  {', '.join(names[0])}")
        passed_over += names[1]
    console.print("[bold]shipped studies[/bold]")
    for name, path in shipped_studies().items():
        console.print(f"  {name}: {_description(path)}")
    if passed_over:
        console.print("[bold]passed over[/bold]")
        for reason in passed_over:
            console.print(f"  {escape(reason)}")


def _description(path: Path) -> str:
    import tomllib

    return str(tomllib.loads(path.read_text(encoding="utf-8")).get("description", ""))
