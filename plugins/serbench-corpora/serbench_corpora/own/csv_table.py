"""The dataset `csv`: any corpus that a table lists, `csv:my.csv` with path, label and speaker."""

from pathlib import Path
from typing import Literal

from serbench_corpora.own import delimited
from serbench_corpora.own.corpus import OwnCorpus
from serbench_corpora.own.listing import Listing


class Csv(OwnCorpus):
    """Reads a corpus that a table lists, a row an utterance.

    Paths are relative to the table's folder. Each parameter names a column; "" leaves out one that
    is not needed.

    Attributes:
        path: of the audio.
        label: the emotion.
        speaker: who speaks; needed too.
        id: the utterance's name in results; else its path without the ending.
        sex: female or male.
        session: the recording session.
        dialogue: the conversation it is a turn of.
        split: train, validation or test.
        speakers: single if every utterance really has a different speaker.
    """

    endings = (".csv", ".tsv", ".txt")

    def __init__(  # noqa: PLR0913 - they are its columns
        self,
        path: str = "path",
        label: str = "label",
        speaker: str = "speaker",
        id: str = "id",
        sex: str = "sex",
        session: str = "session",
        dialogue: str = "dialogue",
        split: str = "split",
        speakers: Literal["several", "single"] = "several",
    ) -> None:
        self.speakers = speakers
        self._columns = {
            "path": path,
            "label": label,
            "speaker": speaker,
            "id": id,
            "sex": sex,
            "session": session,
            "dialogue": dialogue,
            "split": split,
        }

    def _read(self, place: Path) -> Listing:
        remedy = (
            "name the column that says who speaks with ,speaker=COLUMN behind the path (columns: "
            f"{delimited.columns(place)})"
        )
        rows = delimited.read(place, self._columns, place.name)
        return self._collect(rows, place.parent, place, remedy)
