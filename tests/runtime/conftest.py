"""Fixtures of the tests of runs."""

from __future__ import annotations

import threading
import weakref

import pytest

from lava_torch.model.hosted.tasks import Task
from lava_torch.runtime import crew, free


@pytest.fixture
def no_task_is_left(monkeypatch):
    """All tasks and threads that a test began must have ended with it."""
    threads = threading.active_count()
    made = []

    def make(run):
        task = Task(run)
        made.append(weakref.ref(task))
        return task

    for module in (crew, free):
        monkeypatch.setattr(module, "Task", make)
    yield
    assert threading.active_count() == threads
    assert not [task for ref in made if (task := ref()) is not None and not task.dead]
