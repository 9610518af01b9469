"A stream goes to real files, addresses and brokers, and goes on after whatever stopped it"
import json
import re
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.feeds.sinks import is_file, last_line, open_sink, send
from shop_nb.feeds.stream import Delivery, Pace, stream
from shop_nb.model.schema import TABLES

SETTINGS = Settings(customers=200, products=60, orders=400, order_items=1000)


@pytest.fixture(scope='module')
def broker():
    "librdkafka's own mock of a cluster: three brokers that speak Kafka's protocol, in this process"
    import confluent_kafka as kafka

    cluster = kafka.Producer({'test.mock.num.brokers': 3, 'bootstrap.servers': 'ignored'}, logger=_Quiet())
    brokers = cluster.list_topics(timeout=10).brokers
    yield ','.join(f'{b.host}:{b.port}' for b in brokers.values())
    del cluster


class _Quiet:
    def log(self, *args): pass
    debug = info = warning = error = critical = log


def received(servers, topics, expected):
    "Messages of topics as (topic, partition, key, value), in the order of each partition"
    import confluent_kafka as kafka

    config = {'bootstrap.servers': servers, 'group.id': 'test', 'auto.offset.reset': 'earliest'}
    consumer = kafka.Consumer(config, logger=_Quiet())
    places = [kafka.TopicPartition(topic, partition, 0) for topic in topics
              for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions]
    consumer.assign(places)
    found, deadline = [], time.monotonic() + 20
    while len(found) < expected and time.monotonic() < deadline:
        messages = consumer.consume(1000, timeout=.5)
        found += [(m.topic(), m.partition(), m.key(), m.value()) for m in messages if not m.error()]
    consumer.close()
    assert len(found) == expected
    return found


def test_kafka_keeps_the_order_of_each_order(broker):
    chunks = [chunk for chunk in stream(SETTINGS, '2025-11-01') if len(chunk)]
    with open_sink(f'kafka://{broker}/lines') as sink: total = send(chunks, sink, Pace())
    lines = [line for chunk in chunks for line in chunk.text.to_pylist()]
    found = received(broker, ['lines'], total)
    assert sorted(value.decode() for *_, value in found) == sorted(line.rstrip('\n') for line in lines)
    assert len({partition for _, partition, *_ in found}) > 1
    where, sequences = defaultdict(set), defaultdict(list)
    for _, partition, _, value in found:
        change = json.loads(value)
        order = (change['after'] or change['before']).get('order_id')
        if order is None: continue
        where[order].add(partition)
        sequences[order].append(change['sequence'])
    assert all(len(partitions) == 1 for partitions in where.values())
    assert all(s == sorted(s) for s in sequences.values())


def test_kafka_takes_messages_of_debezium_by_table(broker):
    chunks = [chunk for chunk in stream(SETTINGS, '2025-12-01', how=Delivery(form='debezium')) if len(chunk)]
    with open_sink(f'kafka://{broker}/cdc') as sink: total = send(chunks, sink, Pace())
    found = received(broker, [f'cdc.{name}' for name in TABLES], total)
    for topic, _, key, value in found:
        value, key = json.loads(value), json.loads(key)
        (name, number), = key.items()
        assert value['after'][name] == number
        assert topic == f"cdc.{value['source']['table']}"


def test_a_broker_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr('shop_nb.feeds.sinks.TIMEOUT', 2)
    chunk = next(chunk for chunk in stream(SETTINGS, '2025-12-01') if len(chunk))
    with pytest.raises(ShopError, match='127.0.0.1:1 cannot be reached'):
        with open_sink('kafka://127.0.0.1:1/shop') as sink: sink(chunk)


def test_an_address_that_is_not_there_is_told():
    chunk = next(chunk for chunk in stream(SETTINGS, '2025-12-01') if len(chunk))
    with pytest.raises(ShopError, match='did not take the lines: .*[.]\nSee whether it is running$'):
        with open_sink('http://127.0.0.1:1/lines') as sink: sink(chunk)


@contextmanager
def answering(status, detail):
    "The address of something that answers each post so."
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers['Content-Length']))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(dict(detail=detail)).encode())

        def log_message(self, *args): pass

    with HTTPServer(('127.0.0.1', 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}/lines'
        server.shutdown()


@pytest.mark.parametrize('status, detail, todo', [
    (401, 'This needs a key', '^Put a key of the service .* --scope changes:write'),
    (403, 'It lacks changes:write', '^Put a key that may'), (404, 'Nothing here', 'an address that takes POST'),
    (405, 'Not allowed', 'an address that takes POST'), (307, 'Elsewhere', 'takes POST'),
    (409, 'Line 2: There is no order_id 25 in orders', 'Begin where its database stands, with --from or --offset'),
    (409, 'Line 7: Rule ledger is violated', 'of a shop that keeps its rules'),
    (422, 'Line 1, table: Field required', '--format jsonl'),
    (413, 'Too much', '--rate N'), (429, 'Slower', '--rate N'), (503, 'Busy', 'Try again later'),
])
def test_what_helps_is_seen_from_the_answer(status, detail, todo):
    "Nobody is sent to look whether a service that has answered is running."
    chunk = next(chunk for chunk in stream(SETTINGS, '2025-12-01') if len(chunk))
    with answering(status, detail) as url, pytest.raises(ShopError) as e, open_sink(url) as sink: sink(chunk)
    said, hint = str(e.value).split('\n')
    assert said == f'{url} did not take the lines: answered {status}, {detail}.'
    assert re.search(todo, hint) and 'running' not in hint


@pytest.mark.parametrize('content', [
    'no newline', 'a line\n', '{"sequence":1}\n', '[1]\n', '{"offset":1.5,"table":"orders"}\n', '{"offset":true}\n',
    '{"offset":-5,"table":"orders"}\n', '{"offset":17,"consumer":"x"}\nimportant text',
    '{"offset":1767222289000001,"table":"orders"}\nimportant text', '{"offset":17,"table":"orders"}\r\nmore',
])
def test_a_file_of_something_else_stays_as_it_is(tmp_path, content):
    path = tmp_path / 'notes.txt'
    path.write_bytes(content.encode())
    with pytest.raises(ShopError, match='not of a stream'): last_line(path)
    assert path.read_bytes() == content.encode()


def test_a_partial_line_is_cut_off(tmp_path):
    path, line = tmp_path / 'lines', '{"offset":17,"table":"' + 'x' * 100_000 + '"}\n'
    for rest in '', '{"off', '{"offset":18,"table":"y':
        path.write_text(line * 2 + rest)
        assert last_line(path) == line
        assert path.read_text() == line * 2
    path.write_text('{"offse')
    assert last_line(path) == ''
    assert path.read_text() == ''


@pytest.mark.parametrize('code', [301, 302, 303, 307, 404, 500])
def test_only_an_answer_of_2xx_takes_lines(code):
    "A redirection would turn the POST into a GET without a body, and the lines would be lost"
    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(code if self.path == '/' else 204)
            self.send_header('Location', '/there')
            self.end_headers()
        do_GET = do_POST
        def log_message(self, *args): pass

    server = HTTPServer(('127.0.0.1', 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chunk = next(chunk for chunk in stream(SETTINGS, '2025-12-01') if len(chunk))
    try:
        with pytest.raises(ShopError, match=f'answered {code}'):
            with open_sink(f'http://127.0.0.1:{server.server_port}/') as sink: sink(chunk)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize('to', ['http://[', 'http://127.0.0.1:abc/', 'http://me:secret@127.0.0.1:1/a b'])
def test_an_address_that_is_none_is_told_without_its_password(to):
    chunk = next(chunk for chunk in stream(SETTINGS, '2025-12-01') if len(chunk))
    with pytest.raises(ShopError) as e:
        with open_sink(to) as sink: sink(chunk)
    assert 'secret' not in str(e.value)


def test_only_addresses_are_no_files():
    assert is_file('C:\\x.jsonl')
    assert is_file('x')
    assert not any(is_file(to) for to in ('-', 'http://x', 'https://x', 'kafka://x/y'))


@pytest.mark.parametrize('content', [b'no.such=1', b'caf\xe9=1'])
def test_a_configuration_that_cannot_be_is_told(tmp_path, monkeypatch, content):
    (tmp_path / 'own').write_bytes(content)
    monkeypatch.setenv('SHOP_NB_KAFKA', str(tmp_path / 'own'))
    with pytest.raises(ShopError, match='Kafka|SHOP_NB_KAFKA'):
        with open_sink('kafka://127.0.0.1:1/x'): pass
