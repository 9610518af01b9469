"The picture shows every table, column and reference, and fetches nothing."
import re
from xml.etree import ElementTree
from shop_nb.model.er_diagram import er_diagram
from shop_nb.model.schema import (
    TABLES
)


def test_picture():
    svg = er_diagram()
    assert svg == er_diagram()
    texts = [e.text for e in ElementTree.fromstring(svg).iter('{http://www.w3.org/2000/svg}text')]
    for t in TABLES.values():
        assert t.name in texts
        assert set(t.names) <= set(texts)
    assert re.findall(r'https?://[^"]*', svg) == ['http://www.w3.org/2000/svg'], 'nothing is fetched'
    assert svg.count('class="line"') == sum(len(t.parents) for t in TABLES.values())
    assert 'prefers-color-scheme:dark' in svg
