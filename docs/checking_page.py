"""The lists of docs/checking.md: every check, from its own words."""

from serbench.testing.kinds import KINDS

TITLES = {
    "model": "Models",
    "features": "Features",
    "dataset": "Datasets",
    "perturbation": "Perturbations",
    "engine": "Engines",
    "package": "Packages",
}
START, END = "<!-- checks: made by docs/generate.py -->", "<!-- checks: end -->"


def page(text: str) -> str:
    """Return the page with new lists between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    parts = [f"## {title}\n\n{_checks(kind)}" for kind, title in TITLES.items()]
    return "\n\n".join([before + START, *parts, END + after])


def _checks(kind: str) -> str:
    """Return the list of a kind; checks with the same reason as for models are only named."""
    reasons = {} if kind == "model" else {check.name: check.why for check in KINDS["model"].checks}
    lines, as_models = [], []
    for check in KINDS[kind].checks:
        if reasons.get(check.name) == check.why:
            as_models.append(f"`{check.name}`")
        else:
            lines.append(f"- `{check.name}`: {check.demands} *{check.why}*")
    if as_models:
        lines.append(f"- as for models: {', '.join(as_models)}")
    return "\n".join(lines)
