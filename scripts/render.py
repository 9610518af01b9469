"""Markdown and notebooks as pages of the documentation, whose names and links lead to other pages."""
import ast, base64, functools, html, posixpath, re, struct, urllib.parse
from dataclasses import dataclass, field

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight as pygmentize
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from readme import ROOT, alternative, cells

SECTIONS = dict(tutorial='Tutorial', howto='How-to', reference='Reference', explanation='Explanation')


@dataclass
class Page:
    "A page of the site"
    url: str # from the site's folder
    title: str
    section: str = '' # a name in SECTIONS; empty is the home page
    group: str = '' # heading in the list of pages
    lead: str = ''
    body: str = ''
    source: str = '' # the file it is made from, from the project's folder
    template: str = 'page.html'
    nav: bool = True # whether the list of pages has it
    words: str = '' # other words that people search for
    values: dict = field(default_factory=dict) # what else its template shows
    parts: list = None # of its body, when they were read


# -- text and code

def slug(text): return re.sub(r'[^\w.]+', '-', text.lower()).strip('-') or 'section'


@functools.cache
def _inline():
    md = MarkdownIt('commonmark', dict(html=False))
    for rule in 'link_open', 'link_close': md.add_render_rule(rule, lambda *_: '')
    return md


def plain(text):
    "A line of Markdown as HTML: code and bold type; a link is its words."
    return _inline().renderInline(text)


@functools.cache
def _lexer(name): return get_lexer_by_name(name, stripnl=False)


@functools.cache
def _formatter(): return HtmlFormatter(nowrap=True) # it writes a style sheet when it is made, so one is enough


def coloured(code, language):
    "Code as HTML, with classes for colours."
    name = {'sh': 'console' if code.startswith('$ ') else 'bash', 'text': 'text', '': 'text'}.get(language, language)
    inner = pygmentize(code, _lexer(name), _formatter()).rstrip('\n')
    return f'<div class="highlight"><pre tabindex="0"><code>{inner}</code></pre></div>\n'


class Writer:
    "Markdown as HTML: links between files lead from page to page, and names to where they are told of."

    def __init__(self, pages, names):
        self.to = {p.source: p.url for p in pages if p.source}
        self.names, self.problems, self.images = names, [], {} # images: url → bytes
        self.md = MarkdownIt('commonmark', dict(html=True)).enable(['table', 'strikethrough'])
        self.md.renderer.rules['fence'] = lambda tokens, i, *_: coloured(
            tokens[i].content, (tokens[i].info.split() or [''])[0]
        )
        self.md.core.ruler.push('site', self.mend)

    def __call__(self, text, page, seen):
        "`seen` has the ids of the page so far."
        return self.md.render(text, dict(page=page, seen=seen))

    def mend(self, state):
        page, seen = state.env['page'], state.env['seen']
        for i, token in enumerate(state.tokens):
            if token.type == 'heading_open':
                base = id = slug(''.join(t.content for t in state.tokens[i + 1].children))
                n = 1
                while id in seen:
                    n += 1
                    id = f'{base}-{n}'
                seen.add(id)
                token.attrSet('id', id)
            inside = False # of a link
            for j, t in enumerate(token.children or ()):
                if t.type == 'link_open':
                    inside = True
                    t.attrSet('href', self.link(t.attrGet('href'), page))
                elif t.type == 'link_close':
                    inside = False
                elif t.type == 'image':
                    t.attrSet('src', self.image(t.attrGet('src'), page))
                    t.attrSet('loading', 'lazy')
                elif t.type == 'code_inline' and not inside and (url := self.named(t.content, page)):
                    token.children[j] = Token(
                        'html_inline', '', 0,
                        content=f'<a class="name" href="{url}"><code>{html.escape(t.content)}</code></a>'
                    )

    def link(self, href, page):
        "A link between files as one between pages."
        if re.match(r'[a-z]+:|#|[^:]+\.html\b', href):
            return href # a page made from the library has no file: its link is that of the site
        path, _, anchor = urllib.parse.unquote(href).partition('#')
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), path))
        url = self.to.get(target) or next((u for s, u in self.to.items() if s.startswith(f'{target}/')), None)
        if not url:
            self.problems.append(f'{page.source}: a link leads to {target}, which is no page')
            return href
        return relative(url, page) + (f'#{anchor}' if anchor else '')

    def image(self, src, page):
        "A picture beside a file as one of the site."
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), src))
        if not (ROOT / path).is_file():
            self.problems.append(f'{page.source}: there is no picture {path}')
            return src
        self.images[url := f'img/{posixpath.basename(path)}'] = (ROOT / path).read_bytes()
        return relative(url, page)

    def named(self, code, page):
        url = next(
            (self.names[n] for n in (code, code.removesuffix('()'), code.removesuffix('.')) if n in self.names), None
        )
        if not url and (m := re.match(r'(?:shop-nb|make) [\w-]+', code)): url = self.names.get(m[0])
        return url and url.split('#')[0] != page.url and relative(url, page)


def relative(url, page):
    path, _, anchor = url.partition('#')
    return posixpath.relpath(path, posixpath.dirname(page.url) or '.') + (f'#{anchor}' if anchor else '')


# -- notebooks

def opening(cells):
    "Title and subtitle from the first cell of prose, and that cell without them."
    text = next((c.source for c in cells if c.kind == 'markdown'), '')
    head = re.match(r'# (.+)\n*(?:> (.+))?', text)
    return (head[1], head[2] or '', text[head.end():].strip()) if head else ('', '', text)


def classes(source):
    "The classes that a cell defines, as nodes of its syntax tree."
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def owners(notebook):
    "What the methods of a notebook's classes belong to: a public class also has those of its private bases."
    nodes = {node.name: node for cell in notebook if cell.library for node in classes(cell.source)}
    found = {name: name for name in nodes if not name.startswith('_')}
    for name in list(found):
        bases = [b.id for b in nodes[name].bases if isinstance(b, ast.Name)]
        while bases:
            base = bases.pop()
            if base not in nodes or base in found: continue
            found[base] = name
            bases += [b.id for b in nodes[base].bases if isinstance(b, ast.Name)]
    return found


def methods(node, owner):
    "The public methods of a class, as (name, docstring)."
    for f in node.body:
        if isinstance(f, ast.FunctionDef) and not f.name.startswith('_'):
            yield f'{owner}.{f.name}', (ast.get_docstring(f) or '').split('\n')[0]


def defined(source, owners=()):
    "What an exported cell defines at its top level, as (name, docstring): functions, classes, constants, and methods."
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            patched = any('patch' in ast.unparse(d) for d in node.decorator_list)
            owner = (
                f'{ast.unparse(node.args.args[0].annotation)}.'
                if patched and node.args.args and node.args.args[0].annotation
                else ''
            )
            yield owner + node.name, (ast.get_docstring(node) or '').split('\n')[0]
            if isinstance(node, ast.ClassDef) and node.name in owners:
                yield from methods(node, owners[node.name])
        elif isinstance(node, ast.Assign):
            yield from (
                (n.id, '')
                for t in node.targets
                for n in ast.walk(t)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )


def picture(data, kind, page, images, alt):
    "A stored picture as a file of the site."
    raw = base64.b64decode(data) if kind == 'png' else data.encode()
    url = f'img/{slug(page.url.removesuffix(".html")).replace(".", "-")}-{sum(1 for _ in images) + 1}.{kind}'
    images[url] = raw
    size = 'width="{}" height="{}" '.format(*struct.unpack('>II', raw[16:24])) if kind == 'png' else ''
    return f'<img class="plot" src="{relative(url, page)}" {size}alt="{html.escape(alt)}" loading="lazy">'


def unstyled(text):
    "HTML without styles and borders of its own; by a parser, as the same letters may stand in somebody's name."
    soup = BeautifulSoup(text, 'html.parser')
    for style in soup('style'): style.decompose()
    for table in soup('table'): table.attrs.pop('border', None)
    return str(soup)


def shown(output, page, images, alt):
    "One stored output as HTML; `alt` gives the words for a picture, which few outputs are."
    data = {k: ''.join(v) if isinstance(v, list) else v for k, v in output.get('data', {}).items()}
    if 'application/vnd.jupyter.widget-view+json' in data: return ''
    if 'image/png' in data: return picture(data['image/png'], 'png', page, images, alt())
    if 'image/svg+xml' in data:
        return f'<div role="img" aria-label="{html.escape(alt())}">{data["image/svg+xml"]}</div>'
    if 'text/html' in data: return f'<div class="scroll" tabindex="0">{unstyled(data["text/html"])}</div>'
    text = (
        ''.join(output.get('text', ''))
        or data.get('text/plain')
        or (f'{output["ename"]}: {output["evalue"]}' if output['output_type'] == 'error' else '')
    )
    return f'<pre tabindex="0">{html.escape(text.rstrip())}</pre>' if text.strip() else ''


def notebook(page, write, images):
    "Fill a page from its notebook."
    seen, parts, prose = set(), [], ''
    of = owners(cells(page.source))
    first = next((c for c in cells(page.source) if c.kind == 'markdown'), None)
    for cell in cells(page.source):
        source = opening([cell])[2] if cell is first else cell.source
        if not source or not cell.seen: continue
        if cell.kind == 'markdown':
            prose = source
            parts.append(write(source, page, seen))
            continue
        names = (
            [n for n in dict.fromkeys(n for n, _ in defined(source, of)) if n not in seen | {'_'}]
            if cell.library
            else []
        )
        seen.update(names)
        if 'echo: false' not in cell.rules:
            parts.append(
                f'<div class="cell{" library" * cell.library}">'
                + ''.join(f'<a id="{n}"></a>' for n in names)
                + coloured(source, 'python')
                + '</div>'
            )
        told = functools.partial(alternative, prose, source)
        if out := '\n'.join(filter(None, (shown(o, page, images, told) for o in cell.outputs))):
            parts.append(f'<div class="out">{out}</div>')
    page.body = '\n'.join(parts)
