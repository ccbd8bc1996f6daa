"""Adding a model: trained folders become a pack, whole or not at all; what cannot be run is refused then."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch

from AmlartContourLib.contract.errors import AmlartError, BadSetting, DamagedFile, ExportFailed, InputRefused
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.licences import accept, accepted
from inference_backend.models.pack import PACK_FILE, Pack, read_pack
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.pack_labels import choices, named
from inference_backend.models.store import bundle_folder, own_bundles, own_packs
from inference_backend.nnunet.architecture import RESIDUAL
from support.nnunet_folders import Folder, make_folder, write_checkpoint

WAY = "nnUNetTrainer__nnUNetPlans__3d_fullres"
WISH = Wish("ward", licence="Internal use", axes="LPS")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """nnU-Net's results folder with one data set."""
    make_folder(tmp_path / "results" / "Dataset042_Ward" / WAY, Folder(kind=RESIDUAL, folds=("0", "1")))
    return tmp_path / "results"


def add(*sources: Path, wish: Wish = WISH) -> Pack:
    """Adds a model without telling anybody how far it is."""
    return add_model(sources, wish, lambda _fraction, _stage: None)


@pytest.mark.parametrize(
    "place", ["", "Dataset042_Ward", f"Dataset042_Ward/{WAY}"], ids=["results", "set", "way"]
)
def test_a_trained_folder_becomes_a_pack(results: Path, place: str) -> None:
    pack = add(results / place)
    folder = bundle_folder("ward")
    assert read_pack(folder) == pack
    (part,) = pack.parts
    assert dict(part.gives) == {"Bladder": "bladder", "Rectum": "rectum"}
    assert (part.name, part.configuration, part.mirrors) == ("Dataset042_Ward", "3d_fullres", (0, 1, 2))
    assert [fold.file for fold in part.folds] == ["part-1-fold_0.safetensors", "part-1-fold_1.safetensors"]
    assert (own_packs(), own_bundles()) == (("ward",), ())
    assert not fault_of(folder)
    checkpoint = torch.load(
        results / "Dataset042_Ward" / WAY / "fold_1" / "checkpoint_final.pth", weights_only=False
    )
    kept = safetensors.torch.load_file(folder / part.folds[1].file)
    assert all(torch.equal(checkpoint["network_weights"][name], tensor) for name, tensor in kept.items())


def test_the_home_that_it_makes_is_private(results: Path) -> None:
    add(results)
    home = Path(os.environ[HOME_VARIABLE])
    assert os.name == "nt" or stat.S_IMODE(home.stat().st_mode) == 0o700


def test_one_model_for_each_structure_becomes_one_pack(tmp_path: Path) -> None:
    one = {"background": 0, "label": 1}
    for number, name in enumerate(("Anorectum", "Bladder", "Vagina"), 1):
        make_folder(tmp_path / f"Dataset{number:03}_{name}" / WAY, Folder(labels=one, seed=number))
    pack = add(tmp_path)
    assert pack.structures == ("anorectum", "bladder", "vagina")
    assert [dict(part.gives) for part in pack.parts] == [{"label": n} for n in pack.structures]


def test_labels_that_the_catalogue_does_not_know_are_left_out_and_told(tmp_path: Path) -> None:
    labels = {"background": 0, "urinary_bladder": 1, "liver": 2, "prostate": 3}
    pack = add(make_folder(tmp_path / "t", Folder(labels=labels)))
    assert (pack.structures, pack.left_out) == (("bladder",), ("liver", "prostate"))


def test_a_model_none_of_whose_labels_is_known_is_refused_until_they_are_named(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "t", Folder(labels={"background": 0, "thing": 1, "other": 2}))
    with pytest.raises(InputRefused, match="thing, other"):
        add(source)
    chosen = choices(["thing=Bladder"], catalogue())
    assert add(source, wish=replace(WISH, choices=chosen)).structures == ("bladder",)


def test_two_labels_of_one_meaning_are_refused_until_one_is_left_out() -> None:
    labels = ("Bladder", "urinary_bladder")
    with pytest.raises(BadSetting, match="mean bladder"):
        named(labels, "D", {}, set(), catalogue())
    found = named(labels, "D", choices(["Bladder="], catalogue()), set(), catalogue())
    assert (dict(found.gives), found.left_out) == ({"urinary_bladder": "bladder"}, ("Bladder",))


def test_a_structure_that_an_earlier_part_gives_is_left_out() -> None:
    assert named(("Bladder", "Rectum"), "D", {}, {"bladder"}, catalogue()).left_out == ("Bladder",)


@pytest.mark.parametrize("entry", ["Bladder", "=Bladder", "label=nonsense"])
def test_a_choice_that_names_nothing_is_refused(entry: str) -> None:
    with pytest.raises(AmlartError):
        choices([entry], catalogue())


def test_what_is_not_told_is_asked_for(results: Path) -> None:
    with pytest.raises(BadSetting, match="axes"):
        add(results, wish=replace(WISH, axes=None))
    with pytest.raises(BadSetting, match="licence"):
        add(results, wish=replace(WISH, licence=None))
    assert own_packs() == ()


def test_what_is_known_of_a_published_model_need_not_be_told(tmp_path: Path) -> None:
    name = "Dataset297_TotalSegmentator_total_3mm_1559subj_v204"
    make_folder(tmp_path / name / "nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__3d_fullres", Folder())
    pack = add(tmp_path, wish=Wish("total"))
    assert pack.title == "TotalSegmentator"
    assert pack.licence.startswith("Apache-2.0")
    assert (pack.parts[0].axes, pack.parts[0].step) == ("RAS", 0.8)


def test_what_is_known_of_one_part_is_not_taken_for_another(tmp_path: Path) -> None:
    make_folder(tmp_path / "Dataset291_TotalSegmentator_part1_organs_1559subj" / WAY, Folder())
    make_folder(tmp_path / "Dataset300_Ours" / WAY, Folder(labels={"background": 0, "Uterus": 1}))
    with pytest.raises(BadSetting, match="licence"):
        add(tmp_path, wish=Wish("mixed"))
    with pytest.raises(BadSetting, match="axes"):
        add(tmp_path, wish=Wish("mixed", licence="several"))
    parts = add(tmp_path, wish=Wish("mixed", licence="several", axes="LAS")).parts
    assert [(part.axes, part.step) for part in parts] == [("LAS", 0.8), ("LAS", 0.5)]


def test_the_parts_of_one_model_may_come_in_several_places(tmp_path: Path) -> None:
    for number, name in enumerate(("Bladder", "Vagina"), 1):
        labels = {"background": 0, "label": 1}
        make_folder(tmp_path / name / f"Dataset{number:03}_{name}" / WAY, Folder(labels=labels))
    pack = add(_zipped(tmp_path / "Bladder"), tmp_path / "Vagina")
    assert pack.structures == ("bladder", "vagina")


def test_the_reader_that_turns_images_says_how_they_lay(tmp_path: Path) -> None:
    source = make_folder(tmp_path / "t", Folder(reader="NibabelIOWithReorient"))
    assert add(source, wish=replace(WISH, axes=None)).parts[0].axes == "RAS"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../x"},
        {"id": "amlart-demo"},
        {"id": ""},
        {"step": 7.0},
        {"title": "t" * 5000},
        {"axes": "XYZ"},
    ],
    ids=lambda changes: next(iter(changes)) + str(next(iter(changes.values())))[:9],
)
def test_a_wish_that_cannot_be_is_refused(results: Path, changes: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        add(results, wish=replace(WISH, **changes))
    assert own_packs() == ()


def test_a_model_that_is_there_is_not_overwritten(results: Path) -> None:
    before = add(results)
    with pytest.raises(ExportFailed, match="already there"):
        add(results, wish=replace(WISH, title="another"))
    assert read_pack(bundle_folder("ward")) == before


def test_an_unfinished_fold_is_told(results: Path) -> None:
    (results / "Dataset042_Ward" / WAY / "fold_1" / "checkpoint_final.pth").unlink()
    with pytest.raises(InputRefused, match=r"fold_1 of .* not finished"):
        add(results)
    assert len(add(results, wish=replace(WISH, folds=("0",))).parts[0].folds) == 1


def test_a_data_set_trained_in_two_ways_must_be_chosen(results: Path) -> None:
    other = results / "Dataset042_Ward" / "nnUNetTrainer__nnUNetPlans__3d_lowres"
    shutil.copytree(results / "Dataset042_Ward" / WAY, other)
    with pytest.raises(InputRefused, match="several ways"):
        add(results)
    assert add(other).parts[0].name == "Dataset042_Ward"


def test_weights_of_another_network_are_refused_and_nothing_is_left(results: Path) -> None:
    way = results / "Dataset042_Ward" / WAY
    what = Folder(folds=("1",))
    plain = make_folder(results.parent / "plain", what)
    shutil.copy(plain / "fold_1" / "checkpoint_final.pth", way / "fold_1" / "checkpoint_final.pth")
    with pytest.raises(DamagedFile, match=r"fold_1 .* do not fit"):
        add(results)
    assert not list((Path(os.environ[HOME_VARIABLE]) / "models").iterdir())


def test_folds_of_different_trainings_are_refused(results: Path) -> None:
    way = results / "Dataset042_Ward" / WAY
    state = torch.load(way / "fold_1" / "checkpoint_final.pth", weights_only=False)["network_weights"]
    write_checkpoint(way, "1", state, Folder(trainer="nnUNetTrainerNoMirroring", mirrors=None))
    with pytest.raises(InputRefused, match="different ways"):
        add(results)


@pytest.mark.parametrize("source", ["nothing", "empty", "file"])
def test_a_source_that_holds_no_trained_folder_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no zip")
    with pytest.raises(InputRefused):
        add(tmp_path / source)


def _zipped(results: Path, *more: tuple[str, bytes]) -> Path:
    path = results.parent / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(results.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(results))
        for name, content in more:
            archive.writestr(name, content)
    return path


def test_a_zip_is_added_with_its_licence(results: Path) -> None:
    pack = add(_zipped(results, ("LICENSE", b"Do what is right."), ("notes/readme.txt", b"x")))
    assert pack.licence_text is not None
    assert (bundle_folder("ward") / pack.licence_text.file).read_bytes() == b"Do what is right."
    assert pack.structures == ("bladder", "rectum")


@pytest.mark.parametrize("name", ["../plans.json", "/plans.json", "a/../../plans.json", "C:\\plans.json"])
def test_a_zip_that_climbs_out_of_its_folder_is_refused_whole(results: Path, name: str) -> None:
    with pytest.raises(DamagedFile, match="outside its folder"):
        add(_zipped(results, (name, b"{}")))
    assert own_packs() == ()


def test_a_zip_with_a_link_is_refused(results: Path) -> None:
    path = _zipped(results)
    link = zipfile.ZipInfo("fold_9/checkpoint_final.pth")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DamagedFile, match="link"):
        add(path)


def test_a_damaged_zip_is_refused(results: Path) -> None:
    path = _zipped(results)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(DamagedFile):
        add(path)


def test_a_changed_file_is_found(results: Path) -> None:
    add(results)
    folder = bundle_folder("ward")
    path = folder / "part-1-fold_0.safetensors"
    state = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as if nothing had been
    assert "another content" in fault_of(folder)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": 2}'])
def test_a_pack_file_that_is_none_is_told(results: Path, text: bytes) -> None:
    add(results)
    (bundle_folder("ward") / PACK_FILE).write_bytes(text)
    with pytest.raises(DamagedFile, match="amlart models remove ward"):
        read_pack(bundle_folder("ward"))
    assert fault_of(bundle_folder("ward"))


def test_an_acceptance_holds_for_the_pack_it_was_given_for(results: Path) -> None:
    add(results)
    folder = bundle_folder("ward")
    assert accepted(folder) is None
    with pytest.raises(BadSetting):
        accept(folder, "Internal use", " ")
    assert accept(folder, "Internal use", "Dr A") == accepted(folder)
    plain = json.loads((folder / PACK_FILE).read_text())
    (folder / PACK_FILE).write_text(json.dumps({**plain, "licence": "another"}))
    assert accepted(folder) is None


def test_reading_a_pack_imports_nothing_heavy(results: Path) -> None:
    add(results)
    code = (
        "import sys; from inference_backend.engines.nnunet_folder import NnUNetFolderEngine; "
        "NnUNetFolderEngine('ward').describe(); "
        "print([m for m in ('torch', 'scipy', 'SimpleITK', 'safetensors') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_axes_are_taken_from_an_image_of_the_training_set(tmp_path: Path) -> None:
    from inference_backend.commands.models import _axes_of

    image = sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16))
    image.SetDirection((1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "case_0000.nii.gz"))
    assert _axes_of(tmp_path / "case_0000.nii.gz") == "LAS"
    with pytest.raises(BadSetting, match="no image"):
        _axes_of(tmp_path / "gone.nii.gz")
