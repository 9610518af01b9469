"Views agree in both databases, and their money adds up."
import pytest
from shop_nb.model.views import VIEWS, create_views
from support.examples import text


@pytest.mark.parametrize('view', VIEWS)
def test_views_agree_in_both_databases(shops, view):
    lite, duck, _ = shops
    expected, rows = (con.execute(f'select * from {view} order by 1, 2').fetchall() for con in (lite, duck))
    assert [[text(v) for v in row] for row in rows] == [list(row) for row in expected]
    assert expected
    assert [c[0] for c in lite.execute(f'select * from {view}').description] == [
        c[0] for c in duck.execute(f'select * from {view}').description
    ]


def test_money_columns_are_whole_numbers(shops):
    _, duck, _ = shops
    for view in 'order_totals', 'sales_lines':
        types = {r[0]: r[1] for r in duck.execute(f'describe {view}').fetchall()}
        assert {t for c, t in types.items() if c.endswith('_cents')} == {'BIGINT'}, types


def test_order_totals_are_what_they_say(shops):
    lite, _, rows = shops
    columns = 'order_id, goods_cents, is_sale, revenue_cents, returned_cents, net_cents, lines, units'
    got = {r[0]: r[1:] for r in lite.execute(f'select {columns} from order_totals')}
    assert len(got) == len(rows['orders'])
    for o in rows['orders']:
        items = [i for i in rows['order_items'] if i['order_id'] == o['order_id']]
        goods = sum(i['quantity'] * i['unit_price_cents'] - i['discount_cents'] for i in items)
        back = sum(
            (i['quantity'] * i['unit_price_cents'] - i['discount_cents']) * i['returned_quantity'] // i['quantity']
            for i in items
        )
        back_tax = sum(i['tax_cents'] * i['returned_quantity'] // i['quantity'] for i in items)
        sale = o['status'] in ('paid', 'shipped', 'delivered', 'returned')
        revenue = goods - o['discount_cents'] - o['tax_included'] * o['tax_cents'] if sale else 0
        returned = back * (goods - o['discount_cents']) // goods - o['tax_included'] * back_tax if sale else 0
        assert got[o['order_id']] == (
            goods,
            sale,
            revenue,
            returned,
            revenue - returned,
            len(items),
            sum(i['quantity'] for i in items),
        )
        if o['status'] == 'returned':
            assert returned == revenue

DIFFERENT = '''
with totals as (
    select order_id, count(*) as lines, sum(revenue_cents) as revenue_cents, sum(returned_cents) as returned_cents,
        sum(line_cents) as goods_cents
    from sales_lines
    group by order_id
)
select t.order_id
from order_totals as t
left join totals as l on l.order_id = t.order_id
where t.is_sale = 1 and (l.lines is null or l.lines <> t.lines or l.revenue_cents <> t.revenue_cents
    or l.returned_cents <> t.returned_cents or l.goods_cents <> t.goods_cents)
    or t.is_sale = 0 and l.lines > 0
'''


def test_lines_add_up_to_their_orders(shops):
    for con in shops[:2]:
        assert con.execute(DIFFERENT).fetchall() == []
        assert con.execute('''
            select count(*) from sales_lines
            where revenue_cents not between 0 and line_cents or returned_cents not between 0 and line_cents'''
        ).fetchone() == (0,)


@pytest.mark.parametrize('absent', [(), ('order_items.discount_cents',), ('orders.tax_cents',)], ids=str)
def test_tax_is_spread_where_lines_do_not_say_theirs(shops, absent):
    "A shop that knows the tax of an order and not that of its lines: by value, and it adds up in both databases."
    answers = []
    for con, dialect in zip(shops[:2], ('sqlite', 'duckdb')):
        con.execute('begin')
        for view in reversed(VIEWS): con.execute(f'drop view {view}')
        for sql in create_views(dialect, ('order_items.tax_cents', *absent)): con.execute(sql)
        answers.append(con.execute('select * from sales_lines order by order_item_id').fetchall())
        assert con.execute(DIFFERENT).fetchall() == []
        con.execute('rollback')
    lite, duck = answers
    assert [[text(v) for v in row] for row in duck] == [list(row) for row in lite]
    assert lite
