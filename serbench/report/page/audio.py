"""Find the audio of a page's utterances, to link to it or to embed it."""

import base64
import io
import os
import urllib.parse
from collections.abc import Sequence
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


def links(runs: Sequence[Run], folder: Path, page: Path) -> dict[str, str]:
    """Return links to the files of the runs' test utterances, by id.

    Links are relative to the page, so they work as long as page and audio move together. Links to
    another drive are absolute.

    Args:
        runs: the runs whose test utterances are linked.
        folder: the folder of an unpacked corpus, or of several.
        page: the page's folder.

    Raises:
        SerbenchError: no utterance has a file in the folder.
    """
    home = expanded(page).resolve()
    return {
        utterance: link(_relative(path, home)) for utterance, path in files(runs, folder).items()
    }


def embedded(runs: Sequence[Run], folder: Path, most: int) -> dict[str, str]:
    """Return the audio of each run's `most` most confident mistakes as data addresses, by id.

    Audio is 16 kHz mono FLAC, as models get it before trimming.

    Raises:
        BadParameter: `most` is below 1.
        SerbenchError: no utterance has a file in the folder.
        CorpusError: a file cannot be read.
    """
    import soundfile

    if most < 1:
        raise BadParameter(f"cannot embed {most} clips: at least one is needed")
    ids = [mistake.utterance for run in runs for mistake in analysis.mistakes(run)[:most]]
    paths, addresses = files(runs, folder), {}
    for utterance in dict.fromkeys(ids):
        if utterance in paths:
            wave, buffer = audio.wave(*audio.decode(paths[utterance]), WHOLE), io.BytesIO()
            soundfile.write(buffer, wave, audio.RATE, format="FLAC", subtype="PCM_16")
            content = base64.b64encode(buffer.getvalue()).decode("ascii")
            addresses[utterance] = f"data:audio/flac;base64,{content}"
    return addresses


def link(path: Path) -> str:
    """Return a link to a file.

    >>> link(Path("../audio/a clip#1.wav"))
    '../audio/a%20clip%231.wav'
    """
    if path.is_absolute():
        return path.as_uri()
    quoted = urllib.parse.quote(path.as_posix())
    # a colon before the first slash would end a scheme
    return f"./{quoted}" if ":" in quoted.partition("/")[0] else quoted


def _relative(path: Path, home: Path) -> Path:
    try:
        return Path(os.path.relpath(path, home))
    except ValueError:  # on another drive
        return path


def files(runs: Sequence[Run], folder: Path) -> dict[str, Path]:
    """Return the files below a folder that belong to the runs' utterances, by id.

    An id is a file's name or its path below the folder, without the ending.

    Raises:
        SerbenchError: no utterance has a file in the folder.
    """
    ids = {utterance for run in runs for fold in run.folds for utterance in fold.test.ids}
    home = expanded(folder).resolve()
    # in reverse, so that the first of files with one name wins; opening a pipe would block
    paths = {
        name: path
        for path in sorted(home.rglob("*"), reverse=True)
        if path.suffix.lower() in ENDINGS
        for name in (path.stem, path.relative_to(home).with_suffix("").as_posix())
        if name in ids and path.is_file()
    }
    if not paths:
        raise SerbenchError(
            f"none of the {len(ids)} utterances, such as {min(ids)}, has a file in {folder}: "
            "name the folder of their corpus"
        )
    return dict(sorted(paths.items()))


def licence(runs: Sequence[Run]) -> str:
    """Return the licences of the runs' corpora, one sentence per corpus."""
    sentences = []
    for spec in dict.fromkeys(run.config.dataset for run in runs):
        try:
            about = datasets.named(spec, settings()).dataset.about
        except SerbenchError:  # its plugin is not installed
            sentences.append(f"{spec}: licence not known here")
        else:
            sentences.append(f"{about.title}: {about.licence or 'licence not known here'}")
    return "; ".join(sentences)
