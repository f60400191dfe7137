"""What the fork server loads before the first diff, so that a child starts in no time."""

import os
import signal

import service.child
from service.leash import die_with_parent

# the child ends with the fork server, and the fork server with the worker; signals to the group
# reach the worker too, which decides
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
service.child.fork_server = os.getpid()
die_with_parent(os.getppid())
