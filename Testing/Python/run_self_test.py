"""Runs the module's self-test inside a real Slicer and writes the result as JSON.

Slicer --testing --no-splash --python-script Testing/Python/run_self_test.py result.json
"""

import json
import sys
import traceback

import slicer


def run(target):
    """Every test by itself; the process ends with 0 only if all passed."""
    import AmlartContour

    tests = AmlartContour.AmlartContourTest()
    results = {}
    for name in sorted(n for n in dir(tests) if n.startswith("test_")):
        slicer.mrmlScene.Clear(0)
        try:
            getattr(tests, name)()
            results[name] = "passed"
        except Exception:  # noqa: BLE001 - the result must be written, whatever a test raises
            results[name] = traceback.format_exc()
    found = {
        "application": slicer.app.mainApplicationName,
        "version": slicer.app.applicationVersion,
        "python": sys.version.split()[0],
        "results": results,
        "passed": all(r == "passed" for r in results.values()),
    }
    with open(target, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=2)
    return 0 if found["passed"] else 1


slicer.util.exit(run(sys.argv[-1]))
