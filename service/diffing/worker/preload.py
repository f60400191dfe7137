"""Modules that the fork server loads before the first diff, so children start fast."""

import os
from functools import partial

import diffing.worker.child  # noqa: F401 - it loads slowly
from diffing.sandbox.parent_death import die_with_parent
from diffing.sandbox.process import ignore_signals

ignore_signals()
# The fork server dies with the worker. Children die with the fork server from their first moment,
# even if they are stopped.
die_with_parent(os.getppid())
os.register_at_fork(after_in_child=partial(die_with_parent, os.getpid()))
