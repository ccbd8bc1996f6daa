"""A split is the same everywhere, divides no patient, and keeps its hold-out out."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, ExportFailed
from inference_backend.dataset.splits import Splits, make_splits, read_splits, write_splits

CASES = [f"zzAMLART_{n:03d}" for n in range(1, 101)]


def test_a_hundred_cases_give_five_equal_folds_and_a_hold_out() -> None:
    splits = make_splits(CASES, seed=1, hold_out=20)
    assert [len(part) for part in splits.folds] == [16] * 5
    assert len(splits.hold_out) == 20
    every = [case for part in (*splits.folds, splits.hold_out) for case in part]
    assert sorted(every) == CASES


def test_a_fold_trains_on_all_others_and_never_on_the_hold_out() -> None:
    splits = make_splits(CASES, seed=1, hold_out=20)
    for n, part in enumerate(splits.folds):
        training = set(splits.training(n))
        assert not training & set(part)
        assert not training & set(splits.hold_out)
        assert len(training) == 64


def test_the_order_of_the_list_does_not_matter_and_the_seed_does() -> None:
    assert make_splits(CASES, seed=1) == make_splits(reversed(CASES), seed=1)
    assert make_splits(CASES, seed=1) != make_splits(CASES, seed=2)


def test_the_split_of_a_seed_never_changes() -> None:
    assert make_splits(list("abcdefg"), seed=1, folds=2, hold_out=1) == Splits(
        1, (("c", "d", "e"), ("b", "f", "g")), ("a",)
    )


def test_scans_that_belong_together_stay_together_through_others() -> None:
    pairs = [("zzAMLART_001", "zzAMLART_050"), ("zzAMLART_050", "zzAMLART_099"), ("not", "there")]
    for seed in range(20):
        splits = make_splits(CASES, seed=seed, hold_out=30, together=pairs)
        parts = [
            part for part in (*splits.folds, splits.hold_out) if {"zzAMLART_001", "zzAMLART_099"} & set(part)
        ]
        assert len(parts) == 1
        assert "zzAMLART_050" in parts[0]


def test_a_split_is_kept_once_and_read_back(tmp_path: Path) -> None:
    splits = make_splits(CASES, seed=3)
    write_splits(tmp_path / "splits.json", splits)
    assert read_splits(tmp_path / "splits.json") == splits
    with pytest.raises(ExportFailed):
        write_splits(tmp_path / "splits.json", splits)


def test_a_file_with_a_case_in_two_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text('{"seed":1,"folds":[["a"],["b"]],"hold_out":["a"]}', encoding="utf-8")
    with pytest.raises(DamagedFile):
        read_splits(path)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(BadSetting, match="3 patients"):
        make_splits(["a", "b", "c"], seed=1)


def test_nnunet_gets_its_own_form() -> None:
    splits = make_splits(CASES[:5], seed=1)
    told = splits.nnunet_splits()
    assert len(told) == 5
    assert all(len(fold["val"]) == 1 and len(fold["train"]) == 4 for fold in told)
