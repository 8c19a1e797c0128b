"""A model that keeps its contract, and one for each check that breaks just that demand."""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from serbench.contracts import Examples, Predictions, Workspace

BANDS = 12
EDGES = [4, 8, 12, 20, 32, 48, 80, 128, 200, 320, 500, 750]
EPOCHS = 4


def seen(wave: Any) -> Any:
    """How strong twelve bands of the spectrum are beside one another, (12,)."""
    power = np.abs(np.fft.rfft(wave[:2048], 2048)) ** 2
    level = np.add.reduceat(power, EDGES) + 1e-6
    return np.log(level / level.sum())


class Unkept:
    """The nearest mean, found in a few steps; it cannot be kept."""

    version = "1"

    def __init__(self, *, labels: Sequence[str], seed: int, sharpness: float = 1.0) -> None:
        self.labels, self.seed, self.sharpness = tuple(labels), seed, sharpness

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Go to the means step by step, and remember every step."""
        rows = np.stack([seen(wave) for wave in train.inputs])
        found, file = self._means(rows, train.truth), workspace.folder / "epoch.json"
        done, means = json.loads(file.read_text()) if file.exists() else self._start()
        self.means = np.array(means)
        for epoch in range(done + 1, EPOCHS + 1):
            self.means = self.means + (found - self.means) / 2
            file.write_text(json.dumps([epoch, self.means.tolist()]))
            workspace.report(epoch, EPOCHS, train_loss=1 / epoch)
        file.unlink(missing_ok=True)

    def _start(self) -> tuple[int, Any]:
        return 0, np.random.default_rng(self.seed).normal(0, 0.01, (len(self.labels), BANDS))

    def _means(self, rows: Any, truth: Any) -> Any:
        """Of a label that is missing the mean is far from everything."""
        far = np.full(BANDS, -1e3)
        places = range(len(self.labels))
        return np.stack([rows[truth == at].mean(axis=0) if at in truth else far for at in places])

    def scores(self, waves: Sequence[Any]) -> Any:
        """Minus the distance to each mean: (utterances, labels)."""
        rows = np.stack([seen(wave) for wave in waves])[:, None, :]
        return -self.sharpness * np.sqrt(((rows - self.means) ** 2).sum(axis=-1))

    def predict(self, inputs: Sequence[Any]) -> Predictions:
        """The scores of every wave."""
        return Predictions(self.scores(list(inputs)), link="softmax")


class Clean(Unkept):
    """The same, and it can be kept."""

    def save(self, folder: Path) -> None:
        """Write the means."""
        words = {"labels": self.labels, "seed": self.seed, "means": self.means.tolist()}
        (folder / "model.json").write_text(json.dumps(words))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was saved."""
        words = json.loads((folder / "model.json").read_text())
        model = cls(labels=words["labels"], seed=words["seed"])
        model.means = np.array(words["means"])
        return model


class Unversioned(Clean):
    """Violates is_made."""

    version = None


class Unannotated(Clean):
    """Violates parameters_are_annotated."""

    def __init__(self, *, labels, seed, sharpness=1.0) -> None:
        super().__init__(labels=labels, seed=seed, sharpness=sharpness)


class Misfit(Clean):
    """Violates parameters_are_annotated in another way."""

    def __init__(self, *, labels: Sequence[str], seed: int, depth: int = 0.5) -> None:  # type: ignore[assignment]
        super().__init__(labels=labels, seed=seed)


class Failing(Clean):
    """Violates fits."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Divide by nothing."""
        raise ValueError("zero-size array")


class Quitting(Clean):
    """Violates fits in another way."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Leave."""
        raise SystemExit(3)


class Narrow(Clean):
    """Violates scores."""

    def scores(self, waves: Sequence[Any]) -> Any:
        """A column is missing."""
        return super().scores(waves)[:, :-1]


class Dropping(Clean):
    """Violates repeats_itself: its dropout is still on."""

    calls = 0

    def scores(self, waves: Sequence[Any]) -> Any:
        """Another dropout each time."""
        Dropping.calls += 1
        noise = np.random.default_rng(Dropping.calls).normal(0, 0.5, len(self.labels))
        return super().scores(waves) + noise


class Unseeded(Clean):
    """Violates same_seed."""

    def _start(self) -> tuple[int, Any]:
        return 0, np.random.default_rng().normal(0, 3, (len(self.labels), BANDS))


class Drawing(Clean):
    """Violates same_seed in another way: it draws from the global state, and puts it back."""

    def _start(self) -> tuple[int, Any]:
        state = np.random.get_state()
        means = np.random.normal(0, 3, (len(self.labels), BANDS))
        np.random.set_state(state)
        return 0, means


class Seeding(Clean):
    """Violates random_state."""

    def _start(self) -> tuple[int, Any]:
        np.random.seed(self.seed)
        return 0, np.random.normal(0, 0.01, (len(self.labels), BANDS))


class Averaging(Clean):
    """Violates neighbours: it normalises over the batch."""

    def scores(self, waves: Sequence[Any]) -> Any:
        """Less the mean of the others."""
        scores = super().scores(waves)
        return scores - scores.mean(axis=0)


class Queueing(Clean):
    """Violates place: whoever comes later gets more."""

    def scores(self, waves: Sequence[Any]) -> Any:
        """More with each place."""
        return super().scores(waves) + 0.1 * np.arange(len(waves))[:, None] * [1, 0, 0]


class Padding(Clean):
    """Violates padding: what pads an utterance counts as its sound."""

    def scores(self, waves: Sequence[Any]) -> Any:
        """Of waves as long as the longest."""
        longest = max(map(len, waves))
        scores = super().scores(waves)
        return scores * np.array([len(wave) / longest for wave in waves])[:, None]


class Deaf(Clean):
    """Violates beats_chance."""

    def scores(self, waves: Sequence[Any]) -> Any:
        """The same of everything."""
        return np.tile(np.arange(len(self.labels), dtype=float), (len(waves), 1))


class Sorting(Clean):
    """Violates labels_order: its columns are in the order of the alphabet."""

    def scores(self, waves: Sequence[Any]) -> Any:
        """Columns sorted by name."""
        return super().scores(waves)[:, np.argsort(self.labels)]


class Forgetting(Clean):
    """Violates absent_label: it has a column only for what it was taught."""

    def _means(self, rows: Any, truth: Any) -> Any:
        self.taught = np.unique(truth)
        return super()._means(rows, truth)

    def scores(self, waves: Sequence[Any]) -> Any:
        """Columns of labels in training."""
        return super().scores(waves)[:, self.taught]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was saved, of labels that were all there."""
        model = super().load(folder)
        model.taught = np.arange(len(model.labels))
        return model


class Picky(Clean):
    """Violates one of the four checks of unusual inputs, by the parameter `dislikes`."""

    def __init__(self, *, labels: Sequence[str], seed: int, dislikes: str = "") -> None:
        super().__init__(labels=labels, seed=seed)
        self.dislikes = dislikes

    def scores(self, waves: Sequence[Any]) -> Any:
        """An error or nonsense where it should say something."""
        scores = super().scores(waves)
        for wave, row in zip(waves, scores, strict=True):
            if self.dislikes == "short" and len(wave) < 2000:
                raise ValueError("kernel size is greater than the input's")
            if self.dislikes == "long" and len(wave) > 100_000:
                raise MemoryError
            if self.dislikes == "silent" and not wave.any():
                row[:] = np.nan
            if self.dislikes == "constant" and wave.any() and not np.ptp(wave):
                row[:] = np.inf
        return scores


class Delicate(Clean):
    """Violates odd_training."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Take the logarithm of a deviation."""
        if not all(np.std(wave) for wave in train.inputs):
            raise FloatingPointError("divide by zero encountered in log")
        super().fit(train, validation, workspace)


class HalfSafe(Clean):
    """Violates resumes: of what it stored it finds again the number of the epoch only."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Go on from the start, for the epochs that are left."""
        file = workspace.folder / "epoch.json"
        if file.exists():
            epoch, _ = json.loads(file.read_text())
            file.write_text(json.dumps([epoch, self._start()[1].tolist()]))
        super().fit(train, validation, workspace)


class Lossy(Clean):
    """Violates saves: it keeps all but what it learned last."""

    def save(self, folder: Path) -> None:
        """Write rounded means."""
        self.means, kept = self.means.round(0), self.means
        super().save(folder)
        self.means = kept


class Pickling(Clean):
    """Violates saves_no_pickle."""

    def save(self, folder: Path) -> None:
        """Write a pickle beside the rest."""
        super().save(folder)
        (folder / "extra.bin").write_bytes(pickle.dumps(self.means))


class Objects(Clean):
    """Violates saves_no_pickle in another way: numpy pickles arrays of objects."""

    def save(self, folder: Path) -> None:
        """Write objects beside the rest."""
        super().save(folder)
        np.savez(folder / "extra.npz", labels=np.array(self.labels, object))


class Noisy(Clean):
    """Prints in fit, which a model may."""

    def fit(self, train: Examples, validation: Examples, workspace: Workspace) -> None:
        """Say much."""
        print('{"done": null, "error": "no"}')
        super().fit(train, validation, workspace)


class Both(Clean):
    """Has the name of a feature."""
