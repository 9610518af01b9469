"A MariaDB for tests and benchmarks: on loopback, in a folder of its own, as an ordinary user, with a password."
import os, secrets, shutil, subprocess, tempfile
from contextlib import contextmanager
from pathlib import Path

import pymysql

from browse import free_port
from postgres import USER, ordinary, wait
from tools import mariadb

CONFIG = dict(
    bind_address='127.0.0.1', local_infile=1, innodb_buffer_pool_size='64M', innodb_log_file_size='32M',
    innodb_flush_log_at_trx_commit=0, innodb_flush_method='nosync', innodb_doublewrite=0, innodb_fast_shutdown=2,
    skip_name_resolve=1,
)
DATABASE = 'lab'


def rights(password):
    "The statements that make a user who may do everything in one database, and create others."
    return f'''create database if not exists {DATABASE};
create user if not exists {USER}@'127.0.0.1' identified by '{password}';
grant all on `{DATABASE}%`.* to {USER}@'127.0.0.1' with grant option;
grant create user on *.* to {USER}@'127.0.0.1';
'''


def answers(port):
    "Whether a server lets the user in."
    try: pymysql.connect(host='127.0.0.1', port=port, user=USER, password=os.environ['MYSQL_PWD']).close()
    except pymysql.Error: return False
    return True


@contextmanager
def started(begin, folder, how, words):
    "A server that runs in a folder and is stopped at the end: the URL of a database; `begin` fills the folder."
    (folder / 'first.sql').write_text(rights(os.environ['MYSQL_PWD']))
    (folder / 'first.sql').chmod(0o600)
    os.chown(folder / 'first.sql', how.get('user', -1), how.get('group', -1))
    subprocess.run(begin, check=True, capture_output=True, **how)
    port = free_port()
    words = [*words, f'--port={port}', f'--socket={folder}/socket', f'--init-file={folder}/first.sql']
    with open(folder / 'log', 'w') as log: process = subprocess.Popen(words, stderr=log, stdout=log, **how)
    try:
        wait(lambda: answers(port), folder / 'log', 60)
        yield f'mysql://{USER}@127.0.0.1:{port}/{DATABASE}'
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def home(kind):
    "A folder for a server, and how it is run as an ordinary user. Meanwhile MYSQL_PWD has a password."
    folder = Path(tempfile.mkdtemp(prefix=f'{kind}-', dir='/tmp')) # where another user may go
    how, uid, gid = ordinary('mysql')
    os.chown(folder, uid, gid)
    before, os.environ['MYSQL_PWD'] = os.environ.get('MYSQL_PWD'), secrets.token_hex(8)
    try: yield folder, how | dict(cwd=folder, env=dict(PATH=os.environ['PATH'], LC_ALL='C.UTF-8'))
    finally:
        shutil.rmtree(folder)
        os.environ.pop('MYSQL_PWD')
        if before is not None: os.environ['MYSQL_PWD'] = before


def options(settings): return [f'--{name}={value}' for name, value in settings.items()]


@contextmanager
def server(**settings):
    "A server that is stopped at the end: the URL of a database. Meanwhile MYSQL_PWD has the password."
    program = mariadb()
    assert program, 'there is no MariaDB: python scripts/tools.py'
    with home('mariadb') as (folder, how):
        data = ['--no-defaults', f'--datadir={folder}/data']
        begin = ['mariadb-install-db', *data, '--skip-test-db', '--skip-name-resolve',
                 '--auth-root-authentication-method=normal']
        with started(begin, folder, how, [program, *data, *options(CONFIG | settings)]) as url: yield url
