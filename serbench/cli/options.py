"""Options that several commands share, the checks of their values, and their completion."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from serbench.errors import BadParameter, SerbenchError, nearest

Number = TypeVar("Number", int, float)
Completions = Iterable[str | tuple[str, str]]
"""Names that a shell offers, some of them with an explanation."""


def names_of(kind: str) -> Callable[[], Completions]:
    """Return the function that completes names of a kind, a key of `registry.KINDS`."""

    def complete() -> Completions:
        from serbench.plugins import registry

        return [(name, entry.summary) for name, entry in registry.installed().entries[kind].items()]

    return complete


def complete_protocols(context: typer.Context) -> Completions:
    """Return protocols for any corpus, and those of the dataset that is already typed."""
    from serbench.datasets import find
    from serbench.protocols.families import FAMILIES
    from serbench.settings import settings

    own: list[tuple[str, str]] = []
    typed = context.params.get("dataset") or ()
    for name in (typed,) if isinstance(typed, str) else typed:
        with contextlib.suppress(SerbenchError):
            dataset = find(name, settings()).dataset
            own += [(protocol.name, protocol.summary) for protocol in dataset.protocols]
    return [*own, *FAMILIES]


def complete_runs(context: typer.Context) -> Completions:
    """Return the names of all runs."""
    from serbench.settings import results_folder

    parent = results_folder(context.params.get("results"))
    return sorted({path.parent.name for path in parent.glob("*/*.safetensors")})


def named(kind: str) -> Any:
    """Return the argument of a listing that names an entry to describe."""
    return typer.Argument(
        help=f"Describe this {kind} instead of listing all.", autocompletion=names_of(kind)
    )


Dataset = Annotated[
    str,
    typer.Option(
        help="A dataset, with its parameters: crema-d, toy:seed=3.",
        autocompletion=names_of("dataset"),
    ),
]
Models = Annotated[
    list[str],
    typer.Option(
        help="A model that `serbench models` lists, or an import path: my_ser:Nearest, "
        "sklearn.svm:SVC; may be repeated.",
        autocompletion=names_of("model"),
    ),
]
TrimDb = Annotated[
    str,
    typer.Option(help="Cut silence so many dB below the loudest frame; none: cut nothing."),
]
Jobs = Annotated[
    str,
    typer.Option(
        help="Number of folds at a time, with the engine local: auto fills the cores if memory "
        "allows; 0: in this process. Scores do not depend on it."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(help="Threads of every fold. Part of the run. Default: the model's, or 1."),
]
Precision = Annotated[
    str,
    typer.Option(help="Precision of training: float32 or bfloat16. Scores use float32."),
]
Augment = Annotated[
    list[str] | None,
    typer.Option(
        help="Also train on perturbed copies: noise:snr=15 adds one of every training utterance; "
        "may be repeated. Part of the run. Default: the model's, or none."
    ),
]
Normalise = Annotated[
    str,
    typer.Option(
        help="none; speaker: standardise features by all utterances of a speaker in the same set; "
        "speaker:n=5: by 5 others; set: by the set. Ranked apart."
    ),
]
Metric = Annotated[str, typer.Option(help="Which metric.")]
Picture = Annotated[
    Path | None, typer.Option(help="Also write a picture to this .svg, .png or .pdf file.")
]
Features = Annotated[
    str | None,
    typer.Option(
        autocompletion=names_of("feature"),
        help="Features for a model by import path; `serbench features` lists them. Default: the "
        "model's attribute `features`; functionals for an estimator; else waveform.",
    ),
]
Labels = Annotated[str | None, typer.Option(help="A label set of the dataset.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder of the corpus. Default: the folder of its name in SERBENCH_DATA."),
]
Results = Annotated[
    Path | None,
    typer.Option(help="The parent folder of all runs. Default: SERBENCH_RESULTS or ./results."),
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda. Default: SERBENCH_DEVICE or auto.")
]
RunName = Annotated[
    str,
    typer.Argument(help="Folder of a run, or the start of its name.", autocompletion=complete_runs),
]
RunNames = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Folders of runs, or the starts of their names.",
        autocompletion=complete_runs,
    ),
]
Param = Annotated[
    list[str] | None,
    typer.Option(help="name=value: a parameter of model or features; may be repeated."),
]
Engine = Annotated[
    str,
    typer.Option(
        help="The engine that runs the folds; `serbench engines` lists them.",
        autocompletion=names_of("engine"),
    ),
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(help="name=value: an option of the engine, partition=gpu; may be repeated."),
]
TrainOn = Annotated[
    list[str] | None,
    typer.Option(
        help="A corpus to train on, instead of --dataset; may be repeated. The corpus of --test-on "
        "is the test set.",
        autocompletion=names_of("dataset"),
    ),
]
TestOn = Annotated[
    list[str] | None,
    typer.Option(
        help="Another corpus to test the models on; may be repeated.",
        autocompletion=names_of("dataset"),
    ),
]
Perturb = Annotated[
    list[str] | None,
    typer.Option(help="Also test on perturbed audio: noise:snr=10; may be repeated."),
]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help="With --test-on: calm=neutral counts calm as neutral, calm= leaves it out; may be "
        "repeated.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Remove without asking.")]
KeepModels = Annotated[
    bool, typer.Option("--keep-models", help="Keep every fold's model, for `serbench predict`.")
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Return once the folds are in the engine's queue.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the result and errors, no progress.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Also print versions, folders, and every stage and epoch."
    ),
]
Format = Annotated[str, typer.Option("--format", help="text, markdown, csv, latex, json.")]


WIDEST = 100
"""The maximum width of a help text, in columns."""


class Commands(TyperGroup):
    """A group of commands, whose help wraps long summaries instead of cutting them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the name and the summary of every command."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(300)) for name, command in commands if command]
            )


class Stopped(Exception):
    """The user pressed Ctrl-C, or something sent SIGTERM; the text says how to continue."""


def number_or(word: str, option: str, text: str, kind: Callable[[str], Number]) -> Number | None:
    """Return the number typed for an option, or None if `word` was typed.

    Raises:
        BadParameter: neither a number nor `word` was typed.
    """
    if text.lower() == word:
        return None
    try:
        return kind(text)
    except ValueError:
        raise BadParameter(f"{option} is {text!r}, but must be a number or {word}") from None


def named_texts(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """Return the parts of options that are written NAME=TEXT, by name.

    Raises:
        BadParameter: one has no = or no name, or a name is there twice.
    """
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise BadParameter(f"{option} is {text!r}, but must be written NAME=TEXT")
        if name in pairs:
            raise BadParameter(f"{option} has {name!r} twice: give it once")
        pairs[name] = value
    return pairs


def confirmed(yes: bool, question: str) -> bool:
    """Ask a question on the terminal, unless `yes`; return the answer.

    Raises:
        SerbenchError: there is no terminal to ask on.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SerbenchError("nothing was removed: there is no terminal to ask on, so add --yes")
    return typer.confirm(question)


def require_format(form: str, formats: Sequence[str]) -> None:
    """Raise UnknownName for a format that is not among `formats`."""
    if form not in formats:
        raise nearest("format", form, formats)
