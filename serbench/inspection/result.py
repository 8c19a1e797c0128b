"""The findings about a corpus, as a table, a list and JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from serbench import tables
from serbench.escaping import as_json, markdown, shown
from serbench.inspection.kinds import KINDS, Severity

FORMATS = (*tables.FORMATS, "json")
NAMED = 3  # findings of a kind that the table names
TOLD = 3  # messages of the dataset below the table
HEAD = ("severity", "finding", "count", "first")
COLUMNS = ("severity", "kind", "utterance", "detail", "other utterance")
SENTENCES = ("refused", "names")  # kinds whose details are sentences, told below the table


@dataclass(frozen=True)
class Finding:
    """Something about one utterance, file or count.

    Attributes:
        kind: a key of `serbench.inspection.kinds.KINDS`.
        name: the id of the utterance, else a file or what was counted.
        detail: what exactly was found.
        other: the id of the other utterance of a pair.
    """

    kind: str
    name: str
    detail: str = ""
    other: str = ""

    @property
    def severity(self) -> Severity:
        """Whether this is an error or a note."""
        return KINDS[self.kind].severity

    def __str__(self) -> str:
        name = f"{self.name} = {self.other}" if self.other else self.name
        has_detail = self.detail and self.kind not in SENTENCES
        return f"{name} ({self.detail})" if has_detail else name


@dataclass(frozen=True)
class Count:
    """How many utterances there are of a label, a speaker, a sex or a session.

    Attributes:
        found: how many with a file.
        published: how many the corpus has as published or listed; None if that is unknown.
    """

    found: int
    published: int | None = None


@dataclass(frozen=True)
class CorpusCheck:
    """What a corpus on this disk holds. Prints as a table.

    Attributes:
        spec: the dataset, as results name it.
        root: the corpus's folder or file.
        utterances: how many have a file.
        seconds: the length of all files that can be decoded.
        counts: utterances by "label", "speaker", "sex" and "session", and by their values.
        findings: errors first, then by kind and name.
        refusals: the messages with which the dataset refuses the corpus.
        remarks: what the dataset says about oddities of the corpus.
    """

    spec: str
    root: Path
    utterances: int
    seconds: float
    counts: Mapping[str, Mapping[str, Count]]
    findings: tuple[Finding, ...]
    refusals: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What `serbench evaluate` refuses, and what makes results wrong."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def title(self) -> str:
        """A line with the corpus's size and the numbers of errors and notes."""
        sizes = [tables.count(self.utterances, "utterance")]
        for aspect in ("speaker", "label"):
            known = [name for name, count in self.counts[aspect].items() if name and count.found]
            sizes.append(tables.count(len(known), aspect))
        errors, findings = len(self.errors), len(self.findings)
        numbers = f"{tables.count(errors, 'error')}, {tables.count(findings - errors, 'note')}"
        return (
            f"{self.spec} in {self.root}: {', '.join(sizes)}, {tables.duration(self.seconds)}; "
            f"{numbers}"
        )

    def _by_kind(self) -> dict[str, list[Finding]]:
        by_kind: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_kind.setdefault(finding.kind, []).append(finding)
        return by_kind

    @property
    def notes(self) -> list[str]:
        """Lines on why the dataset refuses the corpus, on what to do, and remarks."""
        told = [f"`serbench evaluate` refuses this corpus: {line}" for line in self.refusals[:TOLD]]
        if len(self.refusals) > TOLD:
            more = tables.count(len(self.refusals) - TOLD, "more reason")
            told.append(f"and for {more}: `--format json` lists all")
        absent = [name for name, count in self.counts["speaker"].items() if not count.found]
        if absent and self.utterances:
            names = ", ".join(absent[:NAMED]) + (", ..." if len(absent) > NAMED else "")
            told.append(f"{tables.count(len(absent), 'speaker')} without any file: {names}")
        for kind, findings in self._by_kind().items():
            if kind == "names":
                told += [finding.detail for finding in findings]
            elif KINDS[kind].advice:
                told.append(f"{KINDS[kind].title}: {KINDS[kind].advice}")
        if any(len(found) > NAMED for found in self._by_kind().values()):
            told.append("`--write-list findings.csv` writes all findings")
        return [*told, *self.remarks]

    def table(self, form: str = "text") -> str:
        """Format a row for each kind of finding; JSON has everything.

        Args:
            form: one of `FORMATS`, or "html".
        """
        if form == "json":
            return as_json(self.as_json())
        rows = []
        for kind, findings in self._by_kind().items():
            first = "; ".join(map(str, findings[:NAMED]))
            more = f" and {len(findings) - NAMED} more" if len(findings) > NAMED else ""
            rows.append(
                [KINDS[kind].severity, KINDS[kind].title, f"{len(findings)}", f"{first}{more}"]
            )
        if form == "markdown":
            rows = [[markdown(cell, 300) for cell in row] for row in rows]
        return tables.table(HEAD, rows, form)

    def page(self, form: str = "text") -> str:
        """Format the table, with the title above and the notes below where the format has text."""
        if form in ("csv", "latex", "json"):
            return self.table(form)
        body = self.table(form) if self.findings else "No errors, and nothing to note."
        return tables.page(self.title, body, self.notes, form)

    def list(self, form: str = "csv") -> str:
        """Format a row for each finding, in one of the formats of `serbench.tables`."""
        rows = [[f.severity, f.kind, f.name, f.detail, f.other] for f in self.findings]
        return tables.table(COLUMNS, rows, form)

    def as_json(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {
            "corpus": self.spec,
            "folder": str(self.root),
            "utterances": self.utterances,
            "seconds": self.seconds,
            "errors": len(self.errors),
            "notes": len(self.findings) - len(self.errors),
            "counts": {
                aspect: {name: asdict(count) for name, count in counts.items()}
                for aspect, counts in self.counts.items()
            },
            "findings": [
                {"severity": finding.severity, **asdict(finding)} for finding in self.findings
            ],
            "refusals": list(self.refusals),
            "remarks": list(self.remarks),
        }

    def __repr__(self) -> str:
        return f"<CorpusCheck {shown(self.title)}>"

    def __str__(self) -> str:
        return self.page()

    def _repr_markdown_(self) -> str:
        return self.page("markdown")

    def _repr_html_(self) -> str:
        return self.page("html")
