"""A page as its reader works through it: every block in order, in a folder of its own.

The shell is bash; `serbench` in it is the installed one behind the tables of `standing_in`, and
`pip` installs what the page has written, into a folder of the page's own.
"""

import doctest
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from blocks import Block, blocks

from serbench.results import fold_file

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS = 300  # for one block
NAMED = re.compile(r"# ([\w./-]+\.(?:py|toml|yaml|json))\n")
SUBMISSIONS = ROOT / "leaderboard" / "submissions"
SHELL = """\
set -euo pipefail
{block}
"""
PIP = """\
#!{python}
import os, sys
words = [word for word in sys.argv[1:] if word not in ("-e", "--editable")]
local = any(os.path.isdir(word.partition("[")[0]) for word in words[1:])
where = ["--no-build-isolation", "--target", "{site}", "--upgrade"] if local else []
always = ["--quiet", "--no-index", "--no-deps"]
os.execv("{python}", ["{python}", "-m", "pip", *words, *always, *where])
"""


class Untrue(Exception):
    """A page says what is not so."""


@dataclass
class Done:
    """What came of a block."""

    code: int
    printed: str
    complained: str


class Reader:
    """Somebody who works through one page."""

    def __init__(self, folder: Path, shared: Mapping[str, str]):
        """Lay out the page's places.

        Args:
            folder: empty; home, results and the folder that commands are run in go there.
            shared: further variables of the environment, alike for all pages.
        """
        self.work = folder / "work"
        self.site = folder / "site"
        self._state = folder / "state"
        programs = folder / "bin"
        for place in (self.work, self.site, programs, folder / "home"):
            place.mkdir()
        self.results = self.work / "results"
        self._environment = (
            os.environ
            | shared
            | {
                "HOME": str(folder / "home"),
                "PATH": os.pathsep.join(
                    [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
                ),
                "PYTHONPATH": os.pathsep.join([str(self.site), str(HERE / "standins"), str(HERE)]),
                "SERBENCH_RESULTS": str(self.results),
                "SERBENCH_DEVICE": "cpu",
                "HF_HUB_OFFLINE": "1",
                "COLUMNS": "100",
            }
        )
        serbench = Path(sys.executable).parent / "serbench"
        _program(
            programs / "serbench",
            f'#!/bin/sh\nexec {sys.executable} {HERE / "standing_in.py"} {serbench} "$@"\n',
        )
        _program(programs / "pip", PIP.format(python=sys.executable, site=self.site))
        self._python: subprocess.Popen[str] | None = None

    def read(self, page: Path) -> None:
        """Do everything that the page says.

        Raises:
            Untrue: a block fails, or what it prints is not what the page shows.
        """
        try:
            for block in blocks(page):
                if "not run" not in block.words:
                    self._do(block)
        finally:
            if self._python:
                self._python.kill()
                self._python.wait()

    def _do(self, block: Block) -> None:
        if "given" in block.words:
            self._give(block)
        self._prepare(block)
        if block.language not in ("bash", "python"):
            return
        done = self._shell(block) if block.language == "bash" else self._snippet(block)
        wanted = int(block.words.get("exit code", 0))
        if done.code != wanted:
            raise Untrue(
                f"{block} ended with {done.code}, not {wanted}:\n{block.text}\n"
                f"{done.printed}\n{done.complained}"
            )
        if block.output is not None:
            _compare(block, done)

    # ---- what the reader has: the words of `<!-- given: ... -->`, several with ";" between ----

    def _give(self, block: Block) -> None:
        for wish in block.words["given"].split(";"):
            for pattern, give in GIVEN.items():
                found = re.fullmatch(pattern, wish.strip())
                if found:
                    give(self, *found.groups())
                    break
            else:
                raise Untrue(f"{block}: nobody knows how to give {wish.strip()!r}")

    def _runs(self, corpus: str) -> None:
        ignored = shutil.ignore_patterns(*MADE_ANEW)
        for run in _newest(f"{corpus}/*"):
            shutil.copytree(run, self.results / run.name, dirs_exist_ok=True, ignore=ignored)

    def _fold(self, run: str) -> None:
        (folder,) = _newest(f"*/{run}*")
        shutil.copy(folder / "fold-01.safetensors", self._here())

    def _recordings(self, names: str) -> None:
        """A second of a tone each."""
        time = np.arange(16_000) / 16_000
        for name in names.split():
            soundfile.write(self._here() / name, 0.3 * np.sin(2 * np.pi * 220 * time), 16_000)

    def _split(self, corpus: str, name: str) -> None:
        words = ["serbench", "protocol", "export", "--dataset", f"small-{corpus}", "--out", name]
        subprocess.run(words, cwd=self._here(), env=self._environment, check=True)

    def _plugin(self, page: str) -> None:
        """The module and the entry point that another page writes."""
        for block in blocks(ROOT / page):
            if NAMED.match(block.text) or block.language == "toml":
                self._prepare(block)

    def _corpus(self, name: str, place: str) -> None:
        root = Path(place.replace("~", self._environment["HOME"], 1))
        root.mkdir(parents=True)
        make = (
            "import sys, pathlib, serbench_standins as s;"
            "getattr(s, sys.argv[1])().make(pathlib.Path(sys.argv[2]))"
        )
        subprocess.run(
            [sys.executable, "-c", make, name.replace("-", "_"), str(root)],
            env=self._environment,
            check=True,
        )

    def _prepare(self, block: Block) -> None:
        """Write a block whose first line is a file's name, and install entry points."""
        named = NAMED.match(block.text)
        if named:
            path = self._here() / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.language == "toml":
            self._install(block)

    def _install(self, block: Block) -> None:
        """What a reader's `pip install` makes of entry points, which must lead somewhere."""
        project = tomllib.loads(block.text).get("project", {})
        points = project.get("entry-points", {}).get("serbench", {})
        if not points:
            return
        name = project.get("name", "page")
        # no hyphen: Python takes what is before the first one for the name
        info = self.site / f"{name.replace('-', '_')}-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        lines = "".join(f"{one} = {target}\n" for one, target in points.items())
        (info / "entry_points.txt").write_text(f"[serbench]\n{lines}")
        self._environment["PYTHONPATH"] += os.pathsep + str(self._here())
        ask = (
            "import sys; from serbench.plugins.registry import installed; found = installed();"
            "sys.exit('; '.join(f'{one.plugin}: {one.reason}' for one in found.broken) or 0)"
        )
        done = subprocess.run(
            [sys.executable, "-c", ask], env=self._environment, capture_output=True, text=True
        )
        if done.returncode:
            raise Untrue(f"{block}: these entry points lead nowhere: {done.stderr}")

    # ---- what the reader does ----

    def _here(self) -> Path:
        """Where the page's shell is by now."""
        place = self._state / "place"
        return Path(place.read_text().strip()) if place.exists() else self.work

    def _shell(self, block: Block) -> Done:
        """Run lines of bash; folder and exported variables last until the next block."""
        self._state.mkdir(exist_ok=True)
        before = self._state / "variables"
        lines = [
            f"trap 'pwd > {self._state}/place; export -p > {before}' EXIT",
            f"source {before}" if before.exists() else "",
            f"export PYTHONPATH={self._environment['PYTHONPATH']}",
            SHELL.format(block=block.text),
        ]
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=self._here(),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _snippet(self, block: Block) -> Done:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, str(HERE / "interpreter.py")],
                cwd=self._here(),
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        words = {"page": str(block.page), "line": block.line, "text": block.text}
        self._python.stdin.write(json.dumps(words) + "\n")
        self._python.stdin.flush()
        answer = json.loads(self._python.stdout.readline())
        return Done(int(bool(answer["error"])), answer["printed"], answer["error"])


def _newest(pattern: str) -> list[Path]:
    """The submissions that match; of several with the same name but for the digest, the newest."""
    newest: dict[str, tuple[str, Path]] = {}
    for folder in SUBMISSIONS.glob(pattern):
        name = folder.name.rpartition("_")[0]
        finished = fold_file.read(folder / "fold-01.safetensors").facts.finished
        newest[name] = max(newest.get(name, ("", folder)), (finished, folder))
    return [folder for _, folder in newest.values()]


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _compare(block: Block, done: Done) -> None:
    """Hold what was printed against what the page shows.

    `...` stands for anything, as in doctest; a rule's length for none in particular.
    """
    wanted, printed = (_plain(text) for text in (block.output, done.printed or done.complained))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if not doctest.OutputChecker().check_output(wanted, printed, flags):
        raise Untrue(f"{block} prints\n{printed}\nand not\n{wanted}")


# runs that were made anew with features of another version: a reader has one of each name
MADE_ANEW = ("*_7a4ddeac", "*_99497dc5")


def _plain(text: str) -> str:
    text = re.sub(r"\bsmall-(?=toy|ravdess|crema-d|iemocap)", "", text)
    lines = [line.rstrip() for line in re.sub(r"-{3,}", "---", text).strip().splitlines()]
    return "\n".join(lines) + "\n"


GIVEN = {
    r"runs of ([\w-]+)": Reader._runs,
    r"the first fold of ([\w-]+)": Reader._fold,
    r"recordings (.+)": Reader._recordings,
    r"the corpus ([\w-]+) in (\S+)": Reader._corpus,
    r"the split ([\w-]+) in (\S+)": Reader._split,
    r"the plugin of (\S+)": Reader._plugin,
}
