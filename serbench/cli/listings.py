"""List the datasets, features, models and engines that are installed."""

from serbench.escaping import shown
from serbench.plugins import registry


def listing(kind: str) -> tuple[list[str], list[str]]:
    """Return a line for each entry of a kind, a key of `registry.KINDS`, and remarks on plugins.

    Unusable names are included, with the reason. Listing imports none of their targets.
    """
    installed = registry.installed()
    lines = {}
    for name, entry in installed.entries[kind].items():
        reason = registry.lacking(entry)
        lines[name] = f"{entry.summary}  [{installed.owners[kind, name]}]"
        lines[name] += f"  NOT USABLE: {reason}" if reason else ""
    for (kind_of_clash, name), owners in installed.clashes.items():
        if kind_of_clash == kind:
            lines[name] = f"NOT USABLE: {registry.clash(owners)}"
    width = max(map(len, lines), default=0)
    remarks = [f"broken plugin {broken.plugin}: {broken.reason}" for broken in installed.broken]
    remarks += [
        f"slow plugin {plugin}: listing its entries took {seconds:.1f} s; a module with hooks "
        "should import nothing heavy"
        for plugin, seconds in installed.slow.items()
    ]
    rows = [shown(f"{name:<{width}}  {line}") for name, line in sorted(lines.items())]
    return rows, list(map(shown, remarks))
