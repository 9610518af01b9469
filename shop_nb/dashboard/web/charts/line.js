// One line or several, with a dot per point

import {amount, plural, short, words} from '../format.js'
import {circle, path, signRoom, softText, text, tip} from '../svg.js'
import {asList, columnLabel, columnValues, unitOf} from '../panel.js'
import {axisRoom, heightScale, plot, xTitle, yAxis} from '../axes.js'

export function lineChart(panel, width) {
  const {x: xColumn, xlabel, base: baseColumn} = panel.chart
  const columns = asList(panel.chart.y)
  const xs = columnValues(panel, xColumn)
  const unit = unitOf(panel, columns[0])
  const base = baseColumn ? columnValues(panel, baseColumn) : null // how many a point stands for
  const bottom = (xlabel ? 42 : 28) + (base ? 16 : 0)
  const margins = {left: axisRoom(unit), right: columns.length > 1 ? 74 : 16, top: 16, bottom}
  const area = plot(width, base ? 266 : 250, margins)
  const values = columns.flatMap(name => columnValues(panel, name)).filter(value => value != null)
  const most = Math.max(...values, 1e-9) * 1.12
  const [low, high] = [Math.min(...xs), Math.max(...xs)]
  const x = value => area.left + 8 + ((value - low) / Math.max(high - low, 1)) * (area.wide - 16)
  const y = heightScale(area, most)

  let out = yAxis(area, most, y, unit) + xNumbers(xs, base, x, area)
  columns.forEach((name, k) => {
    const column = columnValues(panel, name)
    const points = xs.map((value, i) => [x(value), y(column[i] ?? 0)])
    out += path(points, `class="thick" style="stroke:var(--s${k})"`)
    out += points.map((point, i) => lineDot(panel, {name, k, unit, base}, point, i)).join('')
    if (columns.length === 1) out += pointNumbers(points, column, unit)
    else out += text(area.right + 4, points.at(-1)[1] + 4, columnLabel(panel, name), {className: 'strong'})
  })
  if (xlabel) out += xTitle(area, area.height - 5, xlabel)
  return {height: area.height, out}
}

// Below the plot, where there is room: each x, and how many it stands for
function xNumbers(xs, base, x, area) {
  let out = ''
  let taken = -99
  xs.forEach((value, i) => {
    if (x(value) - taken <= (base ? 36 : 28)) return
    taken = x(value)
    out += softText(taken, area.bottom + 16, value)
    if (base) out += text(taken, area.bottom + 31, short(base[i], 'count'), {anchor: 'middle', className: 'soft small'})
  })
  if (base) out += text(4, area.bottom + 31, 'n', {className: 'soft small'})
  return out
}

function lineDot(panel, {name, k, unit, base}, [x, y], i) {
  const {x: xColumn} = panel.chart
  const at = `${words(xColumn)} ${columnValues(panel, xColumn)[i]}`
  const of = base ? `, of ${plural(base[i], 'customer')}` : ''
  const about = `${at}: ${columnLabel(panel, name)} ${amount(columnValues(panel, name)[i], unit)}${of}`
  return circle(x, y, 4, `fill="var(--s${k})" ${tip(about)}`)
}

// Above each point that is far enough from the one before
function pointNumbers(points, values, unit) {
  let out = ''
  points.forEach(([x, y], i) => {
    if (i === 0 || x - points[i - 1][0] <= 40 + signRoom(unit)) return
    out += text(x - 4, y - 9, short(values[i], unit), {anchor: 'middle', className: 'small'})
  })
  return out
}
