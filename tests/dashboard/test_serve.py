"Who comes to the dashboard, and what they may do: probes, crawlers, strangers, odd messages and data, and proxies."
import asyncio, json, re, shutil, socket, sys, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import HTTPRedirectHandler, Request, build_opener

import psutil, pyarrow as pa, pyarrow.parquet as pq, pytest
from hypothesis import given, settings, strategies as st
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

import tools
from browse import FLAGS, free_port, kernels
from shop_nb import Shop
from shop_nb.app.cli import main
from shop_nb.dashboard.panels import TABS
from shop_nb.dashboard.serve import PROTOCOL, well_formed
from support import process, until

SIZE = dict(customers=300, products=80, orders=700, order_items=1600, seed=5)
TOKEN = 'a-token-for-tests-0123'


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    "A small run; not to be changed."
    folder = tmp_path_factory.mktemp('serve') / 'shop'
    Shop(**SIZE).save(folder)
    return folder


def served(run, folder, **more):
    "A dashboard on a port of its own"
    return process(
        sys.executable, '-c',
        f'from shop_nb.dashboard.serve import serve; serve(**{dict(run=str(run), port=free_port()) | more!r})',
        log=folder / 'server.log'
    )


class Stays(HTTPRedirectHandler):
    def redirect_request(self, *a): return None


def ask(url, method='GET', **headers):
    "Status, headers and text of an answer; a redirect is not followed."
    try:
        with build_opener(Stays).open(
            Request(url, None, {k.replace('_', '-'): v for k, v in headers.items()}, method=method), timeout=60
        ) as r:
            return r.status, r.headers, r.read().decode('utf-8', 'replace')
    except HTTPError as e:
        return e.code, e.headers, e.read().decode()


def kernel_of(page): return re.search(r'"kernelId": "([0-9a-f-]+)"', page)[1]


PARTS = [
    json.dumps(
        dict(
            msg_id='1',
            msg_type='kernel_info_request',
            username='',
            session='s',
            date='2025-01-01T00:00:00Z',
            version='5.3',
        )
    ).encode(),
    b'{}',
    b'{}',
    b'{}',
]
GOOD = serialize_msg_to_ws_v1(PARTS, 'shell')


@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(max_size=50),
        st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=9)).map(
            lambda t: GOOD[: t[0]] + t[1] + GOOD[t[0] + len(t[1]) :]
        ),
    )
)
@settings(deadline=100)
def test_any_bytes_are_judged_at_once(message):
    "What is let through is what Jupyter reads; no count in it is believed."
    assert well_formed(GOOD)
    assert well_formed(serialize_msg_to_ws_v1([*PARTS, b'\0' * 99], 'shell'))
    if well_formed(message):
        assert deserialize_msg_from_ws_v1(message)[0].isascii()
        assert isinstance(
            json.loads(deserialize_msg_from_ws_v1(message)[1][0]), dict
        )


def test_an_error_is_logged_without_the_query(caplog):
    from tornado import httpclient, httpserver, netutil, web
    from shop_nb.dashboard.serve import Site, _Guarded, _log, access_rules

    class Fails(_Guarded, web.RequestHandler):
        def get(self):
            raise ValueError('inside')

    class Missing(_Guarded, web.RequestHandler):
        def get(self):
            raise web.HTTPError(404, 'nothing at %s', self.request.uri)

    async def asked():
        app = web.Application(
            [('/fails', Fails), ('/missing', Missing)], log_function=_log, shop_site=Site(access_rules())
        )
        sockets = netutil.bind_sockets(0, '127.0.0.1')
        server = httpserver.HTTPServer(app)
        server.add_sockets(sockets)
        at = f'http://127.0.0.1:{sockets[0].getsockname()[1]}'
        got = [
            await httpclient.AsyncHTTPClient().fetch(f'{at}/{path}?country=secret', raise_error=False)
            for path in ('fails', 'missing', 'nowhere')
        ]
        server.stop()
        return [g.code for g in got]

    assert asyncio.run(asked()) == [500, 404, 404]
    assert 'GET /fails failed' in caplog.text
    assert 'ValueError: inside' in caplog.text
    assert 'secret' not in caplog.text


@pytest.fixture(scope='module')
def log(tmp_path_factory): return tmp_path_factory.mktemp('log') / 'server.log'


@pytest.fixture(scope='module')
def server(run, log):
    "A dashboard with room for three, that gives up a page after eight seconds."
    with served(run, log.parent, viewers=3, patience=8) as it: yield it


def alone(server): return has_kernels(server, 1)


def has_kernels(server, n, seconds=30): return until(lambda: len(kernels(server[1])) == n, seconds)


@pytest.mark.slow
def test_what_only_looks_starts_no_kernel_and_what_stays_away_is_given_up(server):
    "Probes ask an address of their own; pages that nobody opens end soon, and there is a bound on them."
    address = server[0]
    assert alone(server), 'one kernel waits'
    for path in ('healthz', 'robots.txt', 'logout', 'nothing', ''):
        for method in ('HEAD', 'GET') if path else ('HEAD',):
            assert ask(address + path, method)[0] == (200 if path in ('', 'healthz', 'robots.txt') else 404), (
                method,
                path,
            )
    assert ask(address + 'healthz')[2] == 'ok\n'
    assert 'Disallow: /\n' in ask(address + 'robots.txt')[2]
    assert len(kernels(server[1])) == 1
    with socket.create_connection(('127.0.0.1', urlparse(address).port)) as s:
        s.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') # broken off
    assert has_kernels(server, 2), 'it has its place all the same, and one waits for the next'
    with ThreadPoolExecutor(7) as many: got = [*many.map(ask, [address] * 7)]
    assert sorted(g[0] for g in got) == [200] * 2 + [503] * 5
    for g in got:
        if g[0] == 503:
            assert 'full' in g[2]
            assert 'http-equiv="refresh"' in g[2]
            assert g[1]['Retry-After'] == '5'
    assert len(kernels(server[1])) <= 4
    assert has_kernels(server, 1, 40), 'given up'
    assert ask(address)[0] == 200, 'and there is room again'


@pytest.mark.slow
def test_other_names_are_refused_for_everything(server):
    port = urlparse(server[0]).port
    for host in ('evil.example', f'evil.example:{port}', '127.0.0.1.nip.io', 'localhost.evil.example', '[::2]'):
        for path in ('', 'voila/static/voila.js', 'robots', 'api/kernels/x'):
            assert ask(server[0] + path, 'HEAD', Host=host)[0] == 421, (host, path)
    status, _, told = ask(server[0], Host='evil.example')
    assert status == 421
    assert '--allow-host' in told
    assert 'evil' not in told
    for host in ('LOCALHOST', 'localhost.', f'127.0.0.1:{port}', f'[::1]:{port}'):
        assert ask(server[0], 'HEAD', Host=host)[0] == 200, host
    assert ask(server[0] + 'healthz', Host='10.1.2.3:8866')[0] == 200, 'a probe asks for the address of a pod'


@pytest.mark.slow
def test_every_answer_has_the_headers(server):
    for path, status in {
        '': 200,
        'voila/static/voila.js': 200,
        'healthz': 200,
        'logout': 404,
        'voila/templates/..%2f..%2fx': 404,
        'voila/files/dashboard.ipynb': 404,
        'api/contents': 404,
        '/evil.example/': 404,
    }.items():
        got = ask(server[0] + path, 'HEAD')
        assert got[0] == status, path
        assert got[1]['X-Robots-Tag'] == 'noindex, nofollow'
        assert got[1]['X-Content-Type-Options'] == 'nosniff'
        scripts = re.search(r'script-src ([^;]*);', got[1]['Content-Security-Policy'])[1]
        assert 'unsafe' not in scripts
        assert "object-src 'none'" in got[1]['Content-Security-Policy']


@pytest.mark.slow
def test_a_websocket_that_speaks_something_else_is_refused_and_harms_nobody(server):
    "The first line froze the server once: without the protocol, each answer of a kernel was read as a huge count."
    assert alone(server)
    address = f'{server[0].replace("http", "ws")}api/kernels/{kernel_of(ask(server[0])[2])}/channels'
    memory = psutil.Process(server[1].pid).memory_info

    async def opened(*protocols, **headers):
        return await websocket_connect(
            HTTPRequest(address, headers={k.replace('_', '-'): v for k, v in headers.items()}),
            subprotocols=list(protocols),
        )

    async def refused(code, *protocols, **headers):
        with pytest.raises(HTTPClientError) as e: await opened(*protocols, **headers)
        assert e.value.code == code

    async def closed(message, code=1007):
        c = await opened(PROTOCOL)
        await c.write_message(message, binary=isinstance(message, bytes))
        async with asyncio.timeout(10):
            while await c.read_message() is not None: pass
        assert c.close_code == code, message[:20]

    async def answered(number):
        c = await opened(PROTOCOL)
        await c.write_message(
            serialize_msg_to_ws_v1([PARTS[0].replace(b'"1"', number), *PARTS[1:]], 'shell'), binary=True
        ) # a kernel reads none twice
        async with asyncio.timeout(10):
            while b'kernel_info_reply' not in (await c.read_message()): pass
        c.close()

    async def all():
        await answered(b'"2"')
        before = memory().rss
        await refused(400)
        await refused(400, 'v2.kernel.websocket.jupyter.org')
        await refused(421, PROTOCOL, Host='evil.example', Origin='http://evil.example')
        await refused(403, PROTOCOL, Origin='http://evil.example')
        for message in (
            b'',
            b'\x01',
            b'\xff' * 8,
            (2**62).to_bytes(8, 'little') + b'\0' * 90_000,
            GOOD[:-1],
            GOOD + b'\0',
            GOOD.replace(b'{', b'[', 1),
            '{"channel": "shell"}',
            '',
        ):
            await closed(message)
        await closed(b'\0' * 2_000_000, 1009)
        begun = time.monotonic()
        await answered(b'"3"')
        return memory().rss - before, time.monotonic() - begun

    grown, seconds = asyncio.run(all())
    begun = time.monotonic()
    assert ask(server[0] + 'healthz')[0] == 200
    assert time.monotonic() - begun < 1
    assert grown < 50e6
    assert seconds < 10


@pytest.mark.slow
def test_a_server_that_is_stopped_while_its_first_kernel_starts_ends_well(run, tmp_path):
    with process(
        sys.executable, '-c', 'import sys; from shop_nb.app.cli import main; sys.exit(main())', 'dashboard', str(run),
        '--port', str(free_port()), log=tmp_path / 'server.log'
    ) as (_, p):
        p.terminate()
        assert p.wait(30) == 0
    told = (tmp_path / 'server.log').read_text()
    assert 'Stopped.\n' in told, told
    assert 'half done' not in told, told
    assert 'HTTPError' not in told, told


# -------------------------------------------------------------------------------- in a browser

@contextmanager
def page_of(browser, **look):
    "A page, and what goes wrong in it."
    context, wrong = browser.new_context(viewport=dict(width=1280, height=900), **look), []
    context.set_default_timeout(40_000)
    context.add_init_script(
        'addEventListener("securitypolicyviolation", '
        'e => console.error("policy", e.violatedDirective, e.blockedURI, e.sample))'
    )
    page = context.new_page()
    page.on('console', lambda m: m.type == 'error' and wrong.append(m.text))
    page.on('pageerror', lambda e: wrong.append(str(e)))
    page.on('dialog', lambda d: (wrong.append(f'dialog {d.message}'), d.dismiss()))
    yield page, wrong
    page.goto('about:blank')
    context.close()


@pytest.fixture(scope='module')
def ended(run, browser, tmp_path_factory):
    "A dashboard for one viewer, whose browser was ended: what others were told before, if its place is free in time."
    with (
        served(run, tmp_path_factory.mktemp('ended'), viewers=1) as (address, _),
        ThreadPoolExecutor(1) as beside, # the other tests go on while it waits
    ):
        ended = browser.browser_type.launch(executable_path=tools.browser(), args=FLAGS)
        ended.new_page().goto(address)
        ended.contexts[0].pages[0].wait_for_selector('[data-state=ready]')
        status, _, told = ask(address)
        ended.close()
        yield status, told, beside.submit(until, lambda: ask(address)[0] == 200, 40)


@pytest.mark.slow
def test_who_comes_to_a_full_dashboard_is_told(ended):
    status, told, _ = ended
    assert status == 503
    assert 'The dashboard is full: 1 page is open, and that is the limit (<code>--viewers</code>).' in told


@pytest.mark.slow
def test_below_a_path_behind_a_proxy_and_with_a_token(run, browser, root, tmp_path):
    "The printed address has the token; a cookie keeps it, the address bar does not, and what is shared opens again."
    with (
        served(run, tmp_path, root='/shop', token=TOKEN, allow=['Shop.Example']) as (behind, _),
        process(
            sys.executable, str(root / 'tests' / 'support' / 'proxy.py'), behind.removesuffix('/shop/'), '/shop',
            log=tmp_path / 'proxy.log'
        ) as (address, _),
    ):
        assert behind.endswith('/shop/'), 'who gave the token knows it'
        assert TOKEN not in behind, 'who gave the token knows it'
        for path in ('', 'voila/static/voila.js', 'api/kernels/x', f'?token={TOKEN}x', '?token=', '?token=%C3%A9'):
            assert ask(address + path, 'HEAD')[0] == 401, path
        assert 'name="token"' in ask(address)[2]
        assert ask(address + 'healthz')[0] == 200
        assert (
            ask(address, 'HEAD', Authorization=f'Bearer {TOKEN}')[0]
            == 200
            == ask(address, 'HEAD', Authorization=f'Bearer {TOKEN}', Host='shop.example')[0]
        )
        assert ask(address, 'HEAD', Authorization=f'Bearer {TOKEN}', Host='evil.example')[0] == 421
        status, headers, _ = ask(f'{address}?token={TOKEN}&country=DE', X_Forwarded_Proto='https')
        assert (status, headers['Location']) == (303, '?country=DE')
        assert TOKEN not in headers['Set-Cookie']
        assert all(
            w in headers['Set-Cookie'] for w in ('HttpOnly', 'SameSite=Lax', 'Path=/shop')
        )
        with page_of(browser) as (page, wrong):
            asked = []
            page.on(
                'request',
                lambda r: (
                    urlparse(r.url).scheme in ('http', 'https')
                    and not r.url.startswith(address)
                    and asked.append(r.url)
                ),
            )
            page.on('websocket', lambda w: w.url.startswith(address.replace('http', 'ws')) or asked.append(w.url))
            page.goto(f'{address}?token={TOKEN}&days=all&country=DE')
            page.wait_for_selector('[data-state=ready]')
            assert page.url == f'{address}?days=all&country=DE'
            page.get_by_role('link', name='Products').click()
            page.wait_for_url('**/shop/?days=all&country=DE&page=products')
            page.goto(page.url)
            page.wait_for_selector('[data-state=ready]')
            assert page.title() == 'Products · shop'
            assert not wrong
            assert not asked
            page.goto(behind + '?page=data')
            page.wait_for_selector('.broken, [data-state=ready], input[name=token]')
        for path in '', 'nothing', 'api/kernels/x', 'api/kernels/x/channels', 'voila/templates/x':
            ask(f'{address}{path}?country=secret', Authorization=f'Bearer {TOKEN}')
        log = (tmp_path / 'server.log').read_text()
        assert not re.search(f'{TOKEN}|secret|country|[?]', log), log


HOSTILE = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(2)>',
    "'><svg onload=alert(3)>",
    '</script><script>alert(4)</script>',
    'javascript:alert(5)',
    '{{7*7}} ${7*7}',
    '&lt;img src=x onerror=alert(6)&gt;',
    '\u202e\u2066evil',
    'W' * 190,
    '`"\'\\',
    '<a href="javascript:alert(7)">x</a>',
    '__proto__',
    '😀‍\u200b\u0301',
]
DEMANDED = {'orders.status', 'payments.status'} # numbers depend on these


def spoil(run):
    "Hostile texts in each column of texts, and in each text and name of the manifest but its market."
    for path in (run / 'tables').glob('*.parquet'):
        table = pq.read_table(path)
        for i, f in enumerate(table.schema):
            if not pa.types.is_string(f.type) or f'{path.stem}.{f.name}' in DEMANDED: continue
            known = {}
            texts = [
                None
                if v is None
                else known.setdefault(
                    v, HOSTILE[len(known) % len(HOSTILE)] + ('' if len(known) < len(HOSTILE) else f' {len(known)}')
                )
                for v in table.column(i).to_pylist()
            ]
            table = table.set_column(i, f, pa.array(texts, f.type))
        pq.write_table(table, path)

    def bad(v, i=0):
        if isinstance(v, dict):
            return {(HOSTILE[k % 13] + n if n not in KNOWN else n): bad(x, k) for k, (n, x) in enumerate(v.items())}
        return (
            [bad(x, k) for k, x in enumerate(v)]
            if isinstance(v, list)
            else HOSTILE[i % 13]
            if isinstance(v, str)
            else v
        )

    path = run / 'manifest.json'
    told = json.loads(path.read_text()) | dict(
        checks=dict(ok=False, failures=['<img src=x onerror=alert(9)>'], checks=dict(orders=3), rows=dict(orders=3))
    )
    path.write_text(json.dumps(bad(told) | dict(market=told['market']))) # without which no run is opened
KNOWN = {
    'shop_nb',
    'version',
    'settings',
    'tables',
    'checks',
    'failures',
    'ok',
    'rows',
    'start',
    'end',
    *(c for c in Shop(**SIZE).tables),
}


def stranger(page):
    "Elements that no code of ours makes"
    own = '[href^="?"], [href="#"], [href="#dash-main"]'
    elements = f'img, script, iframe, object, embed, form:not(dialog form), a:not({own}), [onerror], [onload]'
    found = 'elements => [...document.querySelectorAll(`#shop-dashboard :is(${elements})`)]'
    return page.evaluate(f'{found}.map(e => e.outerHTML.slice(0, 120))', elements)


@pytest.mark.slow
def test_hostile_texts_are_texts(run, browser, tmp_path):
    "On all five pages, as charts and as tables: nothing runs, nothing is made of them, nothing is wider than the page."
    shutil.copytree(run, tmp_path / (folder := '<b>x&"y'))
    run = tmp_path / folder
    with served(run, tmp_path) as (address, _):
        spoil(run)
        with page_of(browser) as (page, wrong):
            page.goto(f'{address}?days=all&country=<img src=x onerror=alert(1)>')
            for name, (title, _) in TABS.items():
                page.get_by_role('link', name=title, exact=True).click()
                page.locator(f'main.page-{name}').wait_for()
                page.wait_for_selector('[data-state=ready]')
                assert not stranger(page), name
                assert page.locator('.panel .error').count() == 0
                for b in page.locator('[data-do=table]').all(): b.evaluate('b => b.click()')
                assert not stranger(page), name
                assert page.evaluate('document.documentElement.scrollWidth - innerWidth') <= 0, name
                assert '49' not in page.title(), name
                assert not wrong, name
            for table in ('products', 'customers'):
                page.locator(f'[data-table={table}]').click()
                page.locator('.rows td').first.wait_for()
                assert not stranger(page)
                assert not wrong
            page.locator('[data-sort="first_name"]').click()
            page.wait_for_selector('th[aria-sort=ascending]')
            assert 'onerror=alert(9)' not in page.inner_html('.facts >> nth=1')
            assert '1 check failed' in page.inner_text(
                '.facts >> nth=1'
            )


ODD = [
    dict(checks=[1], tables='x'),
    dict(
        checks=dict(ok='<img>', checks={'orders': {}}, rows=[]),
        settings=['x'],
        shop_nb={},
        tables=dict(orders=7, customers=dict(rows='many')),
    ),
    dict(checks=dict(ok=True), settings=dict(seed=float('nan'))),
]


@pytest.mark.slow
def test_a_manifest_of_odd_shape_costs_its_card_and_a_folder_that_is_away_is_told(run, browser, tmp_path):
    shutil.copytree(run, run := tmp_path / 'live')
    manifest = run / 'manifest.json'
    whole = json.loads(manifest.read_text())
    with served(run, tmp_path, viewers=2) as (address, p):
        with page_of(browser) as (page, wrong):
            for odd in ODD:
                manifest.write_text(json.dumps(whole | odd))
                if odd is ODD[0]: page.goto(address + '?page=data')
                else: page.evaluate('shopDashboard.reload()')
                page.locator('.rows td').first.wait_for()
                run_says, checks_say = page.locator('.facts').all_inner_texts()
                unread = 'This part of the manifest cannot be read'
                assert unread in checks_say, odd
                assert (unread in run_says) == ('shop_nb' in odd), odd
                assert not stranger(page), odd
                assert not wrong, odd
            assert until(lambda: len(kernels(p)) == 2), 'one for the page, one that waits: leaving frees'
            assert [ask(address)[0] for _ in range(2)] == [200, 503]
            page.reload()
            page.locator('.rows td').first.wait_for() # soon after: the old page has left
            manifest.write_text(json.dumps(whole))
            table, kept = run / 'tables' / 'payments.parquet', tmp_path / 'payments.parquet'
            table.rename(kept)
            for _ in range(2): # a kernel that was ready before, and one that begins with such a run
                page.goto(address)
                said = page.locator('.broken').inner_text()
                assert 'payments' in said, said
                assert 'terminal' not in said, said
                assert str(tmp_path) not in said, said
                assert until(lambda: len(kernels(p)) == 3)
            kept.rename(table)
            page.get_by_role('button', name='Try again').click()
            page.locator('.kpi .value').first.wait_for()
            run.rename(tmp_path / 'away')
            page.reload()
            page.locator('.broken').wait_for()
            assert str(tmp_path) not in page.content()
            assert 'cannot be found' in page.inner_text('.broken') or 'moved' in page.inner_text('.broken')


@pytest.mark.slow
def test_a_browser_that_is_ended_frees_its_place(ended):
    "It cannot say that it leaves, so the websocket has to; a page that connects again within seconds keeps its place."
    assert ended[2].result()


def test_a_token_in_the_environment_is_not_ignored(run, monkeypatch, capsys):
    monkeypatch.setenv('SHOP_DASHBOARD_TOKEN', TOKEN)
    assert main(['dashboard', str(run), '--no-token']) == 2
    told = capsys.readouterr().err
    assert '--no-token' in told
    assert 'SHOP_DASHBOARD_TOKEN' in told
    assert TOKEN not in told


def test_where_a_proxy_hands_on_a_token_is_asked():
    from shop_nb.dashboard.serve import access_rules
    assert not access_rules().token
    assert access_rules(allow=['shop.example']).token
    assert access_rules(root='/shop').token
    wide = access_rules('0.0.0.0', allow=['shop.example'])
    assert wide.allows_host('192.168.1.5:8866')
    assert not wide.allows_host('evil.org')
    assert not access_rules('0.0.0.0', token='').allows_host('evil.org')
