"Kernels for nbval that start quickly: one process imports what most notebooks import, and forks for each of them."
import asyncio, builtins, json, os, signal, subprocess, sys, time
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint
from queue import Empty
from types import SimpleNamespace

import ipykernel_launcher
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# nothing of shop_nb, which a notebook imports itself
PRELOADED = 'ipykernel.kernelapp pandas pyarrow.compute pyarrow.parquet duckdb pandera.pandas matplotlib.figure'.split()


# -- in the process that forks

def serve():
    "Start a kernel for each line that comes in, and write its process id; end where the lines end."
    del sys.path[0] # this folder
    os.environ['MPLBACKEND'] = 'module://matplotlib_inline.backend_inline' # what a kernel says to matplotlib
    os.environ['JPY_PARENT_PID'] = str(os.getpid()) # with whom kernels end
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None) # pandas asks whether it is in one
    for name in PRELOADED: import_module(name)
    del builtins.get_ipython
    signal.signal(signal.SIGCHLD, signal.SIG_IGN) # a kernel that ends is gone at once
    for line in sys.stdin.buffer:
        if not (pid := os.fork()): return become_kernel(**json.loads(line))
        print(pid, flush=True)


def become_kernel(argv, cwd, env):
    "Be what `python -m ipykernel_launcher` is in a session of its own."
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env | dict(JPY_PARENT_PID=str(os.getppid())))
    null = os.open(os.devnull, os.O_RDWR)
    for stream in 0, 1, 2: os.dup2(null, stream)
    os.close(null)
    sys.argv[:] = [ipykernel_launcher.__file__, *argv]
    import_module('ipykernel.kernelapp').launch_new_instance()


# -- in the process of the tests

@cache
def server():
    "The process that forks."
    return subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Grandchild:
    "What jupyter_client needs of a process that another one has started."
    stdin = stdout = stderr = None

    def __init__(self, pid): self.pid = pid

    def poll(self):
        try: os.kill(self.pid, 0)
        except ProcessLookupError: return 1 # how it ended is not known

    def wait(self): return self.poll()

    def send_signal(self, number):
        with suppress(ProcessLookupError): os.kill(self.pid, number)


class Forked(LocalProvisioner):
    "Has a kernel forked, where jupyter_client would start a Python."
    async def launch_kernel(self, cmd, cwd, env, **_):
        assert cmd[:3] == [sys.executable, '-m', 'ipykernel_launcher'], cmd
        print(json.dumps(dict(argv=cmd[3:], cwd=cwd, env=env)), file=server().stdin, flush=True)
        pid = server().stdout.readline()
        assert pid, 'the process that forks kernels has ended'
        self.process = Grandchild(int(pid))
        self.pid = self.pgid = self.process.pid
        self.cwd = cwd
        return self.connection_info

    async def kill(self, restart=False):
        "Until it is gone, which jupyter_client would look for ten times a second."
        await super().kill(restart)
        end = time.monotonic() + 5
        while await self.poll() is None and time.monotonic() < end: await asyncio.sleep(.005)


class Client(BlockingKernelClient):
    "Waits for a kernel, and not for more of what it says then: nbval passes over what it has not asked for."
    def wait_for_ready(self, timeout):
        end = time.monotonic() + timeout
        while self.is_alive() and time.monotonic() < end:
            self.kernel_info()
            with suppress(Empty):
                self.get_shell_msg(timeout=1)
                return self.get_iopub_msg(timeout=.2) # this channel is there, too
        raise RuntimeError('The kernel does not answer.')


def fork_kernels():
    "Have nbval's kernels forked, and no others."
    import nbval.kernel
    nbval.kernel.KernelManager = partial(nbval.kernel.KernelManager, client_class='support.kernels.Client')
    factory = KernelProvisionerFactory.instance()
    factory.provisioners['forked'] = EntryPoint('forked', 'support.kernels:Forked', factory.GROUP_NAME)

    class Specs(nbval.kernel.NbvalKernelspecManager):
        def get_kernel_spec(self, name):
            spec = super().get_kernel_spec(name)
            spec.metadata['kernel_provisioner'] = dict(provisioner_name='forked')
            return spec

    nbval.kernel.NbvalKernelspecManager = Specs


if __name__ == '__main__': serve()
