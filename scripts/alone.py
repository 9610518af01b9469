"""Run a command while no other process holds the same lock.

    python scripts/alone.py FILE COMMAND...

If another process holds the lock, one line says so, and the command starts when that process has ended. The system
lets go of the lock when its holder ends, even if it was killed. Needs nothing but Python's own library: `make` uses it
before anything is installed."""
import subprocess, sys


def hold(file, told=sys.stderr):
    "Take the lock on an open file, however long that takes; on a system without such locks, go on without one."
    try: import fcntl
    except ImportError: return
    try: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('Another make is installing here; waiting for it.', file=told, flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)


def main(path, *command):
    with open(path, 'a') as file:
        hold(file)
        return subprocess.run(command).returncode


if __name__ == '__main__': sys.exit(main(*sys.argv[1:]))
