// The dashboard in the browser: it draws, and asks Python for every number. No framework, nothing from a network.
// Python's side is nbs/60_dashboard/03_backend.ipynb; the words for columns, units and kinds of chart are those of the
// library's questions.

import {day, headline, setCurrency, span} from './format.js'
import {Kernel} from './kernel.js'
import {View, pageOf} from './view.js'
import {Cards, isYearBefore} from './cards.js'
import {Panels, skeletonHtml} from './panels.js'
import {DataPage} from './data.js'
import {Notices} from './notices.js'
import {explainMeasure, explainPanel} from './dialog.js'
import {saveFile, savePicture} from './picture.js'
import {pageHtml, renewFrame} from './header.js'
import {markFilters} from './filters.js'
import {showTheme} from './theme.js'
import {listen} from './events.js'

const TYPES = {csv: 'text/csv', parquet: 'application/vnd.apache.parquet'}

class Page {
  view = null
  past = [] // states that Undo leads back to
  laid = null // the page whose frames are there
  turn = 0 // views asked for
  showing = false
  listening = false
  dragging = false
  held = false // whether a pointer is down
  wish = 0 // when days were dragged that are not shown yet
  beforeKeys = null // the state before keys moved the brush
  keysTimer = 0

  constructor(model, root, inVoila) {
    this.root = root
    this.inVoila = inVoila
    this.kernel = new Kernel(model, error => this.notices.fail(error))
    this.notices = new Notices(this)
    this.cards = new Cards(this)
    this.panels = new Panels(this)
    this.dataPage = new DataPage(this)
  }

  find(selector) {
    return this.root.querySelector(selector)
  }

  findAll(selector) {
    return [...this.root.querySelectorAll(selector)]
  }

  // ---------------------------------------------------------------- from one view to another

  async start() {
    this.cards.first = this.find('.kpis:not([aria-hidden])')?.innerHTML
    const query = this.inVoila ? location.search : ''
    const shop = await this.kernel.ask('hello', {query})
    if (shop.error) return
    this.open(shop, pageOf(shop, query))
    if (shop.lacks) this.notices.add(shop.lacks)
    if (shop.left.length) this.notices.add(`Ignored, because this shop does not have it: ${shop.left.join(', ')}.`)
    if (this.inVoila) history.replaceState(null, '', this.view.address())
    addEventListener('popstate', () => this.back())
    this.notices.watch()
    await this.show()
  }

  // Draw the frame of a shop, of which Python says what the page has to know first
  open(shop, page) {
    setCurrency(shop.currency)
    this.view = new View(shop, page)
    this.frame()
  }

  go(change) {
    this.past.push({...this.view.state})
    return this.become({...this.view.state, ...change})
  }

  undo() {
    if (this.past.length) this.become(this.past.pop())
  }

  become(state) {
    this.view.state = state
    if (this.inVoila) history.pushState(null, '', this.view.address())
    return this.show()
  }

  // The browser's own Back
  back() {
    this.past.pop()
    this.view.readAddress(location.search)
    this.show()
  }

  toggle(dimension, value) {
    const {picks} = this.view.state
    const old = picks[dimension] || []
    const now = old.includes(value) ? old.filter(other => other !== value) : [...old, value]
    this.go({picks: {...picks, [dimension]: now}})
  }

  async reload() {
    this.notices.removeOffer()
    this.root.dataset.state = 'busy'
    const shop = await this.kernel.ask('reload', {query: this.view.query()})
    this.notices.stale = false
    if (shop.error) return
    this.laid = null
    this.open(shop, this.view.state.page)
    await this.show()
  }

  // The newest data of a database that is followed, in the place of what is there
  async renew() {
    const shop = await this.kernel.ask('reload', {query: this.view.query()})
    while (this.occupied()) await new Promise(resolve => setTimeout(resolve, 100))
    this.notices.stale = false
    if (shop.error) return
    const same = name => JSON.stringify(shop[name]) === JSON.stringify(this.view.shop[name])
    if (!['pages', 'dimensions', 'currency'].every(same)) return this.reload()
    this.view.renew(shop)
    renewFrame(this, shop, this.view.whole()[1])
    await this.show()
  }

  // Whether somebody is at work on the page, so that nothing may be replaced below the pointer
  occupied() {
    const busy = this.dragging || this.held || this.beforeKeys || this.root.dataset.state === 'busy'
    return busy || this.find('dialog[open], details.menu[open], .dates input:focus')
  }

  // ---------------------------------------------------------------- what stays, and what a page consists of

  frame() {
    const {view} = this
    this.root.innerHTML = pageHtml(view.shop, view.whole()[1])
    showTheme(this)
    if (this.listening) return
    this.listening = true
    listen(this)
  }

  lay(name) {
    this.laid = name
    this.panels.clear()
    const {title, panels} = this.view.shop.pages[name]
    const cards = name === 'overview' ? this.cards.waitingHtml() : ''
    const against = name === 'data' ? '' : '<p class="against soft"></p>'
    const breakdowns = panels.filter(name => name.startsWith('by_')).length
    const grid = `<div class="grid breakdowns-${breakdowns}">${panels.map(skeletonHtml).join('')}</div>`
    this.find('main').className = `page-${name}`
    this.find('main').innerHTML = `<h2 class="sr">${title}</h2>${against}${cards}${grid}`
  }

  // What is shown, and what it is compared with: it stays on paper, where the filters are gone
  heading(against) {
    const {view} = this
    const line = this.find('.against')
    if (!line) return
    const [first, last] = view.window()
    const shown = [span(first, last), ...view.pickedNames()].join(' · ')
    line.textContent = against ? `${shown}. ${comparedText(against, first, last)}` : shown
  }

  // ---------------------------------------------------------------- showing a view

  // Headline numbers first, then what depends on them; a newer turn ends an older one
  async show() {
    const {page} = this.view.state
    const turn = (this.turn += 1)
    const isCurrent = () => turn === this.turn
    this.wish = 0
    this.showing = true
    markFilters(this)
    if (this.laid !== page) this.lay(page)
    this.heading()
    this.root.dataset.state = 'busy'
    const shown = page === 'data' ? await this.dataPage.show(isCurrent) : await this.showPanels(page, isCurrent)
    if (!isCurrent()) return
    this.showing = false
    this.root.dataset.state = shown ? 'ready' : 'failed'
    if (shown && page !== 'data') this.say()
  }

  async showPanels(page, isCurrent) {
    const query = this.view.query()
    const overview = page === 'overview' ? await this.kernel.ask('view', {query}) : null
    if (!isCurrent() || overview?.error) return false
    if (overview) this.drawOverview(overview)
    const drawn = overview ? overview.panels.map(panel => panel.name) : []
    for (const name of this.view.shop.pages[page].panels) {
      if (drawn.includes(name)) continue
      await this.showPanel(name, query, isCurrent)
      if (!isCurrent()) return false
    }
    return true
  }

  async showPanel(name, query, isCurrent) {
    this.panels.host(name)?.setAttribute('aria-busy', 'true')
    const {panel, error} = await this.kernel.ask('panel', {query, name})
    if (!isCurrent()) return
    if (panel) this.panels.draw(panel)
    else this.panels.fail(name, error)
  }

  drawOverview(overview) {
    this.cards.show(overview)
    for (const panel of overview.panels) this.panels.draw(panel)
  }

  // For those who listen
  say() {
    const {view, cards} = this
    const [revenue, sales] = [cards.named('revenue'), cards.named('sales')]
    let numbers = 'Charts updated.'
    if (view.state.page === 'overview' && revenue) {
      numbers = `Revenue ${headline(revenue.value, 'money')}, ${headline(sales.value, 'count')} sales.`
    }
    this.find('.live').textContent = `${[span(...view.window()), ...view.pickedNames()].join(', ')}. ${numbers}`
  }

  // While days are dragged: the newest days only, one question at a time
  async drag() {
    markFilters(this)
    this.wish = performance.now()
    if (this.showing) {
      this.turn += 1
      this.showing = false
    }
    if (this.dragging) return
    this.dragging = true
    while (this.wish) await this.showDragged()
    this.dragging = false
  }

  async showDragged() {
    const {wish, turn} = this
    this.wish = 0
    const overview = await this.kernel.ask('view', {query: this.view.query(), fast: true})
    if (turn !== this.turn || overview.error) return
    this.drawOverview(overview)
    await new Promise(requestAnimationFrame)
    performance.measure('shop:brush', {start: wish, end: performance.now()})
  }

  // ---------------------------------------------------------------- buttons that say what to do

  async act(what, name) {
    if (what === 'alldays') return this.go({days: null})
    if (what === 'clearpicks') return this.go({picks: {}})
    if (what === 'again') return this.show()
    if (what === 'reload') return this.reload()
    if (what === 'open') return location.reload()
    if (what === 'table') return this.panels.toggleTable(name)
    const panel = this.panels.panels[name]
    if (what === 'explain') return explainPanel(this.find('dialog'), panel)
    if (what === 'svg' || what === 'png') return savePicture(panel, this.view, this.root, what)
    return this.download(name, what)
  }

  async download(name, format) {
    const {file, buffers, error} = await this.kernel.ask('download', {query: this.view.query(), name, format})
    if (!error) saveFile(new Blob([buffers[0]], {type: TYPES[format]}), file)
  }

  async explain(name) {
    const measure = await this.kernel.ask('measure', {query: this.view.query(), name})
    if (!measure.error) explainMeasure(this.find('dialog'), measure)
  }
}

function comparedText(against, first, last) {
  if (isYearBefore(against, first)) return `Compared with ${span(...against.map(day))}, 52 weeks earlier.`
  const count = last - first + 1
  const period = count === 1 ? 'day' : `${count} days`
  return `Compared with the ${period} before; the data does not reach back a year, so changes include the season.`
}

function render({model, el}) {
  const own = document.getElementById('shop-dashboard')
  const root = own || el
  root.classList.add('shop-dash')
  const page = new Page(model, root, own !== null)
  globalThis.shopDashboard = page
  page.start()
}

export default {render}
