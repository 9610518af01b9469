"A dashboard that follows a database: it moves while a stream feeds the service, and the brush stays in one's hand."
import json, os, subprocess, sys, time

import pytest

from browse import free_port
from shop_nb import Shop
from shop_nb.app.cli import main
from shop_nb.dashboard.backend import Backend
from shop_nb.dashboard.live import LiveRun
from shop_nb.store.repository import Store
from support import until
from support.server import MAIN, Server

SIZES = dict(seed=4, customers=80, products=40, orders=300, order_items=700)


@pytest.fixture
def db(tmp_path):
    Shop(**SIZES).as_of('2025-12-01').load(tmp_path / 'live.db')
    return tmp_path / 'live.db'


def test_what_it_shows_is_what_a_run_shows(db, tmp_path):
    "After each change the same numbers, rows and panels as for a run that was made of the shop as it is."
    live = LiveRun(db, tmp_path / 'states')
    assert live.step()
    backend = Backend(live.run, live.cache)
    with Store(db) as store:
        for i in range(5):
            with store.transaction() as c: c.patch_row('products', 1, dict(brand=f'Brand {i}'))
            assert live.step()
            assert not live.step()
            assert backend.on_changed() == dict(changed=True)
            assert backend.on_reload()['live']
            assert backend.on_rows('products', sort='product_id')['rows'][0][4] == f'Brand {i}'
    assert len(list(live.run.glob('state-*'))) == 3
    Shop(**SIZES).as_of('2025-12-01').save(tmp_path / 'run')
    other = Backend(tmp_path / 'run', tmp_path / 'cache')
    for query in '', 'days=2025-06-01..2025-08-31&channel=web':
        mine, its = (json.dumps(b.on_view(query), default=str) for b in (backend, other))
        assert mine == its
    for b in (backend, other): b.close()
    live.replicas.close()


def test_what_is_no_shop_is_said(tmp_path, capsys):
    (tmp_path / 'file.db').write_text('text')
    assert main(['dashboard', str(tmp_path / 'file.db'), '--port', str(free_port())]) == 2
    said = capsys.readouterr().err
    assert 'file.db is not a SQLite file' in said
    assert 'Traceback' not in said


@pytest.mark.slow
def test_it_moves_while_a_stream_runs(db, tmp_path, browser):
    shop = Shop(**SIZES)
    shop.save(tmp_path / 'run')
    service = Server(db)
    command = [sys.executable, '-c', MAIN]
    words = [*command, 'dashboard', str(db), '--port', str(free_port())]
    dashboard = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        page = browser.new_page(viewport=dict(width=1280, height=900))
        page.goto(dashboard.stdout.readline().strip())
        page.wait_for_selector('[data-state=ready]', timeout=60_000)
        def rows(): return page.locator('.foot span').text_content()
        first = rows()
        box = page.locator('.p-revenue_by_day svg').bounding_box()
        page.mouse.move(box['x'] + 300, box['y'] + 100)
        page.mouse.down()
        page.mouse.move(box['x'] + 500, box['y'] + 100)
        days = page.locator('.from').input_value(), page.locator('.to').input_value()
        words = ['stream', str(tmp_path / 'run'), '--from', '2025-12-01', '--to', f'{service.url}/v1/changes']
        env = os.environ | dict(SHOP_NB_KEY=service.token)
        feed = subprocess.run([*command, *words], env=env, capture_output=True, text=True, timeout=120)
        assert feed.returncode == 0, feed.stderr
        time.sleep(4) # new data is there, and the pointer is down: nothing is taken from below it
        assert (page.locator('.from').input_value(), page.locator('.to').input_value()) == days
        page.mouse.move(box['x'] + 600, box['y'] + 100)
        assert until(lambda: page.locator('.to').input_value() > days[1])
        page.mouse.up()
        assert until(lambda: '300 orders' in rows()), rows()
        assert rows() != first
        assert page.locator('.from').input_value() == days[0]
        assert page.locator('.to').get_attribute('max') == str(shop.orders.ordered_at.max().date())
    finally:
        dashboard.terminate()
        dashboard.wait(60)
        assert service.stop() == 0
