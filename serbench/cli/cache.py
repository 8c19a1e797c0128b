"""`serbench cache`: show what the cache holds, and remove some of it."""

from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import Commands, Yes, confirmed, require_format
from serbench.escaping import shown

app = typer.Typer(
    cls=Commands,
    help="Show or clean the cache; all of it can be computed again.",
    no_args_is_help=True,
)


@app.command()
def info(
    form: Annotated[str, typer.Option("--format", help="text, markdown, csv, json.")] = "text",
) -> None:
    """List what the cache holds, by corpus and feature, with sizes and times of the last use."""
    from serbench.features import cache
    from serbench.settings import settings

    require_format(form, cache.FORMATS)
    folder = settings().cache
    terminal.show(cache.table(cache.parts(folder), form), form=form)
    if form == "text":
        typer.echo(f"\nThe cache is {shown(str(folder))} (SERBENCH_CACHE).")


@app.command()
def clean(
    corpus: Annotated[str | None, typer.Option(help="Only what belongs to this corpus.")] = None,
    feature: Annotated[str | None, typer.Option(help="Only this feature.")] = None,
    older_than: Annotated[
        str | None, typer.Option(help="Only what has not been used for this long: 12h, 30d, 2w.")
    ] = None,
    old: Annotated[
        bool,
        typer.Option("--old", help="Only features of versions that are no longer installed."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Remove the parts of the cache that fit all options, unless a running evaluation uses them.

    Everything in the cache is computed again when it is needed.
    """
    from serbench.features import cache
    from serbench.settings import settings

    wanted = cache.Filter(corpus, feature, older_than, old)
    chosen = wanted.chosen(cache.parts(settings().cache))
    if not chosen:
        typer.echo("nothing in the cache fits these options")
        return
    terminal.show(cache.table(chosen, "text"))
    if dry_run or not confirmed(yes, "Remove this?"):
        return
    removed = 0
    for part in chosen:
        if reason := cache.remove(part):
            typer.echo(f"left: {shown(part.title)} {shown(reason)}", err=True)
        else:
            removed += part.size
    typer.echo(f"removed {cache.megabytes(removed)}")
