"""`serbench corpus`: check or describe the files of a corpus on this disk."""

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import Commands, Data, Format, Labels, Quiet, names_of, require_format
from serbench.errors import BadParameter, nearest
from serbench.escaping import shown

app = typer.Typer(
    no_args_is_help=True, cls=Commands, help="Check or describe the files of a corpus."
)

Corpus = Annotated[
    str,
    typer.Argument(
        metavar="CORPUS",
        help="A dataset, with its parameters: crema-d, toy:seed=3, csv:my.csv.",
        autocompletion=names_of("dataset"),
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Processes that decode at a time; 0: this one. Default: one per core. The result does "
        "not depend on it."
    ),
]


@app.command()
def check(
    corpus: Corpus,
    data: Data = None,
    form: Format = "text",
    write_list: Annotated[
        Path | None, typer.Option(help="A CSV file to write, with a row for every finding.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="Do not look for copies that were re-encoded, trimmed or made louder."
        ),
    ] = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Check what a corpus really holds; exit code 1 if there are errors.

    Compares counts, names and checksums with the published ones; decodes every file; finds broken
    and odd files, and recordings that are there twice, with their contradictions. Errors are what
    `evaluate` refuses or what makes results wrong; everything else is a note.
    """
    from serbench.evaluation.progress.bars import Bars
    from serbench.files import replacing
    from serbench.inspection import result
    from serbench.inspection.check import check_corpus

    require_format(form, result.FORMATS)
    if write_list is not None and write_list.suffix.lower() != ".csv":
        raise BadParameter(
            f"--write-list writes CSV: name a .csv file, not {shown(write_list.name)}"
        )
    with Bars(quiet) as bars:
        checked = check_corpus(corpus, data=data, jobs=jobs, quick=quick, hear=bars.extracting)
    if write_list is not None:
        with replacing(write_list) as temporary:
            temporary.write_text(f"{checked.list()}\n", encoding="utf-8")
        if not quiet:
            typer.echo(f"the findings are in {shown(str(write_list))}", err=True)
    terminal.show(checked.page(form), form=form)
    if checked.errors:
        raise typer.Exit(1)


@app.command()
def describe(  # noqa: PLR0913 - a command's options are its parameters
    corpus: Corpus,
    labels: Labels = None,
    by: Annotated[
        str, typer.Option(help="Rows of the table: label, speaker, sex or session.")
    ] = "label",
    out: Annotated[
        Path | None,
        typer.Option(help="A folder to write a page into, with spectrograms and audio."),
    ] = None,
    examples: Annotated[
        int, typer.Option(help="Speakers of whom the page has an utterance of each label.")
    ] = 4,
    data: Data = None,
    form: Format = "text",
    jobs: Jobs = None,
    quiet: Quiet = False,
) -> None:
    """Show the labels, speakers, lengths and loudness of a corpus, as a table or a page.

    The page has audio of the corpus in a folder beside it: publish that only if the licence of the
    corpus allows it.
    """
    from serbench.evaluation.progress.bars import Bars
    from serbench.inspection import description
    from serbench.inspection.description import describe_corpus

    require_format(form, description.FORMATS)
    if by not in description.BY:
        raise nearest("grouping", by, description.BY)
    with Bars(quiet) as bars:
        described = describe_corpus(corpus, labels, data=data, jobs=jobs, hear=bars.extracting)
    if out is not None:
        from serbench.report.corpus.page import write_corpus_page

        page = write_corpus_page(described, out, examples)
        if not quiet:
            typer.echo(f"the page is {shown(str(page))}", err=True)
    terminal.show(described.page(by, form), form=form)
