"""`serbench plugin`: create a plugin from a template, and check one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.options import Commands
from serbench.errors import MissingRequirement

app = typer.Typer(
    help="Create a plugin, and check that it works.", no_args_is_help=True, cls=Commands
)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower case, digits, hyphens: my-cnn.")],
    kind: Annotated[
        str, typer.Option(help="model, features, dataset, perturbation or engine.")
    ] = "model",
    into: Annotated[Path, typer.Option(help="The parent of the new folder.")] = Path(),
) -> None:
    """Create a small working plugin package, to be changed into your own."""
    try:
        from serbench_template.new_package import new as make
        from serbench_template.new_package import next_steps
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("serbench_template"):
            raise
        remedy = "pip install serbench-template"
        raise MissingRequirement(f"the template is a package of its own: {remedy}") from None
    typer.echo(next_steps(kind, make(name, kind, into)))


@app.command()
def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A dataset, a feature, a model, a perturbation, an engine or a package."
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            help="model, features, dataset, perturbation, engine or package. Default: found by "
            "the name."
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="name=value: a parameter or an engine's option; may be repeated."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of a dataset's corpus.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check that a plugin keeps serbench's contract; exit code 1 if a check fails."""
    from serbench.parameters import parse_all
    from serbench.testing.plugin_check import check as run

    report = run(name, kind, params=parse_all(param), data=data)
    typer.echo(report.json() if as_json else report.text())
    if not report.ok:
        sys.exit(1)
