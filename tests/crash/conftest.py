"""The scene of a crash test, with its seed."""

import pytest

from crash.scene import Scene


@pytest.fixture
def seed(request) -> int:
    return request.config.getoption("--seed")


@pytest.fixture
def scene(kafka, workspace, seed) -> Scene:
    scene = Scene(kafka, workspace, seed)
    yield scene
    scene.end_loads()


def pytest_report_header(config) -> str:
    return f"seed of the crash suite: {config.getoption('--seed')}"
