"""Every extra has a file of versions that were installed together, and what is installed here is of them."""

from __future__ import annotations

import pytest

from support.locks import LOCKS, extras, installed, read

AGAIN = "write it anew: cd Testing && python -m support.locks"


@pytest.mark.parametrize("extra", list(extras()))
def test_an_extra_has_a_lock_that_fits_what_it_asks_for(extra: str) -> None:
    locked = read(extra)
    for wanted in extras()[extra]:
        version = locked.get(wanted.name.lower())
        assert version is not None, f"locks/{extra}.txt has no {wanted.name}: {AGAIN}"
        assert wanted.specifier.contains(version), f"{wanted} is not met by {version}: {AGAIN}"


@pytest.mark.parametrize("extra", list(extras()))
def test_what_is_installed_is_what_is_locked(extra: str) -> None:
    here = installed(extras()[extra])
    if here is None:
        pytest.skip(f"the extra {extra} is not wholly installed")
    locked = read(extra)
    other = {name: str(v) for name, v in here.items() if name in locked and locked[name] != v}
    assert not other, f"not the versions of locks/{extra}.txt: {other}; {AGAIN}"
    assert len(locked) > 0


def test_no_lock_is_left_of_an_extra_that_is_gone() -> None:
    assert {path.stem for path in LOCKS.iterdir()} == set(extras())
