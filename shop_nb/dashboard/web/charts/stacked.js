// Bars of parts, one per month

import {MONTHS, amount, full} from '../format.js'
import {legend, rect, softText, tip} from '../svg.js'
import {asList, columnLabel, columnValues, onlyDays, striped, stripes, unitOf} from '../panel.js'
import {axisRoom, heightScale, plot, yAxis} from '../axes.js'

export function stackedChart(panel, width) {
  const columns = asList(panel.chart.y)
  const unit = unitOf(panel, columns[0])
  const area = plot(width, 250, {left: axisRoom(unit), right: 8, top: 30, bottom: 28})
  const parts = columns.map(name => columnValues(panel, name).map(value => value ?? 0))
  const months = columnValues(panel, panel.chart.x)
  const totals = months.map((_, i) => parts.reduce((total, part) => total + part[i], 0))
  const most = Math.max(...totals, 1e-9) * 1.05
  const y = heightScale(area, most)
  const step = area.wide / months.length
  const colours = columns.map((_, k) => `var(--s${k})`)
  const names = columns.map(name => columnLabel(panel, name))

  let out = stripes(panel) + yAxis(area, most, y, unit)
  out += legend(names, colours, {left: area.left, top: 8, gap: 30})
  months.forEach((month, i) => {
    const [x, wide] = [area.left + i * step + step * 0.12, step * 0.76]
    out += stackedBar(panel, {parts, colours, names, month, x, wide, y}, i)
    out += striped(panel, i, x, y(totals[i]), wide, y(0) - y(totals[i]))
    if (i % Math.ceil((months.length * 34) / area.wide)) return
    out += softText(area.left + i * step + step / 2, area.height - 8, monthLabel(month, i === 0 && step > 60))
  })
  return {height: area.height, out}
}

// The parts of one bar, from below; a gap of a pixel stands between them
function stackedBar(panel, {parts, colours, names, month, x, wide, y}, i) {
  const unit = unitOf(panel, asList(panel.chart.y)[0])
  let out = ''
  let base = 0
  parts.forEach((part, k) => {
    const top = base + part[i]
    const about = `${full(month, 'month')}: ${names[k]} ${amount(part[i], unit)}${onlyDays(panel, i)}`
    out += rect(x, y(top), wide, y(base) - y(top) - (k ? 1 : 0), colours[k], tip(about))
    base = top
  })
  return out
}

function monthLabel(month, withYear) {
  const name = MONTHS[+String(month).slice(5, 7) - 1]
  return withYear ? `${name} ${month.slice(0, 4)}` : name
}
