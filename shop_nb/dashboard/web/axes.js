// Where a chart's plot lies, and the axes beside it

import {DAY, MONTHS, short, shortDay} from './format.js'
import {signRoom, softText} from './svg.js'

// The edges of a plot within its picture, from its margins
export function plot(width, height, {left, right, top, bottom}) {
  return {width, height, left, right: width - right, top, bottom: height - bottom, wide: width - left - right}
}

// The height of a value in a plot that reaches from 0 to `most`
export const heightScale = (area, most) => value => area.bottom - (value / most) * (area.bottom - area.top)

// The room beside a plot for the numbers of its axis
export const axisRoom = unit => 46 + signRoom(unit)

// Round steps from 0 to `most`, about `n` of them
export function ticks(most, n = 4) {
  const rough = most / n
  const magnitude = 10 ** Math.floor(Math.log10(rough || 1))
  const step = [1, 2, 2.5, 5, 10].map(m => m * magnitude).find(s => s >= rough) || 1
  return Array.from({length: Math.floor(most / step + 1e-9) + 1}, (_, i) => i * step)
}

export function yAxis(area, most, y, unit) {
  const line = value => `<path d="M${area.left} ${y(value).toFixed(1)}H${area.right}" class="grid"/>`
  const label = value => softText(area.left - 6, y(value) + 4, short(value, unit, true), 'end')
  return ticks(most)
    .map(value => line(value) + label(value))
    .join('')
}

// Below the middle of a plot: what its x axis shows
export const xTitle = (area, y, title) => softText(area.left + area.wide / 2, y, title)

// The first days of months; where a span has none, some of its days
export function monthAxis(first, last, x, height, wide) {
  const months = shownMonths(first, last, x, wide)
  if (!months.length) return dayAxis(first, last, x, height, wide)
  const label = ({at, name, anchor}) => {
    if (x(at) >= wide + 30) return ''
    return `<path d="M${x(at).toFixed(1)} ${height - 22}v4" class="grid"/>` + softText(x(at), height - 6, name, anchor)
  }
  return months.map(label).join('')
}

function dayAxis(first, last, x, height, wide) {
  const step = Math.max(1, Math.ceil((last - first) / (wide / 70)))
  let out = ''
  for (let n = first; n <= last; n += step) out += softText(x(n), height - 6, shortDay(n))
  return out
}

// Every month, or every second, third, sixth or January, as there is room; the first and each January name the year
function shownMonths(first, last, x, wide) {
  const start = new Date(first * DAY)
  const startMonth = start.getUTCFullYear() * 12 + start.getUTCMonth() + (start.getUTCDate() > 1 ? 1 : 0)
  const count = (last - first) / 30.4
  const step = [1, 2, 3, 6, 12].find(s => (count / s) * 46 < wide) || 12
  const months = []
  let free = -99 // where the label before ends
  for (let month = startMonth; ; month++) {
    const year = Math.floor(month / 12)
    const at = Date.UTC(year, month % 12, 1) / DAY
    if (at > last) return months
    if (month % step || x(at) < free) continue
    const january = month % 12 === 0
    const opens = january || !months.length
    const name = MONTHS[month % 12] + (opens ? ` ${year}` : '')
    free = x(at) + (name.length > 3 ? 66 : 34)
    months.push({at, name, anchor: opens ? 'start' : 'middle'})
  }
}
