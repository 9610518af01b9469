"""Print what CHANGELOG.md says of the version that the package has.

    python scripts/notes.py            the notes of this version
    python scripts/notes.py v0.1.0     the same; exit 1 if the package has another version
"""
import re, sys

from readme import ROOT


def version():
    "The package's version"
    return re.search(r'^__version__ = "(.+)"$', (ROOT / 'shop_nb' / '__init__.py').read_text(encoding='utf-8'), re.M)[1]


def notes(text, version):
    "The section of a version in a changelog; exits if there is none, or nothing in it"
    found = re.search(rf'^## \[?{re.escape(version)}\]?(?: .*)?\n(.*?)(?=^## |\Z)', text, re.M | re.S)
    if not found or not found[1].strip(): sys.exit(f'CHANGELOG.md has no notes of {version}.')
    return found[1].strip()


if __name__ == '__main__':
    tag, is_now = (sys.argv[1:] or [''])[0], version()
    if tag and tag != f'v{is_now}': sys.exit(f'The tag is {tag}, but the package has version {is_now}.')
    print(notes((ROOT / 'CHANGELOG.md').read_text(encoding='utf-8'), is_now))
