"""Fixtures that several folders share: where trained models lie, and whether the operator library is built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("FMPASS_SHARED") or Path(__file__).parents[2] / "shared")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`shared_model` runs a test once for every trained model."""
    if "shared_model" in metafunc.fixturenames:
        paths = sorted((SHARED / "data" / "models").glob("*.onnx"))
        skipped = pytest.param(None, marks=pytest.mark.skip(reason="no ../shared"))
        metafunc.parametrize("shared_model", paths or [skipped], ids=lambda p: p.stem if p else "none")


@pytest.fixture
def shared_data() -> Path:
    """Folder of the trained models and their inputs; the test is skipped where there is none."""
    if not (SHARED / "data" / "models").is_dir():
        pytest.skip("no ../shared")
    return SHARED / "data"


@pytest.fixture
def library() -> str:
    """Path of the operator library; the test fails where it has not been built."""
    from fmpass.errors import EnvironmentFailure
    from fmpass.runtime import get_library_path

    try:
        return get_library_path()
    except EnvironmentFailure:
        pytest.fail("the operator library is not built: run `make install`")
