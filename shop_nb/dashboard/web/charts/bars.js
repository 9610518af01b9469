// Lying bars, one per row; where they pick, each row is a switch

import {amount, countryName, escapeHtml, short, whole} from '../format.js'
import {fitted, rect, signRoom, softText, strongWidth, text, tip} from '../svg.js'
import {alsoText, asList, columnLabel, columnValues, notFinal, rowLabels, unitOf} from '../panel.js'

const MOST_BARS = 15

export function pickChart(panel, width, {picks}) {
  const {dimension} = panel.chart
  return bars(panel, width, {dimension, picked: picks[dimension] || []})
}

export const barsChart = (panel, width) => bars(panel, width, {picked: []})

function bars(panel, width, {dimension, picked}) {
  const {x: column, y: nameColumn, also: alsoColumn} = panel.chart
  const labels = rowLabels(panel, nameColumn)
  const also = alsoColumn ? columnValues(panel, alsoColumn) : []
  const chart = {
    dimension,
    picked,
    also,
    units: [column, ...asList(alsoColumn ?? [])].map(name => unitOf(panel, name)),
    values: columnValues(panel, column),
    names: nameColumn === 'country' ? labels.map(countryName) : labels,
    keys: dimension ? columnValues(panel, dimension) : labels
  }
  const layout = barsLayout(chart, width)
  const rows = panel.rows.slice(0, MOST_BARS)
  const rest = panel.rows.length - rows.length
  const end = layout.head + rows.length * layout.row

  let out = ''
  if (layout.head) out += text(width, 10, columnLabel(panel, alsoColumn), {anchor: 'end', className: 'soft small'})
  out += rows.map((_, i) => barRow(panel, chart, layout, i)).join('')
  if (rest > 0) out += text(0, end + 15, `and ${whole(rest)} more in the table`, {className: 'soft'})
  return {height: end + (rest > 0 ? 22 : 2), out}
}

// Names stand before their bars, or above them where they would take a third of the width
function barsLayout({dimension, values, names, also, units}, width) {
  const longest = Math.max(...names.slice(0, MOST_BARS).map(strongWidth), 1)
  const above = longest > width * 0.34
  const signs = units.reduce((room, unit) => room + signRoom(unit), 0)
  return {
    width,
    above,
    left: above ? 0 : Math.max(56, longest + 10),
    right: (also.length ? 118 : 62) + signs,
    row: above ? 44 : 30,
    head: also.length && !dimension ? 18 : 0,
    most: Math.max(...values.slice(0, MOST_BARS), 1e-9)
  }
}

function barRow(panel, chart, layout, i) {
  const {dimension, picked, values, names, keys, also} = chart
  const on = picked.includes(keys[i])
  const pale = picked.length > 0 && !on
  const unit = unitOf(panel, panel.chart.x)
  const second = also.length ? short(also[i], unitOf(panel, panel.chart.also)) : ''
  const inner = barInner({name: names[i], value: values[i], unit, second, on, pale, dimension}, layout, i)
  if (!dimension) {
    const about = `${names[i]}: ${amount(values[i], unit)}${alsoText(panel, also, i)}${notFinal(panel)}`
    return `<g ${tip(about)}>${inner}</g>`
  }
  const spoken = `${names[i]}: ${short(values[i], unit)}${also.length ? `, ${second}` : ''}`
  const button = `class="pickable" role="button" tabindex="0" data-key="${escapeHtml(keys[i])}"`
  return `<g ${button} aria-pressed="${on}" aria-label="${escapeHtml(spoken)}">${inner}</g>`
}

function barInner({name, value, unit, second, on, pale, dimension}, {width, above, left, right, row, head, most}, i) {
  const y = head + i * row
  const barY = above ? y + 20 : y + 5
  const wide = Math.max((value / most) * (width - left - right), value ? 2 : 0)
  let out = dimension ? rect(0, y + 1, width, row - 2, 'transparent', 'class="hit" rx="6"') : ''
  out += text(0, above ? y + 14 : y + 19, fitted(name, width), {className: on ? 'strong' : ''})
  out += rect(left, barY, wide, 20, pale ? 'var(--pale)' : 'var(--main)', 'rx="3" class="b"')
  out += text(left + wide + 6, barY + 14, short(value, unit))
  if (second) out += softText(width, barY + 14, second, 'end')
  return out
}
