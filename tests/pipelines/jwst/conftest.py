"""Reference files for Detector1, made here: small, for one subarray, and of one readout pattern."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def reference_files(tmp_path_factory):
    """Return a function that writes a set of references for a window, and gives its folder."""
    pytest.importorskip("jwst")

    def make(window, **options):
        folder = tmp_path_factory.mktemp("references")
        write_references(folder, window, **options)
        return folder

    return make


def write_references(
    folder, window, *, nints, ngroups, readpatt, minimal=False, instrument="MIRI", detector="MIRIMAGE"
):
    from stdatamodels.jwst import datamodels

    writer = _Writer(datamodels, folder, window, readpatt, instrument, detector)
    shape = (window.ny, window.nx)
    writer.mask(shape)
    writer.save("gain", datamodels.GainModel(data=np.full(shape, 5.5, np.float32)))
    noise = np.random.default_rng(3).normal(5, 0.3, shape).astype(np.float32)
    writer.save("readnoise", datamodels.ReadnoiseModel(data=noise))
    if not minimal:
        writer.corrections(shape)
        (writer.miri if instrument == "MIRI" else writer.near_infrared)(shape, min(nints, 2), ngroups)


class _Writer:
    def __init__(self, datamodels, folder, window, readpatt, instrument, detector):
        self._models, self._folder, self._window, self._readpatt = datamodels, folder, window, readpatt
        self._instrument, self._detector = instrument, detector

    def save(self, kind, model, **exposure):
        meta = model.meta
        meta.reftype, meta.pedigree, meta.author = kind.upper(), "DUMMY", "test"
        meta.description, meta.useafter = f"{kind} made for a test", "2000-01-01T00:00:00"
        meta.instrument.name, meta.instrument.detector = self._instrument, self._detector
        if kind not in ("ipc", "rscd"):  # these are of no subarray
            window = self._window
            meta.subarray.name, meta.subarray.xstart, meta.subarray.ystart = window.name, window.x, window.y
            meta.subarray.xsize, meta.subarray.ysize = window.nx, window.ny
            meta.subarray.fastaxis, meta.subarray.slowaxis = 1, 2
        for name, value in exposure.items():
            setattr(meta.exposure, name, value)
        model.save(str(self._folder / f"{kind}.fits"))
        model.close()

    def mask(self, shape):
        """One pixel dead, two of the first row hot, the reference columns as such."""
        from stdatamodels.jwst.datamodels.dqflags import pixel as flag

        dq = np.zeros(shape, np.uint32)
        dq[5, 10] = flag["DEAD"] | flag["DO_NOT_USE"]
        dq[0, 20:22] = flag["HOT"]
        if self._window.x == 1:
            dq[:, :4] |= flag["REFERENCE_PIXEL"]
        model = self._models.MaskModel(dq=dq)
        model.dq_def = self._definitions("DO_NOT_USE", "DEAD", "HOT", "REFERENCE_PIXEL")
        self.save("mask", model)

    def corrections(self, shape):
        zero = np.zeros(shape, np.uint32)
        models = self._models
        model = models.SaturationModel(data=np.full(shape, 60000, np.float32), dq=zero)
        model.dq_def = self._definitions("DO_NOT_USE", "NO_SAT_CHECK")
        self.save("saturation", model)
        coefficients = np.zeros((4, *shape), np.float32)
        coefficients[1], coefficients[2] = 1, 2e-8
        model = models.LinearityModel(coeffs=coefficients, dq=zero)
        model.dq_def = self._definitions("DO_NOT_USE", "NONLINEAR", "NO_LIN_CORR")
        self.save("linearity", model)
        kernel = np.full((3, 3), 0, np.float32)
        kernel[1, 1], kernel[0, 1], kernel[2, 1], kernel[1, 0], kernel[1, 2] = 0.98, 0.005, 0.005, 0.005, 0.005
        self.save("ipc", models.IPCModel(data=kernel))

    def near_infrared(self, shape, nints, ngroups):
        """A superbias of 1000, one row of it 200 higher, and a dark that grows by 0.02 with every group."""
        models = self._models
        bias = np.full(shape, 1000, np.float32)
        bias[7] += 200
        model = models.SuperBiasModel(data=bias, dq=np.zeros(shape, np.uint32))
        model.dq_def = self._definitions("DO_NOT_USE", "UNRELIABLE_BIAS")
        self.save("superbias", model, readpatt=self._readpatt)
        dark = np.broadcast_to(np.arange(ngroups, dtype=np.float32)[:, None, None] * 0.02, (ngroups, *shape)).copy()
        make = models.DarkNirspecModel if self._instrument == "NIRSPEC" else models.DarkModel
        model = make(data=dark, dq=np.zeros(shape, np.uint32))
        model.dq_def = self._definitions("DO_NOT_USE", "UNRELIABLE_DARK")
        self.save("dark", model, ngroups=ngroups, nframes=1, groupgap=0, readpatt=self._readpatt)

    def miri(self, shape, nints, ngroups):
        models, zero = self._models, np.zeros(shape, np.uint32)
        dark = np.broadcast_to(np.arange(ngroups, dtype=np.float32)[:, None, None] * 0.02, (nints, ngroups, *shape))
        model = models.DarkMIRIModel(data=dark.copy(), dq=np.zeros((nints, 1, *shape), np.uint32))
        model.dq_def = self._definitions("DO_NOT_USE", "UNRELIABLE_DARK")
        self.save("dark", model, ngroups=ngroups, nframes=1, groupgap=0, readpatt=self._readpatt)
        settling = np.zeros((nints, 4, *shape), np.float32)
        settling[:, 0] = -5
        model = models.ResetModel(data=settling, dq=zero)
        model.dq_def = self._definitions("DO_NOT_USE")
        self.save("reset", model, ngroups=4, nints=nints, readpatt=self._readpatt)
        row = [(self._window.name, self._readpatt, 1, 2)]
        dtype = [("subarray", "S17"), ("readpatt", "S12"), ("group_skip1", "<i4"), ("group_skip", "<i4")]
        self.save("rscd", models.RSCDModel(rscd_group_skip_table=np.array(row, dtype)))

    @staticmethod
    def _definitions(*names):
        rows = [(bit, 1 << bit, name, name.lower()) for bit, name in enumerate(names)]
        return np.array(rows, [("BIT", "<i4"), ("VALUE", "<u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])
