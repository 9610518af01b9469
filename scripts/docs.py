"""Render every notebook of nbs/ as a page of _docs/, with its stored outputs; the pages need no network."""
import html, posixpath, re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from readme import ROOT

STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; --link: #0757ba }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #161b22; --link: #6cb0ff } body { background: #0d1117; color: #e6edf3 } }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 54rem; margin: 0 auto; padding: 1rem 1.25rem 4rem }
a { color: var(--link) } nav { border-bottom: 1px solid var(--line); padding: .5rem 0 } nav ol { columns: 2; list-style: none; padding: 0 }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .7rem; overflow-x: auto; font-size: .85rem }
.jp-OutputArea-output, .output_area { overflow-x: auto } img, svg { max-width: 100%; height: auto }
table { border-collapse: collapse; font-size: .85rem } td, th { border: 1px solid var(--line); padding: .2rem .6rem; text-align: right }
.anchor-link, .prompt, .jp-InputPrompt, .jp-OutputPrompt { display: none } blockquote { margin: 0; padding-left: 1rem; border-left: 3px solid var(--line) }
"""


def colours():
    "Styles of the code, by day and by night."
    day, night = (HtmlFormatter(style=s).get_style_defs('.highlight') for s in ('default', 'github-dark'))
    return f'{day}\n@media (prefers-color-scheme: dark) {{ {night} }}\n.highlight {{ background: none }}'


def notebooks():
    "The notebooks in reading order."
    found = [p for p in (ROOT / 'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts]
    return sorted(found, key=lambda p: (p.name != 'index.ipynb', len(p.parts), str(p)))


def prepare(path):
    "A notebook without directives, hidden cells and cells that are only directives; and its title."
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        lines = cell.source.split('\n')
        cell.source = '' if '#| hide' in lines else '\n'.join(l for l in lines if not l.startswith('#|')).strip('\n')
    nb.cells = [c for c in nb.cells if c.source]
    titles = [m[1] for c in nb.cells if c.cell_type == 'markdown' and (m := re.match(r'# (.+)', c.source))]
    return nb, titles[0] if titles else path.stem


def page(title, nav, body, css):
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<title>{html.escape(title)} - shop_nb</title>\n<style>{STYLE}{css}</style></head>\n<body>\n<nav>{nav}</nav>\n<main>\n{body}\n</main></body></html>\n')


def main(out=ROOT / '_docs'):
    css, exporter = colours(), HTMLExporter(template_name='basic')
    chapters = [(p.relative_to(ROOT / 'nbs').with_suffix('.html').as_posix(), *prepare(p)) for p in notebooks()]
    for name, nb, title in chapters:
        up = posixpath.relpath('.', posixpath.dirname(name) or '.')
        links = ''.join(f'<li><a href="{posixpath.join(up, n)}">{html.escape(t)}</a></li>' for n, _, t in chapters)
        body = re.sub(r'(href="[^":]+)\.ipynb(["#])', r'\1.html\2', exporter.from_notebook_node(nb)[0])
        to = out / name; to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(page(title, f'<details><summary>Contents</summary><ol>{links}</ol></details>', body, css), encoding='utf-8')
    print(f'{len(chapters)} pages: {(out / "index.html").relative_to(ROOT)}')


if __name__ == '__main__': main()
