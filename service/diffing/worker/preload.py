"""What the fork server loads before the first diff, so that a child starts in no time."""

import os
from functools import partial

import diffing.worker.child  # noqa: F401 - it is what takes long
from diffing.sandbox.parent_death import die_with_parent
from diffing.sandbox.process import ignore_signals

ignore_signals()
# the fork server ends with the worker; a child with the fork server, from its first moment on:
# one that is stopped early must end too
die_with_parent(os.getppid())
os.register_at_fork(after_in_child=partial(die_with_parent, os.getpid()))
