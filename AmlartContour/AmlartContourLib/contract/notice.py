"""The label that is permanent in every window and in every exported file. One text for all."""

RESEARCH_ONLY = "Research use only: every contour must be reviewed by a clinician."
