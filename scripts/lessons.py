"""Write the lessons as a class gets them: no stored outputs, no solutions, and no notebook that gives answers away.

    python scripts/lessons.py                into reports/lessons
    python scripts/lessons.py hand-out       into another folder
    python scripts/lessons.py hand-out us    of shops with another behaviour, or with a file such as mine.toml

A notebook that is there already is not overwritten: somebody's work may be in it."""
import json, re, shutil, sys
from pathlib import Path

from shop_nb.behaviour.behaviours import read_behaviour
from shop_nb.core.errors import ShopError

ROOT = Path(__file__).resolve().parents[1]
LESSONS = ROOT / 'nbs' / 'lessons'
LINK = re.compile(r'\[([^\]]+)\]\((?!https?:)([^)]+)\)')


def for_class(cell, names, behaviour):
    "A cell without output, and without links to what the class does not get; the first one names the behaviour"
    text = LINK.sub(lambda m: m[0] if m[2] in names else m[1], ''.join(cell['source']))
    if text.startswith('seed = '): text = text.replace("behaviour = 'eu'", f'behaviour = {behaviour!r}')
    cell = cell | dict(source=text.splitlines(keepends=True))
    return cell | dict(outputs=[], execution_count=None) if cell['cell_type'] == 'code' else cell


def hand_out(
    folder, # where the notebooks go
    behaviour='eu', # of the shops; a file is copied into the folder
) -> list: # their paths
    "Write the lessons for a class; raises `ShopError` (code 2) if one is there already or there is no such behaviour"
    read_behaviour(behaviour)
    books = sorted(LESSONS.glob('[0-9]*.ipynb'))
    names, folder = [book.name for book in books], Path(folder)
    if taken := [name for name in names if (folder / name).exists()]:
        raise ShopError(f'{folder / taken[0]} is there already.', 'Name a new folder: make lessons LESSONS=DIR', code=2)
    if folder.exists() and not folder.is_dir():
        raise ShopError(f'{folder} is no folder.', 'Name a new folder: make lessons LESSONS=DIR', code=2)
    folder.mkdir(parents=True, exist_ok=True)
    if Path(behaviour).is_file(): behaviour = Path(shutil.copy(behaviour, folder)).name
    for book in books:
        notebook = json.loads(book.read_text(encoding='utf-8'))
        seen = [c for c in notebook['cells'] if '](solutions/' not in ''.join(c['source'])]
        notebook['cells'] = [for_class(c, names, behaviour) for c in seen]
        (folder / book.name).write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    return [folder / name for name in names]


def main(folder='reports/lessons', behaviour='eu'):
    try: written = hand_out(folder, behaviour or 'eu')
    except ShopError as e:
        print(e, file=sys.stderr)
        return e.code
    print(*written, sep='\n')
    return 0


if __name__ == '__main__': sys.exit(main(*sys.argv[1:3]))
