"""The structure catalogue: valid, unambiguous, coded as DICOM codes it, and found by any spelling."""

from __future__ import annotations

import copy
from collections import defaultdict
from itertools import combinations

import pytest
from jsonschema import Draft202012Validator
from pydicom.sr.codedict import codes

from AmlartContourLib.contract.errors import BadSetting, UnknownStructure
from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY
from AmlartContourLib.domain.structures import Catalogue, Role, Structure, spelling_key
from AmlartContourLib.exchange.resources import RESOURCES, catalogue, read_json

FILE = read_json(RESOURCES / "Structures" / "catalogue.json")
SCHEMA = read_json(RESOURCES / "Structures" / "catalogue.schema.json")
ENTRIES = list(catalogue().values())
# SNOMED CT codes that pydicom lacks. Read in the HL7 mCODE map of TG-263 names; the anorectum in
# public FHIR test data.
NOT_IN_PYDICOM = {"281088000", "45682005", "245294005", "245295006", "245299000", "1187336003", "113276009"}


@pytest.fixture(scope="module")
def meanings() -> dict[tuple[str, str], set[str]]:
    """All meanings pydicom knows for a code, in lower case."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for scheme in ("SCT", "DCM"):
        terms = getattr(codes, scheme)
        for keyword in terms.dir():
            term = getattr(terms, keyword)
            found[scheme, term.value].add(term.meaning.lower())
    return found


def broken_file(**changes: object) -> dict[str, object]:
    """The catalogue file with the first entry changed."""
    data = copy.deepcopy(FILE)
    data["structures"][0].update(changes)
    return data


def test_the_file_fits_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(FILE)


@pytest.mark.parametrize(
    "change",
    [
        {"roi_name": "A name of seventeen"},
        {"role": "TARGET"},
        {"colour_rgb": [0, 0, 256]},
        {"rt_roi_type": "TUMOUR"},
        {"code": {"scheme": "SCT", "value": "12x", "meaning": "?"}},
        {"tolerance_mm": 0},
        {"extra": 1},
    ],
)
def test_the_schema_refuses_what_is_wrong(change: dict[str, object]) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(broken_file(**change))


def test_names_in_files_have_at_most_16_characters_and_are_unique_without_regard_to_case() -> None:
    names = [s.roi_name.lower() for s in ENTRIES]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 16
    assert len({s.id for s in ENTRIES}) == len(FILE["structures"])


def test_files_carry_the_tg263_name_where_there_is_one() -> None:
    differ = {s.id for s in ENTRIES if s.tg263_name and s.tg263_name != s.roi_name}
    assert differ == {"body"}


def test_structures_shown_together_have_colours_that_differ() -> None:
    shown = [s for s in ENTRIES if s.role is not Role.LANDMARK and s.laterality is None]
    for one, other in combinations(shown, 2):
        assert one.colour_rgb != other.colour_rgb, f"{one.id} and {other.id}"
    for left in ENTRIES:
        if left.id.endswith("_left") and left.role in (Role.NODAL_LEVEL, Role.CTV_PART):
            right = catalogue()[left.id.removesuffix("left") + "right"]
            assert left.colour_rgb != right.colour_rgb


@pytest.mark.parametrize("structure", ENTRIES, ids=lambda s: s.id)
def test_codes_agree_with_pydicoms_dictionary_where_it_has_them(
    structure: Structure, meanings: dict[tuple[str, str], set[str]]
) -> None:
    for code in (structure.code, structure.category, structure.laterality):
        if code is None or code.value in NOT_IN_PYDICOM:
            continue
        assert code.meaning.lower() in meanings[code.scheme, code.value]


def test_the_codes_not_in_pydicoms_dictionary_are_those_listed(
    meanings: dict[tuple[str, str], set[str]],
) -> None:
    used = {(s.code.scheme, s.code.value) for s in ENTRIES if s.code}
    assert {value for scheme, value in used if (scheme, value) not in meanings} == NOT_IN_PYDICOM


def test_sides_have_their_laterality_and_wholes_have_none() -> None:
    for structure in ENTRIES:
        side = structure.id.rpartition("_")[2]
        expected = side if side in ("left", "right") else None
        found = structure.laterality.meaning.lower() if structure.laterality else None
        assert found == expected, structure.id
        if expected:
            other = structure.id.removesuffix(side) + ("right" if side == "left" else "left")
            assert other in catalogue()


def test_categories_and_roi_types_follow_the_role() -> None:
    for structure in ENTRIES:
        is_target = structure.role in (Role.GTV, Role.COMPOSITE, Role.PTV) or structure.id == "ctv_hr"
        assert (structure.category.value == "130041") == is_target, structure.id
    for role, roi_type in ((Role.GTV, "GTV"), (Role.COMPOSITE, "CTV"), (Role.PTV, "PTV")):
        assert {s.rt_roi_type for s in catalogue().with_role(role)} == {roi_type}


def test_overlap_permissions_name_structures_that_exist_and_tell_the_rules() -> None:
    for structure in ENTRIES:
        assert structure.may_overlap - {"*"} <= set(catalogue())
    entry = catalogue()
    for one, other in combinations(("ctvp", "ctvn", "anorectum"), 2):
        assert not entry[one].allows_overlap_with(entry[other]), "rule 1"
    for structure in ENTRIES:
        assert entry["parametrium"].allows_overlap_with(structure), "rule 2"
    assert entry["bladder"].allows_overlap_with(entry["ctvn"]), "rule 3"


def test_the_priorities_are_in_the_order_of_rule_1() -> None:
    priorities = [catalogue()[structure_id].priority for structure_id in DEFAULT_PRIORITY]
    assert priorities == sorted(set(priorities))


def test_tolerances_are_2_mm_for_organs_and_3_mm_for_targets() -> None:
    for structure in ENTRIES:
        organ = structure.role in (Role.ORGAN, Role.LANDMARK)
        assert structure.tolerance_mm == (2.0 if organ else 3.0), structure.id


@pytest.mark.parametrize(
    ("spelling", "structure_id"),
    [
        ("Gebärmutter", "uterus"),
        ("gebarmutter", "uterus"),
        ("UTÉRUS", "uterus"),
        ("Baarmoeder", "uterus"),
        ("Col de l'utérus", "cervix"),
        ("Gebärmutterhals", "cervix"),
        ("Scheide", "vagina"),
        ("Vessie", "bladder"),
        ("Blære", "bladder"),
        ("Harnblase", "bladder"),
        ("Paramètres", "parametrium"),
        ("HR-CTV", "ctv_hr"),
        ("CTV-N", "ctvn"),
        ("ctv_n", "ctvn"),
        ("LN Pelvics", "ln_pelvic"),
        ("Lombo-aortique", "ln_paraaortic"),
        ("Femoral head right", "femur_right"),
        ("vertebrae_L5", "vertebra_l5"),
        ("iliac_vena_left", "iliac_vein_left"),
        ("External", "body"),
    ],
)
def test_other_spellings_and_languages_lead_to_the_structure(spelling: str, structure_id: str) -> None:
    assert catalogue().resolve(spelling).id == structure_id


def test_the_seven_labels_of_amlart_are_known() -> None:
    labels = ("Anorectum", "Bladder", "CTVn", "CTVp", "Parametrium", "Uterus", "Vagina")
    assert [catalogue().resolve(label).roi_name for label in labels] == list(labels)


def test_an_unknown_name_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownStructure) as refused:
        catalogue().resolve("Uterine fundus")
    assert "uterus" in str(refused.value)
    with pytest.raises(UnknownStructure):
        catalogue().resolve("")
    assert catalogue().find("spleen of a cat") is None
    with pytest.raises(UnknownStructure):
        catalogue()["Uterus"]


def test_one_name_for_two_structures_is_refused() -> None:
    with pytest.raises(BadSetting, match="belongs to anorectum and bladder"):
        Catalogue.from_json(broken_file(aliases=["Bladder"]))


def test_an_incomplete_entry_is_refused() -> None:
    data = copy.deepcopy(FILE)
    del data["structures"][3]["colour_rgb"]
    with pytest.raises(BadSetting, match="colour_rgb"):
        Catalogue.from_json(data)
    with pytest.raises(BadSetting):
        Catalogue.from_json(broken_file(role="TARGET"))


@pytest.mark.parametrize("name", ["Lymph node, L", "lymph_node_l", "LYMPH-NODE L", "lymphnodeL"])
def test_case_spaces_and_punctuation_do_not_matter(name: str) -> None:
    assert spelling_key(name) == "lymphnodel"


def test_a_name_the_catalogue_lacks_gets_a_plain_entry_of_its_own() -> None:
    book = catalogue().with_unlisted(
        ["GTV_Mass_CT", "Gebärmutter", "Très long nom d'une structure", "gtv mass ct"]
    )
    mass = book.resolve("GTV_Mass_CT")
    assert (mass.role, mass.rt_roi_type, mass.code) == (Role.OTHER, "GTV", None)
    assert book.resolve("Gebärmutter").id == "uterus", "a known name stays what it was"
    assert len(book) == len(catalogue()) + 2
    long = book.resolve("Très long nom d'une structure")
    assert long.roi_name == "Tres_long_nom_d_"
    assert "gtv_mass_ct" not in catalogue(), "the catalogue itself does not change"


def test_two_long_names_with_one_beginning_are_told_apart() -> None:
    book = catalogue().with_unlisted(["A structure of the site, left", "A structure of the site, right"])
    names = [book.resolve(f"A structure of the site, {side}").roi_name for side in ("left", "right")]
    assert len(set(names)) == 2
    assert all(len(name) <= 16 for name in names)
