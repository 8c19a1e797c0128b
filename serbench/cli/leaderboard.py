"""`serbench leaderboard ...`: tables of runs, submissions, and what is checked of them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.options import Data, Device, Results, RunName, number_or, require_format
from serbench.errors import SerbenchError, nearest

app = typer.Typer(
    help="Measured runs beside the literature; submit a run, and check submissions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


Account = Annotated[
    str,
    typer.Option(help="Who sends what is not in the ledger: github:NAME. Default: unknown."),
]


@app.command()
def show(
    dataset: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    results: Results = None,
    form: Annotated[str, typer.Option("--format", help="markdown or text.")] = "markdown",
) -> None:
    """Print your own runs beside the literature."""
    from serbench.leaderboard import build as building
    from serbench.settings import results_folder

    require_format(form, ("markdown", "text"))
    typer.echo(building.show(results_folder(results), dataset, form))


@app.command()
def build(
    submissions: Annotated[Path, typer.Option(help="The folder of all submissions.")] = Path(
        "leaderboard/submissions"
    ),
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("leaderboard"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is not up to date.")
    ] = False,
    account: Account = "",
) -> None:
    """Verify all submissions, rank them, and write README.md, csv, json, tex and index.html.

    Whatever is new gets a line in ledger.csv, beside the submissions, which records who was first.
    What was verified before is remembered in the cache: only what is new takes time.
    """
    from serbench.files import expanded
    from serbench.leaderboard import build as building
    from serbench.settings import settings

    folder, board = expanded(submissions), expanded(out)
    stale = building.build(folder, board, settings(), check, account)
    if check and stale:
        raise SerbenchError(
            f"stale in {board}: {', '.join(stale)}; run `serbench leaderboard build --submissions "
            f"{folder} --out {board}` and commit what it writes"
        )
    typer.echo(f"{', '.join(stale) or 'nothing'} {'stale' if check else 'written'} in {out}")


@app.command()
def submit(  # noqa: PLR0913 - a command's options are its parameters
    run: RunName,
    submitter: Annotated[str, typer.Option(help="Who submits it.")],
    out: Annotated[Path, typer.Option(help="The folder of submissions to put it in.")] = Path(
        "submissions"
    ),
    contact: Annotated[str | None, typer.Option(help="An address, if you like.")] = None,
    description: Annotated[str | None, typer.Option(help="Of the model, in a sentence.")] = None,
    code: Annotated[str | None, typer.Option(help="The address of its code.")] = None,
    commit: Annotated[str | None, typer.Option(help="Of the code. Default: looked up.")] = None,
    install: Annotated[
        str | None, typer.Option(help="The command that installs it. Default: looked up.")
    ] = None,
    training_data: Annotated[
        str | None, typer.Option(help="What the checkpoint it starts from has learned from.")
    ] = None,
    seen: Annotated[
        str | None, typer.Option(help="Was the test corpus among that? no, yes or unknown.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Of the checkpoint, where the results do not know it.")
    ] = None,
    note: Annotated[Path | None, typer.Option(help="A text file that goes along.")] = None,
    results: Results = None,
) -> None:
    """Pack a run to be shown on the leaderboard, and check it.

    A run that lies in its place there already is given its card. What an earlier card says stays,
    where nothing else is said now.
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


@app.command()
def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Submissions, or folders of them; else leaderboard/submissions or submissions.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For other programs.")] = False,
    account: Account = "",
) -> None:
    """Check submissions: their corpus, protocol, counts and scores are worked out anew.

    Also says what they have in common with the submissions beside them, and who sent them.

    Exit code 0 only if none is rejected. Safe on files of strangers: nothing in them is run.
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
        for folder, known in verifying.find(expanded(path)):
            verdict = known or admission.verify(folder)
            rows.append((folder, verdict))
            if not as_json:
                typer.echo("\n".join(verifying.lines(folder, verdict)))
    if as_json:
        typer.echo(verifying.as_json(rows))
    if any(verdict.status == "rejected" for _, verdict in rows):
        raise typer.Exit(1)


@app.command()
def reproduce(  # noqa: PLR0913 - a command's options are its parameters
    submission: Annotated[Path, typer.Argument(help="A submission's folder.")],
    fold: Annotated[
        list[str] | None,
        typer.Option(help="A fold's name; may be repeated; all for all. Default: the first."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="name=value: where a checkpoint is on this machine."),
    ] = None,
    data: Data = None,
    jobs: Annotated[
        str, typer.Option(help="Folds at a time: auto fills the cores; 0: in this process.")
    ] = "auto",
    device: Device = None,
    results: Annotated[Path, typer.Option(help="The parent folder of what is made again.")] = Path(
        "reproduced"
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Run it without being asked.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write what came out into the submission's folder.")
    ] = False,
    name: Annotated[str, typer.Option(help="Yours, for --record.")] = "",
) -> None:
    """Make folds of a submission again on this machine, and compare the predictions.

    Shows what would run, and asks. Exit code 0 if it is reproduced: 99 % of the utterances get the
    same label; or, where device, threads or libraries differ, F1 and UAR lie in the submitted 95 %
    interval over the test speakers of these folds, who must be ten or those of all folds. Features
    of another version are replaced by the installed ones, and the verdict says so.
    """
    from serbench.cli.progress import Bars
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
                "nobody is there to ask whether to run this: add --yes if it may run"
            )
        if not typer.confirm("Run it?", default=False):
            raise SerbenchError("nothing was run")
    with Bars() as bars:
        reproduction = make(
            proposal, jobs=number_or("auto", "--jobs", jobs, int), device=device, listener=bars
        )
    typer.echo(str(reproduction))
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
    out: Annotated[Path | None, typer.Option(help="The file to write; else it is printed.")] = None,
    results: Results = None,
) -> None:
    """Make a badge of a run for a README, or a section for its model's card.

    A run that is not ranked gets a badge that says so, without a score, and no card.
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
