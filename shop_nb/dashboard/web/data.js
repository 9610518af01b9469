// The page Data: what the run says of itself, and its tables

import {DASH, escapeHtml, full, longDay, plural, whole, words} from './format.js'
import {rowsTable} from './table.js'

export class DataPage {
  constructor(page) {
    Object.assign(this, {page, sort: {}, columns: []})
  }

  // Where the run says nothing, a note tells why
  async show(isCurrent) {
    const {page} = this
    const {manifest, tables} = await page.kernel.ask('run')
    if (!isCurrent() || !manifest) return true
    const grid = page.find('main .grid')
    const facts = runCard(manifest, page.view.whole()[1]) + checksCard(manifest)
    grid.innerHTML = facts + browserHtml(manifest, Object.keys(tables))
    grid.onclick = event => this.clicked(event)
    await this.browse(this.sort.table || 'orders')
    return true
  }

  clicked(event) {
    const near = selector => event.target.closest(selector)?.dataset
    const [table, column, step] = [near('[data-table]'), near('[data-sort]'), near('[data-step]')]
    if (table) this.browse(table.table)
    else if (column) this.sortBy(column.sort)
    else if (step) this.turn(+step.step)
  }

  sortBy(column) {
    const down = this.sort.sort === column && !this.sort.down
    this.rows({sort: column, down, offset: 0}, `[data-sort="${CSS.escape(column)}"]`)
  }

  turn(rows) {
    this.rows({offset: Math.max(0, this.sort.offset + rows)}, `[data-step="${rows}"]`)
  }

  async browse(table) {
    const {page} = this
    page.findAll('[data-table]').forEach(b => b.setAttribute('aria-pressed', b.dataset.table === table))
    this.sort = {table, sort: '', down: false, offset: 0}
    const {columns, doc, grain, error} = await page.kernel.ask('columns', {table})
    if (error || this.sort.table !== table) return
    this.columns = columns
    page.find('.browser .why').textContent = `${doc} ${grain[0].toUpperCase() + grain.slice(1)}.`
    await this.rows({})
  }

  async rows(change, focus) {
    const {page} = this
    Object.assign(this.sort, change)
    const sort = {...this.sort}
    const answer = await page.kernel.ask('rows', sort)
    if (answer.error) return
    page.find('.rows').innerHTML = rowsTable(sort, this.columns, answer)
    if (focus) page.find(`.rows ${focus}`)?.focus()
  }
}

function browserHtml(manifest, tables) {
  const size = table => (isObject(manifest.tables) && manifest.tables[table]?.rows) || 0
  const rows = table => (size(table) ? ` <small>${whole(size(table))}</small>` : '')
  const tab = table =>
    `<button type="button" data-table="${escapeHtml(table)}">${escapeHtml(words(table))}${rows(table)}</button>`
  return `<section class="card browser">
    <header><div><h3>Tables</h3><p class="why"></p></div></header>
    <div class="tabs" role="group" aria-label="Table">${tables.map(tab).join('')}</div>
    <div class="rows"></div>
  </section>`
}

// ---------------------------------------------------------------- the manifest, which may come from somebody else

const isObject = value => value != null && typeof value === 'object' && !Array.isArray(value)

// A value if it is of a kind; otherwise the card says that it cannot read its part
function checked(ok, value) {
  if (!ok) throw TypeError('of another kind')
  return value
}

const asObject = value => checked(isObject(value), value)
const asArray = value => checked(Array.isArray(value), value)
const asCount = value => checked(Number.isInteger(value), value)
const asText = value => (value == null ? DASH : checked(['string', 'number'].includes(typeof value), value))

function factsCard(title, html) {
  let inside
  try {
    inside = html()
  } catch {
    const how = 'Check the run: <code>shop-nb validate DIR</code>'
    inside = `<p class="soft">This part of the manifest cannot be read. ${how}</p>`
  }
  return `<section class="card facts"><h3>${title}</h3>${inside}</section>`
}

const fact = (name, value) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`

function runCard(manifest, lastDay) {
  return factsCard('The run', () => {
    const {parameters, ...own} = asObject(manifest.settings ?? {})
    const settings = Object.entries(own).filter(([, value]) => value != null)
    const facts = settings.map(([name, value]) => fact(words(name), settingText(name, value)))
    facts.push(...Object.entries(asObject(parameters ?? {})).map(([name, value]) => fact(name, valueText(value))))
    const version = `${asText(manifest.shop_nb)}, generator ${asText(manifest.version)}`
    return `<dl>${fact('Data as of', longDay(lastDay))}${facts.join('')}${fact('shop_nb', version)}</dl>`
  })
}

function settingText(name, value) {
  if (typeof value === 'number') return full(value, name === 'seed' ? 'id' : 'count')
  return typeof value === 'object' ? JSON.stringify(value) : value
}

// The value of a parameter: a list has a line per entry, and so has a table
function valueText(value) {
  if (Array.isArray(value)) return value.map(valueText).join('\n') || 'none'
  if (isObject(value)) return Object.entries(value).map(([name, one]) => `${name}: ${valueText(one)}`).join('\n')
  return typeof value === 'boolean' ? full(value) : String(value)
}

const UNCHECKED = '<p class="soft">This run has not been checked. Check it: <code>shop-nb validate DIR</code></p>'

function checksCard(manifest) {
  return factsCard('Checks', () => {
    if (manifest.checks == null) return UNCHECKED
    const {ok, failures, checks, rows} = asObject(manifest.checks)
    const counts = Object.entries(asObject(checks))
    const over = asObject(rows)
    const total = counts.reduce((sum, [, count]) => sum + asCount(count), 0)
    const passed = ok === true
    const word = passed
      ? `✓ All ${whole(total)} checks passed`
      : `✗ ${plural(asArray(failures).length, 'check')} failed`
    const line = ([table, count]) => `${plural(count, 'check')} over ${plural(asCount(over[table]), 'row')}`
    const facts = counts.map(count => fact(words(count[0]), line(count)))
    return `<p class="${passed ? 'good' : 'bad'}"><b>${escapeHtml(word)}</b></p><dl>${facts.join('')}</dl>`
  })
}
