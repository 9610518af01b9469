"""A MySQL for tests before a release: that of Debian's unstable, as its stable has MariaDB alone.

It is unpacked with its libraries into a folder of its own, and started by their loader: the machine stays as it is."""
import atexit, functools, shutil, subprocess, tempfile
from contextlib import contextmanager
from pathlib import Path

from mariadb import home, options, started

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


def apt(place, *words):
    "Run apt-get with lists and packages of its own."
    places = {'Dir::Etc::sourcelist': place / 'sources.list', 'Dir::Etc::sourceparts': '-',
              'Dir::State': place / 'state', 'Dir::State::status': place / 'state' / 'status',
              'Dir::Cache': place / 'cache', 'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none'}
    options = [word for name, value in places.items() for word in ('-o', f'{name}={value}')]
    subprocess.run(['apt-get', '-qq', *options, *words], check=True, stdout=subprocess.DEVNULL)


@functools.cache
def unpacked():
    "A folder with MySQL and its libraries, until this process ends."
    place = Path(tempfile.mkdtemp(prefix='mysql-', dir='/tmp')) # where another user may go
    atexit.register(shutil.rmtree, place)
    place.chmod(0o755)
    for folder in 'state/lists/partial', 'cache/archives/partial', 'root': (place / folder).mkdir(parents=True)
    (place / 'state/status').touch()
    (place / 'sources.list').write_text(SOURCE.format(debian()))
    apt(place, 'update')
    apt(place, 'install', '-y', '--download-only', '--no-install-recommends', 'mysql-server-core')
    for package in (place / 'cache/archives').glob('*.deb'):
        subprocess.run(['dpkg', '-x', package, place / 'root'], check=True)
    for folder in 'state', 'cache': shutil.rmtree(place / folder)
    return place / 'root'


def program(root):
    "The words that start mysqld with libraries other than the machine's."
    loader = root / LIBRARIES / 'ld-linux-x86-64.so.2'
    mysqld = root / 'usr/sbin/mysqld'
    return [loader, '--library-path', root / LIBRARIES, mysqld, '--no-defaults', f'--basedir={root}/usr']


@contextmanager
def server(**settings):
    "A server that is stopped at the end: the URL of a database. Meanwhile MYSQL_PWD has the password."
    words = program(unpacked())
    with home('mysql') as (folder, how):
        words += [f'--datadir={folder}/data']
        begin = [*words, '--initialize-insecure']
        with started(begin, folder, how, [*words, *options(CONFIG | settings)]) as url: yield url
