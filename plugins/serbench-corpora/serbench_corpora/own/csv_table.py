"""The dataset `csv`: a corpus listed in a table with path, label and speaker, `csv:my.csv`."""

from pathlib import Path
from typing import Literal

from serbench_corpora.own import delimited
from serbench_corpora.own.corpus import OwnCorpus
from serbench_corpora.own.listing import Listing, attribute_names


class Csv(OwnCorpus):
    """Reads a corpus that a table lists, one row per utterance.

    Paths are relative to the table's folder. The parameters from path to split name columns; ""
    skips an optional column. The columns path, label and speaker are required.

    Attributes:
        path: the path of the audio.
        label: the emotion.
        speaker: the speaker.
        id: the utterance's name in results; by default the path without the ending.
        sex: female or male.
        session: the recording session.
        dialogue: the conversation that the utterance is a turn of.
        split: train, validation or test.
        sentence: what is said, a text or its number.
        repetition: the take of this sentence.
        attributes: more columns, separated by commas, such as accent,intensity; reports score the
            groups of each. The column age is always read.
        speakers: single if every utterance really has a different speaker.
    """

    endings = (".csv", ".tsv", ".txt")

    def __init__(  # noqa: PLR0913 - its columns
        self,
        path: str = "path",
        label: str = "label",
        speaker: str = "speaker",
        id: str = "id",
        sex: str = "sex",
        session: str = "session",
        dialogue: str = "dialogue",
        split: str = "split",
        sentence: str = "sentence",
        repetition: str = "repetition",
        attributes: str = "",
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
            "sentence": sentence,
            "repetition": repetition,
        }
        self._attributes = attribute_names(attributes)

    def _read(self, place: Path) -> Listing:
        remedy = (
            "name the column of the speakers with ,speaker=COLUMN behind the path (columns: "
            f"{delimited.columns(place)})"
        )
        rows = delimited.read(place, self._columns, place.name, self._attributes)
        return self._collect(rows, place.parent, place, remedy)
