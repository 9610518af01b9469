"Countries by name and code."
import json

import numpy as np, pyarrow as pa, pytest
from babel import Locale

from shop_nb.formats.countries import NO_COUNTRY, country_codes, country_names, plain_name
from support import ROOT

UCI = {  # the 43 countries of UCI's Online Retail I and II
    'Australia': 'AU', 'Austria': 'AT', 'Bahrain': 'BH', 'Belgium': 'BE', 'Bermuda': 'BM', 'Brazil': 'BR',
    'Canada': 'CA', 'Channel Islands': None, 'Cyprus': 'CY', 'Czech Republic': 'CZ', 'Denmark': 'DK', 'EIRE': 'IE',
    'European Community': None, 'Finland': 'FI', 'France': 'FR', 'Germany': 'DE', 'Greece': 'GR', 'Hong Kong': 'HK',
    'Iceland': 'IS', 'Israel': 'IL', 'Italy': 'IT', 'Japan': 'JP', 'Korea': 'KR', 'Lebanon': 'LB', 'Lithuania': 'LT',
    'Malta': 'MT', 'Netherlands': 'NL', 'Nigeria': 'NG', 'Norway': 'NO', 'Poland': 'PL', 'Portugal': 'PT', 'RSA': 'ZA',
    'Saudi Arabia': 'SA', 'Singapore': 'SG', 'Spain': 'ES', 'Sweden': 'SE', 'Switzerland': 'CH', 'Thailand': 'TH',
    'USA': 'US', 'United Arab Emirates': 'AE', 'United Kingdom': 'GB', 'Unspecified': None, 'West Indies': None}


def read(*texts):
    codes, bad = country_codes(pa.array(texts, pa.string()))
    return ['bad' if b else c for c, b in zip(codes.to_pylist(), bad)]


def test_countries_of_online_retail(): assert read(*UCI) == list(UCI.values())


def test_every_country_by_its_codes_and_english_name():
    english = Locale('en').territories
    codes = json.loads((ROOT/'shop_nb'/'data'/'countries.json').read_text())
    assert len(codes) == 250
    for code in codes: assert read(code, code.lower(), f' {english[code].upper()} ') == [code] * 3


@pytest.mark.parametrize('texts, want', [
    (['Great Britain', 'UK', 'gbr', 'England', 'U.K.'], 'GB'), (['The Netherlands', 'Holland', 'NLD'], 'NL'),
    (['Côte d’Ivoire', "Cote d'Ivoire", 'Ivory Coast'], 'CI'), (['Türkiye', 'Turkey'], 'TR'),
    (['Brasil', 'BRA'], 'BR'), (['Deutschland', 'DEUTSCHLAND'], 'DE'), (['Österreich', 'Osterreich'], 'AT'),
    (['St. Lucia'], 'LC'), (['Bosnia & Herzegovina', 'Bosnia and Herzegovina'], 'BA')])
def test_names_in_use(texts, want):
    assert read(*texts) == [want] * len(texts)


def test_what_is_no_country():
    assert read('Atlantis', 'XX', 'Germany, maybe', None, '') == ['bad', 'bad', 'bad', None, None]
    codes, bad = country_codes(pa.array([], pa.string()))
    assert len(codes) == 0
    assert bad.dtype == np.bool_
    assert len(bad) == 0


def test_nothing_is_both_a_country_and_none():
    assert not NO_COUNTRY & set(country_names())
    assert NO_COUNTRY == set(map(plain_name, NO_COUNTRY))
