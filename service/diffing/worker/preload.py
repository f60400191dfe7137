"""Modules that the fork server loads before the first diff, so children start fast."""

import os

import diffing.worker.child  # noqa: F401 - it loads slowly
from diffing.sandbox.parent_death import die_with_parent
from diffing.sandbox.process import ignore_signals, use_one_thread_for_algebra

ignore_signals()
use_one_thread_for_algebra()
# The fork server dies with the worker. Children die with the fork server from their first moment,
# even if they are stopped; so do helpers with the child that forked them.
die_with_parent(os.getppid())
_forking = os.getpid()


def _note_parent() -> None:
    global _forking
    _forking = os.getpid()


os.register_at_fork(before=_note_parent, after_in_child=lambda: die_with_parent(_forking))
