"""Write every picture, every table and the page on runs into one folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from serbench import processes
from serbench.errors import BadParameter, SerbenchError, nearest
from serbench.files import expanded, replacing_folder
from serbench.processes import Message, Send
from serbench.report.figures import catalogue as figures
from serbench.report.figures import style
from serbench.report.figures.catalogue import Figure
from serbench.report.manifest import MANIFEST, PAGE, Item, Report, refuse_others
from serbench.report.page import audio as page_audio
from serbench.report.page.html import page
from serbench.report.sections import Section, sections
from serbench.report.tables import catalogue as tables
from serbench.report.tables.table import FORMS, Table
from serbench.results import run as stored
from serbench.results.run import Run
from serbench.settings import results_folder

Hear = Callable[[str], None]
"""Called with the title of a picture."""


def write_report(
    *runs_or_names: Run | str | Path,
    out: str | Path,
    results: str | Path | None = None,
    formats: Sequence[str] = style.FORMATS,
    jobs: int = 0,
    audio: str | Path | None = None,
    embed: int = 0,
    hear: Hear = lambda _: None,
) -> Report:
    """Write pictures, tables and a page on runs, from their stored predictions only.

    Runs on different corpora or protocols have their own sections. With the same versions of
    serbench and matplotlib, the same runs give the same bytes.

    Args:
        runs_or_names: runs, their folders, or the starts of their names.
        out: the folder to write; an existing report there is replaced as a whole.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".
        formats: formats of the pictures: "png", "svg", "pdf"; if empty, no pictures are drawn, and
            matplotlib is not needed.
        jobs: how many processes draw at a time; 0 draws in this process.
        audio: the corpus's folder; the page links to each utterance's file there.
        embed: how many of each run's most confident mistakes have their audio in the page instead
            of links; whoever gets the page then gets that audio.
        hear: function that is called with the title of each picture drawn.

    Raises:
        MissingRequirement: matplotlib is not installed.
        SerbenchError: a run is unknown, damaged or given twice, or `out` contains other files.
    """
    for form in formats:
        if form not in style.FORMATS:
            raise nearest("picture format", form, style.FORMATS)
    if formats:
        style.require_matplotlib()
    parent = results_folder(results)
    runs = [stored.find(run, parent) for run in runs_or_names]
    grouped = sections(runs)  # before anything is written, since it may refuse runs
    folder = expanded(out).resolve()
    for taken in (*(run.folder for run in runs), *stored.folders(parent)):
        if folder.is_relative_to(expanded(taken).resolve()):
            raise SerbenchError(
                f"{folder} is in the folder of a run, {taken.name}, which is for its results "
                "alone: name another folder with --out"
            )
    refuse_others(folder)
    clips = _clips(runs, folder, audio, embed)
    with replacing_folder(folder) as new:
        folders = [part for section in grouped for part in _folders(new, section, formats)]
        items = tuple(_write_all(folders, jobs, hear))
        written = Report(folder, tuple(run.name for run in runs), items)
        (new / PAGE).write_text(page(runs, clips), encoding="utf-8")
        (new / MANIFEST).write_text(written.manifest(), encoding="utf-8")
        refuse_others(folder)  # again, since drawing takes a while
        if folder.exists():
            folder.rename(new.parent / "before")  # which goes when this block ends
    return written


def _clips(runs: Sequence[Run], out: Path, audio: str | Path | None, embed: int) -> dict[str, str]:
    """Return the addresses of the audio that the page plays, by utterance."""
    if audio is None:
        if embed:
            raise BadParameter("audio can be put into the page only where --audio says where it is")
        return {}
    folder = Path(audio)
    return (
        page_audio.embedded(runs, folder, embed) if embed else page_audio.links(runs, folder, out)
    )


@dataclass(frozen=True)
class Folder:
    """A folder of a report: the tables and pictures of a section, or of one of its runs."""

    root: str  # the report's own folder
    path: str  # below the root
    section: str  # the section's title
    run: str  # the run's name; "" for the section as a whole
    runs: Sequence[str]  # the folders of the runs' results
    names: Sequence[str]  # of the runs, for readers
    formats: Sequence[str]  # of the pictures

    def item(self, kind: str, shown: Table | Figure, paths: Sequence[Path]) -> Item:
        """Return what the manifest says of a table or picture in this folder."""
        files = [path.relative_to(self.root).as_posix() for path in paths]
        return Item(kind, shown.title, shown.caption, self.section, self.run, files)


def _folders(root: Path, section: Section, formats: Sequence[str]) -> list[Folder]:
    results = [str(run.folder.resolve()) for run in section.runs]
    whole = Folder(str(root), section.folder, section.title, "", results, section.names, formats)
    return [whole] + [
        replace(whole, path=f"{section.folder}/{folder}", run=run.name, runs=[result], names=[name])
        for run, name, folder, result in zip(
            section.runs, section.names, section.folders, results, strict=True
        )
    ]


def _write_all(folders: Sequence[Folder], jobs: int, hear: Hear) -> Iterator[Item]:
    """Write every folder, `jobs` at a time; yield all tables and pictures in order."""
    if jobs < 0:
        raise BadParameter(f"jobs is {jobs}, but must be 0 or more")
    outcomes = processes.fresh(
        write_folder,
        [asdict(folder) for folder in folders],
        lambda _, message: hear(message["picture"]),
        at_once=min(jobs, processes.cores()),
        threads=1,
    )
    for outcome in sorted(outcomes, key=lambda outcome: outcome.item):
        if outcome.result is None:
            folder = folders[outcome.item]
            raise SerbenchError(
                f"the report on {folder.run or folder.section} failed: {outcome.error}"
            )
        yield from (Item(**item) for item in outcome.result["items"])


def write_folder(task: Message, send: Send) -> Message:
    """Write a `Folder`, in a process of its own, and send the title of each picture."""
    folder, items = Folder(**task), []
    runs, path = [stored.read(Path(run)) for run in folder.runs], Path(folder.root, folder.path)
    path.mkdir(parents=True, exist_ok=True)
    if folder.run:
        shown = tables.of_run(runs[0], folder.names[0])
        drawn = figures.of_run(runs[0], folder.names[0])
    else:
        shown = tables.of_section(runs, folder.names)
        drawn = figures.of_section(runs, folder.names)
    for table in shown:
        paths = [path / f"{table.name}.{ending}" for ending in FORMS]
        for file in paths:
            file.write_text(table.file(file.suffix[1:]), encoding="utf-8")
        items.append(folder.item("table", table, paths))
    for figure in drawn if folder.formats else ():
        with style.drawing():
            paths = style.save(figure.draw(), path / figure.name, figure.title, folder.formats)
        items.append(folder.item("picture", figure, paths))
        send({"picture": figure.title})
    return {"items": [asdict(item) for item in items]}
