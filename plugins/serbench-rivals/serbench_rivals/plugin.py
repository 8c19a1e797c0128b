"""Register the rival systems of the paper's Table III, without importing torch."""

from collections.abc import Iterable

from serbench import ModelEntry, hookimpl

INSTALL = "serbench-rivals"
FRAMES = ("checkpoint", "revision", "weights", "frames", "pool")
MEL = ("n_fft", "hop", "n_mels", "power", "floor_db")


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Register the systems."""
    return [
        ModelEntry(
            "pepino",
            "serbench_rivals.pepino:Pepino",
            "wav2vec 2.0 embeddings, faithful: all layers, frame by frame (380 MB to download)",
            requires=("torch", "transformers"),
            install=INSTALL,
            features="transformer-frames",
            title="Pepino et al.",
            gpus=1,
            memory=2.0,
            feature_params=FRAMES,
            defaults={
                "*": {"checkpoint": "facebook/wav2vec2-base", "frames": 400},
                "ravdess": {"frames": 250},
            },
        ),
        ModelEntry(
            "qcnn",
            "serbench_rivals.qcnn:Qcnn",
            "QCNN, from the abstract: a quaternion CNN on coloured mel spectrograms",
            requires=("torch",),
            install=INSTALL,
            features="mel",
            title="QCNN",
            gpus=1,
            memory=2.0,
            feature_params=MEL,
            defaults={"*": {"n_fft": 512, "hop": 256}, "toy": {"width": 0.5, "epochs": 12}},
        ),
    ]
