"Settings: what is taken, what is refused and how, and which source wins."
import json
from datetime import date, datetime

import pytest

from shop_nb.behaviour.settings import SETTINGS, Settings, describe, max_lines, origins, read_settings
from shop_nb.core.errors import SettingsError, ShopError, first_line
from shop_nb.core.extras import need


def read(**given): return read_settings(path=False, env={}, **given)


def refused(**given):
    "The message of the error that these arguments raise."
    with pytest.raises(SettingsError) as e: read(**given)
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2, 'an error is what is wrong, then what to do'
    return str(e.value)


def test_defaults():
    s = Settings()
    assert s.counts == dict(customers=2000, products=600, orders=4000, order_items=10000, payments=4000)
    assert (s.seed, s.start, s.end, s.until, s.scale) == (
        7,
        date(2025, 1, 1),
        date(2025, 12, 31),
        date(2025, 12, 31),
        1,
    )
    assert s.days == 365


def test_until_follows_end():
    assert read(end='2025-06-30').until == date(2025, 6, 30)
    assert read(until='2025-02-01').until == date(2025, 2, 1)
    assert read(until='2026-03-31').end == date(2025, 12, 31)


@pytest.mark.parametrize(
    'scale, counts',
    [
        (4, (8000, 1200, 16000, 40000, 16000)),
        (0.25, (500, 300, 1000, 2500, 1000)),
        (1e-9, (1, 1, 1, 1, 1)),
        (50, (100000, 4243, 200000, 500000, 200000)),
    ],
)
def test_scale(scale, counts):
    assert tuple(Settings(scale=scale).counts.values()) == counts


def test_as_dict_is_json_and_comes_back():
    s = Settings(seed=2**63 - 1, start='2024-02-29', until='2030-01-01', scale=0.5)
    assert read(**json.loads(json.dumps(s.as_dict()))) == s


@pytest.mark.parametrize(
    'name, value, want',
    [
        ('orders', '4000', 4000),
        ('orders', ' 5_000 ', 5000),
        ('orders', 4001, 4001),
        ('scale', '0.5', 0.5),
        ('scale', 2, 2.0),
        ('scale', '1e1', 10.0),
        ('start', '2025-02-01', date(2025, 2, 1)),
        ('start', date(2025, 2, 1), date(2025, 2, 1)),
        ('start', datetime(2025, 2, 1), date(2025, 2, 1)),
        ('seed', 0, 0),
    ],
)
def test_values_are_read(name, value, want):
    got = getattr(read(**{name: value}), name)
    assert got == want
    assert type(got) is type(want)


@pytest.mark.parametrize(
    'name, value',
    [
        ('orders', '1e6'),
        ('orders', 'many'),
        ('orders', '4000.0'),
        ('orders', 4000.0),
        ('orders', True),
        ('orders', [4000]),
        ('orders', '0x10'),
        ('orders', '٣٠٠٠x'),
        ('seed', 'x'),
        ('seed', 1.5),
        ('scale', 'big'),
        ('scale', float('nan')),
        ('scale', 'inf'),
        ('scale', True),
        ('scale', object()),
        ('start', '2025-02-30'),
        ('start', '01.02.2025'),
        ('start', '20250201'),
        ('start', 2025),
        ('end', '2025-1-1'),
        ('until', datetime(2025, 1, 1, 12)),
    ],
)
def test_wrong_types(name, value):
    assert refused(**{name: value}).startswith(f'{name} is a ')


@pytest.mark.parametrize(
    'given, said',
    [
        (dict(orders=0), 'orders is 0'),
        (dict(orders=-4), 'orders is -4'),
        (dict(customers='-1'), 'customers is -1'),
        (dict(products=0), 'products is 0'),
        (dict(order_items=0), 'order_items is 0'),
        (dict(customers=10**13), 'customers is 10,000,000,000,000'),
        (dict(scale=0), 'scale is 0'),
        (dict(scale=-1), 'scale is -1'),
        (dict(scale=1e300), 'scale is 1e+300'),
        (dict(seed=-1), 'seed is -1'),
        (dict(seed=2**63), 'seed is'),
        (dict(start='1999-12-31'), 'start is 1999-12-31'),
        (dict(end='2090-01-01'), 'end is 2090-01-01'),
        (dict(until='2090-01-01'), 'until is 2090-01-01'),
        (dict(start='2025-06-01', end='2025-05-31'), 'end 2025-05-31 is before start'),
        (dict(until='2024-12-31'), 'until 2024-12-31 is before start'),
        (dict(orders=10001), '10,001 orders cannot have 10,000 order lines'),
        (dict(order_items=100001), '100,001 order lines are too many'),
        (dict(products=3), '10,000 order lines are too many'),
        (dict(scale=1e-5, order_items=1000000), 'order lines are too many'),
        (
            dict(orders=13_000_000, order_items=13_000_000, end='2025-01-01'),
            '13,000,000 orders in 1 day are more than the keys can code',
        ),
        (dict(scale=1e7, end='2025-02-01'), 'more than the keys can code'),
    ],
)
def test_impossible_values(given, said):
    assert said in refused(**given)


def test_edges_are_taken():
    assert read(orders=12_000_000, order_items=12_000_000, end='2025-01-01').days == 1
    assert read(order_items=4000 * 25).order_items == 100_000
    assert read(start='2000-01-01', end='2089-12-31').days == 32873
    assert read(products=1, orders=10, order_items=10).products == 1
    assert [max_lines(p) for p in (1, 2, 3, 49, 50, 600)] == [1, 1, 2, 25, 25, 25]


@pytest.mark.parametrize(
    'name, near',
    [
        ('order_itmes', 'order_items'),
        ('Orders', 'orders'),
        ('sed', 'seed'),
        ('begin', 'end'),
        ('customer', 'customers'),
    ],
)
def test_unknown_name_has_its_nearest(name, near):
    assert f"Did you mean '{near}'?" in refused(**{name: 1})


def test_unknown_name_without_a_near_one_lists_all():
    text = refused(xyzzy=1)
    assert all(n in text for n in SETTINGS)


def test_later_sources_win(tmp_path):
    ini = tmp_path / 'mine.ini'
    ini.write_text('[shop]\nseed = 1 ; luck\norders = 500\norder_items = 900\ncustomers =\n')
    s = read_settings(ini, {'SHOP_NB_ORDERS': '600', 'SHOP_NB_PRODUCTS': '', 'OTHER': 'x'}, seed=3, orders=None)
    assert (s.seed, s.orders, s.order_items, s.customers, s.products) == (3, 600, 900, 2000, 600)


def test_an_empty_value_is_the_default(tmp_path):
    ini = tmp_path / 'mine.ini'
    ini.write_text('[shop]\norders = 500\n')
    assert read_settings(ini, {'SHOP_NB_ORDERS': ' '}).orders == 4000


def test_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_settings(env={}) == Settings()
    (tmp_path / 'settings.ini').write_text('[DEFAULT]\nlib_name = other\n')
    assert read_settings(env={}) == Settings(), 'a file of something else is left alone'
    (tmp_path / 'settings.ini').write_text('[shop]\nseed = 12\n')
    assert read_settings(env={}).seed == 12
    assert read_settings(False, env={}).seed == 7


def test_a_section_of_parameters(tmp_path, monkeypatch):
    "A group of parameters has a section, and a table, too; neither needs a section [shop]."
    text = '[shop]\nseed = 3\ncurrency = CHF\n[demand]\ngrowth = 1.5\n[delivery.returns]\nfashion = 0.5\n'
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'settings.ini').write_text(text)
    by_name = {'shop.currency': 'CHF', 'demand.growth': 1.5, 'delivery.returns.Fashion': .5}
    assert read_settings(env={}) == Settings(seed=3, parameters=by_name)
    (tmp_path / 'settings.ini').write_text('[demand]\ngrowth = 1.5\n')
    assert read_settings(env={}) == Settings(parameters={'demand.growth': 1.5})
    assert origins(env={}) == {'demand.growth': 'in settings.ini, line 2'}


def test_a_behaviour_lies_beside_the_settings_that_name_it(tmp_path, monkeypatch):
    folder = tmp_path / 'shop'
    folder.mkdir()
    (folder / 'mine.toml').write_text('[demand]\ngrowth = 2\n')
    (folder / 'mine.ini').write_text('[shop]\nbehaviour = mine.toml\n')
    monkeypatch.chdir(tmp_path)
    assert read_settings('shop/mine.ini', {}).values['demand.growth'] == 2
    assert read_settings(folder / 'mine.ini', {}).values['demand.growth'] == 2
    with pytest.raises(SettingsError, match='cannot be read'): read_settings(False, {'SHOP_NB_BEHAVIOUR': 'mine.toml'})


def test_process_environment(monkeypatch):
    monkeypatch.setenv('SHOP_NB_SEED', '99')
    assert read_settings(False).seed == 99


@pytest.mark.parametrize(
    'text, said',
    [
        ('[shop]\nordres = 5\n', "There is no setting 'ordres' (in {ini}, line 2)"),
        ('[shop]\n# Orders = 5\n\n Orders: five\n', "not 'five' (in {ini}, line 4)"),
        ('orders = 5\n', 'is not a settings file'),
        ('[other]\norders = 5\n', 'has no section [shop]'),
        ('[shop]\norders = 5\n[demnd]\ngrowth = 2\n', "There is no group of parameters 'demnd' (in {ini}, line 3)"),
        ('[demand]\ngrwth = 2\n', "There is no parameter 'demand.grwth' (in {ini}, line 2)"),
        ('[demand]\ngrowth = 200\n', '(in {ini}, line 2)'),
        ('[shop]\norders = 5\norders = 6\n', 'is not a settings file'),
        (b'[shop]\nseed = \xff\xfe\n', 'is not UTF-8'),
    ],
)
def test_bad_files(tmp_path, text, said):
    ini = tmp_path / 'bad.ini'
    ini.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as e: read_settings(ini, {})
    assert said.format(ini=ini) in str(e.value)
    assert str(ini) in str(e.value)
    assert len(str(e.value).splitlines()) == 2


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match='cannot be read'): read_settings(tmp_path / 'none.ini', {})


@pytest.mark.parametrize(
    'env, said', [({'SHOP_NB_ORDRES': '5'}, 'SHOP_NB_ORDRES'), ({'SHOP_NB_ORDERS': 'x'}, '(from SHOP_NB_ORDERS)')]
)
def test_bad_environment(env, said):
    with pytest.raises(SettingsError) as e: read_settings(False, env)
    assert said in str(e.value)


def test_settings_do_not_change():
    with pytest.raises(AttributeError): Settings().orders = 5
    assert hash(Settings()) == hash(read())


def test_describe_tells_all():
    rows = {d['name']: d for d in describe()}
    assert tuple(rows) == SETTINGS
    assert all(d['meaning'] and d['env'] == f'SHOP_NB_{n.upper()}' for n, d in rows.items())
    assert Settings(**{n: d['default'] for n, d in rows.items()}) == Settings()
    json.dumps(describe())


def test_need():
    assert need('json', 'x') is json
    with pytest.raises(ShopError) as e: need('no_such_module.part', 'charts')
    assert e.value.code == 2
    assert "pip install 'shop_nb[charts]'" in str(e.value)
    assert 'needs no_such_module, which' in str(e.value), 'what is installed is a package, not its submodule'


def test_need_tells_a_broken_module_from_a_missing_one(tmp_path, monkeypatch):
    (tmp_path / 'half_there.py').write_text('import not_there_at_all')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match='not_there_at_all'): need('half_there', 'x')


@pytest.mark.parametrize(
    'error, want',
    [
        (OSError('not a parquet file.'), 'not a parquet file'),
        ('\n first..\nsecond.', 'first'),
        (OSError(), 'OSError'),
        ('type: \x0f.', 'type:'),
        ('1.5', '1.5'),
    ],
)
def test_first_line(error, want):
    assert first_line(error) == want


def test_errors_have_codes():
    assert ShopError('a').code == 1
    assert ShopError('a', 'b', 2).code == 2
    assert str(ShopError('a', 'b')) == 'a\nb'
    assert str(ShopError('a')) == 'a'
