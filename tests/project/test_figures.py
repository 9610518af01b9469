"""The figures of four markets, nbs/sources/figures.toml: each value has a source or a reason."""
import csv, tomllib

import numpy as np
import pytest

from support import ROOT

FIGURES = tomllib.loads((ROOT / 'nbs' / 'sources' / 'figures.toml').read_text())
ENTRIES = {f'{market}.{group}.{name}': entry for market, groups in FIGURES.items()
           for group, entries in groups.items() for name, entry in entries.items()}
SOURCED = ('data', 'paper', 'statistic', 'law', 'report')
CATEGORIES = {'Books', 'Beauty', 'Electronics', 'Fashion', 'Garden', 'Grocery', 'Home', 'Pets', 'Sports', 'Toys'}
MARKETS = ('uk', 'us', 'br', 'in')


def named(end): return {name: entry for name, entry in ENTRIES.items() if name.endswith(end)}

def regions(market):
    with open(ROOT / 'shop_nb' / 'data' / market / 'places.csv', newline='') as f:
        return {row['region'] for row in csv.DictReader(f)}


def test_an_entry_says_what_it_is():
    for name, entry in ENTRIES.items():
        assert {'value', 'unit', 'kind'} <= entry.keys(), name
        assert entry.keys() <= {'value', 'unit', 'kind', 'source', 'year', 'figure', 'distance', 'note'}, name
    assert set(FIGURES) == set(MARKETS)


def test_a_value_has_a_source_or_a_reason():
    for name, entry in ENTRIES.items():
        if entry['kind'] == 'chosen': assert len(entry['note']) > 20, name
        else:
            assert entry['kind'] in SOURCED, name
            assert entry['source'], name
            assert entry['figure'], name
            assert 'year' in entry or 'Undated' in entry['note'], name


def test_each_market_has_what_differs():
    for market in MARKETS:
        for name in ('prices.currency', 'prices.level', 'tax.regime', 'tax.rates', 'payment.methods', 'payment.fails',
                     'calendar.peaks', 'calendar.peak_days', 'calendar.hours', 'shipping.price', 'shipping.free_from',
                     'delivery.transit', 'delivery.returned', 'addresses.form'):
            assert f'{market}.{name}' in ENTRIES


def test_shares_add_up():
    for end in ('.payment.methods', '.methods_dear', '.products.share', '.segments', '.channels'):
        for name, entry in named(end).items(): assert sum(entry['value'].values()) == pytest.approx(1), name
    for name, entry in named('.calendar.hours').items():
        assert len(entry['value']) == 24, name
        assert sum(entry['value']) == pytest.approx(100, abs=.5), name
    for end, n in (('.calendar.months', 12), ('.calendar.weekdays', 7)):
        for name, entry in named(end).items():
            assert len(entry['value']) == n, name
            assert np.mean(entry['value']) == pytest.approx(1, abs=.01), name


def test_tables_cover_their_keys():
    for name, entry in named('.delivery.returned').items(): assert set(entry['value']) == CATEGORIES, name
    for market in ('uk', 'in'): assert set(ENTRIES[f'{market}.tax.rates']['value']) == CATEGORIES
    for market, n in (('us', 51), ('br', 27)):
        rates = ENTRIES[f'{market}.tax.rates']['value']
        assert len(rates) == n
        assert regions(market) <= set(rates)
    for market in MARKETS:
        fails, methods = (ENTRIES[f'{market}.payment.{name}']['value'] for name in ('fails', 'methods'))
        assert set(fails) == set(methods)


def test_peaks_are_within_reason():
    for market in MARKETS:
        for peak in ENTRIES[f'{market}.calendar.peaks']['value'].values(): assert .2 < peak < 6
