"""What the fork server loads before the first diff, so that a child starts in no time."""

import os
import signal
from functools import partial

import diffing.worker.child  # noqa: F401 - it is what takes long
from diffing.sandbox.parent_death import die_with_parent

# signals to the group reach the worker too, which decides
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
# the fork server ends with the worker; a child with the fork server, from its first moment on:
# one that is stopped early must end too
die_with_parent(os.getppid())
os.register_at_fork(after_in_child=partial(die_with_parent, os.getpid()))
