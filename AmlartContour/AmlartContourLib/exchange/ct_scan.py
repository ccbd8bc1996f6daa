"""A CT as it was read: Hounsfield units on one geometry, with what is needed to refer back to its files.

Invariants: right-handed grid; int16 HU, padding already replaced by air; where it came from DICOM and was not
resampled, `headers[k]` is the header (without pixel data) of slice k. Headers hold patient data: they are
never logged, printed or compared by value.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder

AIR_HU = -1024


@dataclass(frozen=True, eq=False)
class CtScan:
    """One CT scan.

    hu_kji: int16 [k, j, i]. headers: one pydicom Dataset per slice in the order of k, empty for NIfTI, for a
    resampled scan and for slices without UIDs (for the latter two `template` keeps the first source header,
    so that a new series can carry the same patient, study and frame of reference). findings: sentences for
    the user about what the reader met. source_sha256: hash over the source files' content, for provenance.
    """

    hu_kji: NDArray[np.int16]
    geometry: Geometry
    headers: tuple[Dataset, ...] = field(default=(), repr=False)
    template: Dataset | None = field(default=None, repr=False)
    findings: tuple[str, ...] = ()
    source_sha256: str = ""

    @property
    def has_dicom_slices(self) -> bool:
        """True when an RTSTRUCT can refer to the source's own slices."""
        return len(self.headers) == self.geometry.size_ijk[2]

    def reordered(self, order: Reorder) -> CtScan:
        """The same voxels in an array of another order, which no slice headers fit."""
        hu = np.ascontiguousarray(order.array(self.hu_kji))
        return replace(self, hu_kji=hu, geometry=order.geometry(self.geometry), headers=())
