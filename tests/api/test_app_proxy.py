"The proxy in front of the service: what it refuses by itself, and what it lets through."
import json, os, re, socket, subprocess, time
from contextlib import suppress
from types import SimpleNamespace

import httpx, pytest

from browse import free_port
from tools import nginx

from support import ROOT

CONF = (ROOT / 'deploy' / 'kubernetes' / 'nginx.conf').read_text()
WHOLE = b'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'


def here(folder, port=8080, api=8000, **limits):
    "The configuration for this machine: other ports, a folder of its own, and limits that a test can wait for"
    conf = CONF.replace('listen 8080;', f'listen 127.0.0.1:{port};').replace('api:8000', f'127.0.0.1:{api}')
    conf = conf.replace('/tmp/', f'{folder}/')
    for name, value in limits.items():
        conf, count = re.subn(rf'^( *{name}) [^;]+;', rf'\1 {value};', conf, flags=re.M)
        assert count == 1, name
    path = folder / 'nginx.conf'
    path.write_text(conf)
    user = ['-g', 'user root;'] if os.geteuid() == 0 else []
    return [nginx(), '-e', '/dev/stderr', '-c', str(path), *user]


def is_problem(r, status):
    assert r.status_code == status
    assert r.headers['content-type'] == 'application/problem+json'
    assert r.json()['status'] == status


@pytest.fixture(scope='module')
def proxy(server, tmp_path_factory):
    "nginx before the service, as in docker-compose.yml, with less patience."
    folder, port = tmp_path_factory.mktemp('proxy'), free_port()
    limits = dict(client_header_timeout='1s', keepalive_timeout='1s', send_timeout='1s', client_body_timeout='1s')
    command = here(folder, port, server.port, **limits)
    process = subprocess.Popen([*command[:-1], command[-1] + ' daemon off;'] if '-g' in command
                               else [*command, '-g', 'daemon off;'])
    for _ in range(100):
        with suppress(OSError), socket.create_connection(('127.0.0.1', port), timeout=1): break
        time.sleep(.05)
    yield SimpleNamespace(url=f'http://127.0.0.1:{port}', port=port)
    process.terminate()
    process.wait(30)


def test_nginx_accepts_the_configuration(tmp_path):
    done = subprocess.run([*here(tmp_path), '-t'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'syntax is ok' in done.stderr


def test_requests_pass_as_they_are(proxy, server, api):
    with httpx.Client(base_url=proxy.url, headers=api.headers) as client:
        row = client.get('/v1/customers/7')
        assert row.json() == api.get('/v1/customers/7').json()
        changed = client.patch('/v1/customers/7', json={}, headers={'If-Match': row.headers['etag']})
        assert changed.status_code == 200
        assert client.get('/readyz').json()['status'] == 'ok'
        answer = client.get('/v1/questions/monthly_revenue')
        assert answer.headers['content-encoding'] == 'gzip'
        assert answer.headers['etag'].startswith('"'), 'a strong one'


def ends(s):
    "Whether the other side closes a connection, within ten seconds"
    s.settimeout(10)
    with suppress(ConnectionError):
        while s.recv(65536): pass
    return True


@pytest.mark.parametrize('sent', [b'', b'\r\n', b'GET /healthz HTTP/1.1\r\nHost: local'])
@pytest.mark.parametrize('before', [b'', WHOLE], ids=['first', 'later'])
def test_a_head_that_comes_slowly_is_not_waited_for(proxy, before, sent):
    with socket.create_connection(('127.0.0.1', proxy.port), timeout=10) as s:
        s.sendall(before)
        if before: assert s.recv(65536).startswith(b'HTTP/1.1 200 ')
        began = time.monotonic()
        with suppress(ConnectionError): s.sendall(sent)
        assert ends(s)
        assert time.monotonic() - began < 6


def test_a_head_that_never_ends_is_refused(proxy):
    with socket.create_connection(('127.0.0.1', proxy.port), timeout=10) as s:
        with suppress(OSError):
            s.sendall(WHOLE[:-2])
            for _ in range(125): s.sendall(b'X-More: ' + b'x' * 8000 + b'\r\n')
        with suppress(ConnectionError): assert s.recv(65536).startswith(b'HTTP/1.1 400 ')


def test_what_the_proxy_refuses_is_a_problem(proxy):
    is_problem(httpx.get(proxy.url + '/healthz', headers={'X-Long': 'x' * 20_000}), 400)
    with suppress(httpx.WriteError, httpx.ReadError):
        is_problem(httpx.post(proxy.url + '/v1/orders', content=b'x' * 16_000_001), 413)
    with socket.create_connection(('127.0.0.1', proxy.port), timeout=10) as s:
        s.sendall(b'GET /\x01 HTTP/1.1\r\n\r\n')
        answer = s.recv(65536)
    assert answer.startswith(b'HTTP/1.1 400 ')
    assert json.loads(answer.partition(b'\r\n\r\n')[2])['status'] == 400


def test_an_answer_that_nobody_reads_is_dropped(proxy):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(('127.0.0.1', proxy.port))
        s.sendall(b'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n' * 3)
        time.sleep(4)
        s.settimeout(10)
        got = 0
        with suppress(ConnectionError):
            while part := s.recv(1 << 20): got += len(part)
    assert got < 3_000_000


def test_one_client_asks_as_often_as_it_may(proxy, server):
    "The burst passes, then the rate; a probe is not counted, and what a client says of its address is not believed."
    with httpx.Client(base_url=proxy.url, headers=server.client.headers) as client:
        responses = [
            client.get('/v1/customers/7', headers={'X-Forwarded-For': f'10.0.0.{i % 250}'}) for i in range(400)]
        refused = [r for r in responses if r.status_code == 429]
        assert refused
        is_problem(refused[-1], 429)
        assert client.get('/healthz').status_code == 200
