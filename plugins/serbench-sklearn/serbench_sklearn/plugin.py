"""Register the chance level, and light models on hand-crafted features, without torch."""

from collections.abc import Iterable

from serbench import Entry, ModelEntry, hookimpl

OPENSMILE = ("opensmile",)
OPENSMILE_INSTALL = "'serbench-sklearn[egemaps]'"
# the package lists dependencies that need a compiler, and only its weights are used
SPEAKER = ("torch", "librosa", "resemblyzer")
SPEAKER_INSTALL = "torch librosa && pip install --no-deps Resemblyzer==0.1.4"


@hookimpl
def serbench_features() -> Iterable[Entry]:
    """Register two vectors of functionals, and what control models see."""
    return [
        Entry(
            "functionals",
            "serbench_sklearn.functionals:Functionals",
            "995 statistics of spectrum, pitch, voice and rhythm over the utterance",
            default_for=("estimators",),
        ),
        Entry(
            "egemaps",
            "serbench_sklearn.egemaps:Egemaps",
            "88 functionals of eGeMAPSv02; openSMILE is licensed for research only",
            OPENSMILE,
            OPENSMILE_INSTALL,
        ),
        Entry(
            "recording",
            "serbench_sklearn.controls.recording:RecordingChain",
            "how a file was recorded: rate, bits, noise floor, length",
        ),
        Entry(
            "sentence",
            "serbench_sklearn.controls.sentence:Sentence",
            "which sentence is said, as the corpus numbers them",
        ),
        Entry(
            "speaker-embedding",
            "serbench_sklearn.controls.speaker:SpeakerEmbedding",
            "who speaks, by Resemblyzer's speaker encoder",
            SPEAKER,
            SPEAKER_INSTALL,
        ),
    ]


@hookimpl
def serbench_models() -> Iterable[ModelEntry]:
    """Register the chance level, three classifiers and three controls."""
    return [
        ModelEntry(
            "dummy",
            "serbench_sklearn.dummy:Dummy",
            "chance: majority or stratified",
            title="Dummy, {strategy}",
            value_titles={strategy: strategy for strategy in ("majority", "stratified")},
        ),
        ModelEntry(
            "functionals-linear",
            "serbench_sklearn.classifiers:Linear",
            "logistic regression on functionals, C chosen on the validation speakers",
            features="functionals",
            title="Logistic regression on functionals",
        ),
        ModelEntry(
            "functionals-svm",
            "serbench_sklearn.classifiers:Svm",
            "Gaussian SVM on functionals, C and gamma chosen on the validation speakers",
            features="functionals",
            title="SVM on functionals",
        ),
        ModelEntry(
            "egemaps-linear",
            "serbench_sklearn.classifiers:Linear",
            "logistic regression on eGeMAPS; openSMILE is licensed for research only",
            OPENSMILE,
            OPENSMILE_INSTALL,
            features="egemaps",
            title="Logistic regression on eGeMAPS",
        ),
        ModelEntry(
            "control-recording",
            "serbench_sklearn.classifiers:Svm",
            "control: what rate, bits, noise floor and length of the files tell",
            features="recording",
            title="Control: recording chain",
        ),
        ModelEntry(
            "control-sentence",
            "serbench_sklearn.classifiers:Linear",
            "control: what the sentence tells",
            features="sentence",
            title="Control: sentence",
        ),
        ModelEntry(
            "control-speaker",
            "serbench_sklearn.classifiers:Linear",
            "control: what a speaker encoder tells",
            SPEAKER,
            SPEAKER_INSTALL,
            features="speaker-embedding",
            title="Control: speaker encoder",
        ),
    ]
