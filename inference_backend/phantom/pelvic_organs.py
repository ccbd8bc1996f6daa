"""Bladder, uterus, cervix, vagina, parametrium, tumour and anorectum, placed by the specification.

The cervix hangs on its external os: lowering the uterus moves os, cervix and corpus together, and the
vagina runs from the os along the line to the introitus. Volumes in cm3 are those of the free organ in the
patient: neighbours that indent it take some away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_backend.phantom.lofts import plate
from inference_backend.phantom.pieces import Capsule, Ellipsoid, Point, Shape, cut, mirrored, point, tube
from inference_backend.phantom.spec import PhantomSpec

INTROITUS: Point = (0.0, 6.0, -76.0)
BLADDER_NECK_Z = -31.0
BLADDER_BACK_Y = 1.0
SACRAL_HOLLOW_Y = 63.0  # the rectum's middle cannot be pushed further back than this
UTERUS_WIDEN = 1.22
VAGINA_WIDEN = 2.0
VAGINA_HALF_DEPTH_MM = 7.3
# Anal verge, anorectal junction, ampulla, up to the rectosigmoid at S3.
RECTUM_PATH: tuple[Point, ...] = (
    (0.0, 50.0, -88.0),
    (0.0, 43.0, -68.0),
    (0.0, 41.0, -50.0),
    (0.0, 52.0, -32.0),
    (-2.0, 58.0, -8.0),
    (-4.0, 59.0, 14.0),
    (2.0, 46.0, 36.0),
    (8.0, 27.0, 54.0),
)
ANORECTAL_JUNCTION_Z = -48.0


@dataclass(frozen=True)
class PelvicOrgans:
    """Shapes of one patient's pelvic organs, in the body frame."""

    spec: PhantomSpec

    @property
    def os(self) -> Point:
        """The external os of the cervix."""
        return (0.0, 28.0, -4.0 - self.spec.uterus_drop_mm)

    @property
    def isthmus(self) -> Point:
        """Where cervix and corpus meet."""
        return (0.0, 13.0, 28.0 - self.spec.uterus_drop_mm)

    @property
    def _stretch(self) -> float:
        """Volume of a body-frame shape once drawn in the patient, per unit volume."""
        return float(np.prod(self.spec.body_scale))

    def bladder(self) -> Shape:
        """An ellipsoid on the pelvic floor that grows upwards once it is as wide as the pelvis allows."""
        volume = self.spec.bladder_filling_cc * 1000.0 / self._stretch
        radius = float(np.cbrt(volume / (4.18879 * 1.12 * 0.85)))
        wide, deep = min(1.12 * radius, 45.0), min(0.85 * radius, 34.0)
        high = volume / (4.18879 * wide * deep)
        centre = (0.0, BLADDER_BACK_Y - deep, BLADDER_NECK_Z + high)
        return (Ellipsoid(centre, (wide, deep, high)),)

    def urethra(self) -> Shape:
        """From the bladder neck to the vestibule, for the picture only."""
        return (Capsule((0.0, -20.0, BLADDER_NECK_Z + 6), (0.0, -8.0, -72.0), 6.0, 5.0),)

    def cervix(self) -> Shape:
        """A slightly tapered barrel from os to isthmus."""
        return tube([self.os, self.isthmus], [14.0, 12.5], widen=1.1)

    def uterus(self) -> Shape:
        """A pear from the isthmus to the fundus, tipped by the anteversion that the bladder leaves."""
        size = float(np.cbrt(self.spec.uterus_cc / 85.0 / self._stretch))
        filling = max(self.spec.bladder_filling_cc - 220.0, 0.0) / 12.0
        angle = np.radians(self.spec.anteversion_deg - (filling if self.spec.anteversion_deg > 0 else 0.0))
        start = np.asarray(self.isthmus)
        ahead = np.asarray([0.05, -np.sin(angle), np.cos(angle)])
        middle, fundus = start + 25 * size * ahead, start + 47 * size * ahead
        path = [point(start), point(middle), point(fundus)]
        return tube(path, [12.0, 18.0 * size, 21.5 * size], widen=UTERUS_WIDEN, step_mm=6.0)

    def vagina(self) -> Shape:
        """A flattened tube from the fornices round the os towards the introitus, cut at its length."""
        top = np.add(self.os, (0.0, 1.0, 5.0))
        ahead = np.asarray(INTROITUS) - top
        reach = float(np.linalg.norm(ahead))
        length = min(self.spec.vagina_length_mm, reach)
        bottom = top + ahead / reach * (length - VAGINA_HALF_DEPTH_MM)
        middle = (top + bottom) / 2 + [0.0, 2.0, 0.0]
        half = VAGINA_HALF_DEPTH_MM
        return tube(
            [point(top), point(middle), point(bottom)], [half + 1.0, half, half - 1.0], widen=VAGINA_WIDEN
        )

    def tumour(self) -> Shape:
        """A lumpy mass centred on the cervix; no piece at all when its radius is 0."""
        radius = self.spec.tumour_radius_mm
        if radius <= 0:
            return ()
        centre = (np.asarray(self.os) + np.asarray(self.isthmus)) / 2 + [3.0, 1.0, -3.0]
        core = Ellipsoid(point(centre), (radius * 1.08, radius * 0.86, radius * 0.98))
        rng = np.random.default_rng([self.spec.seed, 2])
        lumps = []
        for _ in range(5):
            way = rng.normal(size=3) * [1.0, 0.5, 0.8]
            way /= np.linalg.norm(way)
            lumps.append(Ellipsoid(point(centre + 0.62 * radius * way), (radius * 0.45,) * 3))
        return (core, *lumps)

    def anorectum(self) -> Shape:
        """Along the sacral hollow, pushed back where a large tumour needs the room."""
        ampulla = self.spec.rectum_radius_mm
        radii = [9.0, 11.0, 11.5, ampulla * 0.98, ampulla, ampulla, ampulla * 0.95, ampulla * 0.88]
        return tube([self._pushed(p, ampulla) for p in RECTUM_PATH], radii)

    @property
    def rectum_end(self) -> Point:
        """Where the sigmoid goes on."""
        return self._pushed(RECTUM_PATH[-1], self.spec.rectum_radius_mm)

    def parametrium_left(self) -> Shape:
        """A fan from the cervix to the pelvic side wall, from above the isthmus to the pelvic floor."""
        half = self.spec.parametrium_thickness_mm / 2
        rows = []
        for z, share in ((36.0, 0.3), (26.0, 0.8), (10.0, 1.0), (-8.0, 0.9), (-24.0, 0.6), (-38.0, 0.25)):
            height = z - self.spec.uterus_drop_mm * (1.0 if z > -10 else 0.4)
            y = 18.0 - 0.12 * (z - 12.0)
            t = half * share
            rows.append((height, 8.0, y, t * 0.8, 30.0, y + 1.0, t * 0.85, 49.0, y + 6.0, t * 1.2))
        return cut(plate(*rows), side=1)

    def parametrium_right(self) -> Shape:
        """The left one mirrored."""
        return mirrored(self.parametrium_left())

    def _pushed(self, at: Point, radius: float) -> Point:
        tumour = self.spec.tumour_radius_mm
        middle_z = (self.os[2] + self.isthmus[2]) / 2
        near = float(np.exp(-(((at[2] - middle_z) / (tumour + 12.0)) ** 2)))
        needed = 21.5 + 0.95 * tumour + radius + 2.0
        back = max(at[1], min(needed, SACRAL_HOLLOW_Y))
        return (at[0], at[1] + near * (back - at[1]), at[2])
