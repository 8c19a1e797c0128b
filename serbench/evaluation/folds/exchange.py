"""Exchange files with the model's process: its inputs, its predictions and the saved model."""

import contextlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from serbench import processes
from serbench.contracts import Array
from serbench.errors import SerbenchError
from serbench.evaluation.folds import model_isolation
from serbench.files import writing_error
from serbench.processes import Message, Send


@contextlib.contextmanager
def opened(workspace: Path) -> Iterator[Path]:
    """Yield a folder to exchange files with the model's process; remove it afterwards.

    Empty a workspace in which a model has predicted: a model that resumes after a crash must not
    find predictions there.
    """

    def remove() -> None:
        for folder in workspace.parent.glob(f"{workspace.name}.exchange*"):
            if (folder / model_isolation.PREDICTING).exists():
                shutil.rmtree(workspace, ignore_errors=True)
                workspace.mkdir(exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

    remove()  # the folder of a killed process
    # a process on a lost node may still live: it must not find its folder filled by another
    folder = workspace.with_name(f"{workspace.name}.exchange-{platform.node()}-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as error:
        raise writing_error(folder, error) from error
    try:
        yield folder
    finally:
        remove()


def in_own_process(
    function: Callable[[Message, Send], Message], message: Message, threads: int, send: Send
) -> Message:
    """Call a function in a fresh process that has no settings of serbench; return its result."""
    (outcome,) = processes.fresh(
        function,
        [message],
        lambda _, point: send(point),
        at_once=1,
        threads=threads,
        environment={k: v for k, v in os.environ.items() if not k.startswith("SERBENCH_")},
        nested=True,
    )
    if outcome.result is None:
        raise SerbenchError(outcome.error)
    return outcome.result


def scores(path: Path, shapes: Mapping[str, tuple[int, int]]) -> dict[str, Array]:
    """Read the scores that the model's process wrote, and check that they have these shapes.

    Raises:
        SerbenchError: they have other shapes, or the process wrote none.
    """
    try:
        arrays = {**safetensors.numpy.load_file(path)}
    except (OSError, safetensors.SafetensorError) as error:
        raise SerbenchError(f"the model's process wrote no scores ({error})") from error
    for part, shape in shapes.items():
        array = arrays.get(part, np.empty(0))
        if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise SerbenchError(
                f"the model's process wrote scores of shape {array.shape} and type {array.dtype} "
                f"for the {part} set, but they must be finite float32 of shape {shape}"
            )
    return arrays
