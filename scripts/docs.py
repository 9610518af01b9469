"""Build the documentation into _docs/: notebooks with their outputs, the pages of docs/, and pages of the library.

    python scripts/docs.py              build it; exit 1 if a link leads nowhere or something is not mentioned
    python scripts/docs.py --serve      build it and serve it at http://127.0.0.1:8200 (--port N for another)

No notebook is executed; the pages need no network and no server."""
import functools, json, posixpath, re, shutil, sys, urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import jinja2
from markupsafe import Markup

import reference
from readme import ROOT, cells
from render import SECTIONS, Page, Writer, defined, notebook, opening, owners, plain, relative
from shop_nb.course.sessions import LESSONS
from shop_nb.reporting.pages import policy

EVIDENCE = 'certificate|engines|benchmarks.*|pools' # notebooks that show rather than define
HIDDEN = 'Exercises', 'Solutions' # pages with answers of the lessons: a link leads to them, and neither menu nor search
ROOMS = [p.name[3:] for p in sorted((ROOT / 'nbs').glob('[0-9][0-9]_*'))]
ORDER, GROUPS = (
    [*SECTIONS],
    ['', 'Lessons', *HIDDEN, 'Look up', 'Questions', *ROOMS, 'Pipeline', 'Dashboard', 'Project', 'Evidence'],
)


# -- the pages there are

def here(name):
    "Whether a module of shop_nb or a folder is there."
    return bool(find_spec(name)) if name.startswith('shop_nb.') else any((ROOT / name).glob('*'))


def notes(text):
    """What the comments at the top of a guide say.

    `<!-- needs: shop_nb.api.app -->` leaves it out where that is not, `<!-- words: bigger, larger -->` are words that
    people search for."""
    top = re.match(r'(<!--.*?-->\n+)*', text)[0]
    return dict(re.findall(r'<!-- (\w+): (.+?) -->', top))


def written():
    "The pages of docs/."
    for folder, section in (('how-to', 'howto'), ('explanation', 'explanation')):
        for path in sorted((ROOT / 'docs' / folder).glob('*.md')):
            text = path.read_text(encoding='utf-8')
            said = notes(text)
            if 'needs' in said and not here(said['needs']): continue
            title, lead = re.search(r'^# (.+)$', text, re.M)[1], (re.search(r'^> (.+)$', text, re.M) or ['', ''])[1]
            url = f'{folder}/{re.sub(r"^[0-9]+-", "", path.stem)}.html'
            yield Page(url, title, section, lead=lead, source=str(path.relative_to(ROOT)), words=said.get('words', ''))


def notebooks():
    "A page for each notebook."
    for path in sorted((ROOT / 'nbs').rglob('*.ipynb')):
        if '.ipynb_checkpoints' in path.parts: continue
        title, lead, _ = opening(cells(str(path.relative_to(ROOT))))
        folder, name = path.parent.relative_to(ROOT / 'nbs').as_posix(), re.sub(r'^\d\d_', '', path.stem)
        room = folder[3:] if re.match(r'\d\d_', folder) else ''
        more = dict(title=title or path.stem, lead=lead, source=str(path.relative_to(ROOT)), template='notebook.html')
        if path.stem == 'index':
            yield Page('tutorial/index.html', section='tutorial', **more | dict(title='Getting started'))
        elif folder.startswith('lessons'):
            part = folder.removeprefix('lessons').strip('/')
            group = part.title() or 'Lessons'
            yield Page(f'{folder}/{path.stem}.html', section='tutorial', group=group, nav=group not in HIDDEN, **more)
        elif re.fullmatch(EVIDENCE, path.stem):
            yield Page(f'explanation/{path.stem}.html', section='explanation', group='Evidence', **more)
        elif room:
            answers = room == 'course' and name in LESSONS
            group = HIDDEN[0] if answers else room
            yield Page(f'modules/{room}/{name}.html', section='reference', group=group, nav=not answers, **more)
        else:
            yield Page(f'{folder}/{path.stem}.html', section='reference', group=folder.title(), **more)


FILES = {
    'CONTRIBUTING.md': 'Contributing',
    'CHANGELOG.md': 'Changelog',
    'reports/README.md': 'Runs',
    'shop_nb/data/NOTICE.md': 'Sources of names and places',
}


def files():
    "The project's own pages."
    for source, title in FILES.items():
        yield Page(f'project/{title.split()[0].lower()}.html', title, 'reference', 'Project', source=source)


def symbols(pages):
    "Where the public names of the library are defined, and what is said of them: name → (url, docstring)."
    found = {}
    for p in pages:
        if not p.source.endswith('.ipynb') or p.group in HIDDEN: continue
        of = owners(cells(p.source))
        for cell in cells(p.source):
            for name, doc in defined(cell.source, of) if cell.library else ():
                found.setdefault(name, (f'{p.url}#{name}', doc))
    return {n: u for n, u in found.items() if not re.search(r'(^|\.)_', n)}


def linkable(found):
    "Symbols that mean the same wherever they stand in code type: `orders` may also be a table, and `run` a command."
    return {n: u for n, (u, _) in found.items() if '_' in n or '.' in n or n[0].isupper()} | {
        f'{n}()': u for n, (u, _) in found.items()
    }


# -- search

@dataclass
class Part:
    "A page from one of its headings to the next, or a row or folded part of it"
    tag: str
    id: str
    title: list = field(default_factory=list)
    words: list = field(default_factory=list)


class Text(HTMLParser):
    "What can be read on a page, in its parts; left out are drawings, outputs of notebooks and what is around the text."

    SKIPPED = dict(div={'out'}, nav={'near'}, p={'source', 'crumb'}, td={'num'}), {'svg', 'style', 'script', 'h1'}

    def __init__(
        self, text, code=True
    ): # code: whether what stands in code is read, and not only the names that it defines
        super().__init__()
        self.code, self.parts, self.heading, self.skipped = code, [Part('main', '')], None, []
        for tag in ('script', 'style', 'svg', *['pre'] * (not code)): # most of a page's tags, and never read
            text = re.sub(rf'<{tag}\b.*?</{tag}>', '', text, flags=re.S)
        self.feed(text)

    def _skips(self, tag, attrs):
        by_class, always = self.SKIPPED
        return (
            tag in always
            or tag == 'pre'
            and not self.code
            or bool(by_class.get(tag, set()) & set((attrs.get('class') or '').split()))
        )

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if self.skipped:
            if tag == self.skipped[-1]: self.skipped.append(tag)
        elif self._skips(tag, attrs):
            self.skipped.append(tag)
        elif 'id' in attrs and tag in ('h2', 'h3', 'tr', 'details'):
            self.parts.append(Part(tag, attrs['id']))
            self.heading = 'summary' if tag == 'details' else tag if tag != 'tr' else None
        elif tag == 'a' and 'id' in attrs: self.parts[-1].words.append(attrs['id'])

    def handle_startendtag(self, tag, attrs): pass

    def handle_endtag(self, tag):
        if self.skipped:
            if tag == self.skipped[-1]: self.skipped.pop()
        elif tag == self.heading: self.heading = None

    def handle_data(self, data):
        if not self.skipped: (self.parts[-1].title if self.heading else self.parts[-1].words).append(data)


def parts(page):
    "The parts of a page's body."
    if page.parts is None: page.parts = Text(page.body, code=not page.source.endswith('.ipynb')).parts
    return page.parts


def found_on(page, text):
    "What can be found on a page: [title, url, words] of the page and of each of its parts."

    def whole():
        return Text(
            text[text.index('<main') : text.index('</main>')]
        ).parts # of a page whose template has more than the body

    for part in whole() if page.template == 'question.html' else parts(page):
        title = ''.join(part.title).strip()
        if part.tag == 'tr': title = 'make ' * (page.url == 'reference/make.html') + part.id
        lead = [page.lead] if not part.id and page.template != 'question.html' else []
        words = ' '.join(' '.join([*lead, *part.words]).split())[:3000]
        yield (title, f'{page.url}#{part.id}', words) if part.id else (page.title, page.url, words)


# what a result is called and what it weighs: somebody who types a plain word wants a guide, a question or a setting
# before a chapter, and that before a name in the code
KINDS = {
    '': ('', 1),
    'Lessons': ('Lesson', 1),
    'Questions': ('Question', 1),
    'Look up': ('Reference', 1),
    'Library': ('Library', 0.4),
} | {room: ('Chapter', 0.7) for room in ROOMS}
MANY = {
    'reference/api.html': 0.5,
    'reference/make.html': 0.5,
    'reference/rules.html': 0.5,
    'project/changelog.html': 0.05,
} # pages with so many parts, or words, that they would be everywhere


def kind(page):
    "How results call a page, and what it weighs."
    label, weight = KINDS.get(page.group, (page.group, .5))
    return label or SECTIONS[page.section], MANY.get(page.url, weight)


def index(filled, found):
    "The search index of pages, their parts and the library's names, as a script: it is also read from a folder."
    rows = []
    for p, text in filled:
        if not p.section or p.group in HIDDEN or p.url == 'reference/names.html': continue
        name = p.values['q'].name if 'q' in p.values else p.title
        rows += [[t, name, *kind(p), u, x, p.words if u == p.url else ''] for t, u, x in found_on(p, text)]
    titles = {p.url: p.title for p, _ in filled}
    rows += [[n, titles[u.split('#')[0]], *KINDS['Library'], u, doc, ''] for n, (u, doc) in found.items()]
    return f'SEARCH = {json.dumps(rows, ensure_ascii=False, separators=(",", ":"))}\n'


# -- the site

@functools.lru_cache(1)
def templates():
    "The templates of the site."
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / 'scripts/site'), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True
    )
    env.filters['ticks'] = lambda text: Markup(plain(text))
    scripts = {
        name: (ROOT / f'scripts/site/{name}.js').read_text(encoding='utf-8').strip() for name in ('theme', 'menu')
    } # on the page itself: they act before it is seen
    env.globals.update(
        policy=Markup(policy(*scripts.values(), files=True)),
        scripts={name: Markup(text) for name, text in scripts.items()},
    )
    return env


def contents(page):
    "The headings of a page, for its margin."
    headings = [(p.tag, p.id, ''.join(p.title)) for p in parts(page) if p.tag in ('h2', 'h3')]
    few = sum(tag == 'h2' for tag, *_ in headings) < 2
    return [(id, title) for tag, id, title in headings if tag == 'h2' or few]


def menu(pages, page):
    "The pages of a section in their groups."
    groups = {}
    for p in pages:
        if p.section == page.section and p.nav: groups.setdefault(p.group, []).append(p)
    return groups


def fill(page, pages):
    "The HTML of a page."
    row = [p for p in pages if p.section == page.section and p.nav]
    at = row.index(page) if page in row else None
    near = (None, None) if at is None else (row[at - 1] if at else None, row[at + 1] if at + 1 < len(row) else None)
    return (
        templates()
        .get_template(page.template)
        .render(
            page=page, body=Markup(page.body), groups=menu(pages, page), toc=contents(page), sections=SECTIONS,
            up='../' * page.url.count('/'), firsts={s: next(p.url for p in pages if p.section == s) for s in SECTIONS},
            before=near[0], after=near[1], to=lambda url: relative(url, page), **page.values
        )
    )


def pages_of_the_site():
    "Every page, with the pictures (url → bytes), the names of the library, and what is wrong."
    made = reference.pages()
    pages = [*notebooks(), *written(), *made, *files()]
    pages.sort(key=lambda p: (ORDER.index(p.section), GROUPS.index(p.group) if p.group in GROUPS else len(GROUPS)))
    found = symbols(pages)
    write, images = Writer(pages, linkable(found) | reference.names()), {}
    for p in pages:
        if p.source.endswith('.ipynb'): notebook(p, write, images)
        elif p.source.endswith('.md'):
            text = re.sub(r'\A(<!--.*?-->\n+)*# .+\n+(> .+\n+)?', '', (ROOT / p.source).read_text(encoding='utf-8'))
            p.body = write(text, p, set())
    reference.chapters(next(p for p in pages if p.url == 'reference/chapters.html'), pages)
    reference.all_names(next(p for p in pages if p.url == 'reference/names.html'), found, pages)
    home = reference.home(pages)
    return [home, *pages], images | write.images, found, write.problems


class Ends(HTMLParser):
    "The ids of a page, its links, what it loads, and pictures that say nothing to somebody who cannot see them."

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = [], set(), set()
        self.silent, self.drawing, self.told = (
            [],
            None,
            [],
        ) # told: tags that are open from one that has an alternative text
        self.feed(re.sub(r'<span class="\w+">([^<>]*)</span>', r'\1', text)) # most tags are colours of code

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == 'id':
                self.ids.append(value)
            elif name in ('href', 'src', 'xlink:href'):
                (self.links if tag == 'a' or value.startswith('#') else self.loads).add(value)
        self.look(tag, dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def look(self, tag, attrs):
        "Take note of a picture"
        if self.told:
            if tag == self.told[-1]: self.told.append(tag)
        elif tag == 'img':
            if not attrs.get('alt'): self.silent.append(attrs.get('src'))
        elif attrs.get('aria-hidden') == 'true' or attrs.get('role') == 'img' and attrs.get('aria-label'):
            self.told.append(tag)
        elif tag == 'svg':
            self.drawing = f'svg {attrs}'
        elif tag == 'title': self.drawing = None

    def handle_endtag(self, tag):
        if tag == 'svg' and self.drawing: self.silent.append(self.drawing)
        if tag == 'svg': self.drawing = None
        if self.told and tag == self.told[-1]: self.told.pop()


def check(out):
    """What is wrong with a built site, a line each.

    Links and anchors that lead nowhere, ids that are there twice, pictures without alternative text, and anything that
    would be asked of a network."""
    ends, problems = (
        {p.relative_to(out).as_posix(): Ends(p.read_text(encoding='utf-8')) for p in sorted(out.rglob('*.html'))},
        [],
    )
    for name, page in ends.items():
        problems += [f'{name}: the id {i} is there {n} times' for i, n in Counter(page.ids).items() if n > 1]
        problems += [f'{name}: the picture {p} has no alternative text' for p in page.silent]
        problems += [f'{name}: it asks the network for {u}' for u in page.loads if re.match('(https?:)?//', u)]
        for url in sorted(page.links | page.loads):
            if url.startswith('//'): continue
            to = urllib.parse.urlsplit(url)
            if to.scheme or to.netloc:
                if not (
                    to.scheme in ('https', 'http')
                    and re.fullmatch(r'[\w-]+(\.[\w-]+)+(:\d+)?', to.netloc)
                    or to.scheme in ('mailto', 'data')
                    and to.path
                ):
                    problems.append(f'{name}: {url} is no address')
                continue
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), urllib.parse.unquote(to.path)))
                if to.path
                else name
            )
            if not (out / target).is_file():
                problems.append(f'{name}: {url} leads nowhere')
            elif to.fragment and urllib.parse.unquote(to.fragment) not in ends[target].ids:
                problems.append(f'{name}: {url} has no such place')
    return problems


def build(out=ROOT / '_docs'):
    "Write the site; what is wrong with it, a line each."
    pages, images, found, problems = pages_of_the_site()
    new = out.with_name(f'.{out.name}.new')
    shutil.rmtree(new, ignore_errors=True)
    filled = [(p, fill(p, pages)) for p in pages]
    for p, text in filled:
        (new / p.url).parent.mkdir(parents=True, exist_ok=True)
        (new / p.url).write_text(text, encoding='utf-8')
    for url, data in images.items():
        (new / url).parent.mkdir(exist_ok=True)
        (new / url).write_bytes(data)
    (new / 'search.js').write_text(index(filled, found), encoding='utf-8')
    style = (ROOT / 'shop_nb/templates/style.css').read_text(encoding='utf-8') + (
        ROOT / 'scripts/site/site.css'
    ).read_text(encoding='utf-8')
    (new / 'site.css').write_text(style, encoding='utf-8')
    shutil.copy(ROOT / 'scripts/site/site.js', new / 'site.js')
    problems += check(new) + reference.untold(pages)
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
    return pages, problems


def serve(out, port):
    "Serve the site on this machine alone, until Ctrl-C."
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_): pass
    with ThreadingHTTPServer(('127.0.0.1', port), functools.partial(Quiet, directory=out)) as server:
        print(f'http://127.0.0.1:{port}/ (Ctrl-C to stop)', flush=True)
        try: server.serve_forever()
        except KeyboardInterrupt: pass


def main(args):
    out = ROOT / '_docs'
    pages, problems = build(out)
    for p in problems: print(p, file=sys.stderr)
    print(f'{len(pages)} pages, {len(problems)} problems: {(out / "index.html").relative_to(ROOT)}', flush=True)
    if problems: return 1
    if '--serve' in args: serve(out, int(args[args.index('--port') + 1]) if '--port' in args else 8200)
    return 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
