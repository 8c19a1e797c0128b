"""Register the mel spectrogram and AlexNet, without importing torch."""

from collections.abc import Iterable

from serbench import Entry, ModelEntry, hookimpl

INSTALL = "serbench-alexnet"


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Register the mel spectrogram."""
    return [
        Entry(
            "mel",
            "serbench_alexnet.mel:Mel",
            "mel spectrogram in dB: 64 bands, frame 256, hop 128",
            install=INSTALL,
        )
    ]


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Register AlexNet, the paper's M1."""
    return [
        ModelEntry(
            "alexnet-mel",
            "serbench_alexnet.alexnet:AlexNetMel",
            "AlexNet on mel spectrograms, the paper's M1",
            requires=("torch",),
            install=INSTALL,
            default_for=("bench",),
            features="mel",
            title="AlexNet on mel spectrograms",
            gpus=1,
            memory=2.0,
            feature_params=("n_fft", "hop", "n_mels", "power", "floor_db", "fmin", "fmax"),
            # 57 million parameters are too many for twelve synthetic speakers
            defaults={"toy": {"width": 0.125, "lr": 1e-3, "epochs": 12}},
        )
    ]
