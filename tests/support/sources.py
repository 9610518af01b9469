"Other people's files: a made shop's tables under foreign keys, and the tickets of a till"
import hashlib

from shop_nb.formats.format import Field, Format, Map, Part
from shop_nb.model.schema import TABLES

KEYS = dict(customer_id='c', product_id='p', order_id='o', order_item_id='i', payment_id='y')


def foreign(kind, value):
    "A key as another shop would give it."
    return hashlib.md5(f'{kind}{int(value)}'.encode()).hexdigest()[:12]


def write_tables(frames, folder):
    "The five tables as CSV, under foreign keys."
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        frame = frames[name].copy()
        for column in set(frame) & set(KEYS): frame[column] = [foreign(KEYS[column], v) for v in frame[column]]
        frame.to_csv(folder / f'{name}.csv', index=False)
    return folder


TILL = Format(
    'till', 'Tickets of a till',
    (Part('tickets', (
        Field('ticket', 'Ticket', 'code', True), Field('sold', 'Time', 'time', True),
        Field('article', 'Article', 'code', True), Field('units', 'Units', 'count', True),
        Field('price', 'Price', 'money', True), Field('member', 'Member', 'code', True),
        Field('counter', 'Counter', 'text'), Field('town', 'Town', 'text'),
    ), 'orders', 'ticket', 'cents(units * price)', skip={'nothing sold': 'units = 0'}),),
    (Map('customers', 'tickets', 'member', {'city': 'min(town)'}, grouped=True),
     Map('products', 'tickets', 'article', {'name': 'any_value(article)'}, grouped=True),
     Map('orders', 'tickets', 'ticket',
         {'customer_key': 'min(member)', 'ordered_at': 'min(sold)', 'channel': 'min(counter)'}, grouped=True),
     Map('order_items', 'tickets', 'ticket',
         {'product_key': 'article', 'quantity': 'units', 'unit_price_cents': 'cents(price)'})),
    'select sum(quantity * unit_price_cents) from order_items', derived=('customers', 'products'))

HEADER = 'Ticket,Time,Article,Units,Price,Member,Counter,Town'


def tickets(n, first=0, day='2025-03-01'):
    "Lines of tickets, two per ticket."
    return [f'T{(first + i) // 2},{day} 10:{(first + i) // 60 % 60:02d}:{(first + i) % 60:02d},'
            f'A{(first + i) % 5},{1 + i % 3},{4 + i % 3}.50,M{(first + i) // 6},front,Wien' for i in range(n)]


def write_tickets(path, lines, header=HEADER):
    "A file of tickets."
    path.write_text('\n'.join([header, *lines]) + '\n')
    return path
