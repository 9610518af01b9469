"""The pages of the documentation that are made from the library, so that nothing is typed a second time."""
import csv, html, importlib.util, io, json, re, tempfile
from contextlib import redirect_stderr
from dataclasses import replace
from functools import cache

import typer
from markdown_it import MarkdownIt
from markupsafe import Markup

from readme import ROOT, cells
from render import Page, coloured, opening, plain, relative, slug
from shop_nb import Shop
from shop_nb.analytics.questions import PARAMS, needs, own_sql, questions
from shop_nb.database.asking import ENGINES
from shop_nb.reporting.charts import both
from shop_nb.app.cli import app
from shop_nb.model.er_diagram import er_diagram
from shop_nb.reporting.pages import NARROW, WIDE, figure
from shop_nb.reporting.profile import dictionary_html
from shop_nb.realism.facts import FACTS
from shop_nb.model.rules import RULES
from shop_nb.model.queries import LEFT, QUERIES
from shop_nb.model.views import VIEWS, create_views
from shop_nb.model.schema import TABLES
from shop_nb.model.dialects import create_tables
from shop_nb.behaviour.behaviours import BEHAVIOURS, as_json, as_toml, differing_values, moves, read_behaviour, why
from shop_nb.behaviour.parameters import PARAMETERS
from shop_nb.behaviour.settings import describe

e = lambda text: html.escape(str(text))


@cache
def shop(): return Shop()


@cache
def drawing(name, sizes):
    "The chart of a question, without the ids that nothing refers to; the others are its own on the page."
    def own(m):
        nonlocal n
        n += 1
        used = set(re.findall(r'#([\w.-]+)', m[0]))
        text = re.sub(r' id="([^"]+)"', lambda i: f' id="{name}-{n}-{i[1]}"' if i[1] in used else '', m[0])
        return re.sub(r'(href="#|url\(#)', rf'\g<1>{name}-{n}-', text)
    n = len(sizes) * 10
    return re.sub(r'<svg.*?</svg>', own, figure(shop().ask(name), sizes), flags=re.S)


def table(head, rows, ids=None):
    "A table whose rows stack on a phone; cells are HTML."
    top = ''.join(f'<th>{h}</th>' for h in head)
    body = '\n'.join(
        f'<tr{f" id={chr(34)}{i}{chr(34)}" if i else ""}>'
        + ''.join(f'<td data-label="{h}">{c}</td>' for h, c in zip(head, r))
        + '</tr>'
        for i, r in zip(ids or [None] * len(rows), rows)
    )
    return f'<table class="stack">\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n'


def code(text): return f'<code>{e(text)}</code>'


def details(name, summary, *content):
    "What opens on a click: a line that says what it is, and what is below."
    return f'<details class="rule" id="{slug(name)}"><summary>{summary}</summary>{"".join(content)}</details>'


# -- the data

def picture():
    "The entity-relationship picture, in the colours of the page instead of those of the system."
    svg = er_diagram().replace('#fff;', '#ffffff;').replace('#fff}', '#ffffff}')
    light, dark = re.search(r'<style>(.*?)@media \(prefers-color-scheme:dark\)\{(.*)\}</style>', svg).groups()
    rules = lambda css: dict(re.findall(r'(\.shop-er \.\w+)\{(fill[^}]*)\}', css))
    css = re.sub(r'(\.shop-er \.\w+)\{(fill[^}]*)\}', lambda m: f'{m[1]}{{{both(m[2], rules(dark)[m[1]])}}}', light)
    return svg.replace(svg[svg.index('<style>'):svg.index('</style>')], f'<style>{css}')


def dictionary():
    text = dictionary_html(shop().tables)
    body = re.search(r'<main>(.*)</main>', text, re.S)[1]
    body = re.sub(r'<svg.*?</svg>', lambda _: picture(), body, flags=re.S)
    lead = re.search(r'<p class="lead">(.*?)</p>', text)[1]
    return Page(
        'reference/dictionary.html', 'Data dictionary', 'reference', 'Look up', lead=lead, body=body,
        words='columns, fields, schema, tables'
    )


def rule(r):
    of_a_shop = '' if r.declared else ' <span class=key>shop</span>'
    return details(r.name, f'{code(r.name)} {e(r.meaning)}{of_a_shop}', coloured(r.sql, 'sql'))


def rules():
    groups = {t: [r for r in RULES if r.table == t] for t in TABLES}
    parts = [
        f'<p>{len(RULES)} rules, each a query for the rows that break it. <code>shop-nb validate DIR</code> runs them '
        'all, and so do the tests. Most follow from the declaration of a column, key or reference; the others are the '
        'logic of a shop and its ledger.</p>'
    ]
    for t, rs in groups.items():
        parts.append(f'<h2 id="{t}">{t}</h2>' + ''.join(map(rule, rs)))
    return Page(
        'reference/rules.html', 'Rules', 'reference', 'Look up',
        lead='What is true of every row, and the query that finds rows that break it', body='\n'.join(parts)
    )


def views():
    parts = ['<p>The five tables as SQLite has them, with every constraint, and the views that show money in currency '
             'units. The table <code>market</code> says which currency it is, the table <code>loads</code> which loads '
             'brought the rows.</p>']
    for name, sql in zip(TABLES, create_tables('sqlite')):
        parts.append(f'<h2 id="{name}">{name}</h2>' + coloured(sql, 'sql'))
    for v, sql in zip(VIEWS.values(), create_views('sqlite')):
        parts.append(f'<h2 id="{v.name}">{v.name}</h2><p>{e(v.grain.capitalize())}.</p>' + coloured(sql, 'sql'))
    return Page(
        'reference/sql.html', 'Tables and views in SQL', 'reference', 'Look up', lead='What shop-nb load creates',
        body='\n'.join(parts)
    )


# -- the questions

def by_engine(q):
    "The SQL of a question in each database that answers it by itself."
    return {d: own_sql(q.sql, d, market=shop().market) for d in QUERIES if q.name not in LEFT[d]}


def question(q):
    answer = shop().ask(q.name)
    parameters = table(
        ['parameter', 'meaning', 'default'],
        [[code(p), e(PARAMS[p].doc), 'none' if d is None else code(d)] for p, d in q.params.items()],
    )
    first = next((p for p in ('limit', 'days', 'least', 'start') if p in q.params), None)
    given = f' -p {first} {dict(limit=5, days=60, least=3, start="2025-07-01")[first]}' if first else ''
    return Page(
        f'questions/{q.name}.html',
        q.title,
        'reference',
        'Questions',
        lead=q.grain.capitalize(),
        template='question.html',
        values=dict(
            q=q,
            why=q.why,
            chart=Markup(drawing(q.name, (WIDE, NARROW))),
            answer=Markup(re.sub(r'^<p>.*?</p>\n', '', answer._repr_html_(), count=1)),
            parameters=Markup(parameters if q.params else ''),
            needs=Markup(', '.join(code(column) for column in needs(q.name))),
            sql=Markup(coloured(q.sql, 'sql')),
            engines=[(d, ENGINES[d], Markup(coloured(sql, 'sql'))) for d, sql in by_engine(q).items()],
            left=[(ENGINES[d], why[q.name]) for d, why in LEFT.items() if q.name in why],
            shell=Markup(coloured(f'shop-nb ask {q.name}{given}', 'sh')),
            python=Markup(coloured(f"from shop_nb import Shop\nShop().ask('{q.name}').plot()", 'python')),
        ),
    )


def narrow(chart): return chart[chart.index('<div class="narrow">'):].replace('class="narrow"', 'class="any"', 1)


def gallery(pages):
    parts = [
        '<p>Each question has a name, its SQL, and an answer as a table and a chart. The answers here are those of the '
        'default shop.</p><ul class="gallery">'
    ]
    for p in pages:
        shown = f'<figure>{narrow(p.values["chart"])}</figure>{code(p.values["q"].name)}<span>{e(p.lead)}</span>'
        parts.append(f'<li><a href="../{p.url}" aria-label="{e(p.title)}">{shown}</a></li>')
    return Page(
        'questions/index.html', 'All questions', 'reference', 'Questions',
        lead='Every question that can be asked by its name', body='\n'.join(parts) + '</ul>'
    )


# -- the program

def commands(): return list(_commands(typer.main.get_command(app), ''))


def _commands(group, before):
    for name, c in group.commands.items():
        if hasattr(c, 'commands'): yield from _commands(c, f'{before}{name} ')
        else: yield f'{before}{name}', c


def command_page():
    parts = [
        '<p>Exit code 0: done. 1: the data is not as it should be. 2: the call is wrong. An error is one or two lines '
        'that say what is wrong and what to do.</p>'
    ]
    for name, c in commands():
        context = c.context_class(c, info_name=f'shop-nb {name}')
        rows = []
        for p in c.get_params(context):
            if p.name == 'help': continue
            told = getattr(p, 'help', '') or ''
            value = getattr(p, 'metavar', None) or ''
            what = p.opts[-1] if p.opts else p.name
            spelt = (
                ', '.join(p.opts) + (f' {value}' if value and not getattr(p, 'is_flag', False) else '')
                if p.param_type_name == 'option'
                else value or what
            )
            default = '' if p.required or p.default in (None, '', False, ()) or callable(p.default) else f'{p.default}'
            rows.append([code(spelt), e(told), 'required' if p.required else code(default) if default else ''])
        usage = ' '.join(['shop-nb', name, *c.collect_usage_pieces(context)])
        parts.append(
            f'<h2 id="{slug(name)}">shop-nb {e(name)}</h2><p>{e(c.help or "")}</p>'
            + coloured(usage, 'text')
            + table(['option', 'meaning', 'default'], rows)
        )
    parts.append(
        '<p><code>-p NAME VALUE</code> accepts every <a href="settings.html">setting</a>; '
        'with <code>run</code> also the parameters of its <a href="../modules/app/run.html">notebooks</a>, '
        'and with <code>ask</code> those of the <a href="../questions/index.html">question</a>.</p>'
    )
    return Page(
        'reference/commands.html', 'Command line', 'reference', 'Look up', lead='shop-nb: every command and option',
        body='\n'.join(parts)
    )


def parameters_table():
    "Every parameter: meaning, default, range, source, and what it can change."
    rows = [
        [
            f'<b>{e(p.name)}</b><small>{e(p.unit)}</small>',
            f'{e(p.meaning)}<small>{e(str(p.kind))}</small>',
            code(as_toml(as_json(p.default, p.name))),
            e(p.source),
            e(moves(p)),
        ]
        for p in PARAMETERS.values()
    ]
    return table(['parameter', 'meaning and range', 'default', 'source', 'columns'], rows, list(PARAMETERS))


def effects_table():
    "What each parameter moves: what is measured, and what came out for each value."
    with (ROOT / 'nbs/evidence/effects.csv').open(encoding='utf-8', newline='') as f: measured = list(csv.DictReader(f))
    names = dict.fromkeys(row['parameter'] for row in measured)
    rows = [[row for row in measured if row['parameter'] == name] for name in names]
    number = lambda row, name: f'{float(row[name]):,.4g}'
    found = lambda row: f"{number(row, 'mean')} ({number(row, 'low')} to {number(row, 'high')})"
    return table(
        ['parameter', 'measured', 'set', 'found: mean (least to most)', 'least effect'],
        [
            [f'<b>{e(own[0]["parameter"])}</b>', e(own[0]['measured']), '<br>'.join(code(row['value']) for row in own),
             '<br>'.join(e(found(row)) for row in own), number(own[-1], 'least_rise')]
            for own in rows
        ],
        [f'effect-{name}' for name in names],
    )


def settings_page():
    rows = [
        [
            f'<b>{d["name"]}</b><small>{d["type"]}</small>',
            e(d['meaning']),
            '' if d['default'] is None else code(d['default']),
            code(d['env']),
        ]
        for d in describe()
    ]
    body = (
        '<p>The same settings make the same shop, to the byte. They come from arguments, which override environment '
        'variables, which override the file <code>settings.ini</code>. An invalid setting is refused before anything '
        'is written.</p>'
        + table(['setting', 'meaning', 'default', 'environment variable'], rows, [d['name'] for d in describe()])
        + '<h2 id="all-parameters">Parameters</h2>'
        + '<p>What the shop does is said by parameters. Each is given like a setting, by <code>-p NAME VALUE</code>, '
        'in <code>settings.ini</code> or in the environment (<code>SHOP_NB_DEMAND__GROWTH</code>), an entry of a table '
        'as <code>delivery.returns.Fashion</code>. The columns are those that can change with it; in rows that both '
        'shops have, all others stay equal to the byte.</p>'
        + parameters_table()
        + '<h2 id="effects">What parameters move</h2>'
        + '<p>Five shops of 1,500 orders, seeds 1 to 5, are made with each value. The least effect is that of the last '
        'value against the first in the same shop, in the one of the five that shows it least. '
        '<code>make effects</code> measures them again.</p>'
        + effects_table()
        + '<h2 id="settings.ini">settings.ini</h2>'
        + coloured((ROOT / 'settings.ini').read_text(encoding='utf-8'), 'ini')
    )
    return Page('reference/settings.html', 'Settings', 'reference', 'Look up', lead='What defines a shop', body=body)


def market_table(name):
    "What a behaviour has other than `eu`: the entries that differ, and where they come from."
    market, groups = read_behaviour(name), {}
    for value in differing_values(read_behaviour('eu'), market):
        groups.setdefault('.'.join(value.split('.')[:2]), []).append(value.split('.', 2)[2:])
    rows = []
    for parameter, entries in groups.items():
        if parameter not in market.sources: continue # only names of entries, which follow those of another parameter
        value = as_json(dict(market.values)[parameter], parameter)
        changed = {n: value[n] for entry in entries for n in entry if n in value} if isinstance(value, dict) else value
        rows.append([
            f'<a href="settings.html#{parameter}"><b>{e(parameter)}</b></a>',
            code(as_toml(changed or value)),
            e(why(parameter, market)['source']),
        ])
    ids = [f'{name}.{parameter}' for parameter in groups if parameter in market.sources]
    return table(['parameter', 'value', 'source'], rows, ids)


def behaviours_page():
    sections = [
        f'<h2 id="{name}">{name}: amounts in {read_behaviour(name)["shop.currency"]}</h2>' + market_table(name)
        for name in BEHAVIOURS if name != 'eu'
    ]
    body = (
        '<p>A behaviour is a market: <code>-p behaviour us</code>. The default is <code>eu</code>, whose values are on '
        'the page of <a href="settings.html#all-parameters">settings</a>. The others are below with what differs from '
        'it; of a table, the entries that are new or differ. The same is said by '
        '<code>shop-nb why NAME -p behaviour us</code>.</p>'
        + ''.join(sections)
    )
    return Page(
        'reference/behaviours.html', 'Behaviours', 'reference', 'Look up',
        lead=f'The markets that come along: {", ".join(BEHAVIOURS)}', body=body,
        words='market, country, currency, dollars, pounds, rupees, reais'
    )


def targets():
    "The targets of the Makefile, as `make` lists them: name → what it does; and its variables."
    text = (ROOT / 'Makefile').read_text(encoding='utf-8')
    return dict(re.findall(r'^([a-z-]+):.*?## (.+)$', text, re.M)), re.findall(
        r'^([A-Z]+) :?= ?(\S*?)# +(.+)$', text, re.M
    )


def make_page():
    does, variables = targets()
    body = (
        '<p>In a checkout; each target sets up <code>.venv</code> by itself from <code>requirements.lock</code>.</p>'
        + table(['target', 'what it does'], [[code(f'make {n}'), plain(d)] for n, d in does.items()], list(does))
        + '<h2 id="variables">Variables</h2>'
        + table(
            ['variable', 'what it is', 'default'], [[code(n), plain(d), code(v) if v else ''] for n, v, d in variables]
        )
    )
    return Page(
        'reference/make.html', 'Make targets', 'reference', 'Look up', lead='The daily work in a checkout', body=body
    )


@cache
def openapi():
    "What the service says of itself, or None where this shop_nb has no service."
    if not importlib.util.find_spec('shop_nb.api.app'): return None
    from shop_nb.api.http_server import Config
    from shop_nb.api.app import make_app
    from shop_nb.database.load import load
    small = Shop(customers=60, products=40, orders=120, order_items=300)
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        load(small.tables, f'{folder}/shop.db')
        service = make_app(Config(f'{folder}/shop.db'))
        told = service.openapi()
        service.state.service.close()
    return told


def endpoints():
    return [
        (verb.upper(), path, op)
        for path, ops in ((openapi() or {}).get('paths') or {}).items()
        for verb, op in ops.items()
    ]


def body_example(body):
    return '<p>With a body such as</p>' + coloured(json.dumps(body, ensure_ascii=False, indent=2), 'json')


def api_page():
    told, groups, md = openapi(), {}, MarkdownIt('commonmark')
    md.renderer.rules['fence'] = lambda tokens, i, *_: coloured(tokens[i].content, tokens[i].info)
    ref = lambda o: told['components'][o['$ref'].split('/')[2]][o['$ref'].split('/')[3]] if '$ref' in o else o
    for verb, path, op in endpoints():
        groups.setdefault((op.get('tags') or ['service'])[0], []).append((verb, path, op))
    named = {op['operationId']: f'{verb} {path}' for verb, path, op in endpoints()}

    def lead(link):
        return (
            f'<li><a href="#{slug(named[link["operationId"]])}">{code(named[link["operationId"]])}</a> with '
            + ', '.join(f'{code(n)} {code(v)}' for n, v in link['parameters'].items())
            + '</li>'
        )

    parts = [
        '<p>Made from the OpenAPI document of the service, which serves it at <code>/openapi.json</code>, and at '
        '<code>/docs</code> as a page to try it. Start the service with <code>shop-nb api --db FILE</code>.</p>'
    ]
    for tag, ops in groups.items():
        parts.append(f'<h2 id="{slug(tag)}">{e(tag)}</h2>')
        for verb, path, op in ops:
            rows = [
                [
                    f'{code(p["name"])}<small>{p["in"]}</small>',
                    e(p.get('description') or p.get('schema', {}).get('description') or ''),
                ]
                for p in map(ref, op.get('parameters', []))
            ]
            answers = [
                [
                    code(s),
                    e(r.get('description', ''))
                    + ''.join(f'<br>{code(n)} {e(h["description"])}' for n, h in r.get('headers', {}).items()),
                ]
                for s, r in ((s, ref(r)) for s, r in op.get('responses', {}).items())
            ]
            leads = ''.join(
                lead(link) for r in op.get('responses', {}).values() for link in r.get('links', {}).values()
            )
            content = op.get('requestBody', {}).get('content', {})
            sent, lines = content.get('application/json', {}), content.get('application/x-ndjson', {})
            if not sent and lines: sent = dict(example=json.loads(lines['example']))
            body = [sent['example']] if 'example' in sent else ref(sent.get('schema', {})).get('examples')
            method = f'<span class="verb {verb.lower()}">{verb}</span>'
            parts.append(details(
                f'{verb} {path}',
                f'{method} {code(path)} {e(op.get("summary", ""))}',
                md.render(op.get('description', '')),
                body_example(body[0]) if body else '',
                table(['parameter', 'meaning'], rows) if rows else '',
                table(['response', 'meaning'], answers),
                f'<p>The response links to</p><ul>{leads}</ul>' if leads else '',
            ))
    return Page(
        'reference/api.html', 'HTTP API', 'reference', 'Look up', lead=f'{len(endpoints())} endpoints',
        body='\n'.join(parts)
    )


# -- all of them

@cache
def _pages():
    asked = [question(q) for q in questions().values()]
    service = [api_page()] if openapi() else []
    return [
        dictionary(),
        command_page(),
        settings_page(),
        behaviours_page(),
        *service,
        make_page(),
        rules(),
        views(),
        Page(
            'reference/chapters.html', 'Chapters', 'reference', 'Look up',
            lead='The notebooks that the library is written in, in the order in which data flows', source='nbs'
        ),
        Page(
            'reference/names.html', 'All names', 'reference', 'Look up',
            lead='Every public function, class and constant of the library'
        ),
        gallery(asked),
        *asked,
    ]


def pages():
    "Pages are filled later, so everybody gets their own."
    return [replace(p) for p in _pages()]


def names():
    "Where words that stand in code type are told of: tables, columns, questions, commands, targets."
    columns = {
        f'{t.name}.{c.name}': f'reference/dictionary.html#{t.name}.{c.name}' for t in TABLES.values() for c in t.columns
    }
    own = {}
    for t in TABLES.values():
        for c in t.columns: own.setdefault(c.name, []).append(columns[f'{t.name}.{c.name}'])
    return (
        columns
        | {n: u[0] for n, u in own.items() if len(u) == 1 and '_' in n}
        | {t: f'reference/dictionary.html#{t}' for t in TABLES}
        | {q: f'questions/{q}.html' for q in questions()}
        | {v: f'reference/sql.html#{v}' for v in VIEWS}
        | {f'shop-nb {n}': f'reference/commands.html#{slug(n)}' for n, _ in commands()}
        | {f'make {n}': f'reference/make.html#{n}' for n in targets()[0]}
    )


ROOMS = [p.name[3:] for p in sorted((ROOT / 'nbs').glob('[0-9][0-9]_*'))]
PARTS = {room: room for room in ROOMS} | dict(
    Pipeline='Pipeline', Evidence='Evidence'
) # groups of notebooks: heading on the page of chapters


def chapters(page, pages):
    "Fill the page of chapters."
    parts = [
        '<p>Each folder is a room. A chapter may use the public names of rooms with lower numbers, so the numbers are '
        'both reading order and dependency order.</p>'
    ]
    for group, heading in PARTS.items():
        ps = [p for p in pages if p.group == group and p.source.endswith('.ipynb')]
        if heading: parts.append(f'<h2 id="{slug(heading)}">{heading}</h2>')
        rows = [
            [
                f'<a href="{relative(p.url, page)}">{e(p.source.split("/")[-1].removesuffix(".ipynb"))}</a>',
                plain(p.lead),
            ]
            for p in ps
        ]
        parts.append(table(['notebook', 'what it explains'], rows))
    page.body = '\n'.join(parts)


def all_names(page, found, pages):
    "Fill the page of names."
    titles = {p.url: p.title for p in pages}
    for url in titles: # several rooms have a chapter of one name
        if not url.startswith('modules/'): continue
        titles[url] = url.removeprefix('modules/').removesuffix('.html').replace('/', '.')
    modules = {}
    for name, (url, _) in found.items(): modules.setdefault(url.split('#')[0], []).append((name, url))
    page.body = '\n'.join(
        f'<h2 id="{slug(titles[url])}"><a href="{relative(url, page)}">{e(titles[url])}</a></h2><p class="names">'
        + ' '.join(f'<a href="{relative(u, page)}">{code(n)}</a>' for n, u in sorted(names))
        + '</p>'
        for url, names in modules.items()
    )


def home(pages):
    "The first page: what it is, a picture, and the way to everything."
    _, lead, what = opening(cells('nbs/index.ipynb'))
    counts = dict(tables=len(TABLES), rules=len(RULES), questions=len(questions()), facts=len(FACTS))
    starts = {
        s: [p for p in pages if p.section == s and p.nav] for s in ('tutorial', 'howto', 'reference', 'explanation')
    }
    return Page(
        'index.html',
        'shop_nb',
        lead=lead,
        template='home.html',
        values=dict(
            what=Markup(plain(what.split('\n\n')[0])),
            chart=Markup(drawing('monthly_revenue', (WIDE, NARROW))),
            counts=counts,
            starts=starts,
        ),
    )


def untold(pages):
    "What the library, the program, the Makefile or the service has and the documentation lacks; a line each."
    text = {p.url: p.body for p in pages}
    have = set(text)
    prose = '\n'.join(
        (ROOT / p.source).read_text(encoding='utf-8')
        for p in pages
        if p.source.endswith(('.md', '.ipynb')) and '/pipeline/' not in p.source
    )
    told = [(f'question {q}', f'questions/{q}.html' in have) for q in questions()]
    told += [
        (f'command shop-nb {n}: an example of it in a guide', bool(re.search(rf'shop-nb {n}\b', prose)))
        for n, _ in commands()
    ]
    told += [(f'command shop-nb {n}', f'id="{slug(n)}"' in text['reference/commands.html']) for n, _ in commands()]
    told += [(f'setting {d["name"]}', f'id="{d["name"]}"' in text['reference/settings.html']) for d in describe()]
    told += [(f'behaviour {b}', f'id="{b}"' in text['reference/behaviours.html']) for b in BEHAVIOURS if b != 'eu']
    told += [(f'make target {n}', f'id="{n}"' in text['reference/make.html']) for n in targets()[0]]
    told += [(f'rule {r.name}', f'id="{slug(r.name)}"' in text['reference/rules.html']) for r in RULES]
    told += [
        (f'column {t.name}.{c}', f'id="{t.name}.{c}"' in text['reference/dictionary.html'])
        for t in TABLES.values()
        for c in t.names
    ]
    told += [(f'view {v}', f'id="{v}"' in text['reference/sql.html']) for v in VIEWS]
    told += [
        (f'endpoint {verb} {path}', f'id="{slug(f"{verb} {path}")}"' in text.get('reference/api.html', ''))
        for verb, path, _ in endpoints()
    ]
    return [f'the documentation does not mention the {what}' for what, there in told if not there]
