"""`serbench report`: write figures, tables and a web page about runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.options import Results, RunNames

if TYPE_CHECKING:
    from serbench.report.manifest import Report
    from serbench.results.run import Run


def report(
    names: RunNames,
    out: Annotated[Path, typer.Option(help="The folder to write; may be an earlier report.")],
    picture: Annotated[
        list[str] | None,
        typer.Option(
            help="png, svg or pdf; may be repeated; none: no pictures. Default: all three."
        ),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="Folder of the corpus, so that the page links to the audio."),
    ] = None,
    embed: Annotated[
        int,
        typer.Option(help="Embed the audio of so many mistakes per run in the page."),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(help="Runs drawn at a time; 0: in this process. Default: one per core."),
    ] = None,
    results: Results = None,
) -> None:
    """Write all pictures, all tables and a web page about runs, from their stored predictions.

    Pictures are PNG, SVG and PDF, tables are Markdown, CSV and LaTeX; index.html only needs a
    browser. Runs on different corpora or under different protocols are in separate sections.
    """
    typer.echo(
        str(write(names, out, results, picture=picture, audio=audio, embed=embed, jobs=jobs))
    )


def write(
    runs: "Sequence[Run | str]",
    out: Path,
    results: Path | None,
    *,
    picture: Sequence[str] | None = None,
    audio: Path | None = None,
    embed: int = 0,
    jobs: int | None = None,
) -> "Report":
    """Write a report, and show how many pictures are drawn; see `report` for the arguments."""
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
        return write_report(
            *runs,
            out=out,
            results=results_folder(results),
            formats=() if picture == ["none"] else picture or FORMATS,
            jobs=cores() if jobs is None else jobs,
            audio=audio,
            embed=embed,
            hear=lambda _: progress.advance(pictures),
        )
