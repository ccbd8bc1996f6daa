"""The rail of panels, in the order of the work."""

from __future__ import annotations

from typing import Any


def _panel(panel_id: str, text: str, icon: str, title: str, *, needs_patient: bool = True) -> dict[str, Any]:
    return {
        "id": panel_id,
        "text": text,
        "icon": f"mdi-{icon}",
        "title": title,
        "needs_patient": needs_patient,
    }


RAIL = [
    _panel("worklist", "Worklist", "format-list-bulleted", "Worklist: choose a patient", needs_patient=False),
    _panel("contouring", "Contour", "creation-outline", "Contour: engine, preset, start"),
    _panel("components", "Components", "toggle-switch-outline", "Components: what makes the CTV"),
    _panel("effort", "Effort", "chart-bar", "Expected and measured editing, slice by slice"),
    _panel("editing", "Edit", "brush-outline", "Edit one structure"),
    _panel("fixing", "Fix here", "auto-fix", "Fix here: point, and an engine proposes a change (F)"),
    _panel("review", "Review", "eye-check-outline", "Review, mark and approve"),
    _panel("exporting", "Export", "export-variant", "Export NIfTI, RTSTRUCT, provenance and report"),
    _panel("physicist", "Physicist", "cog-outline", "Engines, backend, jobs, edit log", needs_patient=False),
]
