"""A MySQL for tests before a release: that of Debian's unstable, as its stable has MariaDB alone.

It is unpacked with its libraries into a folder of its own, and started by their loader: the machine stays as it is."""
import atexit, functools, os, secrets, shutil, subprocess, tempfile
from contextlib import contextmanager
from pathlib import Path

from browse import free_port
from mariadb import DATABASE, answers, rights
from postgres import USER, ordinary, wait

SOURCE = 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} sid main\n'
LIBRARIES = 'usr/lib/x86_64-linux-gnu'
CONFIG = dict(bind_address='127.0.0.1', local_infile=1, mysqlx=0, skip_log_bin=1, secure_file_priv='NULL',
              innodb_buffer_pool_size='64M', innodb_redo_log_capacity='64M', innodb_flush_log_at_trx_commit=0,
              innodb_doublewrite=0, skip_name_resolve=1)


def debian():
    "Where this machine has its packages from."
    words = 'apt-get', 'indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian'
    places = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert places, 'MySQL is tested on Debian alone: there are no packages of Debian here'
    return places[0]


def apt(home, *words):
    "Run apt-get with lists and packages of its own."
    places = {'Dir::Etc::sourcelist': home / 'sources.list', 'Dir::Etc::sourceparts': '-',
              'Dir::State': home / 'state', 'Dir::State::status': home / 'state' / 'status',
              'Dir::Cache': home / 'cache', 'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none'}
    options = [word for name, value in places.items() for word in ('-o', f'{name}={value}')]
    subprocess.run(['apt-get', '-qq', *options, *words], check=True, stdout=subprocess.DEVNULL)


@functools.cache
def unpacked():
    "A folder with MySQL and its libraries, until this process ends."
    home = Path(tempfile.mkdtemp(prefix='mysql-', dir='/tmp')) # where another user may go
    atexit.register(shutil.rmtree, home)
    home.chmod(0o755)
    for folder in 'state/lists/partial', 'cache/archives/partial', 'root': (home / folder).mkdir(parents=True)
    (home / 'state/status').touch()
    (home / 'sources.list').write_text(SOURCE.format(debian()))
    apt(home, 'update')
    apt(home, 'install', '-y', '--download-only', '--no-install-recommends', 'mysql-server-core')
    for package in (home / 'cache/archives').glob('*.deb'):
        subprocess.run(['dpkg', '-x', package, home / 'root'], check=True)
    for folder in 'state', 'cache': shutil.rmtree(home / folder)
    return home / 'root'


def program(root):
    "The words that start mysqld with libraries other than the machine's."
    loader = root / LIBRARIES / 'ld-linux-x86-64.so.2'
    mysqld = root / 'usr/sbin/mysqld'
    return [loader, '--library-path', root / LIBRARIES, mysqld, '--no-defaults', f'--basedir={root}/usr']


@contextmanager
def server(**settings):
    "A server that is stopped at the end: the URL of a database. Meanwhile MYSQL_PWD has the password."
    words = program(unpacked())
    folder = Path(tempfile.mkdtemp(prefix='mysql-', dir='/tmp')) # where another user may go
    how, uid, gid = ordinary('mysql')
    os.chown(folder, uid, gid)
    how |= dict(cwd=folder, env=dict(PATH=os.environ['PATH'], LC_ALL='C.UTF-8'))
    before, os.environ['MYSQL_PWD'] = os.environ.get('MYSQL_PWD'), secrets.token_hex(8)
    try:
        (folder / 'first.sql').write_text(rights(os.environ['MYSQL_PWD']))
        (folder / 'first.sql').chmod(0o600)
        os.chown(folder / 'first.sql', uid, gid)
        words += [f'--datadir={folder}/data']
        subprocess.run([*words, '--initialize-insecure'], check=True, capture_output=True, **how)
        port = free_port()
        words += [f'--port={port}', f'--socket={folder}/socket', f'--init-file={folder}/first.sql']
        words += [f'--{name}={value}' for name, value in (CONFIG | settings).items()]
        with open(folder / 'log', 'w') as log: process = subprocess.Popen(words, stderr=log, stdout=log, **how)
        try:
            wait(lambda: answers(port), folder / 'log', 60)
            yield f'mysql://{USER}@127.0.0.1:{port}/{DATABASE}'
        finally:
            process.terminate()
            process.wait(60)
    finally:
        shutil.rmtree(folder)
        os.environ.pop('MYSQL_PWD')
        if before is not None: os.environ['MYSQL_PWD'] = before
