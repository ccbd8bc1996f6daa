"""The version of this software, as written to files and shown to users; pyproject.toml holds the same."""

SOFTWARE = "AmlartContour"
VERSION = "0.1.0"
