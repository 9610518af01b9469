// The panels of a page: each a chart or its table, with a menu

import {escapeHtml, span} from './format.js'
import {charts} from './charts.js'
import {Brush} from './brush.js'
import {panelTable} from './table.js'

const LEAST_WIDTH = 240 // px
const LIVE = ['pick', 'time'] // kinds of chart that can be worked with
const MENU = {
  explain: 'What is this?',
  table: 'Table or chart',
  csv: 'Rows as CSV',
  parquet: 'Rows as Parquet',
  svg: 'Chart as SVG',
  png: 'Chart as PNG'
}

export class Panels {
  constructor(page) {
    Object.assign(this, {page, panels: {}, tabled: new Set()})
  }

  clear() {
    this.panels = {}
    this.tabled.clear()
  }

  host(name, inside = '') {
    return this.page.find(`[data-panel="${name}"]${inside}`)
  }

  draw(panel) {
    const host = this.host(panel.name)
    if (!host) return
    this.panels[panel.name] = panel
    if (host.classList.contains('skeleton')) {
      host.classList.remove('skeleton')
      if (panel.chart.dimension) host.dataset.dimension = panel.chart.dimension
      host.innerHTML = frameHtml(panel)
    }
    host.removeAttribute('aria-busy')
    host.querySelector('.says').textContent = panel.says
    host.querySelector('.why').textContent = panel.empty ? panel.why : `${panel.why} ${panel.note}`
    this.paint(panel.name)
  }

  paint(name) {
    const panel = this.panels[name]
    const picture = this.host(name, ' .pic')
    if (!panel || !picture) return
    const focused = picture.contains(document.activeElement) ? document.activeElement.dataset.key : null
    if (panel.empty) picture.innerHTML = this.emptyHtml(panel)
    else if (this.tabled.has(name)) picture.innerHTML = panelTable(panel)
    else this.paintChart(panel, picture)
    if (focused) picture.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus()
  }

  paintChart(panel, picture) {
    const {kind} = panel.chart
    const width = Math.max(LEAST_WIDTH, picture.clientWidth)
    const {height, out, scale} = charts[kind](panel, width, this.page.view.state)
    const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`
    const role = LIVE.includes(kind) ? 'group' : 'img'
    const label = escapeHtml(`${panel.title}. ${panel.says}`)
    picture.innerHTML = `<svg class="chart" ${size} role="${role}" aria-label="${label}">${out}</svg>`
    if (kind === 'time') new Brush(this.page, picture.firstChild, scale, panel.rows)
  }

  paintAll() {
    for (const name of Object.keys(this.panels)) this.paint(name)
  }

  toggleTable(name) {
    if (!this.tabled.delete(name)) this.tabled.add(name)
    this.paint(name)
    this.host(name, ' summary').focus()
  }

  fail(name, error) {
    const place = this.host(name, ' .pic') ?? this.host(name)
    const again = '<button type="button" data-do="again">Try again</button>'
    place.innerHTML = `<p class="empty">This could not be shown. ${escapeHtml(error)} ${again}</p>`
  }

  // Nothing to draw: what is missing, for which view, and what brings it back
  emptyHtml(panel) {
    const {view} = this.page
    const picks = view.pickedNames(panel.chart.dimension)
    const days = panel.chart.kind === 'time' ? null : view.state.days
    const shown = [...(days ? [span(...days)] : []), ...picks].join(' · ')
    const button = (act, label) => `<button type="button" data-do="${act}">${label}</button>`
    const allDays = days ? button('alldays', 'Show all days') : ''
    const noPicks = picks.length ? button('clearpicks', 'Remove filters') : ''
    return `<div class="empty">
      <p><b>${escapeHtml(panel.empty)}</b></p>
      <p>${escapeHtml(shown)}</p>
      <p>${emptyAdvice(days, picks.length)}</p>
      <p>${allDays} ${noPicks}</p>
    </div>`
  }
}

function emptyAdvice(days, picks) {
  if (days && picks) return 'Choose a longer period or remove a filter.'
  if (picks) return 'Remove a filter.'
  return days ? 'Choose a longer period.' : 'This is true of the whole shop.'
}

export const skeletonHtml = name =>
  `<section class="card panel skeleton p-${name}" data-panel="${name}" aria-busy="true"><i></i><b></b></section>`

function frameHtml({name, title}) {
  const item = ([act, label]) => `<button type="button" data-do="${act}" data-name="${name}">${label}</button>`
  const heading = `<div><h3>${escapeHtml(title)}</h3><p class="why"></p></div>`
  const summary = `<summary aria-label="More about ${escapeHtml(title)}">⋯</summary>`
  const menu = `<details class="menu">${summary}<div>${Object.entries(MENU).map(item).join('')}</div></details>`
  return `<header>${heading}${menu}</header><div class="pic"></div><p class="sr says"></p>`
}
