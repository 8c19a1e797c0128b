"""The tables of docs/checking.md: every check, from its own words."""

from serbench import tables
from serbench.testing.kinds import KINDS

TITLES = {"model": "Models", "features": "Features", "dataset": "Datasets", "package": "Packages"}
START, END = "<!-- checks: made by docs/generate.py -->", "<!-- checks: end -->"


def page(text: str) -> str:
    """The page as it is, with the tables that stand between its marks made anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    parts = [f"## {title}\n\n{_table(kind)}" for kind, title in TITLES.items()]
    return "\n\n".join([before + START, *parts, END + after])


def _table(kind: str) -> str:
    rows = [[f"`{check.name}`", check.demands, check.why] for check in KINDS[kind].checks]
    return tables.table(["check", "what is demanded", "why"], rows, "markdown")
