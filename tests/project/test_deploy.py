"What puts the shop elsewhere: the files are linted and agree, and each service runs by its very command."
import json, os, re, runpy, shlex, shutil, signal, socket, subprocess, sys, tarfile, time, zipfile
from contextlib import contextmanager
from email import message_from_string
from importlib.metadata import distributions
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import psutil, pytest, yaml
from markdown_it import MarkdownIt
from packaging.utils import canonicalize_name

from browse import free_port
from dist import front
from docs import Ends
from postgres import server
from shop_nb import __version__
from shop_nb.api.http_server import Config
from shop_nb.behaviour.settings import SETTINGS
from shop_nb.shop.shop import Shop
from tools import postgresql

from support import ROOT

BIN = Path(sys.executable).parent
WORKFLOWS = sorted(p.relative_to(ROOT) for p in (ROOT / '.github' / 'workflows').glob('*'))
ACTIONS = sorted(p.relative_to(ROOT) for p in (ROOT / '.github' / 'actions').glob('*/action.yml'))
MANIFESTS = sorted(
    p.relative_to(ROOT) for p in (ROOT / 'deploy' / 'kubernetes').glob('*.yaml') if p.name != 'kustomization.yaml'
)


def text(path): return (ROOT / path).read_text(encoding='utf-8')

def targets(): return set(re.search(r'^\.PHONY: (.+)$', text('Makefile'), re.M)[1].split())


# linters: what they read, and a slip that they have to find
CHECK = ['check-jsonschema', '--builtin-schema']
LINTERS = dict(
    compose=([*CHECK, 'vendor.compose-spec'], ['docker-compose.yml'], 'command: [jupyter', 'comand: [jupyter'),
    workflows=([*CHECK, 'vendor.github-workflows'], WORKFLOWS, 'runs-on:', 'run-on:'),
    actions=([*CHECK, 'vendor.github-actions'], ACTIONS, 'using:', 'use:'),
    dependabot=([*CHECK, 'vendor.dependabot'], ['.github/dependabot.yml'], 'interval: weekly', 'interval: often'),
    kubernetes=(['kubernetes-validate', '--strict'], MANIFESTS, 'readOnlyRootFilesystem', 'readOnlyRootFileSystem'),
    dockerfile=(['hadolint'], ['Dockerfile'], 'make=4.3-4.1', 'make'),
    shell=(
        ['shellcheck'],
        ['.ci/run', 'deploy/first-run', *sorted(p.relative_to(ROOT) for p in (ROOT / 'scripts' / 'hooks').glob('*'))],
        '"$data/shop"',
        '$data/shop',
    ),
    security=(
        ['zizmor', '--offline', '--quiet', '--no-progress'],
        [*WORKFLOWS, *ACTIONS, '.github/dependabot.yml'],
        'TAG="$GITHUB_REF_NAME"',
        'TAG="${{ github.ref_name }}"',
    ),
)


def in_python(script, words, monkeypatch):
    "Run a command in Python without a process of its own, as importing takes longer than its work; its exit code."
    monkeypatch.setattr(sys, 'argv', [str(script), *map(str, words)])
    with pytest.raises(SystemExit) as ended: runpy.run_path(str(script), run_name='__main__')
    return ended.value.code


@pytest.mark.parametrize(
    'spoiled', [pytest.param(False, id='as it is'), pytest.param(True, id='with a slip', marks=pytest.mark.slow)]
)
@pytest.mark.parametrize('name', LINTERS)
def test_linters(name, spoiled, tmp_path, monkeypatch, capfd):
    "No linter has anything to say, and each finds a slip. They need no network: their packages have schemas and rules."
    words, files, old, new = LINTERS[name]
    for f in files:
        (tmp_path / f).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f).write_text(text(f).replace(old, new) if spoiled else text(f))
    assert any(old in text(f) for f in files)
    monkeypatch.chdir(tmp_path)
    script = BIN / words[0]
    if b'sys.exit(main())' in script.read_bytes()[:1000]:
        code = in_python(script, [*words[1:], *files], monkeypatch)
    else:
        code = subprocess.run([script, *words[1:], *files]).returncode
    assert bool(code) == spoiled, capfd.readouterr()


# workflows

def jobs(path): return yaml.safe_load(text(path))['jobs']

def steps(path):
    "Every step of a workflow or action"
    read = yaml.safe_load(text(path))
    return read['runs']['steps'] if 'runs' in read else [s for j in read['jobs'].values() for s in j.get('steps', [])]


def test_actions_are_pinned_by_hash_and_the_version_is_said():
    found = [m.groups() for p in [*WORKFLOWS, *ACTIONS] for m in re.finditer(r'uses: (\S+)(.*)', text(p))]
    here = {u for u, _ in found if u.startswith('$/')}
    assert here
    assert all((ROOT / u[2:]).exists() for u in here)
    pinned = [(*re.fullmatch(r'([\w.-]+/[\w.-]+)@([0-9a-f]{40})', u).groups(), c) for u, c in found if u not in here]
    assert all(re.fullmatch(r'  # v\d+\.\d+\.\d+', c) for *_, c in pinned)
    assert len({a for a, *_ in pinned}) == len(set(pinned)), 'one action in two versions'


MAY = {
    ('docs.yml', 'deploy'): {'pages', 'id-token'},
    ('release.yml', 'pypi'): {'id-token'},
    ('release.yml', 'image'): {'packages'},
    ('release.yml', 'github'): {'contents'},
}

@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda p: p.name)
def test_jobs_may_do_what_they_must_and_end(path):
    assert yaml.safe_load(text(path))['permissions'] == {}
    for name, job in jobs(path).items():
        assert {k for k, v in job['permissions'].items() if v == 'write'} == MAY.get((path.name, name), set())
        assert 'uses' in job or job['timeout-minutes'] <= 60


def test_jobs_call_what_people_call():
    "What a job does is a make target, .ci/run, or a word to the forge and its engines: no recipe is written twice."
    lines = [l.strip() for p in [*WORKFLOWS, *ACTIONS] for s in steps(p) for l in s.get('run', '').splitlines()]
    made = [l.split()[1] for l in lines if l.startswith('make ')]
    assert set(made) <= targets()
    assert {
        'install',
        'check',
        'wheel',
        'run',
        'verify',
        'docs',
        'image',
        'up',
        'dist',
        'notes',
    } <= set(made)
    others = {l.split()[0] for l in lines if not l.startswith('make ')}
    assert others == {'.ci/run', 'docker', 'kubectl', 'gh', 'export'}


def test_the_tests_run_on_every_python_that_is_promised():
    promised = re.findall(r'Python :: (3\.\d+)"', text('pyproject.toml'))
    assert jobs('.github/workflows/ci.yml')['test']['strategy']['matrix']['python'] == promised


def test_notes_are_those_of_the_version():
    def notes(*words):
        return subprocess.run([sys.executable, ROOT / 'scripts' / 'notes.py', *words], capture_output=True, text=True)

    assert notes().stdout == notes(f'v{__version__}').stdout
    assert '### Added' in notes().stdout
    assert '\n## ' not in notes().stdout
    wrong = notes('v99.0.0')
    assert wrong.returncode == 1
    assert wrong.stderr == f'The tag is v99.0.0, but the package has version {__version__}.\n'


ADDRESS = 'https://example.com/someone/shop'

def leads(readme):
    "What a page links and loads"
    page = Ends(MarkdownIt('commonmark').enable('table').render(readme))
    return page.links | page.loads


def test_readme_leads_somewhere_on_a_package_index(tracked):
    "With an address every link names a file of the version there; without one nothing is linked."
    here, there = leads(text('README.md')), leads(front(text('README.md'), ADDRESS, 'v1.2.3'))
    assert len(here) > 20
    assert leads(front(text('README.md'))) == set()
    found = [re.fullmatch(f'{ADDRESS}/(blob|raw|tree)/v1.2.3/(.+)', u).groups() for u in there]
    assert {to for _, to in found} == here
    for kind, to in found:
        assert kind == ('tree' if (ROOT / to).is_dir() else 'raw' if to.endswith('.png') else 'blob')
        assert any(p.is_relative_to(to) for p in tracked), to
    same = '[a](https://example.com) [b](#c)\n\n```\nx[0](y)\n```\n'
    assert front(same) == front(same, ADDRESS) == same


@pytest.mark.parametrize(
    'written, alone, there',
    [
        ('[![x](a.png)](docs/)', '', '[![x](A/raw/v1/a.png)](A/tree/v1/docs/)'),
        ('[![x](a.png)](https://example.com)', '', '[![x](A/raw/v1/a.png)](https://example.com)'),
        (
            '[![x](https://example.com/a.png)](docs/)',
            '![x](https://example.com/a.png)',
            '[![x](https://example.com/a.png)](A/tree/v1/docs/)',
        ),
        ('`x[0](y)` and [a](b.md)', '`x[0](y)` and a', '`x[0](y)` and [a](A/blob/v1/b.md)'),
        ('``a ` x[0](y)`` [a](b.md)', '``a ` x[0](y)`` a', '``a ` x[0](y)`` [a](A/blob/v1/b.md)'),
        ('[`x[0]`](b.md)', '`x[0]`', '[`x[0]`](A/blob/v1/b.md)'),
        ('[a](b.md "title")', 'a', '[a](A/blob/v1/b.md "title")'),
        ('[a [b]](b.md)', 'a [b]', '[a [b]](A/blob/v1/b.md)'),
        ('[a](docs/#part)', 'a', '[a](A/tree/v1/docs/#part)'),
        (
            '1. x\n\n   ```\n   x[0](y)\n   ```\n\n[a](b.md)',
            '1. x\n\n   ```\n   x[0](y)\n   ```\n\na',
            '1. x\n\n   ```\n   x[0](y)\n   ```\n\n[a](A/blob/v1/b.md)',
        ),
        ('a ` b [c](d.md)', 'a ` b c', 'a ` b [c](A/blob/v1/d.md)'),
    ],
)
def test_what_is_a_link_and_what_only_looks_like_one(written, alone, there):
    "A picture that links, a title, brackets and a part are of a link; code is none. What is left is Markdown."
    assert front(written) == alone
    assert leads(alone) <= leads(written)
    assert front(written, ADDRESS, 'v1') == there.replace('A/', f'{ADDRESS}/')
    assert all(u.startswith('https://') for u in leads(front(written)) | leads(front(written, ADDRESS, 'v1')))


@pytest.mark.slow
def test_dist_is_for_the_tag_alone(tracked, tmp_path):
    "What a release uploads: a wheel and the sources, of the version that the tag names, with the address it is given."
    for f in tracked:
        (tmp_path / f).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f, tmp_path / f)
    subprocess.run(['git', 'init', '--quiet'], cwd=tmp_path, check=True)

    def dist(tag, address=''):
        return subprocess.run(
            ['make', 'dist', f'TAG={tag}', f'ADDRESS={address}', f'VENV={sys.prefix}', '-o', f'{sys.prefix}/.ready'],
            cwd=tmp_path, capture_output=True, text=True
        )

    assert dist('v99.0.0').returncode
    assert not (tmp_path / 'dist').exists()
    assert 'is no address' in dist(f'v{__version__}', 'somewhere').stderr
    done = dist(f'v{__version__}', ADDRESS)
    assert done.returncode == 0, done.stderr
    wheel, sources = f'shop_nb-{__version__}-py3-none-any.whl', f'shop_nb-{__version__}.tar.gz'
    assert sorted(p.name for p in (tmp_path / 'dist').iterdir()) == [wheel, sources], done.stderr
    wheel, sources = zipfile.ZipFile(tmp_path / 'dist' / wheel), tarfile.open(tmp_path / 'dist' / sources)
    for told in (
        wheel.read(f'shop_nb-{__version__}.dist-info/METADATA'),
        sources.extractfile(f'shop_nb-{__version__}/PKG-INFO').read(),
    ):
        told = message_from_string(told.decode())
        assert told.get_payload().strip() == front(text('README.md'), ADDRESS, f'v{__version__}').strip()
        assert told['Description-Content-Type'] == 'text/markdown'
        urls = dict(u.split(', ') for u in told.get_all('Project-URL'))
        assert set(urls) == {'Source', 'Documentation', 'Changelog', 'Issues'}
        for u in urls.values():
            assert u.startswith(ADDRESS)
            assert (
                not (m := re.search(r'/(?:blob|tree)/(.+?)/(.+)', u))
                or m[1] == f'v{__version__}'
                and (ROOT / m[2]).exists()
            )
    assert all((tmp_path / f).read_bytes() == (ROOT / f).read_bytes() for f in tracked), 'the project was changed'
    inside = set(wheel.namelist())
    assert {f.as_posix() for f in tracked if f.parts[0] == 'shop_nb'} <= inside
    for package, folder in (('pipeline', 'nbs/pipeline'), ('page', 'nbs/dashboard')):
        assert {f'shop_nb/{package}/{f.name}' for f in tracked if f.parent.as_posix() == folder} <= inside


# containers

def services(profile=None, **env):
    "The services of docker-compose.yml that have this profile, with its variables put in as compose does it"
    def value(m): return env.get(m[1]) or m[2]
    found = yaml.safe_load(re.sub(r'\$\{(\w+):-([^}]*)\}', value, text('docker-compose.yml')))['services']
    return {name: s for name, s in found.items() if s.get('profiles') == ([profile] if profile else None)}

def instruction(word):
    "The last one of its kind in the Dockerfile, as one line"
    return re.findall(rf'^{word} (.*)$', text('Dockerfile').replace('\\\n', ''), re.M)[-1]

def passes():
    "What .dockerignore lets into the build"
    return [l[1:] for l in text('.dockerignore').splitlines() if l.startswith('!')]


def test_the_image_is_pinned_and_runs_as_nobody_special():
    froms = re.findall(r'^FROM (\S+)(?: AS (\w+))?$', text('Dockerfile'), re.M)
    assert all(
        re.fullmatch(r'python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}', f) or f in {n for _, n in froms}
        for f, _ in froms
    )
    assert len(froms) > 2
    assert re.fullmatch(r'[1-9]\d+:[1-9]\d+', instruction('USER'))
    assert set(re.findall(r'make (\w+) ', text('Dockerfile'))) <= targets()
    api = services()['api']
    assert api['command'] == [*json.loads(instruction('CMD')), '--trust-proxy', '0.0.0.0/0'], 'the proxy is in front'
    assert set(re.findall(r'COPY (deploy/\S+) /usr/local/bin/shop-', text('Dockerfile'))) == {
        p for p in passes() if p.startswith('deploy/')
    }


IMAGES = dict(proxy=services()['proxy']['image']) # of other people

HEALTH = SimpleNamespace(**runpy.run_path(str(ROOT / 'deploy' / 'healthy')))

@pytest.mark.parametrize('before', ['', '/sbin/docker-init -- ', '/opt/shop/bin/python3.11 /opt/shop/bin/'])
def test_the_health_check_asks_whichever_service_runs(before):
    "That of the image, as compose has it: also with an init before the command or an interpreter, and on another port."
    assert json.loads(instruction('HEALTHCHECK').split(' CMD ')[1]) == ['shop-healthy']
    assert {
        n for n, s in services().items() if 'healthcheck' in s
    } == {'run', 'proxy'}
    for port in (None, '8123'):
        for name, s in services(**{f'SHOP_{n.upper()}_PORT': port for n in HEALTH.SERVICES if port}).items():
            asked = HEALTH.asks(before + ' '.join(s['command']))
            if name in ('run', 'proxy'):
                assert asked is None
            else:
                default, path = HEALTH.SERVICES[name]
                assert asked == f'http://127.0.0.1:{port or default}{path}'
    for name, (port, path) in HEALTH.SERVICES.items():
        assert (
            HEALTH.asks(f'{before}{"jupyter" if name == "lab" else "shop-nb"} {name}')
            == f'http://127.0.0.1:{port}{path}'
        )
    for command, asked in {
        'jupyter-lab --port=8123': '8123/api',
        'jupyter lab --ServerApp.port=9999': '9999/api',
    }.items():
        assert HEALTH.asks(before + command) == f'http://127.0.0.1:{asked}'
    assert (
        HEALTH.asks(before + 'shop-nb run --out lab')
        is HEALTH.asks(before + 'shop-nb ask api')
        is HEALTH.asks('sh')
        is None
    )
    assert subprocess.run([ROOT / 'deploy' / 'healthy', 'self']).returncode == 0, 'what has nothing to ask is well'


def test_services_are_locked_in_and_on_this_machine_alone():
    for name, s in services().items():
        assert s['read_only']
        assert s['cap_drop'] == ['ALL']
        assert s['security_opt'] == ['no-new-privileges:true']
        assert s['tmpfs'] == ['/tmp']
        assert s['image'] == (IMAGES['proxy'] if name == 'proxy' else 'shop-nb:local')
        assert ('build' in s) == (name == 'run')
        if name == 'run':
            assert s['healthcheck'] == {'disable': True}
            assert s['restart'] == 'no'
            assert 'ports' not in s
            continue
        assert s['restart'] == 'unless-stopped'
        if name == 'proxy': assert s['depends_on'] == {'api': {'condition': 'service_healthy', 'restart': True}}
        else: assert s['depends_on'] == {'run': {'condition': 'service_completed_successfully'}}
        if name == 'api': assert 'ports' not in s
        else:
            assert s['ports']
            assert all(p.startswith('127.0.0.1:') for p in s['ports'])
    assert services()['run']['environment'] == [f'SHOP_NB_{n.upper()}' for n in SETTINGS]


# the profile with a server

def test_a_server_is_pinned_hidden_and_has_a_password_that_is_not_written_down():
    stored = services('postgresql')
    assert set(stored) == {'postgresql', 'load', 'ask'}
    assert re.fullmatch(r'postgres:\d+\.\d+-bookworm', stored['postgresql']['image'])
    assert stored['postgresql']['user'] == '999:999'
    networks = yaml.safe_load(text('docker-compose.yml'))['networks']
    assert networks == dict.fromkeys(['stored', 'inner'], {'internal': True})
    secret = services('postgresql', POSTGRES_PASSWORD='secret')
    assert secret['postgresql']['environment']['POSTGRES_PASSWORD'] == 'secret'
    for name, s in stored.items():
        assert s['read_only']
        assert s['cap_drop'] == ['ALL']
        assert s['security_opt'] == ['no-new-privileges:true']
        assert s['networks'] == ['stored']
        assert 'ports' not in s
        if name == 'postgresql': continue
        assert s['image'] == 'shop-nb:local'
        assert s['restart'] == 'no'
        assert secret[name]['environment'] == dict(PGPASSWORD='secret')
        assert 'secret' not in ' '.join([*secret[name].get('entrypoint', []), *secret[name]['command']])
    assert stored['load']['depends_on']['postgresql'] == dict(condition='service_healthy')
    assert stored['ask']['depends_on'] == dict(load=dict(condition='service_completed_successfully'))


@pytest.mark.slow
def test_the_profile_loads_once_and_answers_from_the_server(tmp_path):
    "The commands of the profile, and its health check, with a server of this machine."
    shop = Shop(seed=5, customers=200, products=60, orders=400, order_items=1000)
    shop.save(tmp_path / 'shop')
    shop.load(tmp_path / 'shop.db')

    def run(*command):
        env = os.environ | dict(PATH=f'{BIN}:{os.environ["PATH"]}')
        return subprocess.run(command, env=env, capture_output=True, text=True)

    with server(fsync='off') as begin:
        url = f'{begin}/postgres'
        stored = services('postgresql', SHOP_DATA=str(tmp_path), SHOP_POSTGRESQL=url)
        _, *words = stored['postgresql']['healthcheck']['test']
        words[0], place = str(postgresql() / words[0]), [f'--port={urlsplit(url).port}']
        assert run(*words, *place).returncode == 0
        script, *args = stored['load']['command']
        assert script == 'shop-first-run'
        first, second = (run(str(ROOT / 'deploy' / 'first-run'), *args) for _ in range(2))
        assert 'Loaded' in first.stdout, first.stderr
        assert (second.returncode, second.stdout) == (0, '')
        answer = run(*stored['ask']['entrypoint'], 'monthly_revenue', '--format', 'csv')
        assert answer.stdout == shop.ask('monthly_revenue').to_csv(), answer.stderr
    assert run(*words, *place).returncode


# the proxy

PROXY = 'deploy/kubernetes/nginx.conf'

def test_the_proxy_is_pinned_and_the_only_way_to_the_api():
    assert re.fullmatch(r'nginxinc/nginx-unprivileged:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}', IMAGES['proxy'])
    assert services()['proxy']['volumes'] == [f'./{PROXY}:/etc/shop/nginx.conf:ro']
    assert services()['api']['networks'] == ['inner']
    assert yaml.safe_load(text('docker-compose.yml'))['networks']['inner'] == {'internal': True}
    (rule,) = [d for d in RESOURCES if d['kind'] == 'NetworkPolicy']
    reachable = {p['port'] for p in rule['spec']['ingress'][0]['ports']}
    assert 8080 in reachable
    assert 8000 not in reachable
    (front,) = [d for d in RESOURCES if d['kind'] == 'Service' and d['metadata']['name'] == 'api']
    assert front['spec']['ports'][0]['targetPort'] == 'proxy'
    generated = yaml.safe_load(text('deploy/kubernetes/kustomization.yaml'))['configMapGenerator']
    assert generated == [dict(name='proxy', files=['nginx.conf'])]
    assert PODS['api']['hostAliases'] == [dict(ip='127.0.0.1', hostnames=['api'])]


def test_the_proxy_takes_what_the_api_takes():
    conf = text(PROXY)
    assert f'client_max_body_size {Config("shop.db").max_body};' in conf
    assert 'server api:8000;' in conf
    assert 'listen 8080;' in conf
    for limit in ('client_header_timeout', 'client_body_timeout', 'send_timeout', 'large_client_header_buffers',
                  'limit_req ', 'limit_conn '):
        assert f' {limit}' in conf, limit


# Kubernetes

RESOURCES = [d for p in MANIFESTS for d in yaml.safe_load_all(text(p))]
PODS = {d['metadata']['name']: d['spec']['template']['spec'] for d in RESOURCES if d['kind'] in ('Deployment', 'Job')}


def test_the_cluster_runs_what_compose_runs():
    listed = yaml.safe_load(text('deploy/kubernetes/kustomization.yaml'))['resources']
    assert sorted(listed) == [p.name for p in MANIFESTS]
    assert {c['name']: c['command'] for p in PODS.values() for c in p['containers']} == {
        n: s['command'] for n, s in services().items()
    }
    ports = {d['metadata']['name']: d['spec']['ports'][0]['port'] for d in RESOURCES if d['kind'] == 'Service'}
    published = {n: int(s['ports'][0].split(':')[1]) for n, s in services().items() if 'ports' in s}
    assert ports == {'api' if n == 'proxy' else n: port for n, port in published.items()}
    assert sorted(ports.values()) == sorted(map(int, instruction('EXPOSE').split()))


def test_only_clients_reach_the_services_and_a_token_is_handed_on():
    (rule,) = [d for d in RESOURCES if d['kind'] == 'NetworkPolicy']
    (asked,) = rule['spec']['ingress'][0]['from']
    assert asked == dict(namespaceSelector={}, podSelector={'matchLabels': {'shop-client': 'true'}})
    assert rule['spec']['egress'] == []
    (name,) = services()['dashboard']['environment']
    assert [e['name'] for e in PODS['dashboard']['containers'][0]['env']] == [name]
    assert f"envvar='{name}'" in text(
        'shop_nb/app/cli.py'
    )


@pytest.mark.parametrize('name', PODS)
def test_pods_are_restricted_probed_and_limited(name):
    "What the pod security standard `restricted` asks for, and more."
    pod, uid = PODS[name], int(instruction('USER').split(':')[0])
    assert {k: v for k, v in pod['securityContext'].items()} == dict(
        runAsNonRoot=True, runAsUser=uid, runAsGroup=uid, fsGroup=uid, seccompProfile={'type': 'RuntimeDefault'}
    )
    assert not pod['automountServiceAccountToken']
    assert not pod['enableServiceLinks']
    for c in [*pod.get('initContainers', []), *pod['containers']]:
        assert c['image'] == IMAGES.get(c['name'], f'shop-nb:{__version__}')
        assert c['securityContext'] == dict(
            allowPrivilegeEscalation=False, readOnlyRootFilesystem=True, capabilities={'drop': ['ALL']}
        )
        assert all(set(c['resources'][k]) == {'cpu', 'memory'} for k in ('requests', 'limits'))
    if name == 'run': return
    main = pod['containers'][0]
    for probe in ('startupProbe', 'readinessProbe', 'livenessProbe'):
        assert main[probe]['httpGet']['port'] == 'http'
    assert (
        f"http://127.0.0.1:{main['ports'][0]['containerPort']}{main['readinessProbe']['httpGet']['path']}"
        == HEALTH.asks(' '.join(main['command']))
    )


# the services themselves

def files(*folders): return {p for f in folders for p in Path(f).rglob('*')}


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    "What is in the image, made as it is: from files that .dockerignore lets through, by the Dockerfile's make target"
    home = tmp_path_factory.mktemp('image')
    src, opt = home / 'src', home / 'opt'
    for name in passes():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, src / name)
    make = re.search(r'make services SERVICES=\S+', text('Dockerfile'))[0].replace('/opt/shop', str(opt))
    done = subprocess.run([*shlex.split(make), f'PYTHON={sys.executable}'], cwd=src, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (home / 'bin').mkdir()
    for name in ('first-run', 'healthy'): shutil.copy(src / 'deploy' / name, home / 'bin' / f'shop-{name}')
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope='module')
def environment(image):
    "The variables of the image, for folders of this test"
    env = dict(w.split('=', 1) for w in shlex.split(instruction('ENV')))
    home = image / 'tmp'
    (home / '.jupyter').mkdir(parents=True)
    (home / '.jupyter' / 'jupyter_server_config.json').write_text(
        '{"ServerApp": {"allow_root": true}}'
    ) # where tests are run by root; in the image nobody is
    return env | dict(PATH=f'{image / "opt" / "bin"}:{image / "bin"}:/usr/bin:/bin', HOME=str(home), TMPDIR=str(home))


@pytest.fixture(scope='module')
def data(image, environment):
    "The shop that the service `run` makes, in a folder of its own"
    folder = image / 'data'
    folder.mkdir()
    small = dict(SHOP_NB_CUSTOMERS='300', SHOP_NB_ORDERS='400', SHOP_NB_ORDER_ITEMS='1000')
    command = services(SHOP_DATA=str(folder))['run']['command']
    done = subprocess.run(command, env=environment | small, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / 'shop' / 'manifest.json').read_text())['settings']['orders'] == 400
    return folder


@contextmanager
def serving(name, image, environment, data, **env):
    "A service: started by its command, healthy by its check, stopped as by an engine, and gone with all its processes"
    port = free_port()
    s = services(
        SHOP_DATA=str(data), SHOP_HOST='127.0.0.1', SHOP_NOTEBOOKS=str(image / 'src' / 'nbs'),
        **{f'SHOP_{name.upper()}_PORT': str(port)}
    )[name]
    before, log = files(image / 'opt', image / 'src'), image / f'{name}.log'
    with log.open('wb') as out:
        p = psutil.Popen(
            s['command'], env=environment | env, cwd=data, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT
        )
    try:
        end = time.monotonic() + 120

        def healthy():
            return not subprocess.run(
                [*json.loads(instruction('HEALTHCHECK').split(' CMD ')[1]), str(p.pid)], env=environment,
                capture_output=True
            ).returncode

        assert not healthy(), 'healthy before it can be'
        while not healthy():
            assert p.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(.2) # what asks takes a processor, which the service needs
        yield f'http://127.0.0.1:{port}'
        family = p.children(recursive=True)
        p.send_signal(signal.SIGTERM)
        assert p.wait(int(s['stop_grace_period'].removesuffix('s'))) == 0, log.read_text()
        if name != 'lab':
            assert 'Stopped.\n' in log.read_text()
        assert not [c for c in psutil.wait_procs(family, 5)[1]]
        with pytest.raises(ConnectionRefusedError): socket.create_connection(('127.0.0.1', port), 5)
    finally:
        for q in [*(p.children(recursive=True) if p.is_running() else []), p]:
            if q.is_running(): q.kill()
    assert not files(image / 'opt', image / 'src') - before, 'written where a container is read-only'


def ask(url, method='GET', body=None, **headers):
    "Status, headers and text of an answer"
    try:
        with urlopen(
            Request(url, None if body is None else json.dumps(body).encode(), headers, method=method), timeout=60
        ) as r:
            return r.status, r.headers, r.read().decode()
    except HTTPError as e:
        return e.code, e.headers, e.read().decode()


@pytest.mark.slow
def test_the_image_has_what_the_lock_has_and_no_tools(image):
    lock = dict(re.findall(r'^([\w.-]+)==(\S+)', text('requirements.lock'), re.M))
    there = {
        canonicalize_name(d.name): d.version
        for d in distributions(path=[str(next((image / 'opt').glob('lib/python*/site-packages')))])
    }
    assert there.pop('shop-nb') == __version__
    assert there == {n: lock.get(n) for n in there}
    assert not {'pip', 'setuptools', 'pytest', 'nbdev', 'playwright', 'pyspark'} & set(there)
    assert not (image / 'opt' / 'src').exists()


@pytest.mark.slow
def test_run_makes_a_shop_once(data, environment):
    def dates(): return {p: p.stat().st_mtime_ns for p in (data / 'shop' / 'manifest.json', data / 'shop.db')}
    before = dates()
    subprocess.run(services(SHOP_DATA=str(data))['run']['command'], env=environment, check=True, timeout=10)
    assert dates() == before


@pytest.mark.slow
def test_api(image, environment, data):
    with serving('api', image, environment, data) as url:
        assert ask(f'{url}/docs')[0] == 200
        command = re.search(r'api (shop-nb key create .*)', text('docker-compose.yml'))[1].replace('/data', str(data))
        key = subprocess.run(
            shlex.split(command), env=environment, capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        reader = {'Authorization': f'Bearer {key}'}
        assert ask(f'{url}/v1/orders?limit=3')[0] == 401
        assert len(json.loads(ask(f'{url}/v1/orders?limit=3', **reader)[2])['items']) == 3
        _, headers, row = ask(f'{url}/v1/products/1', **reader)
        changed = dict(name='A lamp that was renamed')
        assert ask(f'{url}/v1/products/1', 'PATCH', changed)[0] == 401
        told = {'Authorization': f'Bearer {key}', 'If-Match': headers['ETag'], 'Content-Type': 'application/json'}
        status, _, now = ask(f'{url}/v1/products/1', 'PATCH', changed, **told)
        assert status == 200
        assert json.loads(now) == json.loads(row) | changed
    with serving('api', image, environment, data) as url:
        assert json.loads(ask(f'{url}/v1/products/1', **reader)[2]) == json.loads(now)


@pytest.mark.slow
def test_dashboard(image, environment, data):
    with serving('dashboard', image, environment, data, SHOP_DASHBOARD_TOKEN='a-token-for-tests') as url:
        assert ask(url)[0] == 401
        status, _, page = ask(url, Authorization='Bearer a-token-for-tests')
        assert status == 200
        assert 'application/vnd.jupyter.widget-view+json' in page
        assert '"output_type": "error"' not in page


@pytest.mark.slow
def test_lab(image, environment, data):
    told = dict(Authorization='token secret')
    with serving('lab', image, environment, data, JUPYTER_TOKEN='secret') as url:
        assert ask(f'{url}/api/contents/')[0] == 403
        assert 'index.ipynb' in {f['name'] for f in json.loads(ask(f'{url}/api/contents/', **told)[2])['content']}
        assert ask(f'{url}/lab', **told)[0] == 200
        status, _, kernel = ask(f'{url}/api/kernels', 'POST', dict(name='python3'), **told)
        assert status == 201
        assert json.loads(kernel)['name'] == 'python3'
