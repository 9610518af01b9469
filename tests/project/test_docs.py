"The documentation: it builds, its links lead somewhere, what it shows is run, and what there is it tells of."
import json, re, shlex, shutil, subprocess, sys
from contextlib import chdir, contextmanager

import pytest

import docs, mariadb, postgres, reference
from browse import free_port
from shop_nb.analytics.questions import questions
from shop_nb.app.cli import main
from shop_nb.app.run import pipeline
from shop_nb.files.servers import open_server, server_of
from support import FULL, ROOT, until
from support.pipelines import dlt

GUIDES = sorted(
    p
    for p in (ROOT / 'docs').rglob('*.md')
    if not (m := re.match(r'<!-- needs: (\S+) -->', p.read_text(encoding='utf-8'))) or docs.here(m[1])
)
DRAWN = '22-import-lines.md' # whose pages have their charts; those of the others have them in `make soak`
SMALL = dict(CUSTOMERS=60, PRODUCTS=40, ORDERS=60, ORDER_ITEMS=150)
# what is shown and not run here: the command's beginning, and where it is run instead
ELSEWHERE = {
    'make run': 'a step of the nightly workflow',
    'make test': 'this is it',
    'make docs': 'the fixture `site`, and a step of the workflow that puts it on Pages',
    'make lessons': 'test_lessons.py makes them',
    'make lab': 'a server: test_deploy.py starts it',
    'make api': 'the same',
    'make dashboard': 'the same',
    'pip install ': 'make wheel, in an empty environment',
    'shop-nb generate --out reports/cluster ': 'test_spark.py starts a cluster',
    'shop-nb api ': 'a server: its own tests start it',
    'shop-nb dashboard ': 'a server: its own tests start it',
    'shop-nb stream reports/live --from 2025-12-01 --speed ': 'a server: test_app_changes.py feeds one',
    'export SHOP_NB_KEY=': 'the same',
    'export MYSQL_PWD=': 'the password of a server: test_mysql.py has one',
    'curl ': 'the same',
    'make up': 'containers: a job of .github/workflows/ci.yml',
    'make down': 'the same',
    'docker compose ': 'the same',
    'createdb ': 'the server of the test has the database',
    'mariadb -u root -p ': 'the same',
    'kustomize ': 'a cluster; test_deploy.py checks what it gets',
    'kubectl ': 'the same',
}


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "The built site, and what is wrong with it."
    out = tmp_path_factory.mktemp('docs') / 'site'
    pages, problems = docs.build(out)
    return out, pages, problems


def test_it_builds_without_a_problem(site): assert site[2] == []


def test_every_notebook_and_guide_is_a_page(site, tracked):
    have = {p.source for p in site[1]}
    assert {str(p) for p in tracked if p.suffix == '.ipynb'} | {str(p.relative_to(ROOT)) for p in GUIDES} <= have


@pytest.mark.parametrize(
    'body, problem',
    [
        ('<a href="gone.html">x</a>', 'gone.html leads nowhere'),
        ('<a href="b.html#gone">x</a>', 'b.html#gone has no such place'),
        ('<a href="#gone">x</a>', '#gone has no such place'),
        ('<a href="https:///x">x</a>', 'is no address'),
        ('<p id="p"></p><p id="p"></p>', 'the id p is there 2 times'),
        ('<img src="https://example.com/x.png" alt="x">', 'asks the network'),
        ('<script src="//example.com/x.js"></script>', 'asks the network'),
        ('<img src="gone.png" alt="x">', 'gone.png leads nowhere'),
        ('<img src="b.html">', 'the picture b.html has no'),
        ('<svg><g></g></svg>', 'no alternative text'),
        (
            '<p aria-hidden="true"><img src="b.html"></p><div role="img" aria-label="x"><svg></svg></div>'
            '<svg><title>x</title></svg><img src="b.html" alt="">',
            'b.html has no',
        ),
    ],
)
def test_what_is_broken_is_found(tmp_path, body, problem):
    (tmp_path / 'b.html').write_text('<p id="there">')
    (tmp_path / 'a.html').write_text('<a href="b.html#there">x</a> <a href="https://example.com">x</a>')
    assert docs.check(tmp_path) == []
    (tmp_path / 'a.html').write_text(body)
    found = docs.check(tmp_path)
    assert len(found) == 1
    assert problem in found[0]


def test_a_link_to_a_file_without_a_page_is_found():
    page = docs.Page('how-to/x.html', 'X', 'howto', source='docs/how-to/x.md')
    write = docs.Writer([page], {})
    write(
        '[a](../../nbs/none.ipynb) [b](x.md) [c](https://example.com) '
        '![d](none.png) ![e](../../nbs/images/index-1.png)',
        page,
        set(),
    )
    assert len(write.problems) == 2
    assert 'nbs/none.ipynb' in write.problems[0]
    assert 'docs/how-to/none.png' in write.problems[1]
    assert list(write.images) == ['img/index-1.png']


def test_what_is_not_told_of_is_found(site, monkeypatch):
    "A question, command, setting, make target, rule, view or endpoint more than the pages have."
    pages = site[1]
    assert reference.untold(pages) == []
    from copy import copy

    q, (_, command), rule = copy(next(iter(questions().values()))), reference.commands()[0], copy(reference.RULES[0])
    object.__setattr__(rule, 'name', 'new.rule')
    more = dict(
        questions=lambda: {**questions(), 'new_question': q},
        commands=lambda: [*real(), ('spin', command)],
        RULES=[*reference.RULES, rule],
        VIEWS={**reference.VIEWS, 'new_view': None},
        describe=lambda: [dict(name='colour')],
        targets=lambda: ({'paint': ''}, []),
        endpoints=lambda: [('GET', '/v9/new', {})],
    )
    real = reference.commands
    said = dict(
        questions='question new_question',
        commands='command shop-nb spin',
        RULES='rule new.rule',
        VIEWS='view new_view',
        describe='setting colour',
        targets='make target paint',
        endpoints='endpoint GET /v9/new',
    )
    for what, instead in more.items():
        with monkeypatch.context() as m:
            m.setattr(reference, what, instead)
            assert any(said[what] in line for line in reference.untold(pages)), what


def test_the_api_page_shows_what_to_send(site):
    "Each endpoint says what it does, and each that takes a body shows one."
    parts = re.findall(
        r'<details class="rule" id="([^"]+)">(.*?)</details>',
        (site[0] / 'reference/api.html').read_text(encoding='utf-8'), re.S
    )
    assert len(parts) > 60
    for name, text in parts:
        if '-v1-' in name:
            assert re.search(r'</summary><p>\w.{20}', text), name
        assert ('With a body such as' in text) == (name.split('-')[0] in ('post', 'put', 'patch')), name


# -- what is shown is run

def fences(path):
    "The fenced parts of a page: (language, text)."
    return re.findall(r'^```(\w*)\n(.*?)^```', path.read_text(encoding='utf-8'), re.S | re.M)


def lines(path):
    return [
        l.split('#')[0].strip()
        for kind, text in fences(path)
        if kind in ('', 'sh')
        for l in text.splitlines()
        if l.split('#')[0].strip()
    ]


@pytest.fixture
def project(tmp_path, monkeypatch):
    "An empty folder as the project, in which a shop is small unless somebody says otherwise."
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('shop_nb.app.run.project_root', lambda: tmp_path)
    monkeypatch.setattr('shop_nb.analytics.questions._registry', dict(questions())) # a guide adds a question
    for name, value in SMALL.items(): monkeypatch.setenv(f'SHOP_NB_{name}', str(value))
    (tmp_path / 'docs').mkdir()
    (tmp_path / 'docs' / 'samples').symlink_to(ROOT / 'docs' / 'samples') # what guides import
    return tmp_path


def in_place(notebook, folder, values, bar):
    "A notebook of a run without a kernel, whose start takes longer than what it does: test_run.py has kernels."
    made, names = folder / 'notebooks' / notebook.name, {}
    shutil.copy(notebook, made)
    with chdir(made.parent):
        for cell in json.loads(made.read_text(encoding='utf-8'))['cells']:
            if cell['cell_type'] == 'code': exec(''.join(cell['source']), names)
            if 'parameters' in cell['metadata'].get('tags', []): names |= dict(out='..') | values


def call(line, monkeypatch):
    "Run a line of a shell that calls shop-nb; the exit code."
    with monkeypatch.context() as m:
        words = shlex.split(line)
        while re.match('[A-Z_]+=', words[0]): m.setenv(*words.pop(0).split('=', 1))
        assert words[0] == 'shop-nb', f'{line}: this is neither run nor in ELSEWHERE'
        m.setattr(
            'shop_nb.app.run.pipeline', lambda: pipeline()[:1]
        ) # of a run its first step: test_run.py and test_wheel.py have them all
        m.setattr('shop_nb.app.run._execute', in_place)
        return main(words[1:])


@contextmanager
def a_postgres():
    with postgres.server(fsync='off') as begin: yield f'{begin}/postgres'


# as guides call them
SERVERS = {'postgresql://ann@localhost/lab': a_postgres, 'mysql://ann@localhost/lab': mariadb.server}


@pytest.fixture
def server(path):
    "What a page calls a server, and the address of one, where the SQL of the page is run; None for other pages."
    text = path.read_text(encoding='utf-8')
    name = next((name for name in SERVERS if name in text), None)
    if not name:
        yield None
        return
    with SERVERS[name]() as url: yield name, url


def run_sql(url, text):
    with open_server(server_of(url)) as (_, cur):
        for sql in filter(None, map(str.strip, text.split(';'))):
            cur.execute(sql)
            found = cur.fetchall() if cur.description else None
        assert found


@pytest.mark.slow
@pytest.mark.parametrize('path', [ROOT / 'README.md', *GUIDES], ids=lambda p: p.stem)
def test_what_is_shown_works(path, server, project, request, monkeypatch, capsys):
    "Each command, each piece of Python, and SQL of a server, from the top of the page to its end."
    if not (FULL or path.name == DRAWN): request.getfixturevalue('undrawn')
    monkeypatch.setitem(sys.modules, 'dlt', dlt) # test_dlt.py has the real one
    for kind, text in fences(path):
        if server: text = text.replace(*server)
        if server and kind == 'sql': run_sql(server[1], text)
        if kind == 'python' and path.name != 'README.md':
            exec(text, vars().setdefault('names', {})) # README's are cells of a notebook, which is tested
        if kind == 'toml': # its first line names it
            (project / text.splitlines()[0].removeprefix('# ')).write_text(text)
        for line in (l.split('#')[0].strip() for l in text.splitlines()) if kind in ('', 'sh') else ():
            if not line or any(line.startswith(e) for e in ELSEWHERE): continue
            code = call(line, monkeypatch)
            assert code == 0, f'{line}\n{capsys.readouterr()}'


def test_what_is_run_elsewhere_is_still_shown():
    shown = [l for p in [ROOT / 'README.md', *GUIDES] for l in lines(p)]
    servers = [e for e in ELSEWHERE if e in ('shop-nb api ', 'shop-nb dashboard ')]
    assert all(any(l.startswith(e) for l in shown) for e in ELSEWHERE if e not in servers)
    steps = '\n'.join(p.read_text() for p in [ROOT / '.ci/run', *(ROOT / '.github/workflows').glob('*.yml')])
    assert all(
        re.search(rf'^ *(- run: )?{c}$', steps, re.M) for c in ('make run', 'make test', 'make docs', 'make wheel')
    )


@pytest.mark.slow
def test_each_question_page_shows_a_command_that_works(site, project, monkeypatch, capsys):
    import html

    assert main(['generate', '--out', 'reports/shop']) == 0
    for name in questions():
        text = re.sub(
            '<[^>]+>',
            '',
            re.search(
                r'<code>(.*?)</code>', (site[0] / f'questions/{name}.html').read_text().split('id="ask"')[1], re.S
            )[1],
        )
        assert text.startswith(f'shop-nb ask {name}'), text
        assert call(html.unescape(text), monkeypatch) == 0, text


def test_git_does_not_see_what_guides_make():
    "Whoever follows a guide in a checkout has nothing new in `git status`."
    names = {'.shop.db.lock', 'live.db-wal', 'live.db-shm', 'live.db.keys'}
    for path in (ROOT / 'README.md', *GUIDES):
        text = path.read_text(encoding='utf-8')
        names |= set(re.findall(r"--(?:db|out) (?:duckdb:)?([\w./-]+)(?![\w:/])", text))
        names |= set(re.findall(r"load\('(?:duckdb:)?([\w./-]+)'", text))
        names |= set(re.findall(r'^# ([\w-]+\.toml)$', text, re.M))
    other = '/', 'DIR', 'FILE', 'PLACE', 'mysql', 'postgres'
    names = {name.rstrip('.') for name in names if not name.startswith(other)}
    assert {'shop.db', 'daily.db', 'mend', 'mine.toml', 'columns.toml', 'shop.duckdb', 'reports/mine'} <= names

    def ignored(names):
        git, lines = ['git', 'check-ignore', '--no-index', '--stdin'], '\n'.join(names)
        return subprocess.run(git, cwd=ROOT, input=lines, capture_output=True, text=True).stdout.split()

    assert ignored(sorted(names)) == sorted(names)
    assert ignored(['pyproject.toml', 'settings.ini', 'tests/support/own.toml']) == []


def test_commands_in_running_text_are_there(tracked):
    "Words in code type that begin with shop-nb or make name a command, its options, and a target."
    options = {name: {o for p in c.params for o in p.opts} for name, c in reference.commands()} | {
        '': {'--help', '--version'}
    }
    wrong = []
    for path in tracked:
        if (
            path.suffix not in ('.md', '.ipynb')
            or path.name == 'CHANGELOG.md'
            or (path.parts[0] == 'docs' and ROOT / path not in GUIDES)
        ):
            continue
        for text in re.findall(
            r'(?<!`)`((?:shop-nb|make) [^`\n]+)`', (ROOT / path).read_text(encoding='utf-8').replace('\\"', '"')
        ):
            program, word, *rest = text.split()
            name = next((n for n in (f'{word} {rest[0] if rest else ""}', word) if n in options), None)
            if program == 'make':
                ok = re.match(r'[\w-]+', word)[0] in reference.targets()[0]
            else:
                ok = word in ('--help', 'COMMAND') or (
                    name
                    and all(
                        o.split('=')[0] in options[name] | {'--help', '-p'} for o in rest if re.match('--?[a-z]', o)
                    )
                )
            if not ok: wrong.append(f'{path}: {text}')
    assert not wrong


# -- as somebody sees it

@pytest.fixture
def look(site, browser):
    "Open a page of the site from its folder; whatever the console says, or asks of a network, fails the test."
    said, opened = [], []

    def look(url, width=1280, **more):
        opened.append(browser.new_context(viewport=dict(width=width, height=800), **more))
        page = opened[-1].new_page()
        page.on('console', lambda m: said.append(m.text))
        page.on('pageerror', lambda e: said.append(str(e)))
        page.on('request', lambda r: said.append(r.url) if not r.url.startswith(('file:', 'data:')) else None)
        page.goto((site[0] / url).as_uri())
        return page

    yield look
    for context in opened: context.close()
    assert not said


@pytest.mark.slow
@pytest.mark.parametrize(
    'words, title, url',
    [
        ('retention', 'Retention of monthly cohorts', 'questions/cohort_retention.html'),
        ('unit_price_cents', 'order_items.unit_price_cents', 'reference/dictionary.html#order_items.unit_price_cents'),
        ('quantile_ta', 'quantile_table', 'modules/generator/draws.html#quantile_table'),
        ('big shop', 'Make a big shop', 'how-to/big.html'),
    ],
)
def test_search_works_from_a_folder(look, site, words, title, url):
    page = look('modules/generator/calendar.html')
    page.keyboard.press('/')
    assert until(lambda: page.evaluate('document.activeElement.type === "search" && typeof SEARCH !== "undefined"'))
    page.keyboard.type(words)
    assert page.locator('#site-found b').first.text_content() == title
    page.keyboard.press('Enter')
    page.wait_for_url(lambda u: not u.startswith((site[0] / 'modules/generator/calendar.html').as_uri()))
    assert page.url.startswith((site[0] / url.split('#')[0]).as_uri())
    assert page.url.endswith(
        url.split('#')[-1] if '#' in url else ''
    )


# what people type, and the page or part that must come first
SEARCHES = {
    'bigger': 'how-to/big.html',
    'more rows': 'how-to/big.html',
    'memory': 'how-to/big.html',
    'Excel': 'how-to/database.html#open-it-in-excel',
    'export to excel': 'how-to/database.html#open-it-in-excel',
    'csv': 'how-to/database.html',
    'load into postgres': 'how-to/postgresql.html',
    'load into mariadb': 'how-to/mysql.html',
    'US addresses': 'how-to/your-own-shop.html#country-us-addresses-currency',
    'change currency': 'how-to/your-own-shop.html#country-us-addresses-currency',
    'fake data': 'how-to/your-own-shop.html',
    'student': 'how-to/lessons.html',
    'grade': 'how-to/lessons.html',
    'teach a class': 'how-to/lessons.html',
    'solutions': 'how-to/lessons.html',
    'windows': 'how-to/install.html#on-windows',
    'activate': 'how-to/install.html#activate-the-environment',
    'command not found': 'how-to/install.html',
    'forecast': 'how-to/ask.html#forecast',
    'add a question': 'how-to/ask.html#add-a-question-of-your-own',
    'A/B test': 'how-to/twins.html',
    'shopify': 'how-to/import-shopify.html',
    'woocommerce': 'how-to/import-woocommerce.html',
    'own data': 'how-to/import.html',
    'import csv': 'how-to/import.html#import-csv-excel-packed-files',
    'import excel': 'how-to/import.html#import-csv-excel-packed-files',
    'order lines': 'how-to/import-lines.html',
    'quarantine': 'how-to/import.html',
    'is it realistic': 'explanation/realism.html',
    'docker': 'how-to/deploy.html',
    'kubernetes': 'how-to/deploy.html#kubernetes',
    'cluster': 'how-to/spark.html',
    'api key': 'how-to/api.html',
    'phone': 'how-to/dashboard.html#on-a-phone',
    'columns': 'reference/dictionary.html',
    'best customers': 'questions/top_customers.html',
    'revenue by month': 'questions/monthly_revenue.html',
    'cohorts': 'questions/cohort_retention.html',
    'how do I load a database': 'how-to/database.html',
    'promotion': 'reference/settings.html#promotion',
    'seed': 'reference/settings.html#seed',
    'behaviours': 'reference/behaviours.html',
    'dollars': 'reference/behaviours.html',
    'validate': 'reference/commands.html#validate',
    'monthly_revenue': 'questions/monthly_revenue.html',
    'Shop.ask': 'modules/shop/shop.html#Shop.ask'}


@pytest.mark.slow
def test_search_finds_what_people_type(look, site):
    "A plain word finds a guide, question, setting or command before a chapter, a chapter before a name; a name itself."
    page = look('index.html')
    page.keyboard.press('/')
    assert until(lambda: page.evaluate('typeof rows !== "undefined" && rows?.length'))
    first = page.evaluate('texts => texts.map(text => ranked(wanted(text), text)[0]?.[1].url)', list(SEARCHES))
    assert dict(zip(SEARCHES, first)) == SEARCHES
    assert len(SEARCHES) >= 30
    everything = page.evaluate('rows.map(r => r.url)')
    assert not [url for url in everything if url.startswith(('lessons/solutions/', 'lessons/exercises/'))]
    for words, found in {
        'promotion mark': 'promotion|mark',
        'mark promotion amp': 'mark|promotion|amp',
        'orders & customers': 'order|&|customer',
    }.items(): # what is found is marked, and the marks are no part of it
        page.fill('#site-search input', words)
        bits, marks = (page.locator(f'#site-found {at}').all_inner_texts() for at in ('a > small:last-child', 'mark'))
        assert bits, words
        assert marks, words
        assert not re.search('mark>|amp;', ' '.join(bits)), words
        assert all(re.match(found, m, re.I) for m in marks), words
    page.fill('#site-search input', 'zyzzyva')
    assert page.locator('#site-found li').count() == 0
    assert page.locator('#site-none').inner_text() == 'No page has any of these words.'


def test_pictures_in_readme_have_an_alternative_text():
    "Those of the site are looked at when it is built."
    assert '![](' not in (ROOT / 'README.md').read_text(encoding='utf-8')


def test_answers_of_lessons_are_in_no_menu(site):
    "A link in a lesson leads to its solutions; the list of pages and the search do not."
    pages = [p for p in site[1] if p.group in ('Exercises', 'Solutions')]
    assert len(pages) == 8
    assert not any(p.nav for p in pages)
    text = (site[0] / 'lessons/01_meet_the_shop.html').read_text(encoding='utf-8')
    assert 'solutions/01_meet_the_shop.html' in text
    assert 'solutions' not in text[:text.index('<main')]
    assert '](' not in (site[0] / 'lessons/solutions/01_meet_the_shop.html').read_text(encoding='utf-8')


def test_the_page_of_chapters_has_all_of_them(site):
    text = (site[0] / 'reference/chapters.html').read_text(encoding='utf-8')
    numbered = [p.stem for p in sorted((ROOT / 'nbs').glob('[0-9]*.ipynb'))]
    assert re.findall(r'>(\d\d[a-z]?_\w+)</a>', text)[: len(numbered)] == numbered
    assert 'reference/chapters.html' in (site[0] / 'tutorial/index.html').read_text(encoding='utf-8'), (
        'README leads there'
    )


@pytest.mark.parametrize(
    'path', [p for p in GUIDES if 'shop-nb' in ''.join(text for kind, text in fences(p) if kind == 'sh')],
    ids=lambda p: p.stem
)
def test_guides_with_commands_say_how_to_activate(path):
    text = path.read_text(encoding='utf-8')
    if path.stem == '01-install':
        assert all(f'\n## {title}\n' in text for title in ('Activate the environment', 'On Windows'))
        assert 'Activate.ps1' in text
        assert '$env:' in text
    else:
        assert '(01-install.md#activate-the-environment)' in text or path.stem == '13-deploy'


def test_numbers_in_prose_are_those_of_the_library():
    "What README and guides say in words or figures, beside what the library has."
    from shop_nb.realism.facts import FACTS
    from shop_nb.model.schema import TABLES
    from shop_nb.behaviour.behaviours import BEHAVIOURS
    from shop_nb.behaviour.settings import Settings

    places = (ROOT / 'shop_nb/data/places.csv').read_text(encoding='utf-8').splitlines()[1:]
    countries = {line.split(',')[0] for line in places}
    digits = len(str(next(c for c in TABLES['order_items'].columns if c.name == 'order_item_id').example))
    said = [
        ('README.md', 'Twenty-two questions', len(questions()) == 22),
        ('README.md', 'of 35 |', len(FACTS) == 35),
        (
            'README.md', 'five come along (`eu`, `uk`, `us`, `br`, `in`)',
            set(BEHAVIOURS) == {'eu', 'uk', 'us', 'br', 'in'},
        ),
        ('README.md', 'four billion orders', Settings(scale=1_000_000).counts['orders'] == 4_000_000_000),
        (
            'docs/how-to/02-your-own-shop.md',
            'Austria, Belgium, France, Germany, Italy, the Netherlands and Spain',
            countries == set('AT BE FR DE IT NL ES'.split()),
        ),
        ('docs/how-to/04-database.md', '`order_item_id` has 16', digits == 16),
        ('docs/how-to/06-realism.md', 'Thirty-five facts', len(FACTS) == 35),
        ('docs/explanation/04-design.md', 'five short notebooks', len(pipeline()) == 5),
    ]
    rivals = (ROOT / 'nbs/evidence/benchmarks_generate.ipynb').read_text(
        encoding='utf-8'
    ) # rows per second beside tpchgen-cli, at its scales 1 and 10
    small, large = re.search(r'"tpchgen-cli 1 +[\d.]+ +([\d.]+).*?" +10 +[\d.]+ +([\d.]+)', rivals, re.S).groups()
    said += [
        ('README.md', f'| {float(large):.1f} times |', True),
        ('README.md', f'; {float(small):.1f} times at 8.7 million', True),
    ]
    for path, words, so in said:
        assert so, (path, words)
        assert words in (ROOT / path).read_text(encoding='utf-8'), (path, words)


@pytest.mark.slow
@pytest.mark.parametrize(
    'url',
    [
        'index.html',
        'tutorial/index.html',
        'how-to/ask.html',
        'modules/realism/facts.html',
        'reference/dictionary.html',
        'reference/commands.html',
        'questions/index.html',
        'questions/hour_weekday.html',
        'reference/rules.html',
    ],
)
def test_a_phone_shows_all_of_it(look, url):
    page = look(url, 390)
    assert page.evaluate('document.documentElement.scrollWidth') <= 390
    assert page.locator('h1').is_visible()
    assert page.evaluate('document.querySelector("h1").getBoundingClientRect().top') < 400


@pytest.mark.slow
def test_light_and_dark(look):
    "The system's wish is followed, the button turns it round, and the next page remembers."
    shade = 'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)'
    page = look('reference/dictionary.html', color_scheme='dark')
    assert page.evaluate(shade) < 200
    assert (page.evaluate(
        'document.querySelector(".shop-er .box") && getComputedStyle(document.querySelector(".shop-er .box")).fill'
    )
    == 'rgb(28, 34, 41)')
    page.click('.theme')
    assert page.evaluate(shade) > 600
    assert page.evaluate('getComputedStyle(document.querySelector(".shop-er .box")).fill') == 'rgb(246, 248, 250)'

    following = page.context.new_page() # beside the first, which a busy browser may end before it has stored anything

    def remembered():
        following.goto(page.url)
        return following.evaluate(shade) > 600

    assert until(remembered)


@pytest.mark.slow
def test_an_address_that_is_cut_in_a_letter_stops_no_script(look):
    page = look('how-to/ask.html')
    for end in '%E0%A4%A', '%', 'nowhere':
        page.goto(page.url.partition('#')[0] + '#' + end)
        page.reload()
    page.keyboard.press('/')
    assert page.locator('#site-search').evaluate('d => d.open')
    assert page.locator('.frame main .anchor').count()


@pytest.mark.slow
def test_a_page_runs_no_script_but_its_own(site, browser):
    "The policy is the first thing in each page, and names the scripts that stand in it."
    for path in site[0].rglob('*.html'):
        assert re.search(
            '<head>\\s*<meta http-equiv="Content-Security-Policy" content="[^"]*script-src \'self\' \'sha256-[^"]*">',
            path.read_text(encoding='utf-8'),
        ), path
    page = browser.new_page()
    page.goto((site[0] / 'index.html').as_uri())
    page.evaluate("""() => {
        document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.ran = 1">')
        const s = document.createElement('script'); s.textContent = 'window.ran = 2'; document.body.append(s)
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate('window.ran') is None
    assert page.evaluate('document.documentElement.dataset.theme') == 'light'
    page.close()


def test_outputs_lose_their_style_and_keep_their_text():
    from render import unstyled

    text = unstyled(
        '<style>td { color: red }</style><table border="1" class="dataframe">'
        '<tr><td title="&lt;style>">border="1" &lt;style&gt;x&lt;/style&gt;</td></tr></table>'
    )
    cell = '<td title="&lt;style&gt;">border="1" &lt;style&gt;x&lt;/style&gt;</td>'
    assert text == f'<table class="dataframe"><tr>{cell}</tr></table>'


@pytest.mark.slow
def test_it_is_served_on_this_machine_alone(site):
    import urllib.request

    port = free_port()
    process = subprocess.Popen(
        [sys.executable, '-c', f'import docs; docs.serve({str(site[0])!r}, {port})'], cwd=ROOT / 'scripts',
        stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == f'http://127.0.0.1:{port}/ (Ctrl-C to stop)\n'
        assert b'shop_nb' in urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=10).read()
    finally:
        process.terminate()
        process.wait(10)
