"""`serbench leaderboard ...`: rank runs; pack, check and reproduce submissions."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from serbench.cli import terminal
from serbench.cli.options import (
    Commands,
    Data,
    Dataset,
    Device,
    Labels,
    Quiet,
    Results,
    RunName,
    Verbose,
    complete_protocols,
    named_texts,
    number_or,
    require_format,
)
from serbench.errors import SerbenchError, nearest

app = typer.Typer(
    help="Show runs beside the literature; submit a run; check and reproduce submissions.",
    no_args_is_help=True,
    rich_markup_mode=None,
    cls=Commands,
)

MOST_FILES = 8  # the most files that a message names


Account = Annotated[
    str,
    typer.Option(help="Sender of submissions not in the ledger: github:NAME. Default: unknown."),
]


@app.command()
def show(
    dataset: Annotated[str | None, typer.Option(help="Show only this corpus.")] = None,
    results: Results = None,
    form: Annotated[str, typer.Option("--format", help="markdown or text.")] = "markdown",
) -> None:
    """Print your own runs beside the literature."""
    from serbench.leaderboard import build as building
    from serbench.settings import results_folder

    require_format(form, ("markdown", "text"))
    terminal.show(building.show(results_folder(results), dataset, form))


@app.command()
def build(
    submissions: Annotated[Path, typer.Option(help="The folder of all submissions.")] = Path(
        "leaderboard/submissions"
    ),
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("leaderboard"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is out of date.")
    ] = False,
    account: Account = "",
) -> None:
    """Verify all submissions, rank them, and write README.md, csv, json, tex and index.html.

    The folder `runs` gets a page for every run, `pictures` a picture of every table.

    Every new submission or record gets a line in ledger.csv, beside the folder of submissions,
    which shows who was first. Verdicts are cached, so only new submissions take time.
    """
    from serbench.files import expanded
    from serbench.leaderboard import build as building
    from serbench.settings import settings

    folder, board = expanded(submissions), expanded(out)
    stale = building.build(folder, board, settings(), check, account)
    named = ", ".join(stale[:MOST_FILES])
    named += f" and {count} more" if (count := len(stale) - MOST_FILES) > 0 else ""
    if check and stale:
        raise SerbenchError(
            f"stale in {board}: {named}; run `serbench leaderboard build --submissions "
            f"{folder} --out {board}` and commit what it writes"
        )
    typer.echo(f"{named or 'nothing'} {'stale' if check else 'written'} in {out}")


@app.command()
def submit(  # noqa: PLR0913 - a command's options are its parameters
    run: RunName,
    submitter: Annotated[str, typer.Option(help="Name of the submitter.")],
    out: Annotated[Path, typer.Option(help="The folder of all submissions.")] = Path("submissions"),
    contact: Annotated[str | None, typer.Option(help="Address of the submitter.")] = None,
    description: Annotated[
        str | None, typer.Option(help="Description of the model, in a sentence.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Address of the model's code.")] = None,
    commit: Annotated[
        str | None, typer.Option(help="Commit of the code. Default: that of the installed code.")
    ] = None,
    install: Annotated[
        str | None,
        typer.Option(
            help="Command that installs the code. Default: pip, with the installed versions."
        ),
    ] = None,
    training_data: Annotated[
        str | None, typer.Option(help="Training data of the model's checkpoint.")
    ] = None,
    seen: Annotated[
        str | None,
        typer.Option(help="Whether that includes the test corpus: no, yes or unknown."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the checkpoint, if the results do not have it.")
    ] = None,
    note: Annotated[Path | None, typer.Option(help="A text file to include as note.md.")] = None,
    results: Results = None,
) -> None:
    """Pack a run for the leaderboard, and check the submission.

    A run that is already in its place there gets a new card. Statements of an earlier card remain
    unless options replace them.
    """
    from serbench.files import expanded
    from serbench.leaderboard.admission import Admission
    from serbench.leaderboard.submissions.card import SEEN
    from serbench.leaderboard.submissions.pack import Statements, about
    from serbench.leaderboard.submissions.pack import submit as pack
    from serbench.leaderboard.verification.verdict import lines
    from serbench.results.run import find
    from serbench.settings import results_folder

    if seen not in (None, *SEEN):
        raise nearest("answer to --seen", str(seen), SEEN)
    statements = Statements(
        submitter,
        contact=contact,
        description=description,
        licence=licence,
        seen=seen,
        training_data=training_data,
        address=code,
        commit=commit,
        install=install,
    )
    folder = pack(find(run, results_folder(results)), expanded(out), statements, note)
    verdict = Admission().verify(folder)
    typer.echo("\n".join([*lines(folder, verdict), *about(folder, verdict.status)]))
    if verdict.status == "rejected":
        raise typer.Exit(1)


@app.command("import")
def import_table(  # noqa: PLR0913 - a command's options are its parameters
    table: Annotated[
        Path, typer.Argument(help="A CSV file with a row for each utterance, as published.")
    ],
    dataset: Dataset,
    system: Annotated[str, typer.Option(help="Name of the system that was tested.")],
    submitter: Annotated[str, typer.Option(help="Your name, as the importer.")],
    protocol: Annotated[
        str | None,
        typer.Option(help="The protocol that was tested.", autocompletion=complete_protocols),
    ] = None,
    labels: Labels = None,
    publisher: Annotated[str, typer.Option(help="Who published the table.")] = "",
    source: Annotated[str, typer.Option(help="Address of the table.")] = "",
    commit: Annotated[str, typer.Option(help="Commit of the table.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the table.")] = "",
    modality: Annotated[
        str, typer.Option(help="What the system hears or sees: speech, face (video), ...")
    ] = "speech",
    leaks: Annotated[
        str, typer.Option(help="How its training saw the test sets: epoch chosen on the test set.")
    ] = "",
    caveat: Annotated[
        list[str] | None,
        typer.Option(help="Another reason not to compare it as it stands; may be repeated."),
    ] = None,
    link: Annotated[
        str | None,
        typer.Option(help="How scores become probabilities: identity, softmax or sigmoid."),
    ] = None,
    label_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="fear=fearful: the corpus's label for a label, or a column of scores, of the "
            "table; may be repeated.",
        ),
    ] = None,
    utterance: Annotated[
        str, typer.Option(help="Column of utterances or their files. Default: the first.")
    ] = "",
    fold: Annotated[
        str, typer.Option(help="Column of folds. Default: fold, if there is one.")
    ] = "",
    seed: Annotated[
        str, typer.Option(help="Column of seeds. Default: seed, if there is one.")
    ] = "",
    label: Annotated[
        str,
        typer.Option(help="Column of predicted labels. Default: label, if no column has scores."),
    ] = "",
    truth: Annotated[
        str, typer.Option(help="Column of true labels, to compare with those of the corpus.")
    ] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=CELL: import only rows with this cell; may be repeated."),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(help="OLD=NEW: another beginning for names of utterances; may be repeated."),
    ] = None,
    drop_unknown: Annotated[
        bool, typer.Option("--drop-unknown", help="Leave out utterances that the corpus lacks.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The folder of all submissions.")] = Path("submissions"),
    note: Annotated[Path | None, typer.Option(help="A text file to include as note.md.")] = None,
) -> None:
    """Make a submission of predictions that others published, one for each seed.

    True labels, speakers and folds are the corpus's and the protocol's; the table only gives
    predictions. The board shows them as recomputed, not run here, and never ranks them.
    """
    from serbench.files import expanded
    from serbench.leaderboard.admission import Admission
    from serbench.leaderboard.imports import run as imports
    from serbench.leaderboard.imports.table import Columns
    from serbench.leaderboard.verification.verdict import lines
    from serbench.metrics.calibration import LINKS

    if link not in (None, *LINKS):
        raise nearest("link", str(link), LINKS)
    reading = imports.Reading(
        columns=Columns(utterance=utterance, fold=fold, seed=seed, label=label, truth=truth),
        where=named_texts("--where", where),
        naming=named_texts("--map", label_map),
        renamed=named_texts("--rename", rename),
        link=link,  # type: ignore[arg-type]
        drop_unknown=drop_unknown,
    )
    origin = imports.Origin(
        system, publisher, source, commit, licence, modality, leaks, tuple(caveat or ())
    )
    made = imports.make(
        expanded(table),
        imports.Setting(dataset, protocol, labels),
        reading,
        origin,
        out=expanded(out),
        submitter=submitter,
        note=note,
    )
    admission, rejected = Admission(), False
    for outcome in made:
        verdict = admission.verify(outcome.folder)
        rejected |= verdict.status == "rejected"
        told = (f"  {line}" for line in outcome.lines())
        typer.echo("\n".join([*lines(outcome.folder, verdict), *told]))
    for line in imports.spread(made):
        typer.echo(line)
    if rejected:
        raise typer.Exit(1)


@app.command()
def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Submissions, or folders of them. Default: leaderboard/submissions, submissions.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    account: Account = "",
) -> None:
    """Check submissions: recompute their folds, counts and scores, and compare.

    Also reports predictions that other submissions have too, and who sent each submission.

    Exit code 0 only if no submission is rejected. Safe for untrusted files: none of them is run.
    """
    from serbench.files import expanded
    from serbench.leaderboard.admission import Admission
    from serbench.leaderboard.ledger import require_account
    from serbench.leaderboard.verification import verdict as verifying

    admission = Admission(require_account(account))
    if not paths:
        usual = (Path("leaderboard/submissions"), Path("submissions"))
        paths = [next((path for path in usual if path.is_dir()), usual[0])]
    rows = []
    for path in paths:
        for folder, rejection in verifying.find(expanded(path)):
            verdict = rejection or admission.verify(folder)
            rows.append((folder, verdict))
            if not as_json:
                typer.echo("\n".join(verifying.lines(folder, verdict)))
    if as_json:
        typer.echo(verifying.as_json(rows))
    if any(verdict.status == "rejected" for _, verdict in rows):
        raise typer.Exit(1)


@app.command()
def reproduce(  # noqa: PLR0913 - a command's options are its parameters
    submission: Annotated[Path, typer.Argument(help="Folder of the submission.")],
    fold: Annotated[
        list[str] | None,
        typer.Option(help="Name of a fold, or all; may be repeated. Default: the first."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="name=value, such as the path of a checkpoint on this machine."),
    ] = None,
    data: Data = None,
    jobs: Annotated[
        str,
        typer.Option(help="Number of folds at a time: auto fills the cores; 0: in this process."),
    ] = "auto",
    device: Device = None,
    results: Annotated[Path, typer.Option(help="The parent folder of the new run.")] = Path(
        "reproduced"
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Run without asking.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write a record into the submission's folder.")
    ] = False,
    name: Annotated[str, typer.Option(help="Your name, for --record.")] = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make folds of a submission again on this machine, and compare the predictions.

    Shows what would run, and asks. Exit code 0 if it is reproduced: 99 % of the utterances get the
    same label; or, if device, threads or libraries differ, F1 and UAR are in the submitted 95 %
    interval over the test speakers of these folds, which must be all folds or have ten speakers.
    Features of another version are replaced by the installed version, and the verdict says so.
    """
    from serbench.evaluation.progress.bars import Bars
    from serbench.leaderboard.reproduction.outcome import reproduce as make
    from serbench.leaderboard.reproduction.proposal import propose
    from serbench.leaderboard.submissions.reproduction_record import require_name, write
    from serbench.parameters import parse_all

    if record:
        require_name(name)
    given = parse_all(param)
    proposal = propose(submission, fold or (), given=given, data=data, results=results)
    typer.echo(f"{proposal}\n")
    if not yes:
        if not sys.stdin.isatty():
            raise SerbenchError(
                "running this must be confirmed, but there is no terminal: add --yes to confirm"
            )
        if not typer.confirm("Run it?", default=False):
            raise SerbenchError("nothing was run")
    with Bars(quiet, verbose) as bars:
        reproduction = make(
            proposal, jobs=number_or("auto", "--jobs", jobs, int), device=device, listener=bars
        )
    terminal.show(str(reproduction))
    if record:
        typer.echo(f"recorded in {write(submission, reproduction.record(name))}")
    if not reproduction.agreement.is_reproduced:
        raise typer.Exit(1)


@app.command()
def badge(
    run: RunName,
    form: Annotated[
        str,
        typer.Option("--format", help="svg, json (a shields.io endpoint) or card (for a hub)."),
    ] = "svg",
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: print.")] = None,
    results: Results = None,
) -> None:
    """Make a badge of a run for a README, or a section for its model's card.

    For a run that is not ranked, the badge shows the reason instead of a score; it gets no card.
    """
    from serbench.files import replacing
    from serbench.leaderboard import badge as badges
    from serbench.leaderboard import hub_card
    from serbench.results.run import find
    from serbench.settings import results_folder

    require_format(form, badges.FORMATS)
    measured = find(run, results_folder(results))
    if form == "card":
        text = hub_card.card(measured)
    else:
        picture = badges.badge(measured)
        text = picture.svg() if form == "svg" else picture.endpoint()
    if out is None:
        typer.echo(text, nl=False)
        return
    with replacing(out) as temporary:
        temporary.write_text(text, "utf-8")
    typer.echo(f"written to {out}")
