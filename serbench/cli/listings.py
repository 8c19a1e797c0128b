"""What `serbench models`, `features` and `datasets` print."""

from dataclasses import dataclass

from serbench.contracts import Entry
from serbench.plugins import registry
from serbench.plugins.registry import Installed
from serbench.text import shown


@dataclass(frozen=True)
class Listing:
    """Lines for a terminal.

    Attributes:
        rows: one a name, those too that cannot be used, each with the reason.
        remarks: one for everything else that is wrong with a plugin.
    """

    rows: tuple[str, ...]
    remarks: tuple[str, ...]


def listing(kind: str, found: Installed | None = None) -> Listing:
    """What is installed of "dataset", "feature" or "model"; imports none of it."""
    found = found or registry.installed()
    entries = found.entries[kind]
    said = {name: _entry(entry, found.owners[kind, name]) for name, entry in entries.items()}
    said |= {
        name: f"NOT USABLE: {registry.clash(owners)}"
        for (of, name), owners in found.clashes.items()
        if of == kind
    }
    width = max(map(len, said), default=0)
    remarks = [f"broken plugin {one.plugin}: {one.reason}" for one in found.broken]
    remarks += [
        f"slow plugin {plugin}: it took {seconds:.1f} s to say what it offers; a module with hooks "
        "should import nothing heavy"
        for plugin, seconds in found.slow.items()
    ]
    rows = (f"{name:<{width}}  {words}" for name, words in sorted(said.items()))
    return Listing(tuple(map(shown, rows)), tuple(map(shown, remarks)))


def _entry(entry: Entry, owner: str) -> str:
    lack = registry.lacking(entry)
    return f"{entry.summary}  [{owner}]" + (f"  NOT USABLE: {lack}" if lack else "")
