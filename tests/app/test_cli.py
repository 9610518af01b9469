"The command line: what it prints, its exit codes, and what it refuses."
import json, os, re, shutil, signal, socket, sqlite3, subprocess, sys, time

import duckdb, pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shop_nb.app.cli import join_pairs, main
from shop_nb.model.schema import TABLES
from shop_nb.core.errors import ShopError

SMALL = [w for n, v in dict(customers=60, products=40, orders=120, order_items=300).items() for w in ('-p', n, str(v))]
COMMAND = [sys.executable, '-c', 'import sys; from shop_nb.app.cli import main; sys.exit(main())']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "A small shop made by the command line; not to be changed."
    folder = tmp_path_factory.mktemp('made') / 'shop'
    assert main(['generate', '--out', str(folder), *SMALL]) == 0
    return folder


@pytest.fixture
def call(capsys):
    "Call the command line: exit code, standard output, standard error."
    def call(*args):
        code = main([str(a) for a in args])
        return code, *capsys.readouterr()
    return call


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


BAD = dict(
    negative=('generate --out OUT -p orders -5', 'orders is -5'),
    zero=('generate --out OUT -p customers 0', 'customers is 0'),
    not_a_number=('generate --out OUT -p orders four', "orders is a whole number, not 'four'"),
    unknown_setting=('generate --out OUT -p order 400', "There is no setting 'order'.\nDid you mean 'orders'?"),
    unknown_setting_of_a_run=('run --out OUT -p order 400', "There is no setting 'order'.\nDid you mean 'orders'?"),
    example=('run --out OUT -p orders 1e3', '\nWrite it like -p orders 4000\n'),
    example_of_a_day=('generate --out OUT -p start 2025-13-01', '\nWrite it like -p start 2025-01-31\n'),
    example_of_text=(
        'generate --out OUT -p promotion Toys',
        "\nWrite it like -p promotion 'Toys 20 2025-06-01 2025-06-14'\n",
    ),
    example_of_a_limit=('generate --out OUT --seed -1', '\nTake any such number, as -p seed 7\n'),
    start_after_the_data=(
        'ask order_status --run MADE -p start 2027-01-01',
        'start is 2027-01-01, but the data ends on 2025-12-25.',
    ),
    end_before_start=('generate --out OUT -p end 2024-01-01', 'is before start'),
    not_a_date=('generate --out OUT -p start 2025-02-30', 'start is a date'),
    fewer_lines_than_orders=('generate --out OUT -p order_items 10', '4,000 orders cannot have 10 order lines'),
    more_than_keys_code=(
        'generate --out OUT -p end 2025-01-01 -p orders 99000000 -p order_items 99000000',
        'more than the keys can code',
    ),
    scale=('generate --out OUT --scale nan', 'scale is a number'),
    seed=('generate --out OUT --seed 1.5', 'seed is a whole number'),
    given_twice=('generate --out OUT --seed 7 -p seed 8', 'seed is given twice'),
    without_value=('generate --out OUT -p seed', '-p takes a NAME and a VALUE'),
    format=('generate --out OUT --format xml', "'xml'"),
    engine=('generate --out OUT --engine abacus', 'abacus'),
    workers=('generate --out OUT --workers 0', '--workers'),
    no_folder=('generate', "Missing option '--out'"),
    foreign_folder=('generate --out FOREIGN', 'has files in it that are not of a run'),
    file_for_folder=('generate --out FOREIGN/notes.txt', 'is a file'),
    command=('genrate --out OUT', "Did you mean 'generate'?"),
    pipeline_parameter=('run --out OUT -p minimal_abov 5', "Did you mean 'minimal_above'?"),
    pipeline_type=('run --out OUT -p workers two', "workers is a whole number, not 'two'"),
    run_into_foreign=('run --out FOREIGN', 'has files in it that are not of a run'),
    validate_nothing=('validate OUT', "Nothing found at 'OUT'"),
    load_nothing=('load OUT --db FOREIGN/shop.db', "Nothing found at 'OUT'"),
    question=('ask monthly_revenu --run MADE', "Did you mean 'monthly_revenue'"),
    no_question=('ask', 'The name of a question is missing.'),
    nobody_to_ask=('ask monthly_revenue --run OUT', "Nothing found at 'OUT'"),
    question_parameter=('ask monthly_revenue --run MADE -p start yesterday', 'start'),
    two_sources=('ask monthly_revenue --run MADE --db x.db', 'Both --db and --run'),
    answer_format=('ask monthly_revenue --run MADE --format xml', "'xml'"),
    profile_nothing=('profile OUT', "Nothing found at 'OUT'"),
    verify_nothing=('verify OUT', "Nothing found at 'OUT'"),
    dashboard_nothing=('dashboard OUT', "Nothing found at 'OUT'"),
    country=('generate --out OUT -p country US', 'customers.countries is a parameter'),
    currency_of_a_run=('run --out OUT -p currency usd', "Did you mean 'shop.currency'?"),
    category=('ask top_products --run MADE -p category Toy', 'Books, Beauty'),
    no_name_for_the_folder=('generate --out=', 'name of the folder is empty'),
    question_before_folder=('ask monthly_revenu --run OUT', "Did you mean 'monthly_revenue'"),
    own_argument=('run --out OUT -p tell loudly', "no parameter 'tell'"),
    own_argument_of_settings=('generate --out OUT -p path x.ini', "no parameter 'path'"),
    own_argument_of_questions=('ask monthly_revenue --run MADE -p source x', "no parameter 'source'"),
    validate_foreign=('validate FOREIGN', 'FOREIGN'),
    load_foreign=('load FOREIGN --db OUT', 'FOREIGN'),
    ask_foreign=('ask monthly_revenue --run FOREIGN', 'FOREIGN'),
    quarantine_foreign=('quarantine list FOREIGN', 'FOREIGN was not imported'),
    quarantine_made=('quarantine export MADE --out OUT', 'was not imported'),
    ask_no_database=('ask monthly_revenue --db OUT', "Nothing found at 'OUT'"),
    ask_foreign_database=('ask monthly_revenue --db FOREIGN/notes.txt', 'is not a SQLite file'),
    ask_empty_database=('ask monthly_revenue --db FOREIGN/other.db', 'is not a shop'),
    profile_foreign=('profile FOREIGN', 'FOREIGN'),
    verify_foreign=('verify FOREIGN', 'is not a run'),
    webapp=('generate --out FOREIGN/webapp', 'has files in it that are not of a run'),
    webapp_run=('run --out FOREIGN/webapp', 'has files in it that are not of a run'),
    webapp_verify=('verify FOREIGN/webapp', 'is not a run'),
    webapp_profile=('profile FOREIGN/webapp', 'there is no table'),
)


@pytest.mark.parametrize('name', BAD)
def test_bad_input(name, call, made, tmp_path, monkeypatch):
    "Exit code 2, one or two lines that say what is wrong, and nothing is written."
    words, message = BAD[name]
    foreign = tmp_path / 'foreign'
    foreign.mkdir()
    (foreign / 'notes.txt').write_text('mine')
    sqlite3.connect(foreign / 'other.db').execute('create table t (x)').connection.close()
    (foreign / 'webapp').mkdir()
    (foreign / 'webapp/manifest.json').write_text('{"name": "My web app", "version": 3, "settings": {}, "tables": {}}')
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path), contents(made)
    code, out, err = call(
        *words.replace('OUT', str(tmp_path / 'out')).replace('FOREIGN', str(foreign)).replace('MADE', str(made)).split()
    )
    assert code == 2, err
    assert message.replace('OUT', str(tmp_path / 'out')).replace('FOREIGN', str(foreign)) in err
    assert '..' not in err
    assert 1 <= len(err.splitlines()) <= 2
    assert 'Traceback' not in err
    assert out == ''
    assert (contents(tmp_path), contents(made)) == before
    assert not (tmp_path / 'out').exists()


def test_a_misspelt_run_is_told_which_there_are(call, made, tmp_path, monkeypatch):
    "In the current folder and in reports; what is no run is not among them."
    monkeypatch.chdir(tmp_path)
    for name in 'mine', 'reports/shop':
        (tmp_path / name).mkdir(parents=True)
        shutil.copy(made / 'manifest.json', tmp_path / name)
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'manifest.json').write_text('{}')
    for words in 'ask order_status --run', 'validate', 'profile', 'verify', 'dashboard':
        assert call(*words.split(), 'nope') == (2, '', "Nothing found at 'nope'.\nThere are mine, reports/shop\n")
    assert call('validate', 'reports/shp')[2].endswith("Did you mean 'reports/shop'?\n")
    (tmp_path / 'mine' / 'shop.db').touch()
    assert call('ask', 'order_status', '--db', 'nope.db')[2].endswith('There is mine/shop.db\n')


@pytest.mark.parametrize('left, again', [('big/.tables.x1y2.unfinished', 'generate'), ('.big.x1y2.unfinished', 'run')])
def test_a_killed_command_left_a_beginning(call, tmp_path, left, again):
    "What `generate` and `run` leave after KILL is told from data that is wrong, by every command that reads."
    (tmp_path / left).mkdir(parents=True)
    folder = tmp_path / 'big'
    for words in (
        ['validate', folder],
        ['verify', folder],
        ['load', folder, '--db', tmp_path / 'x.db'],
        ['ask', 'order_status', '--run', folder],
    ):
        said = f'{folder} is not finished: it is still being made, or was stopped.\n'
        assert call(*words) == (1, '', f'{said}Make it again: shop-nb {again} --out {folder}\n')


def test_the_command_that_a_stopped_run_names_finishes_it(call, tmp_path):
    folder = tmp_path / 'shop'
    assert call('generate', '--out', folder, *'-p orders 40 -p order_items 100 -p until 2025-11-30'.split())[0] == 0
    manifest = json.loads((folder / 'manifest.json').read_text())
    rest = {name: said for name, said in manifest.items() if name != 'tables'}
    (folder / 'manifest.json').write_text(json.dumps(rest))
    code, _, said = call('verify', folder)
    assert code == 1
    assert call(*re.search('Make it again: shop-nb (.*)', said)[1].split())[0] == 0
    assert call('verify', folder)[0] == 0


@pytest.mark.parametrize(
    'args', [['--help'], ['run', '--help'], ['generate', '--help'], ['ask', '--help'], ['--version']], ids=' '.join
)
def test_help_loads_nothing_heavy(args):
    code = f'import sys; from shop_nb.app.cli import main; main({args!r}); print(*sorted(sys.modules))'
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    loaded = {m.split('.')[0] for m in out.splitlines()[-1].split()}
    assert not loaded & {
        'pandas',
        'numpy',
        'pyarrow',
        'duckdb',
        'matplotlib',
        'data_profiling',
        'ydata_profiling',
        'papermill',
        'pandera',
        'rich',
    }


def test_help_names_the_settings(call):
    code, out, err = call('generate', '--help')
    assert code == 0
    assert 'order lines from start to end' in out


@pytest.mark.parametrize(
    'words, usage',
    [
        ('validate', '[OPTIONS] DIR'),
        ('ask', '[OPTIONS] [NAME]'),
        ('doctor', '[OPTIONS] [PART]...'),
        ('key revoke', '[OPTIONS] ID'),
    ],
)
def test_help_has_arguments_in_plain_words(words, usage, call):
    code, out, err = call(*words.split(), '--help')
    assert code == 0
    assert out.splitlines()[0] == f'Usage: shop-nb {words} {usage}'
    assert '<' not in out
    assert 'Arguments:' in out
    assert 'Options:' in out
    assert '--help' in out


@pytest.mark.parametrize('words, says', [
    *((words, 'DIR A run that was made, by shop-nb run or generate.')
      for words in ('changes', 'stream', 'sheet', 'advance')),
    *((f'quarantine {words}', 'DIR A run that was imported.') for words in ('list', 'export', 'replay')),
    *((words, 'DIR A run or a folder of tables.') for words in ('validate', 'load', 'profile')),
    ('audit',
     'PLACE A run or a folder of tables (CSV, Parquet or Delta Lake), a SQLite file, duckdb:FILE, postgresql://'),
])
def test_help_says_which_folders_a_command_takes(words, says, call):
    assert says in ' '.join(call(*words.split(), '--help')[1].split())


def test_no_arguments_is_help(call):
    code, out, err = call()
    assert code == 2
    assert 'Commands:' in out + err


def test_pairs():
    assert join_pairs(['x', '-p', 'a', '1', '--param', 'b=2', '-p', 'c', '-3']) == [
        'x',
        '-p',
        'a=1',
        '--param',
        'b=2',
        '-p',
        'c=-3',
    ]
    with pytest.raises(ShopError): join_pairs(['-p', '--out', 'x'])


def test_generate(made, call, tmp_path):
    code, out, err = call('generate', '--out', tmp_path / 'again', *SMALL, '--workers', '1', '--engine', 'local')
    told = json.loads((made / 'manifest.json').read_text())
    assert code == 0
    assert told == json.loads((tmp_path / 'again/manifest.json').read_text())
    assert [line.split()[0] for line in out.splitlines()] == ['table', *TABLES, 'Done:']
    assert out.endswith(f'Done: {tmp_path / "again"}\n')
    assert '420 of' not in err
    assert 'rows' in err


def test_generate_csv(call, tmp_path):
    assert call('generate', '--out', tmp_path / 'csv', '--format', 'csv', *SMALL)[0] == 0
    assert sorted(p.name for p in (tmp_path / 'csv/tables').iterdir()) == sorted(f'{t}.csv' for t in TABLES)
    assert call('validate', tmp_path / 'csv')[0] == 0
    assert call('verify', tmp_path / 'csv')[0] == 0
    code, out, err = call('ask', 'monthly_revenue', '--run', tmp_path / 'csv', '--format', 'csv')
    assert code == 0
    assert len(out.splitlines()) == 13


def test_errors_of_the_system_end_with_one_full_stop(call, tmp_path, monkeypatch):
    def full(*_, **__): raise OSError('The disk is full.')
    monkeypatch.setattr('shop_nb.quality.validate.validate', full)
    assert call('validate', tmp_path) == (2, '', 'A file: The disk is full.\n')


def test_validate(made, call, tmp_path):
    code, out, err = call('validate', made)
    assert code == 0
    assert 'passed' in out
    assert json.loads(call('validate', made, '--json')[1])['ok'] is True


def test_validate_says_what_failed(call, tmp_path):
    import pyarrow as pa, pyarrow.parquet as pq
    folder = tmp_path / 'bad'
    call('generate', '--out', folder, *SMALL)
    path = folder / 'tables/payments.parquet'
    frame = pq.read_table(path).to_pandas()
    frame.loc[3, 'amount_cents'] += 1
    pq.write_table(pa.Table.from_pandas(frame, schema=pq.read_schema(path), preserve_index=False), path)
    code, out, err = call('validate', folder)
    assert code == 1
    assert 'ledger' in out
    report = json.loads(call('validate', folder, '--json')[1])
    assert not report['ok']
    assert report['failures'][0]['table'] == 'payments'
    code, out, err = call('verify', folder)
    assert code == 1
    assert out.startswith('payments: ')
    assert len(out.splitlines()) == 1


def test_load_and_ask(made, call, tmp_path):
    db = tmp_path / 'shop.db'
    assert call('load', made, '--db', db)[0] == 0
    asked = [call('ask', 'monthly_revenue', *source, '--format', 'csv') for source in (('--db', db), ('--run', made))]
    assert asked[0][:2] == asked[1][:2]
    assert asked[0][0] == 0
    assert len(asked[0][1].splitlines()) == 13
    assert len(json.loads(call('ask', 'monthly_revenue', '--run', made, '--format', 'json')[1])['rows']) == 12
    assert 'one row' in call('ask', 'monthly_revenue', '--run', made)[1]
    assert (
        len(
            call(
                'ask', 'daily_revenue', '--run', made, '-p', 'start', '2025-03-01', '-p', 'end', '2025-03-31',
                '--format', 'csv'
            )[1].splitlines()
        )
        == 32
    )


def test_an_answer_without_rows_says_so(made, call):
    "In the table, or on standard error where the answer is for a program."
    words = 'ask', 'top_customers', '--run', made, '-p', 'country', 'US'
    code, out, err = call(*words)
    assert code == 0
    assert out.startswith('(no rows')
    assert not err
    code, out, err = call(*words, '--format', 'csv')
    assert code == 0
    assert len(out.splitlines()) == 1
    assert ': no rows' in err
    assert len(err.splitlines()) == 1


def test_ask_lists_the_questions(call):
    from shop_nb.analytics.questions import questions
    code, out, err = call('ask', '--list')
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(questions())


def test_verify_a_database(made, call, tmp_path):
    db = f'duckdb:{tmp_path}/shop.duckdb'
    assert call('load', made, '--db', db)[0] == 0
    code, out, _ = call('verify', '--db', db)
    tables = json.loads((made / 'manifest.json').read_text())['tables']
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        [name, f'{t["rows"]:,}', t['digest']] for name, t in tables.items()]
    assert call('verify', made, '--db', db)[0] == 0
    with duckdb.connect(str(tmp_path / 'shop.duckdb')) as con: con.execute("update products set brand = 'Other'")
    code, out, _ = call('verify', made, '--db', db)
    assert code == 1
    assert out.splitlines()[-1] == 'products: the database differs from the run.'


def test_verify(made, call):
    code, out, err = call('verify', made)
    assert code == 0
    assert 'what the settings make' in out


def test_profile(call, tmp_path, monkeypatch):
    "The command writes a page a table; the pages themselves are looked at in test_run.py."
    monkeypatch.setattr('shop_nb.reporting.profile._report', lambda *_: '<head></head><body></body>')
    call('generate', '--out', tmp_path / 'shop', *SMALL)
    assert call('profile', tmp_path / 'shop')[0] == 0
    assert sorted(p.stem for p in (tmp_path / 'shop/profile').iterdir()) == sorted(TABLES)
    assert (tmp_path / 'shop/dictionary.html').exists()


@pytest.mark.skipif(os.name == 'nt', reason='signals')
def test_interrupt(tmp_path):
    "Ctrl-C: exit code 130, one line, no traceback, nothing left."
    process = subprocess.Popen(
        [*COMMAND, 'generate', '--out', str(tmp_path / 'big'), '--scale', '500'], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if list(tmp_path.glob('big/.tables*/*')): break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith('Interrupted')
    assert 'Traceback' not in err
    assert not (tmp_path / 'big').exists()


def test_a_closed_pipe_is_no_error(made):
    process = subprocess.Popen(
        [*COMMAND, 'ask', 'daily_revenue', '--run', str(made), '--format', 'csv'], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b''
    assert process.wait(60) in (0, 1)


# ---- databases that cannot be used as they are

def sqlite(path, *statements):
    con = sqlite3.connect(path, isolation_level=None)
    for sql in statements: con.execute(sql).fetchall()
    return con


def wal(db):
    sqlite(db, 'pragma journal_mode = wal').close()
    db.parent.chmod(0o555)
def sealed(db): db.parent.chmod(0o555)
def locked(db): return sqlite(db, 'begin exclusive')
def cut(db): db.write_bytes(db.read_bytes()[:5000])
def folder(db):
    db.unlink()
    db.mkdir()
def foreign(db):
    db.unlink()
    sqlite(db, 'create table diary (day)').close()
def text(db): db.write_text('mine')
def empty(db): db.write_bytes(b'')
def gone(db): db.unlink()


ASK, API, KEY = ['ask', 'monthly_revenue'], ['api'], ['key', 'create', '--scope', '*:read']
STATES = { # what each command says, and its exit code; None is no objection
    wal: ('its folder cannot be written', 'its folder cannot be written', 'cannot be written'),
    sealed: (None, 'its folder cannot be written', 'cannot be written'),
    locked: ('is locked by another program', 'is locked by another program', None),
    cut: ('is damaged', 'is damaged', None),
    folder: ('', 'is a folder', 'is a folder'),
    foreign: ('is not a shop', 'is not the database of a shop', 'is not the database of a shop'),
    text: ('is not a SQLite file', 'is not a SQLite file', 'is not a SQLite file'),
    empty: ('is not a shop', 'is not the database of a shop', 'is not the database of a shop'),
    gone: ('Nothing found at', 'There is no', 'Nothing found at'),
}


@pytest.fixture(scope='module')
def loaded(made, tmp_path_factory):
    db = tmp_path_factory.mktemp('loaded') / 'shop.db'
    assert main(['load', str(made), '--db', str(db)]) == 0
    return db.read_bytes()


@pytest.mark.parametrize('command', [ASK, API, KEY], ids=lambda c: c[0])
@pytest.mark.parametrize('state', STATES, ids=lambda f: f.__name__)
def test_the_true_cause_is_named(loaded, tmp_path, bound, call, monkeypatch, state, command):
    "One or two lines that name what is in the way, at once and before anything is announced."
    connect = sqlite3.connect # waits for seconds elsewhere
    monkeypatch.setattr(sqlite3, 'connect', lambda *a, **how: connect(*a, **how | dict(timeout=.1)))
    (tmp_path / 'd').mkdir()
    (db := tmp_path / 'd' / 'shop.db').write_bytes(loaded)
    says = STATES[state][[ASK, API, KEY].index(command)]
    if command is API: # on a port that is free
        with socket.create_server(('127.0.0.1', 0)) as s: command = ['api', '--port', str(s.getsockname()[1])]
    keep = state(db)
    if state in (wal, sealed): # permissions, which bind no process of root
        done = bound([*COMMAND, *command, '--db', db])
        code, out, err = done.returncode, done.stdout, done.stderr
        db.parent.chmod(0o755)
    else:
        code, out, err = call(*command, '--db', db)
    if keep: keep.close()
    if says is None:
        assert code == 0
        assert out
        assert not err
    else:
        assert code == (1 if 'locked' in says or 'damaged' in says else 2), err
        assert says in err, err
        assert 1 <= len(err.splitlines()) <= 2
        assert 'Serving' not in err
        assert not out
    if state not in (gone, folder, locked, wal, sealed):
        assert [p.name for p in db.parent.iterdir() if 'key' not in p.name and 'lock' not in p.name] == ['shop.db']


# ---- what ends a command, and where its output goes

ENDED = '''
import os, signal, sys, time
import shop_nb.generator.blocks, shop_nb.app.cli as cli
def stuck(*_, **__):
    try:
        print('begun', flush=True)
        time.sleep(60)
    finally: print('tidied', flush=True)
cli.__dict__['app'] = stuck
sys.exit(cli.main(['doctor']))
'''


@pytest.mark.parametrize('name, code', [('SIGTERM', 143), ('SIGHUP', 129), ('SIGINT', 130)])
def test_signals_clean_up_and_are_told_in_the_exit_code(name, code):
    job = subprocess.Popen([sys.executable, '-c', ENDED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout.readline() == 'begun\n'
    job.send_signal(getattr(signal, name))
    out, err = job.communicate(timeout=30)
    assert (job.returncode, out) == (code, 'tidied\n')
    assert err.endswith('nothing was left half done.\n')
    assert len(err.splitlines()) == 1


def test_under_nohup_a_closed_terminal_ends_nothing():
    code = f'''import os, signal, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
time.sleep = lambda s: os.kill(os.getpid(), signal.SIGHUP)
{ENDED}'''
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert done.stdout == 'begun\ntidied\n'
    assert not done.stderr


@pytest.mark.parametrize('words, unbuffered', [('validate --json MADE', ''), ('ask monthly_revenue --run MADE', '1')])
def test_output_that_finds_no_room(made, words, unbuffered):
    with open('/dev/full', 'w') as full:
        done = subprocess.run(
            [*COMMAND, *words.replace('MADE', str(made)).split()], stdout=full, stderr=subprocess.PIPE, text=True,
            env=os.environ | dict(PYTHONUNBUFFERED=unbuffered)
        )
    assert (done.returncode, done.stderr) == (2, 'The output: No space left on device.\n')


@pytest.mark.parametrize(
    'how, words',
    [
        (dict(PYTHONIOENCODING='ascii'), 'ask monthly_revenue --run FOLDER'),
        (dict(PYTHONIOENCODING='cp1252'), 'profile nö'),
        (dict(LC_ALL='C', PYTHONUTF8='0'), 'generate --out FOLDER'),
    ],
    ids=str,
)
def test_any_encoding_and_any_name(made, tmp_path, how, words):
    "A letter that the output lacks is a question mark; the names of folders are what they are."
    env = {k: v for k, v in os.environ.items() if not k.startswith(('PYTHON', 'LC_', 'LANG'))} | how
    folder = tmp_path / 'Lädchen'
    if 'ask' in words: shutil.copytree(made, folder)
    done = subprocess.run(
        [*COMMAND, *words.replace('FOLDER', str(folder)).split(), *(SMALL if 'generate' in words else [])],
        capture_output=True, env=env, cwd=tmp_path
    )
    assert b'Traceback' not in done.stderr, done.stderr
    assert done.returncode == (2 if 'profile' in words else 0), done.stderr
    if 'profile' not in words:
        assert sorted(p.name for p in folder.iterdir()) == ['manifest.json', 'tables']


def test_nothing_that_a_terminal_obeys(made, tmp_path, call):
    "Escape sequences, line ends and marks of direction are spelt out; a row stays a line. CSV for programs is exact."
    evil = '\x1b]0;owned\x07\x1b[2J\nrow\u202e'
    table = pq.read_table(made / 'tables' / 'products.parquet')
    names = [evil + str(i) for i in range(table.num_rows)]
    shutil.copytree(made, tmp_path / 'evil')
    at = table.schema.get_field_index('name')
    pq.write_table(
        table.set_column(at, table.schema.field(at), pa.array(names)), tmp_path / 'evil' / 'tables' / 'products.parquet'
    )
    code, out, err = call('ask', 'top_products', '--run', tmp_path / 'evil')
    assert code == 0
    assert r'\x1b]0;owned\x07\x1b[2J\nrow\u202e' in out
    assert len(out.splitlines()) == 1 + 10 + 2
    assert not set(out) & set('\x1b\x07\u202e')
    assert evil in call('ask', 'top_products', '--run', tmp_path / 'evil', '--format', 'csv')[1]


def test_a_file_of_ones_own_hides_nothing(made, tmp_path):
    "The command does not look for modules in the current folder; a Python that does names the file, if it can start."
    for name in 'random', 'types', 'json', 'numpy', 'statistics', 'calendar', 'logging':
        (tmp_path / f'{name}.py').write_text('raise ImportError("my experiments")')
    script = f'#!{sys.executable}\nimport sys\nfrom shop_nb.app.cli import main\nsys.exit(main())\n'
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin' / 'shop-nb').write_text(script)
    done = subprocess.run(
        [sys.executable, tmp_path / 'bin' / 'shop-nb', 'validate', made], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in 'random', 'types', 'json', 'statistics', 'calendar', 'logging':
        (tmp_path / f'{name}.py').unlink()
    done = subprocess.run([*COMMAND, 'validate', made], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "Your file ./numpy.py hides Python's module numpy.\nRename it, or start in another folder\n"
