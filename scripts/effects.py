"""What each parameter moves, measured in five shops: `make effects` writes nbs/evidence/effects.csv."""
import csv, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'tests'))
from shop_nb.behaviour.behaviours import as_toml # noqa: E402
from support.effects import EFFECTS, SAYS, summaries # noqa: E402

FILE = ROOT / 'nbs/evidence/effects.csv'
COLUMNS = 'parameter', 'measured', 'value', 'mean', 'low', 'high', 'least_rise'


def rows_of(name):
    "A row per value of a parameter, with what the five shops show."
    pairs = zip(EFFECTS[name][0], summaries(name))
    return [[name, SAYS[name], as_toml(value), *(f'{n:.6g}' for n in numbers)] for value, numbers in pairs]


def main():
    names = [name for name, (values, _) in EFFECTS.items() if values]
    with ProcessPoolExecutor() as pool, FILE.open('w', encoding='utf-8', newline='') as f:
        writer = csv.writer(f, lineterminator='\n')
        writer.writerow(COLUMNS)
        for rows in pool.map(rows_of, names):
            writer.writerows(rows)
            print(rows[0][0], *(row[3] for row in rows), flush=True)


if __name__ == '__main__': main()
