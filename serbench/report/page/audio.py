"""The audio behind the points of a report's page: links to files, or the clips themselves."""

import base64
import io
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from serbench import datasets
from serbench.errors import BadParameter, SerbenchError
from serbench.features import audio
from serbench.files import expanded
from serbench.report import analysis
from serbench.results.run import Run
from serbench.settings import settings

ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".m4a")
WHOLE = audio.Reading(trim_db=None)


def addresses(known: Mapping[str, Path], embed: bool) -> dict[str, str]:
    """Where a page finds the audio of utterances.

    A relative path becomes a relative link, which holds as long as page and audio move together;
    an absolute one a link to this machine's disk.

    Args:
        known: from an utterance's id to its file; what is embedded is read from here.
        embed: put the audio itself into the page, as 16 kHz mono FLAC.

    Raises:
        CorpusError: a file that is to be put into the page cannot be read.
    """
    address = embedded if embed else linked
    return {one: address(path) for one, path in known.items()}


def linked(path: Path) -> str:
    """A link to a file.

    >>> linked(Path("../audio/a clip#1.wav"))
    '../audio/a%20clip%231.wav'
    """
    if path.is_absolute():
        return path.as_uri()
    quoted = urllib.parse.quote(path.as_posix())
    # a colon before the first slash would make it a scheme
    return f"./{quoted}" if ":" in quoted.partition("/")[0] else quoted


def embedded(path: Path) -> str:
    """The audio itself as an address: 16 kHz mono FLAC, what a model hears before trimming."""
    import soundfile

    wave = audio.wave(*audio.decode(path), WHOLE)
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, audio.RATE, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def found(runs: Sequence[Run], folder: Path, page: Path) -> dict[str, Path]:
    """The files of the runs' utterances, for a page to link to: relative to it, where they can be.

    Args:
        runs: whose test utterances.
        folder: a corpus as it was unpacked, or one that holds several.
        page: the page's folder.

    Raises:
        SerbenchError: no utterance has a file in the folder.
    """
    home = expanded(page).resolve()
    return {one: _relative(path, home) for one, path in files(runs, folder).items()}


def chosen(runs: Sequence[Run], folder: Path, most: int) -> dict[str, Path]:
    """The files of every run's most confident mistakes, for a page to hold.

    Args:
        runs: whose mistakes.
        folder: as for `found`.
        most: how many a run.

    Raises:
        BadParameter: none are wanted.
        SerbenchError: no utterance has a file in the folder.
    """
    if most < 1:
        raise BadParameter(f"{most} clips are to be embedded, but there must be one or more")
    wanted = [one.utterance for run in runs for one in analysis.mistakes(run)[:most]]
    known = files(runs, folder)
    return {one: known[one] for one in dict.fromkeys(wanted) if one in known}


def files(runs: Sequence[Run], folder: Path) -> dict[str, Path]:
    """The files below a folder that are named as the runs' utterances are, by id.

    An id is a file's name without its ending, or its path below the folder without that.

    Raises:
        SerbenchError: no utterance has a file in the folder.
    """
    wanted = {one for run in runs for fold in run.folds for one in fold.test.ids}
    home = expanded(folder).resolve()
    below = sorted(home.rglob("*"), reverse=True)
    # backwards, so that of files called alike the first stays; a pipe would wait for its writer
    known = {
        name: path
        for path in below
        if path.suffix.lower() in ENDINGS
        for name in (path.stem, path.relative_to(home).with_suffix("").as_posix())
        if name in wanted and path.is_file()
    }
    named = {one: known[one] for one in sorted(wanted) if one in known}
    if not named:
        raise SerbenchError(
            f"none of the {len(wanted)} utterances, such as {min(wanted)}, has a file in {folder}: "
            "name the folder of their corpus"
        )
    return named


def _relative(path: Path, home: Path) -> Path:
    try:
        return Path(os.path.relpath(path, home))
    except ValueError:  # on another drive
        return path


def licence(runs: Sequence[Run]) -> str:
    """What the owners of the audio allow, in a sentence a corpus, as their datasets say it."""
    words = []
    for spec in dict.fromkeys(str(run.config["dataset"]) for run in runs):
        try:
            about = datasets.named(spec, settings()).dataset.about
        except SerbenchError:  # its plugin is not installed here
            words.append(f"{spec}: licence not known here")
        else:
            words.append(f"{about.title}: {about.licence}")
    return "; ".join(words)
