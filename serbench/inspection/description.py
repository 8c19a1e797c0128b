"""Describe a corpus: utterances by label, speaker, sex and session, their lengths and loudness."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from serbench import datasets, tables
from serbench.contracts import About
from serbench.corpus import Utterance
from serbench.errors import CorpusError, nearest
from serbench.escaping import as_json, markdown, shown
from serbench.inspection import measurement
from serbench.inspection.measurement import Hear
from serbench.settings import settings

FORMATS = (*tables.FORMATS, "json")
BY = ("label", "speaker", "sex", "session")
PERCENT = (5, 50, 95)
NOTES = (
    "Length and loudness: median, and in brackets the 5th and 95th percentile.",
    "Loudness: root mean square in dB of full scale, without silence at both ends.",
)


@dataclass(frozen=True)
class Measurement:
    """An utterance, and what was measured in its audio.

    Attributes:
        utterance: with its file, under the label set.
        seconds: the length as recorded.
        level: the root mean square without silence at both ends, in dB of full scale; -inf for
            silence.
        rate: in Hz.
    """

    utterance: Utterance
    seconds: float
    level: float
    rate: int


@dataclass(frozen=True)
class Group:
    """The utterances of one label, speaker, sex or session, or all.

    Attributes:
        name: the label, speaker, sex or session; "" if it is unknown.
        utterances: how many.
        speakers: how many are known.
        labels: utterances of each label.
        sexes: utterances of each sex; "" is unknown.
        seconds: 5th percentile, median and 95th percentile of the lengths.
        levels: the same of the loudness, in dB of full scale; nan if all are silent.
    """

    name: str
    utterances: int
    speakers: int
    labels: dict[str, int]
    sexes: dict[str, int]
    seconds: tuple[float, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True)
class CorpusDescription:
    """A corpus in numbers. Prints as a table.

    Attributes:
        spec: the dataset, as results name it.
        label_set: the name of the label set.
        labels: in the order of the label set.
        about: the corpus's origin and licence.
        measurements: one per utterance, sorted by id.
    """

    spec: str
    label_set: str
    labels: tuple[str, ...]
    about: About
    measurements: tuple[Measurement, ...]

    @property
    def title(self) -> str:
        """A line with the corpus's size."""
        whole = self.whole
        rates = Counter(each.rate for each in self.measurements)
        hertz = ", ".join(f"{rate} Hz" for rate, _ in rates.most_common())
        length = tables.duration(sum(each.seconds for each in self.measurements))
        return (
            f"{self.spec}, labels {self.label_set}: "
            f"{tables.count(whole.utterances, 'utterance')}, "
            f"{tables.count(whole.speakers, 'speaker')}, "
            f"{tables.count(len(self.labels), 'label')}, {length}, {hertz}"
        )

    @property
    def whole(self) -> Group:
        """All utterances."""
        return self._group("all", self.measurements)

    def groups(self, by: str = "label") -> list[Group]:
        """Return the groups of utterances by "label", "speaker", "sex" or "session", in order.

        Raises:
            UnknownName: it is none of these.
        """
        if by not in BY:
            raise nearest("grouping", by, BY)
        members: dict[str, list[Measurement]] = {}
        for each in self.measurements:
            members.setdefault(getattr(each.utterance, by), []).append(each)
        names = self.labels if by == "label" else sorted(members)
        return [self._group(name, members[name]) for name in names if name in members]

    def _group(self, name: str, members: Sequence[Measurement]) -> Group:
        utterances = [each.utterance for each in members]
        labels = Counter(utterance.label for utterance in utterances)
        levels = [each.level for each in members if np.isfinite(each.level)] or [np.nan]
        return Group(
            name,
            len(members),
            len({utterance.speaker for utterance in utterances} - {""}),
            {label: labels[label] for label in self.labels},
            dict(sorted(Counter(utterance.sex for utterance in utterances).items())),
            tuple(np.percentile([each.seconds for each in members], PERCENT).tolist()),
            tuple(np.percentile(levels, PERCENT).tolist()),
        )

    def table(self, by: str = "label", form: str = "text") -> str:
        """Format a row for each label, speaker, sex or session, and one for all utterances.

        Args:
            by: "label", "speaker", "sex" or "session".
            form: one of `FORMATS`, or "html"; JSON has all groupings.

        Raises:
            UnknownName: it is none of these.
        """
        head, *rows = self.rows(by)
        if form == "json":
            return as_json(self.as_json())
        if form == "markdown":
            head, *rows = ([markdown(cell, 300) for cell in row] for row in (head, *rows))
        if form == "html":
            rows.insert(-1, [])
        return tables.table(head, rows, form)

    def rows(self, by: str) -> list[list[str]]:
        """Return the rows of a table, as `table` has them, the heads of the columns first."""
        groups = [*self.groups(by), self.whole]
        counted = list(self.whole.sexes) if by == "label" else self.labels
        head = [by, "utterances", "speakers", *(name or "unknown sex" for name in counted)]
        head += ["length (s)", "loudness (dB)"]
        rows = []
        for group in groups:
            counts = group.sexes if by == "label" else group.labels
            rows.append(
                [
                    group.name or "unknown",
                    *map(str, (group.utterances, group.speakers)),
                    *(f"{counts.get(name, 0)}" for name in counted),
                    _spread(group.seconds, 2),
                    _spread(group.levels, 1),
                ]
            )
        if by == "speaker":  # a row is one speaker
            return [[*row[:2], *row[3:]] for row in (head, *rows)]
        return [head, *rows]

    def page(self, by: str = "label", form: str = "text") -> str:
        """Format the table, with title and notes where the format has text."""
        if form in ("csv", "latex", "json"):
            return self.table(by, form)
        return tables.page(self.title, self.table(by, form), NOTES, form)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {
            "corpus": self.spec,
            "labels": self.label_set,
            "all": asdict(self.whole),
            **{by: [asdict(group) for group in self.groups(by)] for by in BY},
            "utterances": [
                {
                    "utterance": each.utterance.id,
                    "seconds": each.seconds,
                    "level": each.level,
                    "rate": each.rate,
                }
                for each in self.measurements
            ],
        }

    def __repr__(self) -> str:
        return f"<CorpusDescription {shown(self.title)}>"

    def __str__(self) -> str:
        return self.page()

    def _repr_markdown_(self) -> str:
        return self.page(form="markdown")

    def _repr_html_(self) -> str:
        return self.page(form="html")


def _spread(percentiles: Sequence[float], digits: int) -> str:
    """Return a median with its percentiles.

    >>> _spread([1.0, 2.0, 3.5], 1), _spread([float("nan")] * 3, 1)
    ('2.0 [1.0, 3.5]', '-')
    """
    low, middle, high = percentiles
    if np.isnan(middle):
        return "-"
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def describe_corpus(
    dataset: str,
    labels: str | None = None,
    *,
    data: str | Path | None = None,
    jobs: int | None = None,
    hear: Hear = lambda done, total: None,
) -> CorpusDescription:
    """Describe a corpus: utterances by label, speaker, sex and session, lengths and loudness.

    Args:
        dataset: a dataset's name with its parameters; `serbench datasets` lists them.
        labels: a label set's name; None is the dataset's first.
        data: the corpus's own folder, if it is not under SERBENCH_DATA.
        jobs: how many processes decode at a time; 0 decodes in this process; None is one per core.
        hear: called with the number of files that are decoded, and of all files.

    Raises:
        SerbenchError: the name is unknown, or the corpus is missing, incomplete or unreadable.
    """
    source = datasets.find(dataset, settings(), None if data is None else Path(data))
    corpus = datasets.read(source, labels)
    paths = {u.path: u for u in corpus.utterances if u.path is not None}
    files = measurement.measure(list(paths), jobs, hear)
    broken = [file.message for file in files.values() if file.fault]
    if broken:
        raise CorpusError(
            f"{broken[0]}; {tables.count(len(broken), 'file')} cannot be read: "
            f"`serbench corpus check {dataset}` lists them"
        )
    measurements = tuple(
        Measurement(paths[path], file.seconds, file.level, file.rate)
        for path, file in files.items()
    )
    about = source.dataset.about
    return CorpusDescription(source.spec, corpus.label_set, corpus.labels, about, measurements)
