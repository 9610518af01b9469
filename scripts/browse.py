"""Use the dashboard of a run as a person does, in a browser, and say what it took: one JSON object.

    python scripts/browse.py RUN [--brushes 60] [--viewers 3]
"""
import argparse, json, os, socket, statistics, subprocess, sys, tempfile, time
from contextlib import contextmanager

import psutil
from playwright.sync_api import sync_playwright

import tools

FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
]


@contextmanager
def chromium():
    "The browser of this machine, without a window."
    found = tools.browser()
    if not found: raise FileNotFoundError(tools.TOOLS['browser'].missing)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def free_port():
    "A port of this machine that nobody listens on."
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def kernels(server):
    "The kernels of a server, as psutil has them."
    found = []
    for p in psutil.Process(server.pid).children(recursive=True):
        try:
            if p.status() != psutil.STATUS_ZOMBIE and 'ipykernel' in ' '.join(p.cmdline()): found.append(p)
        except psutil.Error: pass
    return found


def rests(kernel):
    "Whether a kernel does nothing; one that has ended is no kernel."
    try: return kernel.cpu_percent(.3) < 5
    except psutil.NoSuchProcess: return False


def waiting(server, n, seconds=60):
    "Wait until a server has n kernels, and the last one has come to rest."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(now := kernels(server)) == n and all(map(rests, now)): return now
        time.sleep(.1)
    raise SystemExit(f'{len(kernels(server))} kernels instead of {n}')


def start(run, cache):
    "Start the server: process, address, seconds until it answered."
    code = 'import sys; from shop_nb.app.cli import main; sys.exit(main())'
    begun = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, '-c', code, 'dashboard', run, '--port', str(free_port())], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env=os.environ | dict(XDG_CACHE_HOME=cache)
    )
    return server, server.stdout.readline().strip(), time.perf_counter() - begun


def stop(server):
    server.terminate()
    server.wait(30)


# While scripts load, only the page knows when it painted: a number is on the screen two frames after it is in the page
PAINTED = """new MutationObserver((_, me) => {
    if (!document.querySelector('.kpi .value')) return
    me.disconnect()
    requestAnimationFrame(() => requestAnimationFrame(() => { window.firstNumber = performance.now() / 1000 }))
}).observe(document, {childList: true, subtree: true})"""
# What the page is told before a click: when the headline numbers change
WATCH = """document.querySelector("#shop-dashboard").dataset.state = ""
window.told = 0
new MutationObserver(() => window.told ||= performance.now())
    .observe(document.querySelector(".kpis"), {childList: true})"""


def opened(context, address):
    "Open a page: the page, seconds until the first headline number, until all cards are drawn, until the last chart."
    page, told = context.new_page(), []
    page.add_init_script(PAINTED)
    begun = time.perf_counter()
    page.goto(address, wait_until='commit')
    for what in ('.kpi .spark', '[data-state=ready]'):
        page.wait_for_selector(what, timeout=120_000)
        told.append(time.perf_counter() - begun)
    return page, page.evaluate('window.firstNumber'), *told


LINK = '?days=2025-03-01..2025-08-31&category=Books,Toys&channel=web'


def brushed(page, n):
    "Drag over the days of the big chart: milliseconds from each wish to the numbers on the screen."
    box = page.locator('.p-revenue_by_day svg').bounding_box()
    x, y = box['x'] + 120, box['y'] + 120
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, n + 1):
        before = page.evaluate('performance.getEntriesByName("shop:brush").length')
        page.mouse.move(x + i * 900 / n, y)
        page.wait_for_function(f'performance.getEntriesByName("shop:brush").length > {before}')
    page.mouse.up()
    page.wait_for_selector('[data-state=ready]', timeout=120_000)
    return sorted(page.evaluate('performance.getEntriesByName("shop:brush").map(e => e.duration)'))


def clicked(page, n=8):
    "Pick categories one after the other: milliseconds until the headline numbers are there, and until the last chart."
    out = []
    for i in range(n):
        page.evaluate(WATCH)
        begun = page.evaluate('performance.now()')
        page.locator('.p-by_category .pickable').nth(i).click()
        page.wait_for_selector('[data-state=ready]', timeout=120_000)
        out.append((page.evaluate('window.told') - begun, page.evaluate('performance.now()') - begun))
    return [round(statistics.median(c)) for c in zip(*out)]


def main():
    a = argparse.ArgumentParser()
    a.add_argument('run')
    a.add_argument('--brushes', type=int, default=60)
    a.add_argument('--viewers', type=int, default=3)
    o = a.parse_args()
    with tempfile.TemporaryDirectory() as cache, chromium() as browser:
        begun = time.perf_counter()
        server, address, start_s = start(o.run, cache)
        _, *cold = opened(browser.new_context(viewport=dict(width=1280, height=900)), address)
        told = dict(cold_start_s=start_s, cold_first_number_s=time.perf_counter() - begun - cold[2] + cold[0])
        stop(server)
        server, address, told['start_s'] = start(o.run, cache)
        waiting(server, 1)
        context, pages, warm = browser.new_context(viewport=dict(width=1280, height=900)), [], []
        opened(context, address)[0].close(run_before_unload=True) # the browser has its files now
        waiting(server, 1)
        for i in range(o.viewers):
            page, *seconds = opened(context, address)
            pages.append(page)
            warm.append(seconds)
            waiting(server, i + 2)
        told |= {f'warm_{n}_s': statistics.median(w) for n, w in zip(('first_number', 'cards', 'all'), zip(*warm))}
        links = []
        for i in range(o.viewers): # as somebody who was sent a link
            page, *seconds = opened(context, address + LINK)
            links.append(seconds)
            assert page.url.endswith(LINK) and page.locator('.chips li').count() == 4
            page.close(run_before_unload=True)
            waiting(server, o.viewers + 1)
        told |= {f'link_{n}_s': statistics.median(w) for n, w in zip(('first_number', 'cards', 'all'), zip(*links))}
        pages[0].bring_to_front() # a page behind others is drawn once a second
        ms = brushed(pages[0], o.brushes)
        told |= dict(brush_median_ms=statistics.median(ms), brush_p95_ms=ms[int(0.95 * len(ms))], brushes=len(ms))
        told['click_numbers_ms'], told['click_all_ms'] = clicked(pages[0])
        memory = [k.memory_full_info() for k in kernels(server)]
        told |= dict(
            viewer_mib=max(m.uss for m in memory) / 2**20,
            viewer_pss_mib=max(m.pss for m in memory) / 2**20,
            server_mib=psutil.Process(server.pid).memory_full_info().uss / 2**20,
        )
        stop(server)
    print(json.dumps({k: round(v, 2) for k, v in told.items()}))


if __name__ == '__main__': main()
