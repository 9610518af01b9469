"""Run a command, and say what it took: wall seconds, CPU seconds, and the peak memory of it and all its children."""
import ctypes, os, resource, subprocess, time


def tree(pid):
    "A process and all its descendants."
    pids = [pid]
    for p in pids:
        try:
            for task in os.listdir(f'/proc/{p}/task'):
                with open(f'/proc/{p}/task/{task}/children') as f:
                    pids += [int(c) for c in f.read().split() if int(c) not in pids]
        except OSError:
            pass
    return pids


def memory(pid):
    "Bytes in use by a process tree: resident sets added up (shared pages count in each), and proportional shares."
    rss = pss = 0
    for p in tree(pid):
        try:
            with open(f'/proc/{p}/smaps_rollup') as f:
                kb = {line.split(':')[0]: int(line.split()[1]) for line in f.read().splitlines()[1:]}
            rss += kb['Rss'] * 1024
            pss += kb['Pss'] * 1024
        except (OSError, KeyError, IndexError):
            pass
    return rss, pss


def adopt():
    "Have processes whose parent has gone become ours, so that their time counts (Linux's PR_SET_CHILD_SUBREAPER)."
    if ctypes.CDLL(None).prctl(36, 1, 0, 0, 0): raise OSError('this system does not let a process adopt orphans')


def children():
    "The processes that are children of this one, living or waiting to be reaped."
    out = set()
    for task in os.listdir('/proc/self/task'):
        with open(f'/proc/self/task/{task}/children') as f: out |= {int(c) for c in f.read().split()}
    return out


def wait_for_orphans(own, patience=10):
    "Wait until all children but our own have ended."
    end = time.perf_counter() + patience
    while left := children() - own:
        for pid in left: os.waitpid(pid, os.WNOHANG)
        if time.perf_counter() > end: raise RuntimeError(f'{len(left)} processes still run after {patience} s')
        time.sleep(.01)


def measured(command, every=0.05, **env):
    "Run a command to its end. Raises RuntimeError with the end of its error output if it fails."
    adopt()
    own = children()

    def cpu():
        r = resource.getrusage(resource.RUSAGE_CHILDREN)
        return r.ru_utime + r.ru_stime

    before, start, peak = cpu(), time.perf_counter(), (0, 0)
    with subprocess.Popen(
        [str(c) for c in command], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as p:
        while True:
            try:
                out, err = p.communicate(timeout=every)
                break
            except subprocess.TimeoutExpired:
                peak = tuple(map(max, peak, memory(p.pid)))
    if p.returncode: raise RuntimeError(err[-500:])
    seconds = time.perf_counter() - start
    wait_for_orphans(own)
    return dict(seconds=seconds, cpu=cpu() - before, rss=peak[0], pss=peak[1], out=out.strip())
