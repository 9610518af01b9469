// Tables: the rows of a panel, and those of a table of the run

import {amountsNote, escapeHtml, full, whole, words} from './format.js'
import {rect, tip} from './svg.js'

const NUMBERS = ['money', 'share', 'count', 'days'] // units
const MOST_ROWS = 200
const PAGE_ROWS = 25

const scrolled = (label, table) =>
  `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(label)}"><table>${table}</table></div>`

// ---------------------------------------------------------------- of a panel

export function panelTable({title, grain, columns, rows}) {
  const isNumber = (column, value) => NUMBERS.includes(column.unit) && typeof value === 'number'
  const className = number => (number ? 'num' : '')
  const headCell = (column, i) => {
    const number = rows.some(row => isNumber(column, row[i]))
    return `<th scope="col" class="${className(number)}">${escapeHtml(column.label)}</th>`
  }
  const cell = (value, i) => {
    const column = columns[i]
    return `<td class="${className(isNumber(column, value))}">${escapeHtml(full(value, column.unit))}</td>`
  }
  const head = `<thead><tr>${columns.map(headCell).join('')}</tr></thead>`
  const body = rows.slice(0, MOST_ROWS).map(row => `<tr>${row.map(cell).join('')}</tr>`)
  const inside = `${captionHtml(title, grain, columns)}${head}<tbody>${body.join('')}</tbody>`
  const table = scrolled(`${title}, as a table`, inside)
  if (rows.length <= MOST_ROWS) return table
  const rest = `${whole(rows.length)} rows, the first ${MOST_ROWS}. All of them are in the download.`
  return `${table}<p class="soft">${rest}</p>`
}

// What the table is, read aloud; the currency of its amounts, if it has any, is also seen
function captionHtml(title, grain, columns) {
  const aloud = escapeHtml(`${title}: ${grain}. `)
  const seen = columns.some(column => column.unit === 'money') ? escapeHtml(amountsNote()) : ''
  return `<caption><span class="sr">${aloud}</span>${seen}</caption>`
}

// ---------------------------------------------------------------- of the run

// One page of a table's rows, with a small picture of each column; `columns` are what Python says of them
export function rowsTable({table, sort, down}, columns, {columns: names, rows, offset, total}) {
  const isNumber = i => columns[i]?.kind === 'number' && !/_id$/.test(names[i])
  const cell = (value, i) => `<td class="${isNumber(i) ? 'num' : ''}">${cellText(value)}</td>`
  const head = names.map((name, i) => sortHead(name, columns[i], name === sort ? directionOf(down) : null))
  const body = rows.map(row => `<tr>${row.map(cell).join('')}</tr>`)
  const inside = `<thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody>`
  return scrolled(words(table), inside) + pager(offset, total)
}

function cellText(value) {
  if (value == null) return '<span class="soft">–</span>'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return escapeHtml(value)
}

const directionOf = down => (down ? {aria: 'descending', arrow: ' ↓'} : {aria: 'ascending', arrow: ' ↑'})

function sortHead(name, column, direction) {
  const label = escapeHtml(words(name)) + (direction?.arrow ?? '')
  const button = `<button type="button" data-sort="${escapeHtml(name)}">${label}</button>`
  const about = `aria-sort="${direction?.aria ?? 'none'}" title="${escapeHtml(column?.doc)}"`
  return `<th scope="col" ${about}>${button}${columnPicture(column)}</th>`
}

function pager(offset, total) {
  const last = Math.min(offset + PAGE_ROWS, total)
  const step = (by, label, on) => `<button type="button" data-step="${by}" ${on ? '' : 'disabled'}>${label}</button>`
  const shown = `${whole(offset + 1)} – ${whole(last)} of ${whole(total)}`
  const buttons = [step(-PAGE_ROWS, 'Previous', offset), step(PAGE_ROWS, 'Next', last < total)]
  return `<p class="pager">${buttons[0]}<span>${shown}</span>${buttons[1]}</p>`
}

function columnPicture(column) {
  return column.kind === 'text' ? commonValues(column) : histogram(column)
}

function commonValues({top, distinct}) {
  if (distinct > 50) return `<span class="soft">${whole(distinct)} values</span>`
  const known = top.filter(([value]) => value != null)
  const most = Math.max(...known.map(([, count]) => count), 1)
  const line = ([value, count]) => {
    const bar = `<i style="width:${((count / most) * 100).toFixed(0)}%"></i>`
    return `<span ${tip(`${value}: ${whole(count)}`)}>${bar}<em>${escapeHtml(value)}</em></span>`
  }
  return `<span class="mini">${known.slice(0, 3).map(line).join('')}</span>`
}

function histogram({bins, low, high}) {
  const most = Math.max(...bins, 1)
  const bar = (count, i) => {
    const tall = (count / most) * 24
    return rect(i * 6, 26 - tall, 5, tall, 'var(--main)', tip(`${whole(count)} rows; all: ${low} to ${high}`))
  }
  const label = `aria-label="from ${escapeHtml(low)} to ${escapeHtml(high)}"`
  return `<svg viewBox="0 0 96 26" width="96" height="26" role="img" ${label}>${bins.map(bar).join('')}</svg>`
}
