// Revenue over days: a chart whose days can be dragged over, with its highest days named

import {day, short, shortDay} from '../format.js'
import {circle, path, text} from '../svg.js'
import {columnValues} from '../panel.js'
import {axisRoom, heightScale, monthAxis, plot, yAxis} from '../axes.js'

// What is not picked is veiled by the brush; `scale` is what brush and readout need of the picture
export function daysChart(panel, width, {days: picked}) {
  const area = plot(width, width < 520 ? 220 : 260, {left: axisRoom('money'), right: 10, top: 22, bottom: 26})
  const days = columnValues(panel, 'day').map(day)
  const revenue = columnValues(panel, 'revenue')
  const means = columnValues(panel, 'mean_7d')
  const [first, last] = [days[0], days.at(-1)]
  const most = Math.max(...revenue, 1) * 1.12
  const x = n => area.left + ((n - first) / Math.max(last - first + 1, 1)) * area.wide
  const y = heightScale(area, most)
  const middle = n => x(n + 0.5)
  const line = days.map((n, i) => [middle(n), y(revenue[i])])
  const meanLine = days.map((n, i) => [middle(n), means[i]]).filter(([, mean]) => mean != null)
  const highest = revenue.map((_, i) => i).sort((a, b) => revenue[b] - revenue[a])
  const peaks = (from, to) => peakMarks({days, revenue, highest, x, y, area}, from, to)

  let out = yAxis(area, most, y, 'money') + monthAxis(first, last, x, area.height, width - 60)
  out += path([[middle(first), y(0)], ...line, [middle(last), y(0)]], 'class="area"') + path(line, 'class="thin"')
  out += path(
    meanLine.map(([at, mean]) => [at, y(mean)]),
    'class="thick"'
  )
  out += '<g class="brush"></g>'
  out += `<g class="peaks" pointer-events="none">${peaks(...(picked || [first, last]))}</g>`
  out += '<g class="readout" pointer-events="none"></g>'
  const indexOf = Object.fromEntries(days.map((n, i) => [n, i]))
  const edges = {left: area.left, right: area.right, top: area.top, bottom: area.bottom}
  return {height: area.height, out, scale: {...edges, x, y, first, last, indexOf, peaks}}
}

// The three highest days of a period are named; where there is little room, the highest
function peakMarks(chart, from, to) {
  const {days, revenue, highest, x, y} = chart
  const apart = Math.max(7, (to - from + 1) / 7)
  const peaks = []
  for (const i of highest) {
    if (peaks.length === 3 || (peaks.length && !peaks[0].inside)) break
    const within = revenue[i] > 0 && days[i] >= from && days[i] <= to
    if (!within || peaks.some(peak => Math.abs(i - peak.i) < apart)) continue
    const peak = peakLabel(chart, i, from, to)
    if (peaks.every(other => !overlap(other, peak))) peaks.push(peak)
  }
  const mark = ({i, at, up, label}) => {
    const dot = circle(x(days[i] + 0.5), y(revenue[i]), '3.5', 'fill="var(--mark)"')
    return dot + text(at, up, label, {anchor: 'middle', className: 'mark halo'})
  }
  return peaks.map(mark).join('')
}

// Where the label of a day goes: within the period if it fits there, else within the plot
function peakLabel({days, revenue, x, y, area}, i, from, to) {
  const label = `${shortDay(days[i])}: ${short(revenue[i], 'money')}`
  const wide = 7.2 * label.length
  const inside = x(to + 1) - x(from) >= wide
  const [low, high] = inside ? [x(from), x(to + 1)] : [area.left, area.right]
  const at = Math.min(Math.max(x(days[i] + 0.5), low + wide / 2), high - wide / 2)
  return {i, label, wide, inside, at, up: y(revenue[i]) - 8}
}

function overlap(one, other) {
  const beside = Math.abs(one.at - other.at) > (one.wide + other.wide) / 2 + 6
  const above = Math.abs(one.up - other.up) > 18
  return !beside && !above
}
