"ApiKeys and cursors: what a client was given is known again, and nothing else is."
import json, os

import pytest
from itsdangerous import URLSafeSerializer

from shop_nb.api.auth import SCOPES, ApiKeys
from shop_nb.core.errors import ShopError
from shop_nb.store.integrity import Refused


@pytest.fixture
def keys(tmp_path): return ApiKeys(tmp_path / 'shop.db')


def test_a_key_may_what_its_scopes_say(keys):
    token = keys.create(['orders:read'])
    assert ApiKeys(keys.db).find(token).may('orders:read')
    assert not keys.find(token).may('orders:write')
    assert not keys.find(token).may('customers:read')


@pytest.mark.parametrize('scope', SCOPES)
def test_each_scope_makes_a_key(keys, scope):
    assert keys.find(keys.create([scope])).scopes == [scope]


def test_the_file_has_no_key_and_one_reader(keys):
    token = keys.create(['orders:read'])
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert token not in keys.path.read_text()


def test_keys_expire(keys): assert keys.find(keys.create(['*'], days=0)).expired


def test_other_keys_are_not_known(keys):
    token = keys.create(['orders:read'])
    for other in token + 'x', token[:-1], '', 'a_b_c': assert keys.find(other) is None


def test_a_revoked_key_is_not_known(keys):
    "The secret that cursors are signed with stays."
    token = keys.create(['orders:read'])
    secret = json.loads(keys.path.read_text())['secret']
    ApiKeys(keys.db).revoke(keys.find(token).id)
    assert keys.find(token) is None
    assert json.loads(keys.path.read_text())['secret'] == secret


def test_keys_follow_no_link(keys, tmp_path):
    "In a folder where others may write, what they put there is not written through, and not believed."
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.write_text('{}')
    for name in 'shop.db.keys.new', '.shop.db.keys': (tmp_path / name).symlink_to(elsewhere)
    keys.create(['*'])
    assert elsewhere.read_text() == '{}'
    assert not keys.path.is_symlink()
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        '.shop.db.keys', '.shop.db.lock', 'elsewhere', 'shop.db.keys', 'shop.db.keys.new',
    ]
    os.rename(keys.path, elsewhere)
    keys.path.symlink_to(elsewhere)
    for ask in keys.all, lambda: keys.find('shop_a_b'), lambda: keys.create(['*']), lambda: ApiKeys(keys.db).all():
        with pytest.raises(ShopError, match='is a link'): ask()


# ------------------------------------------------------------------------ cursors

@pytest.mark.parametrize('value', [[1, 'a', None], [0.5], ['Łódź', 'x' * 300], None])
def test_a_cursor_survives_a_restart(keys, value):
    cursor = keys.sign(value, 'here')
    assert keys.unsign(cursor, 'here') == value
    assert ApiKeys(keys.db).unsign(cursor, 'here') == value


def test_a_cursor_belongs_to_its_purpose(keys):
    cursor = keys.sign([1, 'a', None], 'here')
    with pytest.raises(Refused, match='does not belong to this request'): keys.unsign(cursor, 'there')


def test_a_cursor_belongs_to_its_database(keys, tmp_path):
    cursor = keys.sign([1], 'here')
    with pytest.raises(Refused): ApiKeys(tmp_path / 'other.db').unsign(cursor, 'here')


def test_any_changed_letter_of_a_cursor_is_noticed(keys):
    cursor = keys.sign([1, 'a', None], 'here')
    for i, letter in enumerate(cursor):
        other = cursor[:i] + ('A' if letter != 'A' else 'B') + cursor[i + 1:]
        with pytest.raises(Refused): keys.unsign(other, 'here')
        with pytest.raises(Refused): keys.unsign(cursor[:i] + '!' + cursor[i:], 'here')


@pytest.mark.parametrize('change', [
    lambda c: c[:-1], lambda c: c + 'A', lambda c: c + '==', lambda c: c + 'é', lambda c: c + '\n', lambda c: '.' + c,
    lambda c: '', lambda c: '.', lambda c: 'é', lambda c: '=' * 7, lambda c: "' OR 1=1", lambda c: '\ud800',
])
def test_no_other_text_is_a_cursor(keys, change):
    with pytest.raises(Refused): keys.unsign(change(keys.sign([1, 'a', None], 'here')), 'here')


def test_a_cursor_signed_with_another_secret_is_refused(keys):
    keys.create(['*'])
    with pytest.raises(Refused): keys.unsign(URLSafeSerializer('guessed', salt='here').dumps([1]), 'here')
