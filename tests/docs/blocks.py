"""The fenced blocks of a page, and the invisible words of comments that stand above them.

<!-- not run: REASON -->        the block below is not run
<!-- not compared: REASON -->   the output below differs from machine to machine
<!-- exit code: 1 -->           the commands below end with it
<!-- given: WHAT -->            what the reader has at this place; see `running.GIVEN`
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

RUN = ("bash", "python")
READ = ("toml", "yaml", "json")
SHOWN = ("text",)
WORDS = ("not run", "not compared", "exit code", "given")
COMMENT = re.compile(r"<!-- ([a-z ]+): (.*?) -->", re.DOTALL)


@dataclass
class Block:
    """One fenced block.

    Attributes:
        page: where it stands.
        line: of its fence, from 1.
        language: the fence's word.
        text: what is in it.
        words: of the comments above it, by name.
        output: what the page shows as its output, or None.
    """

    page: Path
    line: int
    language: str
    text: str
    words: dict[str, str] = field(default_factory=dict)
    output: str | None = None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page that is no directive of Sphinx, in order."""
    found: list[Block] = []
    above: dict[str, str] = {}
    waits: Block | None = None  # for its output: what is shown below, before the next heading
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            above |= {name: " ".join(text.split()) for name, text in _words(token.content)}
        elif token.type == "heading_open":
            waits = None
        elif token.type == "fence" and not token.info.startswith("{"):
            block = Block(page, token.map[0] + 1, token.info.strip(), token.content, above)
            found.append(block)
            above = {}
            if block.language in SHOWN and waits and "not compared" not in block.words:
                waits.output = block.text
            waits = block if block.language in RUN and "not run" not in block.words else None
    return found


def _words(comment: str) -> Iterator[tuple[str, str]]:
    return ((name, text) for name, text in COMMENT.findall(comment) if name in WORDS)
