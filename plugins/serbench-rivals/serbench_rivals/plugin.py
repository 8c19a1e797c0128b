"""Register the rival systems of the paper's Table III, without importing torch."""

from collections.abc import Iterable

from serbench import Entry, ModelEntry, hookimpl

INSTALL = "serbench-rivals"
FRAMES = ("checkpoint", "revision", "weights", "frames", "pool")
REQUIRES = ("torch",)
MEL = ("n_fft", "hop", "n_mels", "power", "floor_db", "fmin", "fmax")
PANNS = {"n_fft": 512, "hop": 160, "power": 2.0, "fmin": 50.0, "fmax": 8000.0}
# augmentation needs more utterances than the synthetic corpus has
SMALL = {
    "width": 0.125,
    "epochs": 20,
    "patience": 20,
    "lr": 3e-3,
    "batch": 8,
    "mixup": 0.0,
    "stripes": 0,
}


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Register the features that only these systems use."""
    return [
        Entry(
            "short-term",
            "serbench_rivals.short_term:ShortTerm",
            "statistics of 34 short-term descriptors, for several lengths of the window",
            install=INSTALL,
        )
    ]


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
            requires=REQUIRES,
            install=INSTALL,
            features="mel",
            title="QCNN",
            gpus=1,
            memory=2.0,
            feature_params=MEL,
            defaults={
                "*": {"n_fft": 512, "hop": 256},
                "toy": {"width": 0.5, "batch": 8, "epochs": 20, "patience": 20, "lr": 3e-3},
            },
        ),
        ModelEntry(
            "cnn14",
            "serbench_rivals.cnn14:Cnn14",
            "CNN-14, faithful with weights that you have: PANNs' network on log-mel spectrograms",
            requires=REQUIRES,
            install=INSTALL,
            features="mel",
            title="CNN-14",
            gpus=1,
            memory=4.0,
            feature_params=MEL,
            defaults={"*": PANNS, "toy": SMALL},
        ),
        ModelEntry(
            "mwa-ser",
            "serbench_rivals.mwa_ser:MwaSer",
            "MWA-SER, from the abstract: several analysis windows of one utterance",
            requires=REQUIRES,
            install=INSTALL,
            features="short-term",
            title="MWA-SER",
            feature_params=("window_ms",),
        ),
        ModelEntry(
            "audio-resnet-gru",
            "serbench_rivals.audio_resnet_gru:AudioResnetGru",
            "audio encoder of Shukla et al., not reproducible: its supervised baseline, on waves",
            requires=REQUIRES,
            install=INSTALL,
            features="waveform",
            title="Audio encoder, supervised",
            gpus=1,
            memory=4.0,
            defaults={"toy": {"width": 0.25, "epochs": 15, "batch": 8}},
        ),
    ]
