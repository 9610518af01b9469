"Pieces of code in processes of their own, which need not import anything, and may be killed."
import json, subprocess, sys
from contextlib import contextmanager

PARENT = '''
import importlib, json, os, signal, sys, time, traceback
for name in sys.argv[1:]: importlib.import_module(name)
def run(code, args, out):
    os.dup2(out, 1)
    os.dup2(out, 2)
    try: exec(code, dict(args=args))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)
def end(pid, after):
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
for line in sys.stdin:
    after, *jobs = json.loads(line)
    begun = []
    for code, args in jobs:
        pipe, out = os.pipe()
        if not (pid := os.fork()): run(code, args, out)
        os.close(out)
        begun.append((pid, pipe))
    said = [os.fdopen(pipe).read() for _, pipe in begun] if after is None else [''] * len(begun)
    print(json.dumps([(end(pid, after), s) for (pid, _), s in zip(begun, said)]), flush=True)
    if after is not None: [os.close(pipe) for _, pipe in begun]
'''
BREAK = '''
import importlib, os, signal
step, signal_name, *args = args
step, _, turn = step.partition('@')
place, name = step.rsplit('.', 1)
at = importlib.import_module(place)
real, calls = getattr(at, name), []
def die(*a, **k):
    calls.append(name)
    if len(calls) == int(turn or 1): os.kill(os.getpid(), getattr(signal, signal_name))
    return real(*a, **k)
setattr(at, name, die)
''' # what follows gets a signal before a step: package.module.function, or …function@3 before its third call
STEP = BREAK + '''
module, function, *rest = args
getattr(importlib.import_module(module), function)(*rest)
''' # a call of module.function(*rest) in which a signal comes before a step


@contextmanager
def forks(*modules):
    "Run (code, *arguments) side by side: (exit code, what was said) of each; `kill` kills each after so many seconds."
    words = [sys.executable, '-c', PARENT, *modules]
    job = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(*jobs, kill=None):
        job.stdin.write(json.dumps([kill, *((code, [str(a) for a in args]) for code, *args in jobs)]) + '\n')
        job.stdin.flush()
        return json.loads(job.stdout.readline())

    try: yield run
    finally: job.communicate()
