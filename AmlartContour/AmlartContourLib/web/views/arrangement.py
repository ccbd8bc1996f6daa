"""How the views are arranged. 3D is in the arrangements that name it only, because drawing it takes a
second or more without a graphics card; a view that no arrangement shows is never drawn."""

from __future__ import annotations

from trame_slicer.views import Layout, LayoutDirection, ViewLayoutDefinition, ViewProps, ViewType

AXIAL, CORONAL, SAGITTAL, SURFACES = "Axial", "Coronal", "Sagittal", "Surfaces"
SLICE_VIEWS = (AXIAL, CORONAL, SAGITTAL)
START, WITH_SURFACES = "axial_large", "with_surfaces"
NAMES = {
    START: "Axial large",
    "three_alike": "Three slices alike",
    "axial_only": "Axial only",
    "coronal_large": "Coronal large",
    WITH_SURFACES: "Three slices and 3D",
}
COLOURS = {AXIAL: "#d98c6a", CORONAL: "#7fb07f", SAGITTAL: "#d6c264"}


def arrangements() -> dict[str, Layout]:
    """Every arrangement by its id."""
    axial, coronal, sagittal = (_slice(name) for name in SLICE_VIEWS)
    surfaces = ViewLayoutDefinition.threed_view(name=SURFACES, background_color=("#101418", "#1a2026"))
    across, down = LayoutDirection.Horizontal, LayoutDirection.Vertical
    return {
        START: Layout(across, [axial, Layout(down, [coronal, sagittal])], ["1.75", "1"]),
        "three_alike": Layout(across, [axial, coronal, sagittal]),
        "axial_only": Layout(across, [axial]),
        "coronal_large": Layout(across, [coronal, Layout(down, [axial, sagittal])], ["1.75", "1"]),
        WITH_SURFACES: Layout(across, [Layout(down, [axial, sagittal]), Layout(down, [coronal, surfaces])]),
    }


def _slice(name: str) -> ViewLayoutDefinition:
    properties = ViewProps(orientation=name, label=name, color=COLOURS[name])
    return ViewLayoutDefinition(name, ViewType.SLICE_VIEW, properties)
