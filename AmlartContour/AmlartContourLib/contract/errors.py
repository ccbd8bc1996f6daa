"""The one error tree. Every message tells what happened, what was kept and what to do.

    AmlartError                   anything this software refuses, with words for the user
    ├── InputRefused              a file or a folder cannot be used as it is
    │   ├── NotCt                 the images are there but they are not CT
    │   ├── SeveralSeries         a folder holds more than one CT series and none was chosen
    │   ├── IrregularSlices       missing, duplicate, unevenly spaced or tilted slices
    │   ├── BadGeometry           size, spacing or direction that describe no image in space
    │   ├── DamagedFile           truncated, corrupt, undecodable, non-finite
    │   └── TooLarge              over a stated limit, refused before it is read
    ├── GeometryMismatch          two arrays that should share a grid do not
    ├── UnknownStructure          a name that the catalogue does not hold
    ├── BadSetting                a preset, margin or option that cannot be used
    ├── NothingToContour          the scan holds nothing of the region asked for
    ├── ExportFailed              nothing, or not all, could be written
    │   └── ReadBackDiffers       the file was written but does not hold the contours given
    ├── BackendProblem            the backend, or the way to it, does not do what was asked
    │   ├── BackendUnreachable    no answer that can be used; `cause` says of which kind
    │   ├── BackendRefused        the backend answered no; `code` says why
    │   └── JobFailed             the job ended without contours
    └── Cancelled                 stopped because the user asked for it

No message carries a patient's name, number or dates, nor a path beyond the file's own name.
"""

from __future__ import annotations


class AmlartError(Exception):
    """Base of all refusals: `what` happened, what was `kept`, what to do (`advice`). Each may be empty."""

    def __init__(self, what: str, *, kept: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.kept = kept
        self.advice = advice

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.kept, self.advice) if part)


class InputRefused(AmlartError):
    """A file or folder cannot be used as it is."""


class NotCt(InputRefused):
    """The images are readable but they are not CT."""


class SeveralSeries(InputRefused):
    """A folder holds several series. `choices` pairs each series' UID with a line that describes it."""

    def __init__(self, what: str, choices: tuple[tuple[str, str], ...], *, advice: str = "") -> None:
        super().__init__(what, advice=advice)
        self.choices = choices


class IrregularSlices(InputRefused):
    """Missing, duplicate, unevenly spaced or tilted slices."""


class BadGeometry(InputRefused):
    """Size, spacing or direction that describe no image in space."""


class DamagedFile(InputRefused):
    """Truncated, corrupt, undecodable or non-finite content."""


class TooLarge(InputRefused):
    """Over a stated limit; refused before it is read."""


class GeometryMismatch(AmlartError):
    """Two arrays that should share a grid do not."""


class UnknownStructure(AmlartError):
    """A name that the catalogue does not hold."""


class BadSetting(AmlartError):
    """A preset, margin or option that cannot be used."""


class NothingToContour(AmlartError):
    """The scan holds nothing of the region asked for."""


class ExportFailed(AmlartError):
    """Nothing, or not all, could be written, or what was written reads back differently."""


class ReadBackDiffers(ExportFailed):
    """The file was written but does not hold the contours that were given."""


class BackendProblem(AmlartError):
    """The backend, or the way to it, does not do what was asked."""


class BackendUnreachable(BackendProblem):
    """No answer that can be used. `cause` is the value of one of `contract.problems.Cause`."""

    def __init__(self, what: str, cause: str, *, kept: str = "", advice: str = "") -> None:
        super().__init__(what, kept=kept, advice=advice)
        self.cause = cause


class BackendRefused(BackendProblem):
    """The backend answered no. `code` is the value of one of `contract.problems.Code`."""

    def __init__(self, what: str, code: str, *, kept: str = "", advice: str = "") -> None:
        super().__init__(what, kept=kept, advice=advice)
        self.code = code


class JobFailed(BackendProblem):
    """The job ended without contours."""


class Cancelled(AmlartError):
    """Stopped because the user asked for it."""
