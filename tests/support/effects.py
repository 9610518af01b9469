"""What each parameter moves, and how that is measured: for the tests, and for the table of the reference."""
from functools import lru_cache

import numpy as np
import pandas as pd

from shop_nb.behaviour.parameters import PARAMETERS
from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import generator, tables
from shop_nb.generator.customers import rate
from shop_nb.generator.pools import words

SHOP = dict(customers=500, products=200, orders=1500, order_items=3800)


@lru_cache(maxsize=6)
def made(changes=(), seed=4):
    "The shop with other values of parameters, as Arrow tables."
    return tables(Settings(**SHOP, seed=seed, parameters=dict(changes)))


class Frames:
    "The tables of a shop as frames, with what most measures need."
    def __init__(self, name, value, seed=4):
        self.settings = Settings(**SHOP, seed=seed, parameters={name: value})
        self.tables = made(self.settings.parameters, seed)
        for table, rows in self.tables.items(): setattr(self, table, rows.to_pandas())
        self.generator = generator(self.settings)

    @property
    def lines(self):
        goods = self.order_items.merge(self.products, on='product_id')
        return goods.merge(self.orders[['order_id', 'customer_id', 'ordered_at']], on='order_id')

    @property
    def paid(self): return self.payments.merge(self.orders, on='order_id', suffixes=('_payment', ''))

    @property
    def day(self): return self.generator.calendar.intensity.loc['2025']


def toys(f): return f.products[f.products.category == 'Toys']
def costs(f): return toys(f).cost_cents / toys(f).price_cents
def returned(f): return f.order_items.returned_quantity.gt(0).mean()
def failed(f): return f.payments.status.eq('failed').sum()
def taxes(f): return f.orders.tax_cents.sum()
def paid_prices(f): return f.lines.unit_price_cents / f.lines.price_cents
def spread(x): return np.log(x[x > 0]).std()
def share_of(table, column, value): return lambda f: (getattr(f, table)[column] == value).mean()
def differs_from_default(column):
    return lambda f: (f.customers[column] != made((), f.settings.seed)['customers'][column].to_pandas()).mean()
def orders_on(day): return lambda f: f.orders.ordered_at.dt.strftime('%m-%d').eq(day).mean()
def of_category(name, column): return lambda f: f.products[f.products.category == name][column].median()


def top_share(f):
    times = f.order_items.product_id.value_counts()
    return times.head(20).sum() / times.sum()


def price_against_sales(f):
    sold = f.order_items.product_id.value_counts()
    return np.corrcoef(np.log(f.products.price_cents), np.log1p(f.products.product_id.map(sold).fillna(0)))[0, 1]


def flash_peak(f):
    known = f.settings.values['demand.peaks'].values()
    return f.day.peak[~f.day.peak.isin(known)].max()


def garden_brands(f):
    brands = words('words')['Garden']['brands']
    return toys(f).brand.isin(brands).mean()


def repriced(f):
    before = made((), f.settings.seed)['products']['price_cents'].to_pandas()
    return f.products.price_cents.ne(before).mean()


def cut_on_sale_day(f):
    lines = f.lines[f.lines.ordered_at.dt.strftime('%m-%d') == '11-28']
    return (lines.discount_cents / lines.unit_price_cents / lines.quantity).mean()


def cut_lines(f): return f.order_items.discount_cents.gt(0).mean()
def mean_cut(f): return (f.lines.discount_cents / f.lines.unit_price_cents / f.lines.quantity)[lambda x: x > 0].mean()


def units_when(test, side=None):
    def measure(f):
        lines = f.lines
        segment = lines.customer_id.map(f.customers.set_index('customer_id').segment)
        chosen = lines[test(lines.unit_price_cents) & ((segment == side) if side else True)]
        return chosen.quantity.mean()
    return measure


def seconds_to_pay(f):
    paid = f.paid[f.paid.paid_at.notna() & (f.paid.method == 'card')]
    return (paid.paid_at - paid.ordered_at).dt.total_seconds()


def days_to_deliver(f):
    done = f.paid[f.paid.delivered_at.notna() & f.paid.paid_at.notna()]
    return (done.delivered_at - done.paid_at).dt.total_seconds() / 86400


def age_at_order(f):
    both = f.orders.merge(f.customers, on='customer_id')
    return (both.ordered_at - both.signed_up_at).dt.total_seconds()


def days(**rules): return dict(PARAMETERS['demand.days'].default) | rules


def countries(**shares): return dict.fromkeys(('DE', 'AT', 'NL', 'BE', 'FR', 'IT', 'ES'), 0) | shares


def methods(**shares): return dict.fromkeys(('card', 'wallet', 'bank_transfer', 'invoice', 'gift_card'), 0) | shares


def returns_of(name): return lambda f: f.lines[f.lines.category == name].returned_quantity.gt(0).mean()


def returned_in_part(f):
    back = f.order_items[f.order_items.returned_quantity > 0]
    back = back[back.quantity > 1]
    return (back.returned_quantity < back.quantity).mean()


def repeated_lines(f):
    pairs = f.lines.sort_values('ordered_at')[['customer_id', 'product_id']]
    return pairs.duplicated().mean()


def with_companion(f):
    companions = f.generator.catalogue.companions + 1
    first = f.order_items[f.order_items.line_number == 1].set_index('order_id').product_id
    later = f.order_items[f.order_items.line_number > 1]
    near = companions[later.order_id.map(first).to_numpy() - 1]
    return (near == later.product_id.to_numpy()[:, None]).any(axis=1).mean()


def taste(f):
    level = np.log(f.lines.unit_price_cents)
    return level.groupby(f.lines.customer_id).mean().std()


def rank_change(f):
    "How little the sales of the first and the last months of the year have to do with each other."
    sold = pd.crosstab(f.lines.product_id, f.lines.ordered_at.dt.month)
    early, late = sold.loc[:, :4].sum(axis=1), sold.loc[:, 9:].sum(axis=1)
    return -np.corrcoef(np.log1p(early), np.log1p(late))[0, 1]


def season_of(name, month):
    def measure(f):
        lines = f.lines[f.lines.category == name]
        return (lines.ordered_at.dt.month == month).mean()
    return measure


SPRING = '2025-03-01 to 2025-05-31'
# name: values in the order of what is measured, and what is measured
EFFECTS = {
    'demand.growth': ([.5, 1, 2], lambda f: f.generator.calendar.intensity.trend['2025-12-01']),
    'demand.months': ([[1] * 12, [1] * 10 + [2, 2]], lambda f: f.orders.ordered_at.dt.month.ge(11).mean()),
    'demand.weekdays': ([[1] * 7, [1] * 5 + [2, 2]], lambda f: f.orders.ordered_at.dt.weekday.ge(5).mean()),
    'demand.noise': ([.05, .2, .6], lambda f: np.log(f.day.noise).std()),
    'demand.noise_memory': ([0, .35, .8], lambda f: np.log(f.day.noise).autocorr()),
    'demand.days': ([days(**{"Singles' Day": '03-03'}), days(**{"Singles' Day": '03-05'})],
                    lambda f: f.day.peak[f.day.peak == 1.6].index.day[0]),
    'demand.peaks': ([{'Black Friday': 1}, {'Black Friday': 4}], orders_on('11-28')),
    'demand.flash_rate': ([0, .05, .3], lambda f: f.day.peak.gt(1).mean()),
    'demand.flash_factors': ([[1.5], [3]], flash_peak),
    'demand.day_limit': ([1.2, 2, 6], lambda f: (f.day.weight / 1000 / f.day.trend).max()),
    'demand.hours': ([[1] * 24, [1] * 20 + [5] * 4], lambda f: f.orders.ordered_at.dt.hour.ge(20).mean()),
    'demand.weekend_hours': ([[1] * 24, [3] * 6 + [1] * 18],
                             lambda f: f.orders[f.orders.ordered_at.dt.weekday >= 5].ordered_at.dt.hour.lt(6).mean()),
    'customers.history': ([2000, 1000, 100], lambda f: f.customers.signed_up_at.min()),
    'customers.known_before': ([.1, .4, .9], lambda f: f.customers.signed_up_at.lt('2025-01-01').mean()),
    'customers.consent': ([.1, .5, .9], lambda f: f.customers.marketing_opt_in.mean()),
    'customers.moves': ([0, .2, .9], differs_from_default('street')),
    'customers.new_emails': ([0, .2, .9], differs_from_default('email')),
    'customers.consent_changes': ([0, .2, .9], differs_from_default('marketing_opt_in')),
    'customers.erasures': ([0, .3, 1], share_of('customers', 'first_name', 'Erased')),
    'customers.segments': ([dict(consumer=.8, business=.1, student=.1), dict(consumer=.3, business=.6, student=.1)],
                           share_of('customers', 'segment', 'business')),
    'customers.segment_spending': (
        [{'business': -2}, {'business': 0}, {'business': 2}],
        lambda f: f.lines[f.lines.customer_id.map(f.customers.set_index('customer_id').segment) == 'business']
        .unit_price_cents.median()),
    'customers.rate_shape': ([5, 1, .1], lambda f: rate(f.generator.calendar, np.arange(448)).std()),
    'customers.lifetime_shape': ([4, 1.3, .5], lambda f: f.orders.customer_id.lt(150).mean()),
    'customers.lifetime_scale': ([20, 500, 20_000], lambda f: f.orders.customer_id.lt(150).mean()),
    'customers.new_share': ([0, .15, .6], lambda f: f.orders.customer_id.nunique()),
    'customers.new_days': ([200, 20, 1], lambda f: (age_at_order(f) < 86400).mean()),
    'customers.pool': (None, None), # test_pool: needs countries that the pool has
    'customers.countries': ([countries(DE=.7, AT=.3), countries(DE=.2, AT=.8)], share_of('customers', 'country', 'AT')),
    'products.categories': ([dict(Toys=.2, Books=.8), dict(Toys=.7, Books=.3)],
                            share_of('products', 'category', 'Toys')),
    'products.median_price': ([{'Toys': 5}, {'Toys': 22}, {'Toys': 90}], of_category('Toys', 'price_cents')),
    'products.cost': ([{'Toys': .2}, {'Toys': .55}, {'Toys': .85}], lambda f: costs(f).median()),
    'products.best_month': ([{'Toys': 7}, {'Toys': 12}], season_of('Toys', 12)),
    'products.swing': ([{'Toys': 0}, {'Toys': 1.5}], season_of('Toys', 12)),
    'products.words': ([{'Toys': 'Toys'}, {'Toys': 'Garden'}], garden_brands),
    'products.known_before': ([.5, .75, .95], lambda f: (pd.to_datetime(f.products.launched_on) < '2025-01-01').mean()),
    'products.weekend_launches': ([0, .5, 1],
                                  lambda f: (pd.to_datetime(f.products.launched_on).dt.weekday >= 5).mean()),
    'products.sold_days': ([2000, 300, 50], lambda f: f.products.discontinued_on.notna().mean()),
    'products.sold_days_spread': ([.1, .9, 2], lambda f: f.products.discontinued_on.notna().mean()),
    'products.language': (['en', 'pt'], lambda f: f.products.name.str.contains(' (?:de|com|em|para|sem) ').mean()),
    'products.price_level': ([.1, 1, 3, 20], lambda f: f.products.price_cents.median()),
    'products.price_of_name': ([0, .5, 1], lambda f: spread(f.products[f.products.category == 'Books'].price_cents)),
    'products.price_spread': ([.1, .62, 1.5], lambda f: spread(f.products[f.products.category == 'Books'].price_cents)),
    'products.price_limits': ([[1000, 2000, 3000, 4000], [5, 20, 100, 250]],
                              lambda f: -(f.products.price_cents.add(1) % 500 != 0).mean()),
    'products.price_steps': ([[.01, .01, .01, .01, .01], [5, 5, 5, 5, 5]], lambda f: -f.products.price_cents.nunique()),
    'products.lowest_price': ([.99, 3, 10], lambda f: f.products.price_cents.min()),
    'products.price_endings': ([[0], [1] * 3 + [0], [1]], lambda f: (f.products.price_cents % 100 == 99).mean()),
    'products.price_levels': ([[100] * 5, [100, 60, 80, 120, 140]], lambda f: spread(paid_prices(f))),
    'products.price_moves': ([[1, 0, 0, 0, 0], [.6, .1, .12, .12, .06], [0, .5, 0, 0, .5]],
                             lambda f: spread(paid_prices(f))),
    'products.repricing': ([False, True], repriced),
    'products.cost_spread': ([0, .03, .09], lambda f: costs(f).std()),
    'products.popularity': ([.2, 1.35, 3], top_share),
    'products.popularity_of_price': ([-1.5, 0, 1.5], price_against_sales),
    'products.drift': ([.22, 1, 2], rank_change),
    'products.drift_memory': ([.9, .1], lambda f: -np.corrcoef(*drifts(f))[0, 1]),
    'campaigns.rate': ([0, .5, 1], cut_lines),
    'campaigns.cuts': ([[5], [15, 20], [50]], mean_cut),
    'campaigns.sale_day': (['none', 'Black Friday'], cut_lines),
    'campaigns.sale_cut': ([0, 15, 50], cut_on_sale_day),
    'campaigns.pull': ([0, .6, 1], cut_lines),
    'campaigns.push': (None, None), # test_push: only with a price change
    'campaigns.stock_up': ([0, .8, 3], lambda f: f.lines[f.lines.discount_cents > 0].quantity.mean()),
    'baskets.size_r': ([20, .8, .2], lambda f: f.order_items.groupby('order_id').size().std()),
    'baskets.channels': ([dict(web=.8, app=.1, marketplace=.1), dict(web=.1, app=.8, marketplace=.1)],
                         share_of('orders', 'channel', 'app')),
    'baskets.favourite': ([0, .35, .78], repeated_lines),
    'baskets.favourites': ([[.2] * 5, [.4, .24, .16, .12, .08], [1, 0, 0, 0, 0]], repeated_lines),
    'baskets.companion': ([0, .22, .6], with_companion),
    'baskets.taste': ([0, .35, .7], taste),
    'baskets.price_limits': ([[1, 2], [10, 40], [1000, 2000]], lambda f: f.order_items.quantity.mean()),
    'baskets.extra_cheap': ([{'consumer': 0}, {'consumer': .45}, {'consumer': 3}],
                            units_when(lambda p: p < 1000, 'consumer')),
    'baskets.extra_middle': ([{'consumer': 0}, {'consumer': .5}, {'consumer': 3}],
                             units_when(lambda p: (p >= 1000) & (p < 4000), 'consumer')),
    'baskets.extra_expensive': ([{'consumer': 0}, {'consumer': .5}, {'consumer': 3}],
                                units_when(lambda p: p >= 4000, 'consumer')),
    'baskets.extra_r': ([20, .6, .1], lambda f: f.order_items.quantity.std() / f.order_items.quantity.mean()),
    'coupons.share': ([0, .065, .5], lambda f: f.orders.discount_cents.gt(0).mean()),
    'coupons.cut': ([5, 10, 50], lambda f: f.orders.discount_cents.sum()),
    'shipping.free_from': ([20, 80, 1000], lambda f: f.orders.shipping_cents.gt(0).mean()),
    'shipping.fee': ([{'DE': 1}, {'DE': 4.9}, {'DE': 20}], lambda f: f.orders.shipping_cents.sum()),
    'shipping.by_region': ([{'Bayern': 0, 'Berlin': 0}, {'Berlin': 0}, {}, {'Bayern': 40}],
                           lambda f: f.orders.shipping_cents.sum()),
    'shop.currency': (None, None), # test_markets: it moves nothing
    'tax.rate': ([{'DE': 0}, {'DE': 19}, {'DE': 25}], taxes),
    'tax.by_region': ([{'Bayern': 0, 'Berlin': 0}, {'Berlin': 0}, {}, {'Bayern': 40}], taxes),
    'tax.by_category': ([{'Fashion': 0}, {'Fashion': .5}, {'Fashion': 1}, {'Fashion': 2}], taxes),
    'tax.included': ([True, False], lambda f: f.payments.amount_cents.sum()),
    'delivery.transit_by_region': ([{'Bayern': .1}, {}, {'Bayern': 60}], lambda f: days_to_deliver(f).mean()),
    'delivery.transit': ([{'DE': .5}, {'DE': 2}, {'DE': 20}], lambda f: days_to_deliver(f).median()),
    'payments.methods': ([methods(card=.2, wallet=.5, bank_transfer=.1, invoice=.1, gift_card=.1),
                          methods(card=.9, wallet=.1)],
                         share_of('payments', 'method', 'card')),
    'payments.large_from': ([1, 80, 10_000], share_of('payments', 'method', 'gift_card')),
    'payments.methods_large': ([methods(card=.1, wallet=.9), methods(card=.9, wallet=.1)],
                               share_of('payments', 'method', 'card')),
    'payments.fails': ([{'card': 0}, {'card': .1}, {'card': .6}], lambda f: f.payments.attempts.mean()),
    'payments.fails_again': ([0, .45, .9], lambda f: f.payments.attempts.max() + f.payments.status.eq('failed').mean()),
    'payments.give_up': ([{'card': 0}, {'card': .3}, {'card': 1}], failed),
    'payments.give_up_again': ([[0, 0], [1, 1]], failed),
    'payments.on_delivery': ([{'card': 0}, {'card': 1}], lambda f: seconds_to_pay(f).median()),
    'payments.refused': ([{'card': 0}, {'card': .2}, {'card': .8}], lambda f: f.orders.status.eq('cancelled').sum()),
    'payments.delay': ([{'card': 5}, {'card': 45}, {'card': 90_000}], lambda f: seconds_to_pay(f).median()),
    'payments.purged_after': ([1, 200, 0], lambda f: len(f.orders)),
    'payments.delay_spread': ([0, .9, 2.5], lambda f: np.log(seconds_to_pay(f)).std()),
    'payments.retry': ([0, 240, 86_400], lambda f: seconds_to_pay(f).mean()),
    'payments.unpaid_days': ([0, 60], lambda f: -f.orders.status.eq('cancelled').sum()),
    'delivery.cancelled': ([0, .011, .3], lambda f: f.orders.status.eq('cancelled').mean()),
    'delivery.pack': ([1, 20, 200], lambda f: days_to_deliver(f).median()),
    'delivery.pack_spread': ([0, .85, 2.5], lambda f: days_to_deliver(f).std()),
    'delivery.transit_spread': ([0, .9, 2.5], lambda f: days_to_deliver(f).std()),
    'delivery.hours': ([[2, 5], [8, 19], [20, 23]], lambda f: f.orders.delivered_at.dt.hour.mean()),
    'delivery.returns': ([{'Fashion': 0}, {'Fashion': .27}, {'Fashion': .9}], returns_of('Fashion')),
    'delivery.returns_in_part': ([0, .25, 1], returned_in_part),
    'delivery.return_days': ([300, 30, 1], returned),
    'delivery.return_days_spread': ([2.5, .6], returned),
    'incidents.payment_outage': ([[], [f'0.5 {SPRING}'], [f'1 {SPRING}']], failed),
    'incidents.double_charge': ([[], [f'0.5 {SPRING}'], [f'1 {SPRING}']], lambda f: f.payments.amount_cents.sum()),
    'incidents.price_error': ([[f'0.01 {SPRING}'], [], [f'100 {SPRING}']],
                              lambda f: f.order_items.unit_price_cents.mean()),
    'incidents.stock_out': ([[f'Toys 1 {SPRING}'], [f'Toys 0.5 {SPRING}'], []],
                            lambda f: f.lines.category.eq('Toys').mean()),
    'incidents.channel_lost': ([[f'app 1 {SPRING}'], [f'app 0.5 {SPRING}'], []], lambda f: len(f.orders)),
    'incidents.bot_wave': ([[], [f'100 {SPRING}'], [f'200 {SPRING}']], lambda f: len(f.orders)),
    'incidents.returns_wave': ([[f'0 {SPRING}'], [], [f'3 {SPRING}']], returned),
    'incidents.lost_feed': (None, None), # test_incidents: it moves nothing
}

def drifts(f):
    "The drift of popularity in two months, one after the other."
    from shop_nb.generator.products import _drift
    return [_drift(f.generator.catalogue, month) for month in (660, 661)]


SAYS = { # what is measured
    'demand.growth': 'orders expected on 1 December over those a year before',
    'demand.months': 'share of orders in November and December',
    'demand.weekdays': 'share of orders at weekends',
    'demand.noise': "standard deviation of the logarithm of the days' noise",
    'demand.noise_memory': "correlation of a day's noise with that of the next",
    'demand.days': "day of the month of Singles' Day",
    'demand.peaks': 'share of orders on Black Friday',
    'demand.flash_rate': 'share of days above their season',
    'demand.flash_factors': 'factor of the strongest flash sale',
    'demand.day_limit': 'factor of the busiest day',
    'demand.hours': 'share of orders after 20:00',
    'demand.weekend_hours': 'share of weekend orders before 6:00',
    'customers.history': 'time of the first sign-up',
    'customers.known_before': 'share of customers who signed up before the start',
    'customers.consent': 'share of customers who agreed to marketing',
    'customers.moves': 'share of customers with another street than at their sign-up',
    'customers.new_emails': 'share of customers with another e-mail address than at their sign-up',
    'customers.consent_changes': 'share of customers who changed their mind about marketing',
    'customers.erasures': 'share of customers who were forgotten',
    'customers.segments': 'share of business customers',
    'customers.segment_spending': 'median price of what business customers buy, in cents',
    'customers.rate_shape': "standard deviation of the customers' rates",
    'customers.lifetime_shape': 'share of orders by the first 149 customers',
    'customers.lifetime_scale': 'share of orders by the first 149 customers',
    'customers.new_share': 'customers with an order',
    'customers.new_days': 'share of orders within a day of the sign-up',
    'customers.countries': 'share of customers in Austria',
    'products.categories': 'share of toys among the products',
    'products.median_price': 'median price of toys, in cents',
    'products.cost': 'median cost of toys over their price',
    'products.best_month': 'share of the lines with toys in December',
    'products.swing': 'share of the lines with toys in December',
    'products.known_before': 'share of products launched before the start',
    'products.weekend_launches': 'share of products launched at a weekend',
    'products.sold_days': 'share of products that were discontinued',
    'products.sold_days_spread': 'share of products that were discontinued',
    'products.price_spread': "standard deviation of the logarithm of books' prices",
    'products.price_limits': 'share of prices that are not a cent below a multiple of 5, negative',
    'products.price_steps': 'number of different prices, negative',
    'products.lowest_price': 'lowest price, in cents',
    'products.price_endings': 'share of prices that end in .99',
    'products.price_levels': 'standard deviation of the logarithm of the price paid over the list price',
    'products.price_moves': 'standard deviation of the logarithm of the price paid over the list price',
    'products.repricing': 'share of products with another price than at their launch',
    'products.cost_spread': 'standard deviation of cost over price, of toys',
    'products.popularity': 'share of the lines with the 20 products that sell best',
    'products.popularity_of_price': 'correlation of the logarithms of price and lines',
    'products.drift': 'correlation of the lines per product in the first and the last months of the year, negative',
    'products.drift_memory': "correlation of a month's drift with that of the next, negative",
    'campaigns.rate': 'share of lines with a discount',
    'campaigns.cuts': 'mean discount of the lines that have one',
    'campaigns.sale_day': 'share of lines with a discount',
    'campaigns.sale_cut': 'mean discount on Black Friday',
    'campaigns.pull': 'share of lines with a discount',
    'campaigns.stock_up': 'mean units of lines with a discount',
    'baskets.size_r': 'standard deviation of the lines per order',
    'baskets.channels': 'share of orders in the app',
    'baskets.favourite': 'share of lines with a product that the customer bought before',
    'baskets.favourites': 'share of lines with a product that the customer bought before',
    'baskets.companion': 'share of later lines with a companion of the first product',
    'baskets.taste': "standard deviation of customers' mean logarithm of the price",
    'baskets.price_limits': 'mean units per line',
    'baskets.extra_cheap': 'mean units of lines with cheap products, consumers',
    'baskets.extra_middle': 'mean units of lines between the limits, consumers',
    'baskets.extra_expensive': 'mean units of lines with expensive products, consumers',
    'baskets.extra_r': 'standard deviation of units over their mean',
    'coupons.share': 'share of orders with a coupon',
    'coupons.cut': 'discounts of orders, in cents',
    'shipping.free_from': 'share of orders that pay for shipping',
    'shipping.fee': 'shipping paid, in cents',
    'tax.rate': 'tax paid, in cents',
    'delivery.transit': 'median days from payment to delivery',
    'payments.methods': 'share of payments by card',
    'payments.large_from': 'share of payments by gift card',
    'payments.methods_large': 'share of payments by card',
    'payments.fails': 'mean attempts per payment',
    'payments.fails_again': 'most attempts, plus the share of failed payments',
    'payments.give_up': 'failed payments',
    'payments.give_up_again': 'failed payments',
    'payments.on_delivery': 'median seconds from order to capture, by card',
    'payments.refused': 'cancelled orders',
    'products.words': 'share of toys with a brand of garden products',
    'products.language': 'share of names with a Portuguese preposition',
    'products.price_level': 'median price, in cents',
    'products.price_of_name': "standard deviation of the logarithm of books' prices",
    'shipping.by_region': 'shipping paid, in cents',
    'tax.by_region': 'tax paid, in cents',
    'tax.by_category': 'tax paid, in cents',
    'tax.included': 'amounts of all payments, in cents',
    'delivery.transit_by_region': 'mean days from payment to delivery',
    'payments.delay': 'median seconds from order to capture, by card',
    'payments.purged_after': 'orders',
    'payments.delay_spread': 'standard deviation of the logarithm of the seconds to capture, by card',
    'payments.retry': 'mean seconds from order to capture, by card',
    'payments.unpaid_days': 'cancelled orders, negative',
    'delivery.cancelled': 'share of cancelled orders',
    'delivery.pack': 'median days from payment to delivery',
    'delivery.pack_spread': 'standard deviation of the days from payment to delivery',
    'delivery.transit_spread': 'standard deviation of the days from payment to delivery',
    'delivery.hours': 'mean hour of delivery',
    'delivery.returns': 'share of lines with fashion that came back',
    'delivery.returns_in_part': 'share of returned lines of several units of which some were kept',
    'delivery.return_days': 'share of lines that came back by the end',
    'delivery.return_days_spread': 'share of lines that came back by the end',
    'incidents.payment_outage': 'failed payments',
    'incidents.double_charge': 'amounts of all payments, in cents',
    'incidents.price_error': 'mean price of a unit, in cents',
    'incidents.stock_out': 'share of lines with toys',
    'incidents.channel_lost': 'orders',
    'incidents.bot_wave': 'orders',
    'incidents.returns_wave': 'share of lines that came back',
}

def found(name, value, seed=4):
    "What is measured where a parameter has a value; times in days since 1970."
    number = EFFECTS[name][1](Frames(name, value, seed))
    return number.timestamp() / 86400 if hasattr(number, 'timestamp') else float(number)


SEEDS = range(1, 6) # of the shops that are measured for the reference


def summaries(name):
    "For each value the mean, least and most of five shops, and the least rise since the first value within one shop."
    values, _ = EFFECTS[name]
    numbers = np.array([[found(name, value, seed) for seed in SEEDS] for value in values])
    return [(n.mean(), n.min(), n.max(), (n - numbers[0]).min()) for n in numbers]
