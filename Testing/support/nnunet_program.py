"""nnU-Net's own predictor on the cases, run by an interpreter that has nnunetv2.

    python nnunet_program.py FOLDER OUT

FOLDER holds a trained folder for each case, by number, and NUMBER.npz with its scan; OUT becomes an .npz with
what nnU-Net prepared, its logits and its labels. It imports nothing of this project.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor


def asked(folder: Path, number: str) -> dict[str, np.ndarray]:
    """One case by nnU-Net."""
    given = np.load(folder / f"{number}.npz")
    how = json.loads((folder / f"{number}.json").read_text())
    quiet = (False, False, False)
    predictor = nnUNetPredictor(how["step"], True, how["mirrored"], False, torch.device("cpu"), *quiet)
    predictor.initialize_from_trained_model_folder(str(folder / number), how["folds"])
    managers = (predictor.plans_manager, predictor.configuration_manager, predictor.dataset_json)
    image, about = given["hu"][None].astype(np.float32), {"spacing": how["spacing"]}
    seen, *_ = DefaultPreprocessor(False).run_case_npy(image, None, dict(about), *managers)
    seen = np.asarray(seen)
    logits = predictor.predict_logits_from_preprocessed_data(torch.from_numpy(seen))
    labels = predictor.predict_single_npy_array(image, dict(about), None, None, False)
    return {"seen": seen[0], "logits": logits.numpy(), "labels": np.asarray(labels)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, out = Path(sys.argv[1]), Path(sys.argv[2])
    numbers = sorted(path.stem for path in place.glob("*.npz"))
    found = {f"{n} {name}": array for n in numbers for name, array in asked(place, n).items()}
    np.savez_compressed(out, **found)
