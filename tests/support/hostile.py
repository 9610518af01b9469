"Texts that a page must show and never act on, and the shop that is full of them."
import pyarrow as pa

SMALL = dict(customers=120, products=60, orders=240, order_items=600)
HOSTILE = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(2)>',
    '<svg onload=alert(3)>',
    '"<metadata>',
    "</metadata>'><img src=x onerror=alert(4)>",
    "' onmouseover=alert(5) x='",
    '" autofocus onfocus=alert(6) x="',
    '</script><script>alert(7)</script>',
    'javascript:alert(8)',
    '{{7*7}}',
    '${7*7}',
    '$5{ b$',
    'A $5{ b$',
    'W' * 190,
    '\u202egnp.evil',
    'a\u200bb',
    '😀👩‍👩‍👧',
    "=cmd|'/C calc'!A0",
    '_hidden',
    '#0072b2',
    'svg x',
    'pp_var_1',
    'two\nlines',
    '\x1b[2J',
    'مرحبا',
    '<!-- x --> -->',
    '</title><img src=x onerror=alert(9)>',
    '<base href=//evil.example>',
    '&lt;b&gt;',
    ' ',
    r'\$x\$',
    '%s%n',
    '</style><img src=x>',
]


def hostile(tables):
    "The tables, with hostile texts in each column of text but the status, without which nothing would be a sale."

    def column(values, at, unique):
        return pa.array([HOSTILE[(i + at) % len(HOSTILE)] + f' {i}' * unique for i in range(len(values))], values.type)

    out = {}
    for name, table in tables.items():
        for i, f in enumerate(table.schema):
            if pa.types.is_string(f.type) and f.name != 'status':
                table = table.set_column(i, f, column(table[f.name], i, f.name in ('email', 'sku')))
        out[name] = table
    return out
