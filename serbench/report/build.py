"""`report()`: every picture, every table and the page on runs, in one folder."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from serbench import parallel
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.files import expanded, replacing_folder
from serbench.report import sections as parts
from serbench.report.figures import style
from serbench.report.manifest import LISTING, PAGE, Made, Report, listing, refuse_others
from serbench.report.page import audio as clips
from serbench.report.page.document import page
from serbench.report.sections import Section, sections
from serbench.results import run as stored
from serbench.results.run import Run
from serbench.settings import results_folder

Hear = Callable[[str], None]
"""Called with the title of a picture."""


def _nothing(_: str) -> None: ...


def report(
    *runs_or_names: Run | str | Path,
    out: str | Path,
    results: str | Path | None = None,
    formats: Sequence[str] = style.FORMATS,
    jobs: int = 0,
    audio: str | Path | None = None,
    embed: int = 0,
    hear: Hear = _nothing,
) -> Report:
    """Write pictures, tables and a page on runs, from their stored predictions alone.

    Runs on several corpora or under several protocols come in sections. The same runs give the
    same bytes, with the same versions of serbench and matplotlib.

    Args:
        runs_or_names: runs, their folders, or the starts of their names.
        out: the folder to write; a report that is there already is replaced as a whole.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".
        formats: of the pictures: "png", "svg", "pdf"; none makes none, and needs no matplotlib.
        jobs: processes that draw at a time; 0: only this one.
        audio: the folder of the corpus: the page then links to each utterance's file.
        embed: put the audio of so many of each run's most confident mistakes into the page
            instead of links; who passes the page on passes that audio on.
        hear: called with the title of each picture that is drawn.

    Raises:
        MissingRequirement: matplotlib is not installed.
        SerbenchError: there is no such run, one is given twice or damaged, or `out` holds
            something else.
    """
    for form in formats:
        if form not in style.FORMATS:
            raise nearest("picture format", form, style.FORMATS)
    if formats:
        style.require_matplotlib()
    parent = results_folder(results)
    found = [
        one if isinstance(one, Run) else stored.find(str(one), parent) for one in runs_or_names
    ]
    parted = sections(found)
    folder = expanded(out).resolve()
    _refuse_runs(folder, [*(run.folder for run in found), *stored.folders(parent)])
    refuse_others(folder)
    files = _audio(found, folder, audio, embed)
    with replacing_folder(folder) as new:
        made = tuple(_written(new, parted, formats, jobs, hear))
        names = tuple(run.name for run in found)
        (new / PAGE).write_text(page(found, audio=files, embed=embed > 0), encoding="utf-8")
        (new / LISTING).write_text(listing(names, made), encoding="utf-8")
        refuse_others(folder)  # again, since drawing takes a while
        if folder.exists():
            folder.rename(new.parent / "before")  # which goes when this block ends
    return Report(folder, names, made)


def _refuse_runs(out: Path, folders: Sequence[Path]) -> None:
    for folder in folders:
        if out.is_relative_to(expanded(folder).resolve()):
            raise SerbenchError(
                f"{out} is in the folder of a run, {folder.name}, which is for its results alone: "
                "name another folder with --out"
            )


def _audio(
    found: Sequence[Run], out: Path, audio: str | Path | None, embed: int
) -> dict[str, Path]:
    """The files of the utterances that the page plays, by id."""
    if audio is None:
        if embed:
            raise BadParameter("audio can be put into the page only where --audio says where it is")
        return {}
    folder = Path(audio)
    return clips.chosen(found, folder, embed) if embed else clips.found(found, folder, out)


def _written(
    new: Path, found: Sequence[Section], formats: Sequence[str], jobs: int, hear: Hear
) -> Iterator[Made]:
    """Write every part of every section; yields what was made, in order."""
    items = [part for section in found for part in parts.parts(new, section, formats)]
    if jobs < 0:
        raise BadParameter(f"jobs is {jobs}, but must be 0 or more")
    engine = parallel.of(min(jobs, parallel.cores()), threads=1)
    outcomes = engine(parts.write, items, lambda _, words: hear(str(words["picture"])))
    for outcome in sorted(outcomes, key=lambda one: one.item):
        if outcome.result is None:
            about = items[outcome.item]["about"] or items[outcome.item]["section"]
            raise SerbenchError(f"the report on {about} failed: {outcome.error}")
        for one in outcome.result["made"]:
            yield Made(**{**one, "files": tuple(one["files"])})
