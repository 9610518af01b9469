"""Write README.md from nbs/index.ipynb: prose as it is, code in fences, outputs as text, tables or pictures.

    python scripts/readme.py            write README.md and its pictures
    python scripts/readme.py --check    exit 1 if they are not what the notebook gives
"""
import base64, json, posixpath, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = 'nbs/images'
NOTE = '<!-- Made from nbs/index.ipynb by `make readme`: change it there. -->'
PICTURES = {'image/svg+xml': 'svg', 'image/png': 'png'}


def read(path):
    "A notebook's cells as (kind, source without directives, directives, outputs), empty cells left out."
    for cell in json.loads(Path(path).read_text(encoding='utf-8'))['cells']:
        lines = ''.join(cell['source']).split('\n')
        rules = [l[2:].strip() for l in lines if l.startswith('#|')]
        source = '\n'.join(l for l in lines if not l.startswith('#|')).strip('\n')
        if source and 'hide' not in rules: yield cell['cell_type'], source, rules, cell.get('outputs', [])


def relink(text):
    "Links that are relative to nbs/ become relative to the project's folder."
    def fix(m):
        to = m[2] if re.match(r'[a-z]+:|#|/', m[2]) else posixpath.normpath(posixpath.join('nbs', m[2]))
        return f'{m[1]}{to}{m[3]}'
    return re.sub(r'(\]\()([^)\s]+)(\))', fix, text)


def shown(output, images):
    "One output as Markdown; a picture is put into `images` (path → bytes) and linked."
    data = output.get('data', {})
    for kind, ext in PICTURES.items():
        if kind not in data: continue
        text, path = ''.join(data[kind]), f'{IMAGES}/index-{len(images) + 1}.{ext}'
        images[path] = base64.b64decode(text) if ext == 'png' else text.encode()
        return f'![]({path})'
    if 'text/markdown' in data: return relink(''.join(data['text/markdown']))
    if 'text/html' in data: return re.sub(r'<style.*?</style>\n*', '', ''.join(data['text/html']), flags=re.S).strip()
    text = ''.join(output.get('text') or data.get('text/plain') or '').rstrip()
    return f'```text\n{text}\n```' if text else ''


def render(path=ROOT / 'nbs/index.ipynb'):
    "The text of README.md, and its pictures as path → bytes."
    parts, images = [NOTE], {}
    for kind, source, rules, outputs in read(path):
        if kind == 'markdown': parts.append(relink(source))
        elif kind == 'code':
            if 'echo: false' not in rules: parts.append(f'```python\n{source}\n```')
            parts += filter(None, [shown(o, images) for o in outputs])
    return '\n\n'.join(parts) + '\n', images


def made(root=ROOT):
    "What is to be on disk: path → bytes."
    text, images = render(root / 'nbs/index.ipynb')
    return {'README.md': text.encode(), **images}


def stale(root=ROOT):
    "The paths that are not what the notebook gives, pictures that it no longer has among them."
    want, have = made(root), [f'{IMAGES}/{p.name}' for p in (root / IMAGES).glob('index-*')]
    differ = [p for p, b in want.items() if not (root / p).is_file() or (root / p).read_bytes() != b]
    return differ + [p for p in have if p not in want]


def main(args):
    old = stale()
    if '--check' in args: return print(*(f'{p} is not what nbs/index.ipynb gives: make readme' for p in old), sep='\n') or 1 if old else 0
    want = made()
    for p in old:
        (ROOT / p).unlink(missing_ok=True)
        if p in want: (ROOT / p).parent.mkdir(exist_ok=True); (ROOT / p).write_bytes(want[p])
    return 0


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
