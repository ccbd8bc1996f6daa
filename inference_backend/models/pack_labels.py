"""What a model's labels are called in the catalogue.

nnU-Net labels carry whatever name their trainer chose. Most, those of TotalSegmentator and CADS among them,
are spellings that the catalogue knows. A label that it does not know is left out, and told: nothing
downstream could name, colour or export it. Where the only label of a data set says nothing ("label",
"target"), the data set's own name does, as in Dataset002_Bladder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.structures import Catalogue


@dataclass(frozen=True)
class Named:
    """Catalogue id of each label that is used; the labels that are left out."""

    gives: Mapping[str, str]
    left_out: tuple[str, ...]


def named(
    labels: tuple[str, ...], dataset_name: str, chosen: Mapping[str, str], taken: set[str], book: Catalogue
) -> Named:
    """Names a part's labels. `chosen`: the user's own choices by label; an empty one leaves a label out.
    `taken`: ids that earlier parts give. BadSetting where a name is ambiguous or unknown."""
    gives: dict[str, str] = {}
    left_out = []
    for label in labels:
        found = _id_of(label, labels, dataset_name, chosen, book)
        if found is None or (found in taken and label not in chosen):
            left_out.append(label)
        elif found in gives.values() or found in taken:
            raise BadSetting(
                f"Two labels of this model mean {found}; one of them is {label!r}.",
                advice=f"Leave one out: --map '{label}='.",
            )
        else:
            gives[label] = found
    return Named(gives, tuple(left_out))


def choices(entries: list[str], book: Catalogue) -> dict[str, str]:
    """From "label=structure" and "label=". BadSetting or UnknownStructure for others."""
    found = {}
    for entry in entries:
        label, equals, name = entry.rpartition("=")
        if not equals or not label:
            raise BadSetting(
                f"{entry!r} names no label.", advice="Write label=structure, or label= for none."
            )
        found[label] = book.resolve(name).id if name.strip() else ""
    return found


def _id_of(
    label: str, labels: tuple[str, ...], dataset_name: str, chosen: Mapping[str, str], book: Catalogue
) -> str | None:
    if label in chosen:
        return chosen[label] or None
    found = book.find(label)
    if found is None and len(labels) == 1:
        found = book.find(dataset_name.partition("_")[2])
    return found.id if found else None
