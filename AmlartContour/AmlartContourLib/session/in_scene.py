"""A session that a scene from a file holds, and whether this computer holds later work on its patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from AmlartContourLib.contract.errors import AmlartError, DamagedFile
from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.session.case import Case, Kept
from AmlartContourLib.session.patient import Patient
from AmlartContourLib.session.ports import SceneContent
from AmlartContourLib.session.record import Identity, Record, from_parameters, identity_of
from AmlartContourLib.session.rest import without_rest
from AmlartContourLib.session.store import SessionStore

SET_ASIDE = "The later work on this patient that was saved on this computer is kept aside as {name}."


@dataclass(frozen=True)
class InScene:
    """Whose session a scene holds. `is_overtaken`: the session that was saved here last is neither the
    scene's (slices only looked at apart) nor one from before it, so going on from the scene would replace
    later work."""

    identity: Identity
    is_overtaken: bool


def in_scene(parameters: Mapping[str, str], store: SessionStore) -> InScene:
    """What a scene's state says. DamagedFile where it cannot be read."""
    identity = identity_of(parameters)
    return InScene(identity, _is_overtaken(from_parameters(parameters), identity, store))


def case_in_scene(
    found: InScene, content: SceneContent | None, store: SessionStore, catalogue: Catalogue
) -> Case:
    """The case that the scene holds. A saved session that it overtakes is copied aside, and that is said.
    DamagedFile where the scene holds none, or not all of it."""
    if content is None:
        raise DamagedFile("The scene holds no session of this software.", kept="It is as it was.")
    identity, record = found.identity, from_parameters(content.parameters)
    if found.is_overtaken:
        said = SET_ASIDE.format(name=store.copy_aside(identity.key))
        record = replace(record, findings=(*record.findings, said))
    scan = CtScan(content.hu_kji, content.geometry, source_sha256=identity.scan_sha256)
    patient = Patient(identity.key, identity.name, scan, AxialSlices.of(content.geometry))
    drawn = without_rest(content.parts, record.borders)
    return Case(patient, drawn, Kept(content.originals), record, catalogue)


def _is_overtaken(record: Record, identity: Identity, store: SessionStore) -> bool:
    try:
        saved = store.record(identity.key)
    except AmlartError:
        return True  # it cannot be told, and nothing may be lost
    if saved is None or _worked(saved) == _worked(record):
        return False
    entries = saved.log.entries
    return len(entries) >= len(record.log.entries) or entries != record.log.entries[: len(entries)]


def _worked(record: Record) -> Record:
    """A record without the slices that were only looked at."""
    structures = {i: replace(one, seen=()) for i, one in record.review.structures.items() if one.marked_by}
    return replace(record, review=replace(record.review, structures=structures))
