"""A port in C++ with a CMake build of its own, in tests/cpp_port: what agrees, and each mistake by its name."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, capture_recipe, run_bisect

SOURCES = ROOT / "tests" / "cpp_port"
WITHOUT_DECAY = (
    *("net.encoder.conv.bias", "net.encoder.norm.weight", "net.encoder.norm.bias", "net.mixer.weight"),
    *(f"net.head.trunk.{name}" for name in ("0.weight", "0.bias", "1.bias", "4.bias")),
    *("net.head.start.bias", "net.head.end.bias"),
)
# Of each mistake: (kind, sites) of every culprit that is proved; nobody else is suspected.
FAULTS = {
    "backward_of_tanh": [("gradient", ["net.squash"])],
    "skip_detached": [("gradient", ["net.mixer"])],
    "momentum_of_norm": [("code", ["net.encoder.norm"])],
    "dropout_rate": [("code", ["net.encoder.drop"])],
    "gelu_by_tanh": [("code", ["net.encoder"])],
    "mask_ignored": [("code", ["net.encoder"])],
    "eps_of_norm": [("code", ["net.head.trunk.0"])],
    "weights_too_wide": [("values", ["net.head.start.weight"]), ("values", ["net.head.end.weight"])],
    "bias_lost": [("code", ["net.head.start"])],  # how the parameter starts that nothing reads is no fault
    "map_swapped": [("code", ["net.head"])],
    "smoothed_once": [("code", ["net"])],
    "arguments_swapped": [
        ("code", ["net"])
    ],  # BISECT_FORWARD gives them names; without these it could be the callee as well
    "mean_over_all": [("code", ["loss_of:return", "loss_of:return#2"])],
    "decay_of_all": [("step", list(WITHOUT_DECAY))],
}


def cmake(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run CMake: PyPI's if it is installed beside this Python."""
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    command = [shutil.which("cmake", path=path) or "cmake", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@functools.cache
def prefixes() -> list[str]:
    """Where CMake finds bisect and the libtorch of this Python."""
    torch = subprocess.check_output(
        [sys.executable, "-c", "import torch; print(torch.utils.cmake_prefix_path)"], text=True
    )
    return [f"-Dbisect_DIR={run_bisect('cpp-path').stdout.strip()}", f"-DCMAKE_PREFIX_PATH={torch.strip()}"]


def build(folder: Path, *options: str) -> None:
    """Build the port in a folder as its user would."""
    where = ["-S", str(folder), "-B", str(folder / "build")]
    for done in (
        cmake(*where, *prefixes(), "-DCMAKE_CXX_FLAGS=-O0", *options),
        cmake("--build", str(folder / "build")),
    ):
        assert done.returncode == 0, done.stdout + done.stderr


def said(folder: Path, *options: str) -> dict:
    """Return the report on the port."""
    where = ("--recipe", str(folder), "--captures", str(folder / "captures"), "--model", "cpp")
    done = run_bisect("run", *where, "--json", *options)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the recipe, with the built port and a capture of the reference."""
    folder = tmp_path_factory.mktemp("cpp") / "spans"
    shutil.copytree(SOURCES, folder)
    build(
        folder, "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,--no-undefined"
    )  # the runtime's are missing
    capture_recipe(str(folder), folder / "captures", words=["--grads"])
    return folder


def test_the_faithful_port_agrees_on_one_target(port: Path) -> None:
    report = said(port, "--target", "end_loss")
    assert (report["verdict"], report["culprits"]) == ("agrees", [])


def test_the_faithful_port_agrees(port: Path) -> None:
    """Also its gradients and its optimizer; all 20 calls of the reference are seen."""
    report = said(port)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    ruled_out = "\n".join(report["ruled_out"])
    assert "all 20 module calls: from the reference's inputs and weights each gives" in ruled_out
    assert "the backward pass of all 20 module calls" in ruled_out
    assert "the optimizer: from the reference's values and gradients 16 parameters" in ruled_out


@pytest.mark.parametrize("fault", FAULTS)
def test_each_mistake_is_named(port: Path, fault: str) -> None:
    report = said(port, "--option", f"fault={fault}")
    assert report["verdict"] == "diverges"
    proved = [(culprit["kind"], culprit["sites"]) for culprit in report["culprits"] if culprit["confirmed"]]
    assert proved == FAULTS[fault]
    assert all((culprit["kind"], culprit["sites"]) in proved for culprit in report["culprits"])


def test_clang_builds_it_too(port: Path, tmp_path: Path) -> None:
    if shutil.which("clang++") is None:
        pytest.skip("there is no clang++")
    shutil.copytree(port, tmp_path / "spans", ignore=shutil.ignore_patterns("build"))
    build(tmp_path / "spans", "-DCMAKE_CXX_COMPILER=clang++")
    assert said(tmp_path / "spans")["verdict"] == "agrees"


def test_headers_of_libtorch_that_come_first_are_refused(port: Path) -> None:
    """The calls of modules would not be seen."""
    flags = (port / "build" / "CMakeFiles" / "spans.dir" / "flags.make").read_text()
    own, torch = re.search(r"-I(\S+)/shadow ", flags), re.search(r"-isystem (\S+/api/include)", flags)
    assert own is not None
    assert torch is not None
    includes = [
        f"-I{folder}" for folder in (torch[1], torch[1].removesuffix("/torch/csrc/api/include"), f"{own[1]}/include")
    ]
    command = [
        "g++",
        "-std=c++17",
        "-E",
        *includes,
        str(Path(own[1]) / "include" / "bisect" / "port.h"),
        "-o",
        os.devnull,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "libtorch's own headers are found before those of bisect" in done.stderr
