"""What each node of a patient is for. The words are written to scene files: never change one."""

from __future__ import annotations

MODULE = "AmlartContour"
STATE_TAG = "AmlartContourSession"
CT, ORIGINALS, PARTS, COMPOSITES = "Ct", "Originals", "Parts", "Composites"
TITLES = {ORIGINALS: "Contours as they came", PARTS: "Contours", COMPOSITES: "Targets"}
