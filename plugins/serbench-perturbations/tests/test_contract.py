"""The plugin keeps the contracts of perturbations and packages."""

from serbench.testing import PackageContract, PerturbationContract


class TestPackage(PackageContract):
    plugin = "serbench-perturbations"


class TestWhite(PerturbationContract):
    plugin = "noise"


class TestPink(PerturbationContract):
    plugin = "noise"
    params = {"kind": "pink", "snr": 0.0}


class TestBabble(PerturbationContract):
    plugin = "noise"
    params = {"kind": "babble"}


class TestGain(PerturbationContract):
    plugin = "gain"


class TestClipping(PerturbationContract):
    plugin = "clipping"


class TestPadding(PerturbationContract):
    plugin = "padding"


class TestTelephone(PerturbationContract):
    plugin = "telephone"
    params = {"codec": "gsm"}


class TestMp3(PerturbationContract):
    plugin = "codec"


class TestOpus(PerturbationContract):
    plugin = "codec"
    params = {"format": "opus", "bitrate": 12}


class TestVorbis(PerturbationContract):
    plugin = "codec"
    params = {"format": "vorbis"}


class TestG721(PerturbationContract):
    plugin = "codec"
    params = {"format": "g721"}


class TestReverberation(PerturbationContract):
    plugin = "reverberation"
    params = {"rt60": 0.2}


class TestSpeed(PerturbationContract):
    plugin = "speed"


class TestTempo(PerturbationContract):
    plugin = "tempo"


class TestPitch(PerturbationContract):
    plugin = "pitch"
