"""Build the wheel, put it into an empty environment of its own, and use it there, away from this folder.

    python scripts/package.py                   with the python that runs this; packages come from the package index
    python scripts/package.py python3.12 …      with other Pythons as well
"""
import json, os, re, subprocess, sys, tempfile, venv, zipfile
from pathlib import Path

from dist import copy

SMALL = [w for n, v in dict(customers=60, products=40, orders=120, order_items=300).items() for w in ('-p', n, str(v))]


def build(out, python=sys.executable, isolated=False, address=''):
    "The wheel of the project, built from a copy, so that nothing of an earlier build is in it."
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder), address)
        how = [] if isolated else ['--no-build-isolation', '--no-index']
        subprocess.run(
            [python, '-m', 'pip', 'wheel', '-q', '--no-deps', *how, '--wheel-dir', out, '.'], cwd=folder, check=True,
            stdout=sys.stderr
        )
    return next(Path(out).glob('*.whl'))


def about(wheel):
    "What is in a wheel: size, files, what it requires."
    with zipfile.ZipFile(wheel) as z:
        names = z.namelist()
        told = z.read(next(n for n in names if n.endswith('.dist-info/METADATA'))).decode()
    return dict(name=wheel.name, kilobytes=round(wheel.stat().st_size / 1000), files=names,
                requires=[r for r in re.findall(r'^Requires-Dist: (.+)$', told, re.M) if 'extra ==' not in r])


class Environment:
    "A virtual environment, used from a folder that is not the project's."

    def __init__(self, home, python=None):
        self.home, self.away = Path(home), Path(home) / 'away'
        if python:
            subprocess.run([python, '-m', 'venv', '--without-pip', home], check=True)
        else:
            venv.create(home)
        self.away.mkdir()
        self.python = self.home / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')

    def install(self, *what):
        subprocess.run(
            [
                sys.executable,
                '-m',
                'pip',
                '--python',
                self.python,
                '--disable-pip-version-check',
                'install',
                '-q',
                *map(str, what),
            ],
            check=True,
            stdout=sys.stderr,
        )

    def run(self, *words):
        "Exit code, standard output and standard error of a program of the environment."
        env = {k: v for k, v in os.environ.items() if not re.match('PYTHON(?!UTF8)|SHOP_NB_|JUPYTER', k)} | dict(
            VIRTUAL_ENV=str(self.home)
        )
        done = subprocess.run(
            [self.python.parent / words[0], *map(str, words[1:])], cwd=self.away, env=env, capture_output=True,
            text=True
        )
        return done.returncode, done.stdout, done.stderr


def core(env):
    "What works without any extra, and what the rest says."

    def shop(code, *words):
        got, out, err = env.run('shop-nb', *words)
        assert got == code, f'shop-nb {" ".join(map(str, words))}: exit code {got}\n{out}\n{err}'
        return out + err

    heavy = '{"numpy", "pandas"} & {m.split(".")[0] for m in sys.modules}'
    got, out, err = env.run('python', '-c', f'import shop_nb, sys; print(shop_nb.__file__, *sorted({heavy}))')
    assert Path(out.strip()).is_relative_to(env.home), f'the wheel is not what is used: {out}{err}'
    shop(0, 'generate', '--out', 'made', *SMALL)
    assert 'what the settings make' in shop(0, 'verify', 'made')
    assert 'To be fixed' not in shop(0, 'doctor') and "pip install 'shop_nb[run]'" in shop(1, 'doctor', 'run')
    lacking = [
        'validate made',
        'load made --db shop.db',
        'ask order_status --run made',
        'profile made',
        'run --out mine',
    ]
    got, out, err = env.run(
        'python', '-c', f'from shop_nb.app.cli import main; print(*[main(w.split()) for w in {lacking!r}])'
    )
    assert out.split() == ['2'] * len(lacking) and err.count("pip install 'shop_nb[") == len(lacking), out + err
    got, out, err = env.run(
        'python', '-c',
        'from shop_nb import Shop, twin; print(len(twin(Shop(orders=120, order_items=300), seed=8).b.orders))'
    )
    assert out.strip() == '120', out + err


def whole(env):
    "The extra `run`: the whole job, its pages, a question, and the proof."
    got, out, err = env.run('shop-nb', 'run', '--out', 'mine', *SMALL, '-p', 'minimal_above', '0')
    assert got == 0, out + err
    run = env.away / 'mine'
    assert (
        json.loads((run / 'manifest.json').read_text())['checks']['ok']
        and 'answers.html' in (run / 'index.html').read_text()
    )
    for words, said in [('ask order_status --db mine/shop.db', 'delivered'), ('verify mine', 'what the settings make')]:
        got, out, err = env.run('shop-nb', *words.split())
        assert got == 0 and said in out, f'{words}\n{out}\n{err}'
    assert env.run('shop-nb', 'doctor', 'run')[0] == 0


def main(pythons):
    with tempfile.TemporaryDirectory() as home:
        wheel = build(home, isolated=True)
        told = about(wheel)
        size = f'{told["kilobytes"]} kB, {len(told["files"])} files'
        print(f'{told["name"]}: {size}; requires {", ".join(told["requires"])}')
        for i, python in enumerate(pythons or [sys.executable]):
            env = Environment(f'{home}/env{i}', python)
            for what, use in ((wheel, core), (f'{wheel}[run]', whole)):
                env.install(what)
                use(env)
            print(
                f'{env.run("python", "--version")[1].strip()}: the core alone, and the whole run, work from the wheel'
            )


if __name__ == '__main__': main(sys.argv[1:])
