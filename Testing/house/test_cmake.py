"""CMake configures and installs the extension, with a stand-in for Slicer's own package.

The stand-in has the signatures of Slicer's macros and checks what they check: only listed files that are
there, by relative paths, are installed. What Slicer's build does beyond that is not tested here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.source_tree import ROOT

SLICER = """
set(Slicer_USE_FILE "{folder}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "{folder}/Required.cmake")
set(Slicer_EXTENSION_CPACK "{folder}/Required.cmake")
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR "lib/Slicer-5.12/qt-scripted-modules")
"""
USE_SLICER = """
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file ${MY_SCRIPTS} ${MY_RESOURCES})
    if(IS_ABSOLUTE ${file} OR NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "not a relative path of a file: ${file}")
    endif()
    get_filename_component(folder ${file} DIRECTORY)
    install(FILES ${file} DESTINATION ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}/${folder})
  endforeach()
endmacro()
macro(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS" ${ARGN})
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${MY_SCRIPT})
    message(FATAL_ERROR "no test ${MY_SCRIPT}")
  endif()
endmacro()
"""
REQUIRED = """
foreach(name HOMEPAGE CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS DEPENDS)
  if(NOT EXTENSION_${name})
    message(FATAL_ERROR "EXTENSION_${name} is not set")
  endif()
endforeach()
"""
LINKED = ("AmlartContour", "inference_backend", "pyproject.toml", "README.md", "LICENSE")


def _cmake(*arguments: str) -> str:
    done = subprocess.run(["cmake", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The extension's sources and the stand-in. An older CMake than Slicer's is let pass, for this test."""
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        pytest.skip("cmake or a compiler is not installed: sudo apt-get install cmake g++")
    folder = tmp_path / "source"
    folder.mkdir()
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    have = tuple(int(n) for n in re.findall(r"(\d+)\.(\d+)", _cmake("--version"))[0])
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    if have < (3, 28):
        text = text.replace("VERSION 3.28.0", f"VERSION {have[0]}.{have[1]}")
    (folder / "CMakeLists.txt").write_text(text, encoding="utf-8")
    slicer = tmp_path / "slicer"
    slicer.mkdir()
    (slicer / "SlicerConfig.cmake").write_text(SLICER.format(folder=slicer))
    (slicer / "UseSlicer.cmake").write_text(USE_SLICER)
    (slicer / "Required.cmake").write_text(REQUIRED)
    return folder


@pytest.mark.slow
def test_the_extension_configures_and_installs_every_listed_file(source: Path, tmp_path: Path) -> None:
    build, target = tmp_path / "build", tmp_path / "installed"
    _cmake("-S", str(source), "-B", str(build), f"-DSlicer_DIR={tmp_path / 'slicer'}", "-DBUILD_TESTING=ON")
    _cmake("--install", str(build), "--prefix", str(target))
    modules = target / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    listed = re.findall(
        r"^  (\S+\.\w+)$", (ROOT / "AmlartContour" / "CMakeLists.txt").read_text(), flags=re.MULTILINE
    )
    assert len(listed) > 100
    assert [name for name in listed if not (modules / name).is_file()] == []
    backend = modules / "AmlartBackend"
    assert (backend / "pyproject.toml").is_file(), "where the module looks for what it installs"
    assert (backend / "inference_backend" / "cli.py").is_file()
    assert not list(backend.rglob("__pycache__"))
