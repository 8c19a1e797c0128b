"""Write the page of a report: one HTML document that needs nothing but a browser.

Names and ids come from plugins and corpora, so they must never be markup: they are stored as JSON,
the page's script puts them into text nodes, and the page's content security policy allows only
scripts with listed digests.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from serbench.report.page.audio import licence
from serbench.report.page.data import as_json, page_data
from serbench.results.run import Run

LIBRARY = "echarts-6.1.0.min.js"
SCRIPTS = ("read.js", "build.js", "charts.js", "views.js", "utterances.js", "page.js")
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; "
    "media-src 'self' file: data:; base-uri 'none'; form-action 'none'"
)
MARK = re.compile(r"\[\[(\w+)\]\]")
UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def page(runs: Sequence[Run], clips: Mapping[str, str] | None = None) -> str:
    """Return the page; the same runs give the same page.

    Args:
        runs: the runs to show, on one corpus or several.
        clips: the addresses of utterances' audio, by utterance id, from `audio.links` or
            `audio.embedded`.

    Raises:
        SerbenchError: there are no runs, or a run is given twice or damaged.
    """
    data = page_data(runs, clips or {}, licence(runs) if clips else "")
    return document("page.html", SCRIPTS, data)


def document(template: str, scripts: Sequence[str], data: object) -> str:
    """Return a page with its data, scripts and style in it.

    Args:
        template: the name of an asset, HTML with marks.
        scripts: names of assets; all share one scope.
        data: what the scripts read, in dataclasses, tables, arrays and plain values.
    """
    library, style = asset(LIBRARY), asset("page.css")
    script = "\n".join(["(() => {", '"use strict";', *map(asset, scripts), "})();"])
    parts = {
        "policy": POLICY.format(
            scripts=f"{_digest(library)} {_digest(script)}", styles=_digest(style)
        ),
        "style": style,
        "library": library,
        "script": script,
        "contents": json_in_html(data),
    }
    # in one pass, since inserted parts may contain marks
    return MARK.sub(lambda match: parts[match[1]], asset(template))


def json_in_html(value: object) -> str:
    r"""Return JSON that is safe inside a script element, whatever text it contains.

    >>> json_in_html("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=as_json)
    return text.translate(UNSAFE)


def asset(name: str) -> str:
    """Return the content of one of the page's files."""
    path = resources.files("serbench.report").joinpath("assets", name)
    return path.read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the source expression of an inline script or style in a content security policy."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
