"""Write README.md from nbs/index.ipynb: prose as it is, code in fences, outputs as text, tables or pictures.

    python scripts/readme.py            write README.md and its pictures
    python scripts/readme.py --check    exit 1 if they are not what the notebook gives
"""
import base64, functools, html, json, posixpath, re, sys
from pathlib import Path
from types import SimpleNamespace

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 'nbs/images'
NOTE = '<!-- Made from nbs/index.ipynb by `make readme`: change it there. -->'
PICTURES = {'image/svg+xml': 'svg', 'image/png': 'png'}


@functools.cache
def cells(path):
    "The cells of a notebook: what they hold, whether the library gets them, and whether a reader sees them."
    found = []
    for c in json.loads((ROOT / path).read_text(encoding='utf-8'))['cells']:
        lines, kind = ''.join(c['source']).split('\n'), c['cell_type']
        rules = [l[2:].strip() for l in lines if l.startswith('#|')]
        source = '\n'.join(l for l in lines if not l.startswith('#|')).strip('\n')
        found.append(
            SimpleNamespace(
                kind=kind, source=source, rules=rules, outputs=c.get('outputs', []),
                seen=bool(source) and 'hide' not in rules,
                library=kind == 'code' and any(re.match(r'exports?\b', r) for r in rules)
            )
        )
    return found


def relink(text):
    "Links that are relative to nbs/ become relative to the project's folder."
    def fix(m):
        to = m[2] if re.match(r'[a-z]+:|#|/', m[2]) else posixpath.normpath(posixpath.join('nbs', m[2]))
        return f'{m[1]}{to}{m[3]}'
    return re.sub(r'(\]\()([^)\s]+)(\))', fix, text)


def words(text):
    "Markdown as plain words, each paragraph a line."
    soup = BeautifulSoup(MarkdownIt('commonmark').enable('table').render(text), 'html.parser')
    return '\n'.join(' '.join(p.get_text().split()) for p in soup(['p', 'h1', 'h2', 'h3', 'li']))


def alternative(prose, source):
    "What a picture shows, for those who cannot see it: its question, the last sentence before it, or else its code."
    if name := re.search(r"\bask\('(\w+)'", source):
        from shop_nb.analytics.questions import questions
        if question := questions().get(name[1]): return f'Chart: {question.title}'
    lines = words(prose).splitlines()
    if not lines: return f'Chart drawn by {source.splitlines()[-1]}'
    return 'Chart: ' + re.split(r'(?<=[.?!]) (?=[A-Z])', lines[-1])[-1].rstrip(':')


def _cells(row): return [' '.join(c.decode_contents().split()).replace('|', '\\|') for c in row(['th', 'td'])]


def _piped(table):
    "A table of HTML as one of Markdown"
    head, *rows = map(_cells, table('tr'))
    if rows and not any(rows[0][1:]): head[0] = rows.pop(0)[0] # the name of a frame's index has a row of its own
    return '\n\n' + '\n'.join(f'| {" | ".join(r)} |' for r in [head, ['---'] * len(head), *rows]) + '\n\n'


def pipes(text):
    "An output of HTML as Markdown, which can be read as it stands"
    soup = BeautifulSoup(text, 'html.parser')
    for style in soup('style'): style.decompose()
    for bold in soup('b'): bold.replace_with(f'**{bold.get_text()}**')
    for table in soup('table'): table.replace_with(_piped(table))
    for block in soup(['p', 'div']): block.insert_after('\n')
    return re.sub(r'\n{3,}', '\n\n', html.escape(soup.get_text(), quote=False)).strip()


def shown(output, images, alt):
    "One output as Markdown; a picture is put into `images` (path → bytes) and linked."
    data = output.get('data', {})
    for kind, ext in PICTURES.items():
        if kind not in data: continue
        text, path = ''.join(data[kind]), f'{IMAGES}/index-{len(images) + 1}.{ext}'
        images[path] = base64.b64decode(text) if ext == 'png' else text.encode()
        return f'![{alt}]({path})'
    if 'text/markdown' in data: return relink(''.join(data['text/markdown']))
    if 'text/html' in data: return pipes(''.join(data['text/html']))
    text = ''.join(output.get('text') or data.get('text/plain') or '').rstrip()
    return f'```text\n{text}\n```' if text else ''


def render():
    "The text of README.md, and its pictures as path → bytes."
    parts, images, prose = [NOTE], {}, ''
    for cell in cells('nbs/index.ipynb'):
        if not cell.seen: continue
        if cell.kind == 'markdown':
            prose = cell.source
            parts.append(relink(prose))
        elif cell.kind == 'code':
            if 'echo: false' not in cell.rules: parts.append(f'```python\n{cell.source}\n```')
            parts += filter(None, [shown(o, images, alternative(prose, cell.source)) for o in cell.outputs])
    return '\n\n'.join(parts) + '\n', images


def made():
    "What is to be on disk: path → bytes."
    text, images = render()
    return {'README.md': text.encode(), **images}


def stale():
    "The paths that are not what the notebook gives, pictures that it no longer has among them."
    want, have = made(), [f'{IMAGES}/{p.name}' for p in (ROOT / IMAGES).glob('index-*')]
    differ = [p for p, b in want.items() if not (ROOT / p).is_file() or (ROOT / p).read_bytes() != b]
    return differ + [p for p in have if p not in want]


def main(args):
    old = stale()
    if '--check' in args:
        return print(*(f'{p} is not what nbs/index.ipynb gives: make readme' for p in old), sep='\n') or 1 if old else 0
    want = made()
    for p in old:
        (ROOT / p).unlink(missing_ok=True)
        if p in want:
            (ROOT / p).parent.mkdir(exist_ok=True)
            (ROOT / p).write_bytes(want[p])
    return 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
