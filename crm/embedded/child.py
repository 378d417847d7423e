"""Turn this process into a server that ends with the process that started it.

Run as a script: `child.py SIGNAL UID GID PARENT PROGRAM ARGUMENTS...`. A program of its own,
because code between fork and exec may hang in a process with threads.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def become(arguments: list[str]) -> None:
    """Drop to a user, ask the kernel for a signal when the parent ends, run the program."""
    death_signal, uid, gid, parent = (int(word) for word in arguments[:4])
    command = arguments[4:]
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid, which clears the setting.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the process that started this server has ended")
    os.umask(0o077)
    os.execv(command[0], command)


if __name__ == "__main__":
    become(sys.argv[1:])
