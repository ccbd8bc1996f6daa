"""The module's own self-test, as Slicer runs it, in the stand-in host."""

from __future__ import annotations

from host.application import Host


def test_the_self_test_of_the_module_passes(host: Host) -> None:
    host.load()
    host.module.AmlartContourTest().runTest()
