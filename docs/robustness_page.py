"""The sections of docs/robustness.md: the perturbations that serbench ships, in their own words."""

from serbench.cli.listings import parameter_table, prose
from serbench.plugins import registry

PLUGIN = "perturbations"
START, END = "<!-- perturbations: made by docs/generate.py -->", "<!-- perturbations: end -->"


def page(text: str) -> str:
    """Return the page with new sections between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    installed = registry.installed()
    entries = [
        entry
        for name, entry in installed.entries["perturbation"].items()
        if installed.owners["perturbation", name] == PLUGIN
    ]
    parts = []
    for entry in entries:
        target = registry.load(entry)
        needs = [f"Needs `pip install {entry.install}`."] if entry.install else []
        table = parameter_table(target, form="markdown")
        parts += [f"### {entry.name}", *prose(target), *needs, table]
    return "\n\n".join([before + START, *parts, END + after])
