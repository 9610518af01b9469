"""A PostgreSQL for tests and benchmarks: on loopback, in a folder of its own, as an ordinary user, with a password."""
import os, pwd, secrets, shutil, signal, subprocess, tempfile, time
from contextlib import contextmanager
from pathlib import Path

from browse import free_port
from tools import postgresql

USER = 'shop'
CONFIG = dict(listen_addresses='127.0.0.1', unix_socket_directories='', max_connections='30')


def ordinary(name='postgres'):
    "What makes a program of root's run as somebody else: a database server does not run as root."
    if os.geteuid(): return {}, os.geteuid(), os.getegid()
    names = {p.pw_name: p for p in pwd.getpwall()}
    who = names.get(name) or names['nobody']
    return dict(user=who.pw_uid, group=who.pw_gid, extra_groups=[]), who.pw_uid, who.pw_gid


def wait(ready, log, seconds=30):
    "Until a server is ready."
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, log.read_text()
        time.sleep(.05)


@contextmanager
def server(locale='C.UTF-8', encoding='UTF8', **settings):
    "A server that is stopped at the end: how its databases' URLs begin. Meanwhile PGPASSWORD has the password."
    home = postgresql()
    assert home, 'there is no PostgreSQL: python scripts/tools.py'
    folder = Path(tempfile.mkdtemp(prefix='postgres-', dir='/tmp')) # where another user may go
    how, uid, gid = ordinary()
    os.chown(folder, uid, gid)
    how |= dict(cwd=folder, env=dict(PATH=os.environ['PATH'], LC_ALL='C.UTF-8'))
    before, os.environ['PGPASSWORD'] = os.environ.get('PGPASSWORD'), secrets.token_hex(8)
    try:
        (folder / 'word').write_text(os.environ['PGPASSWORD'])
        os.chown(folder / 'word', uid, gid)
        words = ['-D', folder / 'data', '-U', USER, '-A', 'scram-sha-256', f'--pwfile={folder}/word', '--no-sync',
                 '-E', encoding, f'--locale={locale}']
        subprocess.run([home / 'initdb', *words], check=True, capture_output=True, **how)
        port = free_port()
        words = [word for name, value in (CONFIG | settings).items() for word in ('-c', f'{name}={value}')]
        with open(folder / 'log', 'w') as log:
            process = subprocess.Popen([home / 'postgres', '-D', folder / 'data', '-p', str(port), *words],
                                       stderr=log, stdout=log, **how)
        try:
            ready = [home / 'pg_isready', '-h', '127.0.0.1', '-p', str(port), '-q']
            wait(lambda: not subprocess.run(ready).returncode, folder / 'log')
            yield f'postgresql://{USER}@127.0.0.1:{port}'
        finally:
            process.send_signal(signal.SIGINT) # sessions are ended
            process.wait(60)
    finally:
        shutil.rmtree(folder)
        os.environ.pop('PGPASSWORD')
        if before is not None: os.environ['PGPASSWORD'] = before
