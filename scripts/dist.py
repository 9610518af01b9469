"""Build what a release puts up: the wheel and the sources, in dist/.

    python scripts/dist.py
    python scripts/dist.py --address https://github.com/OWNER/NAME [--tag NAME]

A package index shows README without the project's files, so what it links is dead there: links become plain text, and
pictures are left out. Where the project is published does not stand in it: who publishes it knows, and says it by
--address. Links then lead there, to the files of this version, whose tag is v and the version or given by --tag. A copy
is built, so nothing of the working tree is changed."""
import argparse, re, subprocess, sys, tempfile
from pathlib import Path

from notes import version
from readme import ROOT

URLS = dict(Source='', Documentation='/tree/{tag}/docs', Changelog='/blob/{tag}/CHANGELOG.md', Issues='/issues')


CODE = r'^ *(?P<fence>`{3,}|~{3,}).*?^ *(?P=fence)|(?<!`)(?P<tick>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=tick)(?!`)'
WORDS = r'(?:`[^`]*`|!\[[^\]]*\]\([^)]*\)|\[[^\[\]]*\]|[^\[\]])*' # of a link: also code, a picture, and brackets
LINK = rf'(?P<picture>!?)\[(?P<words>{WORDS})\]\((?P<to>[^)\s]+)(?P<title>(?:\s+(?:"[^"]*"|\'[^\']*\'))?)\)'

def front(text, address='', tag=''):
    "README as it can be shown elsewhere: what it links is absolute, or is no link. Code stays as it is."

    def kind(m, to):
        if m['picture']: return 'raw'
        return 'tree' if (ROOT / to.partition('#')[0]).is_dir() else 'blob'

    def fix(m):
        if not m['to']: return m[0]
        words, to = front(m['words'], address, tag), m['to']
        if not re.match('[a-z]+:|#', to):
            if not address: return '' if m['picture'] else words
            to = f'{address}/{kind(m, to)}/{tag}/{to}'
        return f'{m["picture"]}[{words}]({to}{m["title"]})' if words or m['picture'] or not m['words'] else ''

    return re.sub(f'{CODE}|{LINK}', fix, text, flags=re.M | re.S)


def files():
    "The files that git tracks, or would if they were added; also of a folder that is no clone, or another user's."

    def listed(*how):
        return subprocess.run(
            ['git', *how, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=ROOT,
            capture_output=True, text=True
        )

    done = listed()
    if done.returncode or not done.stdout:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(['git', 'init', '--quiet', '--bare', folder], check=True)
            done = listed(f'--git-dir={folder}', f'--work-tree={ROOT}')
    if done.returncode: sys.exit(f'git cannot list the files of {ROOT}: {done.stderr.strip()}')
    return sorted(name for name in set(done.stdout.split('\0')) if name and (ROOT / name).is_file())


def copy(to, address='', tag=''):
    "Copy the project's files into a folder, with a README and addresses for a package index."
    for name in files():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((ROOT / name).read_bytes())
    address, tag = address.rstrip('/'), tag or f'v{version()}'
    if address and not re.fullmatch(r'https?://[^/\s"]+(/[\w.-]+)+', address):
        sys.exit(f'{address} is no address of a repository: https://github.com/OWNER/NAME is one.')
    (to / 'README.md').write_text(
        front((ROOT / 'README.md').read_text(encoding='utf-8'), address, tag), encoding='utf-8'
    )
    if address:
        with (to / 'pyproject.toml').open('a', encoding='utf-8') as f:
            f.write('\n[project.urls]\n' + ''.join(f'{n} = "{address}{u.format(tag=tag)}"\n' for n, u in URLS.items()))


if __name__ == '__main__':
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('--address', '--tag'): parse.add_argument(name, default='')
    told = parse.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder), told.address, told.tag)
        subprocess.run(
            [sys.executable, '-m', 'build', '--outdir', ROOT / 'dist', folder], check=True, stdout=subprocess.DEVNULL
        )
