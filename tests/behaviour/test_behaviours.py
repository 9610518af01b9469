"Behaviours: what a value or a file may be, what is refused and how, and what follows from the declarations."
import json, re, subprocess, sys
from datetime import date, time, timedelta

import numpy as np
import pytest

from shop_nb.behaviour.behaviours import (
    Change, as_json, as_toml, changed_entries, changed_values, names_of, read_behaviour, why,
)
from shop_nb.behaviour.days import days_by_rule, incident
from shop_nb.behaviour.parameters import PARAMETERS, value_of
from shop_nb.behaviour.settings import Settings, origins, read_settings, remembered
from shop_nb.behaviour.stages import STAGES, columns_after, downstream
from shop_nb.core.errors import SettingsError
from shop_nb.generator.calendar import Calendar
from shop_nb.model.schema import TABLES


def refused(**given):
    "The message of the error that settings raise: two lines."
    with pytest.raises(SettingsError) as e: read_settings(False, {}, **given)
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2
    return str(e.value)


# ------------------------------------------------------------------------ single values

BAD = [
    ('demand.weekdays', '[0, 0, 0, 0, 0, 0, 0]', 'all of them are 0'),
    ('demand.hours', f'{[0] * 24}', 'all of them are 0'),
    ('demand.weekend_hours', f'{[0] * 24}', 'closes the shop at weekends'),
    ('products.price_limits', '[250, 100, 20, 5]', 'do not rise'), ('delivery.hours', '[19, 8]', 'do not rise'),
    ('baskets.favourite', '.9', 'come to 1.12 of the lines'),
    ('demand.days.Christmas Eve', '12-24 + 9999999999', 'is not a rule'), ('demand.growth', '1' * 401, 'is not finite'),
    ('demand.days. ', '12-24', "' ' is not a name"), ('payments.methods', '{ card = 0.5, pix = 0.5 }', "'pix'"),
    ('customers.pool', 'us', "customers.pool is us, which has no places in 'DE'"),
    ('customers.countries', '{ US = 1 }', "'US' has no value"),
    ('parameters', 'abc', 'parameters is values by the names of parameters'),
    ('demand.months.January', '1', 'demand.months has no entries'),
    ('products.median_price.Toys', '1e6', '1000000.0 is not from'),
    ('customers.known_before', '0', '0 is not from 0.01 to 1'), ('demand.growth', 'much', "'much' is not a number"),
    ('demand.growth', '0', '0 is not from 0.2 to 5'), ('demand.growth', 'nan', 'nan is not finite'),
    ('demand.growth', 'true', 'True is not a number'), ('demand.growth', '[1]', '[1] is not a number'),
    ('demand.growth', '1,5', "'1,5' is not a number"), ('demand.months', '[1, 2]', '2 numbers instead of 12'),
    ('demand.months', '1', '1 is not a list'), ('demand.months', '[1]', '1 number instead of 12'),
    ('demand.hours', '[]', '0 numbers instead of 24'), ('demand.flash_factors', '[]', 'the list is empty'),
    ('demand.flash_factors', '[1, "a"]', "'a' is not a number"),
    ('customers.new_days', '1.5', '1.5 is not a whole number'),
    ('customers.rate_shape', '0', '0 is not from 0.05 to 20'),
    ('customers.segments', '{ consumer = 0.5 }', 'add up to 0.5'),
    ('customers.segments.student', '2', 'student: 2 is not from 0 to 1'),
    ('customers.segments.pensioner', '.1', "there is no entry 'pensioner'"),
    ('customers.segments', '0.5', '0.5 is not a table'),
    ('products.categories', '{ Wine = 1 }', "products.median_price: 'Wine' has no value"),
    ('products.cost.Toys', '1.2', 'Toys: 1.2 is not from 0.1 to 0.9'),
    ('products.price_levels', '[100, 90]', '5 shares for 2'),
    ('products.best_month.Toys', '13', 'Toys: 13 is not from 1 to 12'),
    ('campaigns.sale_day', 'Diwali', "'Diwali' is not a day in demand.days"),
    ('campaigns.cuts', '[10, 95]', '95 is not from 0 to 90'),
    ('delivery.returns.Fashoin', '.5', "Did you mean 'Fashion'?"),
    ('delivery.returns', '{ Fashion = "half" }', "'half' is not a number"),
    ('delivery.hours', '[8, 30]', '30 is not from 0 to 24'), ('tax.rate.DE', '99', 'DE: 99 is not from 0 to 60'),
    ('demand.days.Boxing Day', '12-32', 'Boxing Day: day is out of range'),
    ('demand.days', '{ X = "some day" }', "'some day' is not a rule"),
    ('demand.grwth', '1', "Did you mean 'demand.growth'?"), ('nothing.here', '1', 'There is no parameter'),
    ('demand.growth.more', '1', 'demand.growth has no entries'), ('customers.pool', 'mars', "'mars' is not one of eu"),
    ('baskets.taste', '1.01', '1.01 is not from 0 to 1'),
]


@pytest.mark.parametrize('name, text, said', BAD, ids=[f'{n} {t}' for n, t, _ in BAD])
def test_a_bad_value_is_refused(name, text, said): assert said in refused(**{name: text})


@pytest.mark.parametrize('name', PARAMETERS)
def test_a_default_can_be_typed(name):
    "The default as it is shown, typed again, is the default."
    assert read_settings(False, {}, **{name: as_toml(as_json(PARAMETERS[name].default, name))}) == Settings()


@pytest.mark.parametrize('name', PARAMETERS)
def test_a_declaration_says_all(name):
    p = PARAMETERS[name]
    assert p.stage in STAGES
    assert len(p.meaning) > 15
    assert p.unit
    assert len(p.source) > 20
    assert ('chosen' in p.source) == p.chosen
    facts = why(name, read_behaviour('eu'))
    assert facts['value'] == facts['default']
    assert facts['moves'] == (', '.join(columns_after(p.stage)) or f'no column, only {p.meaning}')


def test_values_as_text():
    for value in (1, 2.5, 1 / 3, [1, .1], {'a': 1, 'b c': .5}, 'text'): assert value_of(as_toml(value)) == value


def test_stages_name_columns_that_exist():
    known = {f'{t}.{c}' for t, table in TABLES.items() for c in table.names} | {f'{t}.*' for t in TABLES}
    assert {c for s in STAGES.values() for c in s.columns} <= known
    assert {name for s in STAGES.values() for name in s.feeds} <= set(STAGES)
    assert 'refunds' in downstream('coupons')


def test_the_schema_has_the_names_of_the_behaviours():
    columns = dict(products='category', customers='segment', orders='channel', payments='method')
    names = [names_of(n) for n in ('products.categories', 'customers.segments', 'baskets.channels', 'payments.methods')]
    assert [TABLES[table][column].values for table, column in columns.items()] == names


# ------------------------------------------------------------------------ changes, files, environment

def test_changes_are_kept_in_one_form():
    "Whatever the way that a value is given, the settings are the same."
    ways = [
        Settings(parameters={'delivery.returns.Fashion': .5}),
        Settings(parameters={'delivery.returns': {'Fashion': .5}}),
        read_settings(False, {}, **{'delivery.returns.Fashion': '0.5'}),
        read_settings(False, {'SHOP_NB_DELIVERY__RETURNS__FASHION': '.5'}),
        read_settings(False, {'SHOP_NB_PARAMETERS': '{ "delivery.returns.Fashion" = 0.5 }'}),
    ]
    assert len(set(ways)) == 1
    assert changed_entries(ways[0].parameters, 'eu') == {'delivery.returns.Fashion': .5}
    again = read_settings(False, {}, **json.loads(json.dumps(ways[0].as_dict())))
    assert again == ways[0]


def test_the_last_one_wins():
    env = {'SHOP_NB_DEMAND__GROWTH': '2'}
    s = read_settings(False, env, **{'demand.growth': '1.5'})
    assert s.values['demand.growth'] == 1.5
    assert origins(False, env, seed=3) == {'demand.growth': 'from SHOP_NB_DEMAND__GROWTH', 'seed': 'given'}
    assert read_settings(False, env, **{'demand.growth': ''}) == Settings()


def test_the_environment_does_not_come_back():
    "A full list of parameters takes the place of all before, so a run's notebook makes what the run was asked for."
    env = {'SHOP_NB_DEMAND__GROWTH': '2'}
    asked = read_settings(False, env, **{'demand.growth': '1.5'})
    assert read_settings(False, env, **asked.as_dict()) == asked
    default = read_settings(False, env, **{'demand.growth': ''})
    assert read_settings(False, env, **default.as_dict()) == default == Settings()


def test_two_shares_hold_together():
    both = {'customers.segments.student': '.3', 'customers.segments.business': '.3'}
    for given in both, dict(reversed(both.items())):
        shares = read_settings(False, {}, **given).values['customers.segments']
        assert shares == pytest.approx(dict(consumer=.4, business=.3, student=.3))
    too_much = {'customers.segments.student': '.7', 'customers.segments.business': '.7'}
    assert 'the shares add up to 1.4' in refused(**too_much)


def test_the_order_of_a_table_is_no_part_of_the_shop():
    assert Settings(parameters={'customers.segments': dict(student=.12, consumer=.8, business=.08)}) == Settings()


def test_a_new_day_is_added_by_its_name():
    s = read_settings(False, {}, **{'demand.days.Boxing Day': '12-26', 'demand.peaks.boxing_day': '2'})
    assert (s.values['demand.days']['Boxing Day'], s.values['demand.peaks']['Boxing Day']) == ('12-26', 2)
    assert "'Boxing Day' has no value" in refused(**{'demand.days.Boxing Day': '12-26'})


def test_a_shop_without_special_days():
    from shop_nb.generator.blocks import tables
    size = dict(customers=40, products=20, orders=60, order_items=120)
    s = read_settings(False, {}, **size, **{'demand.days': '{}', 'campaigns.sale_day': 'none'})
    assert tables(s)['orders'].num_rows == 60
    assert read_settings(False, {}, **json.loads(json.dumps(s.as_dict()))) == s # as a manifest keeps it


def test_an_unknown_name_with_a_list_is_refused():
    assert "There is no parameter 'nothing.here'" in refused(parameters={'nothing.here': (1, 2)})


def test_values_are_no_ones_else():
    Settings().values['customers.segments']['consumer'] = 99
    assert Settings().values['customers.segments']['consumer'] == .8


def test_what_was_given_is_remembered(tmp_path):
    path = file(tmp_path, '[demand]\ngrowth = 2\n[sources]\n"demand.growth" = "our books"\n')
    values = remembered(False, {}, behaviour=path, **{'coupons.share': .2})
    assert (values.origins['demand.growth'], values.origins['coupons.share']) == (path, 'given')
    assert why('demand.growth', values)['source'] == 'our books'
    share = PARAMETERS['coupons.share'].source
    assert why('coupons.share', values)['source'] == f'your own value; source of the default: {share}'
    own = remembered(False, {}, **{'coupons.cut': 20})
    assert why('coupons.cut', own)['source'] == f'your own value; the default was {PARAMETERS["coupons.cut"].source}'


def test_a_share_scales_the_others():
    shares = Settings(parameters={'customers.segments.student': .56}).values['customers.segments']
    assert shares == pytest.approx(dict(consumer=.4, business=.04, student=.56))


def file(tmp_path, text, name='mine.toml'):
    path = tmp_path / name
    path.write_text(text, encoding='utf-8')
    return str(path)


def test_a_file_needs_only_what_differs(tmp_path):
    s = Settings(behaviour=file(tmp_path, '[customers]\nrate_shape = 0.4\n[delivery.returns]\nFashion = 0.5\n'))
    assert s == Settings(parameters={'customers.rate_shape': .4, 'delivery.returns.Fashion': .5})
    assert s.behaviour == 'eu'


def test_a_file_extends_another(tmp_path):
    file(tmp_path, '[demand]\ngrowth = 2\n[coupons]\nshare = 0.5\n[sources]\n"demand.growth" = "ours"\n', 'base.toml')
    top = file(tmp_path, 'extends = "base.toml"\n[coupons]\nshare = 0.1\n')
    b = read_behaviour(top)
    assert (b['demand.growth'], b['coupons.share']) == (2, .1)
    assert why('demand.growth', b)['source'] == 'ours'
    assert b.origins['coupons.share'] == top


def test_names_are_a_behaviours_own(tmp_path):
    "A shop with two categories has two, in every table by category; those that were there keep their order."
    path = file(tmp_path, '[products.categories]\nToys = 0.5\nBooks = 0.5\n')
    s = Settings(behaviour=path, customers=50, products=40, orders=100, order_items=200)
    assert list(s.values['delivery.returns']) == ['Books', 'Toys']
    from shop_nb.generator.blocks import tables
    assert set(tables(s)['products']['category'].to_pylist()) == {'Toys', 'Books'}
    assert "There is no category 'Pets'" in refused(behaviour=path, promotion='Pets 20 2025-06-01')


FILES = [
    ('[customers]\nrate_shape = "many"\n', "customers.rate_shape: 'many' is not a number (in {}, line 2)"),
    ('[customers]\n\n# a comment\nrate_shap = 1\n', "There is no parameter 'customers.rate_shap' (in {}, line 4)"),
    ('[delivery.returns]\nWine = 0.5\n', "delivery.returns: 'Wine' is not known (in {}, line 2)"),
    ('[customers\nrate_shape = 1\n', '{} is not TOML'),
    ('\nrate_shape = 1\n', 'rate_shape is no table of values (in {}, line 2)'),
    ('[[demand]]\ngrowth = 2\n', 'demand is no table of values (in {}, line 1)'),
    ('extends = "mine.toml"\n', '{} extends itself (extends in {}, line 1)'),
    ('\nextends = "nowhere.toml"\n', 'nowhere.toml cannot be read (extends in {}, line 2)'),
    ('# mine\nextends = "mars"\n', "There is no behaviour 'mars' (extends in {}, line 2)"),
    ('extends = 3\n', "There is no behaviour '3' (extends in {}, line 1)"),
    ('\nsources = 3\n', 'sources is not a table (in {}, line 2)'),
    ('[sources]\n"demand.growth" = "x"\n"tax.rate" = 3\n', 'sources: that of tax.rate is not text (in {}, line 3)'),
    ('[demand]\ngrowth = 2\n[sources]\n"demand.grwth" = "x"\n',
     'sources has demand.grwth, which is no parameter (in {}, line 4)'),
    ('[products.categories]\nWine = 1\n', "products.median_price: 'Wine' has no value (in {}, line 2)"),
    ('[payments.methods]\ncard = 0.5\npix = 0.5\n', "'pix' has no value (in {}, line 3)"),
    ('[delivery]\nreturns.Toys = 0.1\nreturns.Books = 2\n', 'Books: 2 is not from 0 to 1 (in {}, line 3)'),
    ('delivery.returns.Toys = 0.1\ndelivery.returns.Wine = 0.2\n', "'Wine' is not known (in {}, line 2)"),
    ('[coupons]\nshare = 0.1\n[payments]\nfails = { card = 0.2, wallet = 2 }\n',
     'wallet: 2 is not from 0 to 0.95 (in {}, line 4)'),
    ('\ncoupons = { share = 2 }\n', '2 is not from 0 to 1 (in {}, line 2)'),
    ('[demand]\n"days.Boxing Day" = "26-12"\n', 'month must be in 1..12 (in {}, line 2)'),
    ('[demand.days]\n"Boxing Day" = "12-26"\n"Day after" = "Boxing Dya + 1"\n',
     "Day after: 'Boxing Dya' is not a rule for a day, or the name of another day (in {}, line 3)"),
    ('[demand.days]\n"A day" = "B day + 1"\n"B day" = "A day - 1"\n',
     "is not a rule for a day, or the name of another day (in {}, line 2)"),
    ('[demand.days]\n"Sale" = "12-26 + 3 to + 1"\n', 'ends before it begins (in {}, line 2)'),
    ('[delivery.returns]\nToys = 0.1\ntoys = 0.2\n', 'Toys and toys are one entry (in {}, line 1)'),
    ('[shipping.by_region]\nBayern = 3\nBavaria = 4\n',
     "shipping.by_region: customers.pool is eu, which has no region 'Bavaria' (in {}, line 3)"),
    ('[delivery]\ntransit_by_region = { Wein = 3 }\n',
     "customers.pool is eu, which has no region 'Wein' (in {}, line 2)"),
    ('# mine\n[customers]\npool = "us"\n',
     "customers.countries: customers.pool is us, which has no places in "
     "'DE', 'AT', 'NL', 'BE', 'FR', 'IT', 'ES' (in {}, line 3)"),
    ('[baskets]\ntaste = 0.5\ncompanion = 0.9\n',
     'baskets.favourite and baskets.companion come to 1.25 of the lines (in {}, line 3)'),
    ('[products]\nprice_levels = [100, 90]\n', '5 shares for 2 products.price_levels (in {}, line 2)'),
    (f'[demand]\nweekend_hours = {[0] * 24}\n', 'closes the shop at weekends (in {}, line 2)'),
    ('[baskets.channels]\nshop = 0.5\n"a,b" = 0.5\n', "'a,b' cannot be a name (in {}, line 3)"),
    ('[baskets]\nchannels = { shop = 0.5, SHOP = 0.5 }\n', "has 'shop' and 'SHOP' (in {}, line 2)"),
    ('[campaigns]\nsale_day = "Diwali"\n', "'Diwali' is not a day in demand.days (in {}, line 2)"),
    ('[shop]\ncurrency = "JPY"\n', "'JPY' is not one of EUR, GBP"),
]


@pytest.mark.parametrize('text, said', FILES, ids=[t.split('\n')[0] + str(i) for i, (t, _) in enumerate(FILES)])
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, said):
    path = file(tmp_path, text)
    message = refused(behaviour=path)
    assert said.replace('{}', path) in message
    assert re.search(rf'{re.escape(path)}, line \d|is not TOML: .* \(at line \d', message)


def test_a_file_that_comes_back_to_itself_is_refused_with_the_line_that_does(tmp_path):
    path = file(tmp_path, '\nextends = "other.toml"\n')
    other = file(tmp_path, '# other\nextends = "mine.toml"\n', 'other.toml')
    assert f'{path} extends itself (extends in {other}, line 2)' in refused(behaviour=path)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / 'mine.toml').write_bytes(b'\xff\xfe\x00x')
    assert 'cannot be read' in refused(behaviour=str(tmp_path / 'mine.toml'))


def test_no_numpy_is_needed_to_ask_why():
    code = '''import sys
import shop_nb.behaviour.settings
print([m for m in ("numpy", "pandas", "pyarrow", "duckdb") if m in sys.modules])'''
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.strip() == '[]', done.stderr


# ------------------------------------------------------------------------ days

@pytest.mark.parametrize('rule, days', [
    ('12-24', '2025-12-24'), ('fourth Thursday of November', '2025-11-27'),
    ('fourth Thursday of November + 1', '2025-11-28'), ('last Monday of May', '2025-05-26'),
    ('first Monday of May - 3', '2025-05-02'), ('Easter', '2025-04-20'), ('Easter - 47', '2025-03-04'),
    ('2024-10-31, 2025-10-20', '2025-10-20'), ('12-31 + 1', '2026-01-01'), ('Diwali', '2025-10-20'),
    ('Diwali - 2', '2025-10-18'), ('Dhanteras + 1', '2025-10-19'),
])
def test_rules(rule, days):
    others = {'Diwali': '2024-10-31, 2025-10-20', 'Dhanteras': 'Diwali - 2'}
    assert [str(d) for d in days_by_rule(rule, 2025, others)] == [days]


@pytest.mark.parametrize('rule, first, many', [
    ('12-24 to + 2', '2025-12-24', 3), ('second Tuesday of July to + 1', '2025-07-08', 2),
    ('01-26 - 3 to 0', '2025-01-23', 4), ('Easter - 48 to - 47', '2025-03-03', 2),
    ('Diwali - 35 to - 28', '2025-09-15', 8), ('Sale + 100', '2026-01-28', 1), ('Fair + 1', '2025-06-02', 3),
])
def test_days_that_last(rule, first, many):
    days = days_by_rule(rule, 2025, {'Diwali': '2025-10-20', 'Sale': 'Diwali', 'Fair': '06-01 to + 2'})
    assert [days[0].isoformat(), len(days)] == [first, many]
    assert [b - a for a, b in zip(days, days[1:])] == [timedelta(1)] * (many - 1)


def test_a_moving_feast_has_no_day_where_the_list_ends():
    assert days_by_rule('Diwali - 2', 2031, {'Diwali': '2025-10-20'}) == []


def test_a_rule_may_lead_into_the_next_year():
    values = Settings(parameters={'demand.days': {'Black Friday': '12-31 + 1'}, 'demand.peaks': {'Black Friday': 9}})
    assert Calendar(values).intensity.peak['2026-01-01':].tolist() == []
    assert Calendar(values).intensity.peak['2025-01-01'] == 9


@pytest.mark.parametrize('text, ago', [('today', 0), ('yesterday', 1), ('-90d', 90), ('+30d', -30)])
def test_dates_may_be_relative(text, ago):
    s = read_settings(False, {}, start='2020-01-01', end=text)
    assert s.end in {date.today() - timedelta(ago + slip) for slip in (0, 1)} # midnight may pass
    assert s.as_dict()['end'] == str(s.end)


def test_variables_of_a_stream_are_no_settings():
    assert read_settings(False, dict(SHOP_NB_KEY='shop_1', SHOP_NB_KAFKA='kafka.conf', SHOP_NB_SEED='9')).seed == 9
    with pytest.raises(SettingsError, match='from SHOP_NB_KEYS'): read_settings(False, dict(SHOP_NB_KEYS='shop_1'))


def test_last_sunday():
    end = read_settings(False, {}, start='2020-01-01', end='last Sunday').end
    assert end.weekday() == 6
    assert 0 < (date.today() - end).days <= 8


@pytest.mark.parametrize('text, first, last', [
    ('Toys 20 today', 'today', '2089-12-31'), ('Toys 20 -90d today', '-90d', 'today'),
    ('Toys 20 last sunday', 'last sunday', '2089-12-31'), ('Toys 20 -30d  last  Sunday', '-30d', 'last sunday'),
    ('Toys 20 LAST MONDAY +9d', 'last monday', '+9d'), ('Toys 20 2025-06-01 yesterday', '2025-06-01', 'yesterday'),
])
@pytest.mark.parametrize('name', ['promotion', 'price_change'])
def test_days_of_a_price_change_may_be_relative(name, text, first, last):
    "They are read as those of the window; what they came to is kept, so that the same shop is made again later."
    window = dict(start='2020-01-01', end='+30d')
    def came_to(day): return read_settings(False, {}, start='2000-01-01', end=day).end
    before = came_to(first)
    s = read_settings(False, {}, **window, **{name: text})
    after = came_to(first) # midnight may pass
    change = getattr(s, name)
    assert before <= change.first <= after
    assert came_to(last) - change.last in (timedelta(0), timedelta(1), timedelta(7))
    assert s.as_dict()[name] == f'Toys 20 {change.first} {change.last}'
    assert read_settings(False, {}, **s.as_dict()) == s


@pytest.mark.parametrize('text, what, size, first, last', [
    ('today', '', 1, 'today', 'today'), ('card 0.4 -3d 18:00 to 23:00', 'card', .4, '-3d', '-3d'),
    ('0.5  Last  Sunday to -1d', '', .5, 'last sunday', '-1d'),
    ('wallet yesterday 18:00 to +1d 06:30', 'wallet', 1, 'yesterday', '+1d'),
    ('2025-06-14 18:00 to today', '', 1, '2025-06-14', 'today'),
])
def test_days_of_an_incident_may_be_relative(text, what, size, first, last):
    "They are read as those of the window; what they came to is kept, so that the same shop is made again later."
    window = dict(start='2020-01-01', end='+30d')
    def came_to(day): return read_settings(False, {}, start='2000-01-01', end=day).end
    before = came_to(first)
    s = read_settings(False, {}, **window, **{'incidents.payment_outage': text})
    kept, = s.values['incidents.payment_outage']
    one = incident(kept)
    assert before <= one.begin.date() <= came_to(first) # midnight may pass
    days = came_to(last), came_to(last) + timedelta(1), came_to(last) - timedelta(1)
    assert one.end.date() - timedelta(one.end.time() == time()) in days
    assert (one.what, one.size) == (what, size)
    assert s.as_dict()['parameters']['incidents.payment_outage'] == [kept]
    assert not {'today', 'yesterday', 'day', 'd '} & set(kept.lower().split())
    assert read_settings(False, {}, **s.as_dict()) == s


def test_several_relative_incidents_and_those_of_a_file(tmp_path):
    path = file(tmp_path, '[incidents]\nlost_feed = ["last monday", "-40d to -38d"]\n')
    waves = {'incidents.bot_wave': '-9d 02:00 to 04:00, 30 -8d'}
    s = read_settings(False, {}, behaviour=path, start='2020-01-01', end='today', **waves)
    assert [incident(text).begin.hour for text in s.values['incidents.bot_wave']] == [2, 0]
    monday, days = map(incident, s.values['incidents.lost_feed'])
    assert (monday.begin.weekday(), days.end - days.begin) == (0, timedelta(3))


@pytest.mark.parametrize('text', [
    '-3d 18:00', 'to -3d', '-3 d', 'tomorrow', '-999999d', '-3d to -4d', 'last sunny day',
])
def test_what_is_no_relative_incident(text):
    with pytest.raises(SettingsError) as e:
        read_settings(False, {}, start='2020-01-01', **{'incidents.lost_feed': text})
    assert len(str(e.value).splitlines()) == 2


def test_a_category_may_be_called_last(tmp_path):
    path = file(tmp_path, '''[products]
categories = { "Last Sundays" = 1 }
median_price = { "Last Sundays" = 9 }
cost = { "Last Sundays" = 0.5 }
best_month = { "Last Sundays" = 1 }
swing = { "Last Sundays" = 0 }
words = { "Last Sundays" = "Toys" }
[tax]
by_category."Last Sundays" = 1
[delivery]
returns."Last Sundays" = 0.1
''')
    s = read_settings(False, {}, behaviour=path, promotion='Last Sundays 20 2025-06-01')
    assert s.promotion.category == 'Last Sundays'


@pytest.mark.parametrize('weeks', [1, 52, 520])
def test_a_window_that_moves_by_weeks_keeps_its_weekdays(weeks):
    "What moves: trend, season, named days and chance. What stays: the factor of the weekday, and the totals."
    a, b = (
        Calendar(Settings(start=date(2025, 1, 6) + shift, end=date(2025, 12, 28) + shift))
        for shift in (timedelta(0), timedelta(weeks=weeks))
    )
    inside = slice(a.start - a.first, a.end + 1 - a.first)
    assert np.array_equal(a.intensity.weekday[inside], b.intensity.weekday[inside])
    assert a.counts['orders'].sum() >= 4000
    assert a.counts['orders'][inside].sum() == b.counts['orders'][inside].sum() == 4000


# ------------------------------------------------------------------------ own names

@pytest.mark.parametrize('name, why', [
    ('x' * 41, 'cannot be a name'), (' web', 'cannot be a name'), ('web ', 'cannot be a name'),
    ('a  b', 'cannot be a name'), ('web,app', 'cannot be a name'), ('', 'is not a name'), ('a\nb', 'is not a name'),
    ('SHOP', "has 'shop' and 'SHOP'"),
], ids=['long', 'blank before', 'blank after', 'two blanks', 'comma', 'empty', 'two lines', 'capitals'])
def test_a_name_that_would_be_mistaken_is_refused(name, why):
    assert why in refused(parameters={'baskets.channels': {'shop': .5, name: .5}})


def test_a_blank_and_an_underscore_are_the_same():
    assert "has 'by phone' and 'by_phone'" in refused(parameters={'baskets.channels': {'by phone': .5, 'by_phone': .5}})


def test_a_list_has_at_most_40_names():
    many = {f'channel {i}': 1 / 41 for i in range(41)}
    assert 'has 41 names' in refused(parameters={'baskets.channels': many})
    shares = {f'channel {i}': 1 / 40 for i in range(40)}
    assert list(Settings(parameters={'baskets.channels': shares}).values['baskets.channels']) == list(shares)


def test_a_new_name_is_told_what_to_write():
    tables = {'median_price': 30, 'cost': .5, 'best_month': 5, 'swing': 1}
    shares = {'products.categories': {'Books': .5, 'Plants': .5}}
    given = shares | {f'products.{n}': {'Plants': v} for n, v in tables.items()}
    assert 'Write it like products.median_price.Plants = 16: it is a number' in refused(parameters=shares)
    assert 'Write it like products.words.Plants = "Beauty": it is one of Books, Beauty' in refused(parameters=given)
    given['products.words'] = {'Plants': 'Wood'}
    assert "Plants: 'Wood' is not one of Books, Beauty" in refused(parameters=given)
    given['products.words'] = {'Plants': 'Garden'}
    enough = given | {'tax.by_category': {'Plants': .5}, 'delivery.returns': {'Plants': .1}}
    assert Settings(parameters=enough).values['products.words'] == dict(Books='Books', Plants='Garden')


def test_a_category_of_eu_comes_back_with_its_words(tmp_path):
    file(tmp_path, '[products]\ncategories = { Toys = 1 }\n', 'toys.toml')
    path = file(tmp_path, '''extends = "toys.toml"
[products]
categories = { Toys = 0.5, Pets = 0.5 }
median_price.Pets = 9
cost.Pets = 0.5
best_month.Pets = 1
swing.Pets = 0
[tax]
by_category.Pets = 1
[delivery]
returns.Pets = 0.1
''')
    assert read_behaviour(path)['products.words'] == dict(Toys='Toys', Pets='Pets')


@pytest.mark.parametrize('text, category', [
    ('Plants 20 2025-06-01', 'Plants'), ('Home Office 20 2025-06-01', 'Home Office'),
    ('Home Office 20 2025-06-01 2025-06-14', 'Home Office'),
])
def test_a_promotion_names_a_category_of_several_words(renamed, text, category):
    promotion = Settings(**renamed.as_dict() | dict(promotion=text)).promotion
    assert (promotion.category, promotion.percent) == (category, 20)


def test_a_rate_of_one_region_leaves_those_of_the_others(tmp_path):
    (tmp_path / 'mine.toml').write_text('extends = "us"\n[tax.by_region]\nTX = 9\n', encoding='utf-8')
    rates, known = (read_behaviour(name)['tax.by_region'] for name in (tmp_path / 'mine.toml', 'us'))
    assert rates == known | {'TX': 9}


def test_the_words_of_one_category():
    base = dict(read_behaviour('eu').values)
    words = dict(changed_values(base, [Change('products.words.Fashion', 'Books')])['products.words'])
    assert words == {name: name for name in words} | {'Fashion': 'Books'}


def test_an_empty_table_of_regions_has_none():
    base = dict(read_behaviour('us').values)
    assert dict(changed_values(base, [Change('tax.by_region', {})]))['tax.by_region'] == ()
