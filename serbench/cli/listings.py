"""List the datasets, features, models and engines that are installed."""

from serbench.escaping import shown
from serbench.plugins import registry, shipped


def listing(kind: str) -> tuple[list[str], list[str]]:
    """Return a line for each entry of a kind, a key of `registry.KINDS`, and remarks on plugins.

    Unusable names are included, with the reason. Remarks name plugins that are broken or slow, and
    those of serbench that are not installed. Listing imports none of the entries' targets.
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
    if not lines:
        remarks.append(f"no {registry.KINDS[kind]} are installed; {shipped.LIGHT}")
    for package, names in shipped.absent().items():
        if more := [name for name in names.get(kind, ()) if name not in lines]:
            some = ", ".join(more if len(more) < 6 else [*more[:4], f"and {len(more) - 4} more"])
            remarks.append(f"not installed: {some}: pip install {package}")
    rows = [shown(f"{name:<{width}}  {line}") for name, line in sorted(lines.items())]
    return rows, list(map(shown, remarks))
