// What is shown: days, picked values and page, as the address writes them

import {countryName, day, iso, words} from './format.js'

export const pickedName = (dimension, value) => (dimension === 'country' ? countryName(value) : words(value))

export class View {
  // `shop` is what Python answers to "hello": bounds, dimensions, pages, and the query of the first view
  constructor(shop, page) {
    this.shop = shop
    this.state = {...this.read(shop.query), page}
  }

  query() {
    const {days, picks} = this.state
    const written = days ? `${iso(days[0])}..${iso(days[1])}` : 'all'
    const picked = Object.entries(picks).filter(([, values]) => values.length)
    return [`days=${written}`, ...picked.map(([d, values]) => `${d}=${values.map(encodeURIComponent).join(',')}`)].join(
      '&'
    )
  }

  address(page = this.state.page) {
    return `?${this.query()}${page === 'overview' ? '' : `&page=${page}`}`
  }

  read(query) {
    const params = new URLSearchParams(query)
    const days = params.get('days') || 'all'
    const picks = {}
    for (const dimension of Object.keys(this.shop.dimensions)) {
      if (params.get(dimension)) picks[dimension] = params.get(dimension).split(',')
    }
    return {days: days === 'all' ? null : this.inside(days.split('..').map(day)), picks}
  }

  readAddress(query) {
    this.state = {...this.read(query), page: pageOf(this.shop, query)}
  }

  setDays(days) {
    this.state = {...this.state, days}
  }

  // The same shop with newer data: a period that ended with the last day moves on with it
  renew(shop) {
    const before = this.whole()[1]
    const {days} = this.state
    this.shop = shop
    const more = this.whole()[1] - before
    if (days?.[1] === before) this.setDays(days.map(n => n + more))
  }

  // All days of the data
  whole() {
    return this.shop.bounds.map(day)
  }

  // The days shown
  window() {
    return this.state.days || this.whole()
  }

  // Days, as far as there is data
  inside(days) {
    const [first, last] = this.whole()
    return days.map(n => Math.max(first, Math.min(last, n))).sort((a, b) => a - b)
  }

  // The names of what is picked, but in one dimension
  pickedNames(except = '') {
    const picks = Object.entries(this.state.picks).filter(([dimension]) => dimension !== except)
    return picks.flatMap(([dimension, values]) => values.map(value => pickedName(dimension, value)))
  }
}

// An unknown page is the first
export function pageOf(shop, query) {
  const page = new URLSearchParams(query).get('page')
  return Object.hasOwn(shop.pages, page) ? page : 'overview'
}
