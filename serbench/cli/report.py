"""`serbench report`: pictures, tables and a page on runs."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.options import Results, RunNames


def report(
    names: RunNames,
    out: Annotated[Path, typer.Option(help="The folder to write, or an earlier report.")],
    picture: Annotated[
        list[str] | None,
        typer.Option(
            help="png, svg or pdf; may be repeated; none for tables and page alone. Default: all."
        ),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="The corpus's folder: the page then links to every utterance's audio."),
    ] = None,
    embed: Annotated[
        int,
        typer.Option(help="Put so many mistakes a run into the page as audio, instead of links."),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(help="Runs drawn at a time; 0: all in this process. Default: one a core."),
    ] = None,
    results: Results = None,
) -> None:
    """Write every picture, every table and a page on runs, from their stored predictions.

    Pictures are PNG, SVG and PDF, tables Markdown, CSV and LaTeX; index.html needs a browser and
    nothing else. Runs on several corpora or under several protocols come in sections.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from serbench.processes import cores
    from serbench.report import write_report
    from serbench.report.figures.style import FORMATS
    from serbench.settings import results_folder

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed} pictures", markup=False))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        pictures = progress.add_task("", total=None)
        written = write_report(
            *names,
            out=out,
            results=results_folder(results),
            formats=() if picture == ["none"] else picture or FORMATS,
            jobs=cores() if jobs is None else jobs,
            audio=audio,
            embed=embed,
            hear=lambda _: progress.advance(pictures),
        )
    typer.echo(str(written))
