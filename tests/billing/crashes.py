"""Killing a process at every step that matters: around each commit and each request to Stripe.

The flow runs in a forked process that really dies by SIGKILL, so that nothing of Python's gets to clean up.
"""

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import stripe as stripe_sdk
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from billing import stripe_client

PATIENCE_S = 60


def killed_at(step: int, flow: Callable[[], object]) -> bool:
    """Run `flow` in a process that dies at its step number `step`; False if it finished before."""
    connections.close_all()  # a fork shares no connection
    pid = os.fork()
    if pid == 0:
        _live_and_die(step, flow)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, "the flow hung"
        return True
    assert os.WEXITSTATUS(status) == 0, "the flow failed, see its traceback above"
    return False


def _live_and_die(step: int, flow: Callable[[], object]) -> NoReturn:
    signal.alarm(PATIENCE_S)
    stripe_client._client.cache_clear()  # nor a keep-alive connection to Stripe
    try:
        _kill_at(step)
        flow()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _kill_at(step: int) -> None:
    """Each commit and each request is two steps: before it takes effect, and right after."""
    left = [step]
    for owner, method in ((BaseDatabaseWrapper, "_commit"), (stripe_sdk.RequestsClient, "_request_internal")):
        _count(owner, method, left)


def _count(owner: Any, method: str, left: list[int]) -> None:
    original = getattr(owner, method)

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        _tick(left)
        result = original(self, *args, **kwargs)
        _tick(left)
        return result

    setattr(owner, method, counted)


def _tick(left: list[int]) -> None:
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
