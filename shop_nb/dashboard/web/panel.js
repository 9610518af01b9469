// Reading a panel: columns, rows, how its chart is to be drawn, and which of its rows are not whole

import {amount, full, words} from './format.js'
import {rect} from './svg.js'

export const asList = value => (Array.isArray(value) ? value : [value])
export const columnIndex = (panel, name) => panel.columns.findIndex(c => c.name === name)
export const unitOf = (panel, name) => panel.columns[columnIndex(panel, name)]?.unit

export function columnValues(panel, name) {
  const i = columnIndex(panel, name)
  return panel.rows.map(row => row[i])
}

// What a column is called: the orders of a panel that counts sales are sales
export const columnLabel = (panel, name) => panel.columns[columnIndex(panel, name)]?.label ?? words(name)

// What each row is called, by one column or several
export function rowLabels(panel, names) {
  const written = (row, name) => full(words(row[columnIndex(panel, name)]), unitOf(panel, name))
  return panel.rows.map(row =>
    asList(names)
      .map(name => written(row, name))
      .join(' + ')
  )
}

// What a tip adds of a chart's second column: ", orders 12"
export function alsoText(panel, values, i) {
  const {also} = panel.chart
  return values.length ? `, ${columnLabel(panel, also)} ${amount(values[i], unitOf(panel, also))}` : ''
}

// What is not whole, as a month that the view cuts, is striped, and its tip says which days it has
export function stripes(panel) {
  if (!Object.keys(panel.cut).length) return ''
  const size = 'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"'
  const stripe = '<rect width="2.6" height="6" fill="var(--card)"/>'
  return `<defs><pattern id="cut-${panel.name}" ${size}>${stripe}</pattern></defs>`
}

export function striped(panel, i, x, y, width, height) {
  if (!panel.cut[i]) return ''
  return rect(x, y, width, height, `url(#cut-${panel.name})`, 'class="cut" pointer-events="none"')
}

export const onlyDays = (panel, i) => (panel.cut[i] ? ` (only ${panel.cut[i]})` : '')

// Returns can still change it
export const notFinal = panel => (panel.open ? ', not final' : '')
