"A feed has every change of its span, whatever the batches, and takes the place of nothing but a feed"
import json
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, product

import duckdb
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.feeds import feed_files
from shop_nb.feeds.batches import day_batches
from shop_nb.feeds.debezium import debezium_lines, snapshot
from shop_nb.feeds.feed_files import FORMS, write_feed
from shop_nb.feeds.versions import PROOFS, versions
from shop_nb.generator.blocks import tables
from shop_nb.history.changes import change_batches, changes
from shop_nb.history.replay import as_of
from shop_nb.model.schema import TABLES
from support import FULL

SETTINGS = Settings(customers=200, products=60, orders=400, order_items=1000)
DELETING = replace(SETTINGS, parameters=(
    ('payments.purged_after', 5), ('payments.fails', {'card': .5}), ('products.repricing', True),
))


SIZES, SOME = (1, 7, 100), ('jsonl', 'debezium', 'parquet', 'days')


@pytest.mark.parametrize('form, size', [*product(SOME, SIZES)] if FULL else [*zip(SOME, cycle(SIZES))])
def test_the_size_of_batches_does_not_show(tmp_path, monkeypatch, form, size):
    "Also where a day has more orders than a batch"
    span = ('2025-11-20', '2025-12-05')
    write_feed(SETTINGS, tmp_path / 'whole', form, *span)
    monkeypatch.setattr(feed_files, 'change_batches', lambda *args: change_batches(*args, size=size))
    write_feed(SETTINGS, tmp_path / 'parts', form, *span)
    files = {p.relative_to(tmp_path / 'whole') for p in (tmp_path / 'whole').rglob('*') if p.is_file()}
    assert files == {p.relative_to(tmp_path / 'parts') for p in (tmp_path / 'parts').rglob('*') if p.is_file()}
    for path in files:
        a, b = tmp_path / 'whole' / path, tmp_path / 'parts' / path
        if path.suffix == '.parquet': assert pq.read_table(a).equals(pq.read_table(b))
        else: assert a.read_bytes() == b.read_bytes()


def load_day(state, batch):
    "Forget what is deleted or changed, then add what is new or changed, each by its key"
    for name, rows in state.items():
        key = TABLES[name].key
        for kind in 'deleted', 'changed':
            if name not in batch[kind]: continue
            keys = batch[kind][name][key].to_pylist()
            assert rows.keys() >= set(keys), (name, kind)
            for k in keys: del rows[k]
        for kind in 'changed', 'new':
            for row in batch[kind][name].to_pylist() if name in batch[kind] else ():
                assert row[key] not in rows, (name, kind)
                rows[row[key]] = row


@pytest.mark.parametrize('parameters', [(), (('delivery.pack', .1), ('delivery.pack_spread', 0))])
def test_batches_of_days_lead_to_the_state(parameters):
    "Also where orders are paid, shipped and delivered within a day"
    settings = replace(SETTINGS, parameters=parameters)
    state = {name: {} for name in TABLES}
    for date, batch in day_batches(changes(settings)):
        load_day(state, batch)
        if date.day not in (1, 15): continue
        truth = tables(as_of(settings, date + timedelta(days=1))) if date.year == 2025 else {}
        for name, t in truth.items(): assert sorted_rows(state[name]) == t.to_pylist(), (name, date)


def sorted_rows(rows): return [rows[key] for key in sorted(rows)]


@pytest.mark.parametrize('content', ['{"version": "https://jsonfeed.org/version/1.1"}', '[]', 'text'])
def test_a_folder_of_somebody_else_stays(tmp_path, content):
    "A feed.json of theirs makes it no feed of ours"
    (tmp_path / 'feed.json').write_text(content)
    (tmp_path / 'thesis.txt').write_text('years of work')
    with pytest.raises(ShopError, match='not a feed'): write_feed(SETTINGS, tmp_path)
    assert (tmp_path / 'thesis.txt').read_text() == 'years of work'


@pytest.mark.parametrize('form', FORMS)
def test_a_feed_that_fails_leaves_the_old_one(tmp_path, monkeypatch, form):
    write_feed(SETTINGS, tmp_path / 'feed', form)
    before = {p: p.read_bytes() for p in (tmp_path / 'feed').rglob('*') if p.is_file()}

    def fails(*args):
        yield next(iter(change_batches(*args)))
        raise KeyboardInterrupt

    monkeypatch.setattr(feed_files, 'change_batches', fails)
    with pytest.raises(KeyboardInterrupt): write_feed(SETTINGS, tmp_path / 'feed', form)
    assert {p: p.read_bytes() for p in (tmp_path / 'feed').rglob('*') if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ['feed']


def test_a_feed_of_another_form_leaves_nothing_of_the_old_one(tmp_path):
    small = Settings(start='2025-12-01', customers=40, products=20, orders=60, order_items=150)
    for form in FORMS:
        for name in 'feed', form: write_feed(small, tmp_path / name, form)
        files = [{p.relative_to(folder) for p in folder.rglob('*')} for folder in (tmp_path / 'feed', tmp_path / form)]
        assert files[0] == files[1], form


def test_a_change_at_the_moment_of_a_snapshot_wins():
    moment = changes(SETTINGS).log.query("event == 'discontinued'").moment.iloc[0]
    rows = snapshot(tables(as_of(SETTINGS, moment)), moment)
    after = changes(SETTINGS, moment)
    before = changes(SETTINGS, end=moment)
    numbers = [n for t in rows.tables.values() for n in t['sequence'].to_pylist()]
    assert before.log.sequence.max() < min(numbers) <= max(numbers) < after.log.sequence.min()
    assert all(json.loads(line)['value']['op'] == 'r' for line in bytes(debezium_lines(rows)).splitlines())


@pytest.mark.parametrize('form, file', [('jsonl', 'changes.jsonl'), ('debezium', 'messages.jsonl')])
def test_a_feed_that_begins_with_a_snapshot(tmp_path, form, file):
    "Its rows are those of the moment, and its changes those of the feed without one"
    write_feed(SETTINGS, tmp_path / 'plain', form, '2025-06-01', '2025-06-03')
    facts = write_feed(SETTINGS, tmp_path / 'begun', form, '2025-06-01', '2025-06-03', snapshot=True)
    plain, begun = ((tmp_path / folder / file).read_bytes().splitlines() for folder in ('plain', 'begun'))
    truth = tables(as_of(SETTINGS, '2025-06-01'))
    rows = sum(map(len, truth.values()))
    assert len(begun) == rows + len(plain) and begun[rows:] == plain
    assert {name: n['read'] for name, n in facts['changes'].items()} == {name: len(t) for name, t in truth.items()}
    early = write_feed(SETTINGS, tmp_path / 'early', form, '2023-06-01', '2023-06-03', snapshot=True)['changes']
    assert early['customers']['read'] and early['orders'] == {'read': 0} or not early['orders']
    with pytest.raises(ShopError, match='before the first'): write_feed(SETTINGS, tmp_path / 'x', form, snapshot=True)
    with pytest.raises(ShopError, match='no snapshot'):
        write_feed(SETTINGS, tmp_path / 'x', 'days', '2025-06-01', snapshot=True)
    assert not (tmp_path / 'x').exists()


def spoilt(how):
    "A table of versions in which something is wrong"
    table = versions(changes(SETTINGS), 'orders').to_pandas()
    second = table.index[table.version == 2][3]
    first = second - 1
    def say(row, column, value): table.loc[row, column] = value
    if how == 'gap': say(second, 'valid_from', table.valid_from[second] + pd.Timedelta('1s'))
    if how == 'overlap': say(second, 'valid_from', table.valid_from[second] - pd.Timedelta('1s'))
    if how == 'no beginning': say(second, 'valid_from', pd.NaT)
    if how == 'two current': say(first, 'is_current', True)
    if how == 'current with an end': say(table.index[table.is_current][0], 'valid_to', pd.Timestamp('2030-01-01'))
    if how == 'no key': table['order_id'] = table.order_id.astype('Int64').mask(table.index == second)
    if how == 'unknown': table['is_current'] = table.is_current.astype('boolean').mask(table.index == second)
    if how == 'empty span': say(first, 'valid_to', table.valid_from[first])
    return table


def offenders(dimension, key):
    "What each proof finds in a table"
    with duckdb.connect() as con:
        con.register('dimension', dimension)
        return {proof: len(con.sql(query.format(table='dimension', key=key))) for proof, query in PROOFS.items()}


@pytest.mark.parametrize('how', [
    'gap', 'overlap', 'no beginning', 'two current', 'current with an end', 'no key', 'unknown', 'empty span'])
def test_proofs_fail_for_a_wrong_table(how):
    assert any(offenders(spoilt(how), 'order_id').values())


@pytest.mark.parametrize('settings', [SETTINGS, DELETING], ids=['adding', 'deleting'])
@pytest.mark.parametrize('name', TABLES)
def test_proofs_hold_for_a_right_one(name, settings):
    dimension = versions(changes(settings), name)
    assert len(dimension)
    assert not any(offenders(dimension, TABLES[name].key).values())


# ------------------------------------------------------------------------ a shop that deletes rows

def test_deletions_in_each_form(tmp_path):
    "What is deleted is told in every form, children first, and is in none of the states after it."
    log = changes(DELETING)
    gone = {name: rows.filter(pc.equal(rows['operation'], 'delete')) for name, rows in log.tables.items()}
    assert all(len(gone[name]) > 10 for name in ('orders', 'order_items', 'payments'))
    assert not len(gone['customers']) and not len(gone['products'])
    first = log.log[log.log.event == 'purged'].groupby('transaction').table.agg(list).iloc[0]
    assert first == sorted(first, reverse=True, key=list(TABLES).index)
    for form in FORMS: write_feed(DELETING, tmp_path / form, form)
    messages = [json.loads(line) for line in (tmp_path / 'debezium/messages.jsonl').open()]
    for name, rows in gone.items():
        key = TABLES[name].key
        keys = rows['key'].to_pylist()
        of = [m for m in messages if m['topic'].endswith(f'.{name}')]
        assert [m['key'][key] for m in of if m['value'] is None] == keys
        assert [m['key'][key] for m in of if m['value'] and m['value']['op'] == 'd'] == keys
        feed = pq.read_table(tmp_path / f'parquet/{name}.parquet')
        assert feed.filter(pc.equal(feed['_change_type'], 'delete'))[key].to_pylist() == keys
        files = sorted((tmp_path / 'days').glob(f'*/deleted/{name}.parquet'))
        deleted = [pq.read_table(path)[key].to_pylist() for path in files]
        assert sorted(k for some in deleted for k in some) == sorted(keys)
        versions = pq.read_table(tmp_path / f'scd2/{name}.parquet')
        current = versions.filter(versions['is_current'])
        assert sorted(current[key].to_pylist()) == sorted(tables(DELETING)[name][key].to_pylist())
