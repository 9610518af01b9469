// A dot per row, the first of them named

import {amount, clip, short, words} from '../format.js'
import {circle, softText, text, textWidth, tip} from '../svg.js'
import {columnLabel, columnValues, unitOf} from '../panel.js'
import {axisRoom, plot, ticks, xTitle, yAxis} from '../axes.js'

const LOG_TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5]

export function scatterChart(panel, width) {
  const {x: xColumn, y: yColumn, label, log, xlabel} = panel.chart
  const unit = unitOf(panel, yColumn)
  const area = plot(width, 290, {left: 4 + axisRoom(unit), right: 14, top: 14, bottom: 42})
  const xs = columnValues(panel, xColumn)
  const ys = columnValues(panel, yColumn)
  const names = columnValues(panel, label)
  const most = Math.max(...ys, 1e-9) * 1.1
  const least = Math.min(...ys, 0)
  const x = xScale(xs, area, log)
  const y = value => area.bottom - ((value - least) / (most - least)) * (area.bottom - area.top)

  let out = yAxis(area, most, y, unit)
  if (least < 0) out += softText(area.left - 6, y(least) + 4, short(least, unit), 'end')
  for (const value of xTicks(xs, log)) out += softText(x(value), area.bottom + 16, short(value, 'count', true))
  out += scatterDots(panel, {xs, ys, names, x, y})
  const first = xs.slice(0, 12)
  const dots = first.map((value, i) => ({x: x(value), y: y(ys[i]), name: clip(String(names[i]), 26)}))
  for (const dot of placed(dots, area.left, area.right, 6)) {
    out += text(dot.left, dot.y + 4, dot.name, {className: 'small halo'})
  }
  return {height: area.height, out: out + xTitle(area, area.height - 5, xlabel || words(xColumn))}
}

const logScale = value => Math.log10(Math.max(value, 1))

function xScale(xs, area, log) {
  const scaled = log ? logScale : Number
  const low = scaled(Math.min(...xs))
  const high = Math.max(scaled(Math.max(...xs)), low + 1e-9)
  return value => area.left + 8 + ((scaled(value) - low) / (high - low)) * (area.wide - 16)
}

function xTicks(xs, log) {
  const [low, high] = [Math.min(...xs), Math.max(...xs)]
  if (!log) return ticks(high, 6).filter(value => value >= low)
  return LOG_TICKS.filter(value => logScale(value) >= logScale(low) && logScale(value) <= logScale(high))
}

// Dots of the first rows lie on top
function scatterDots(panel, {xs, ys, names, x, y}) {
  const {x: xColumn, y: yColumn, size} = panel.chart
  const sizes = size ? columnValues(panel, size) : null
  const largest = sizes ? Math.max(...sizes) : 1
  const radius = i => (sizes ? 3 + 9 * Math.sqrt(sizes[i] / largest) : 4.5)
  const dot = i => {
    const along = `${amount(xs[i], unitOf(panel, xColumn))} ${words(xColumn)}`
    const up = `${columnLabel(panel, yColumn)} ${amount(ys[i], unitOf(panel, yColumn))}`
    return circle(x(xs[i]), y(ys[i]), radius(i).toFixed(1), `class="dot" ${tip(`${names[i]}: ${along}, ${up}`)}`)
  }
  return xs
    .map((_, i) => dot(i))
    .reverse()
    .join('')
}

// Names beside their dots, on the side where there is room; one that would run into another is left out
export function placed(dots, left, right, most) {
  const labels = []
  for (const dot of dots) {
    const wide = textWidth(dot.name)
    const sides = [dot.x + 12, dot.x - 12 - wide].filter(at => at >= left && at + wide <= right)
    const apart = (label, at) => at >= label.left + label.wide + 6 || at + wide + 6 <= label.left
    const free = at => labels.every(label => apart(label, at) || Math.abs(label.y - dot.y) >= 15)
    const at = sides.find(free)
    if (at != null && labels.length < most) labels.push({...dot, left: at, wide})
  }
  return labels
}
