"""The table of docs/corpus-check.md: what a check of a corpus finds."""

from serbench import tables
from serbench.inspection.kinds import KINDS

START, END = "<!-- kinds: made by docs/generate.py -->", "<!-- kinds: end -->"


def page(text: str) -> str:
    """Return the page with a new table between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    rows = [[f"`{name}`", kind.severity, kind.title, kind.advice] for name, kind in KINDS.items()]
    table = tables.table(["kind", "severity", "finding", "what to do"], rows, "markdown")
    return "\n\n".join([before + START, table, END + after])
