// What a day usually brings as a band, what it brought as a line, and the days that fall outside as dots

import {amount, day, longDay, plural, short, shortDay} from '../format.js'
import {circle, path, text, tip} from '../svg.js'
import {columnValues} from '../panel.js'
import {axisRoom, heightScale, monthAxis, plot, yAxis} from '../axes.js'

export function bandChart(panel, width) {
  const area = plot(width, 250, {left: axisRoom('money'), right: 10, top: 22, bottom: 26})
  const days = columnValues(panel, 'day').map(day)
  const revenue = columnValues(panel, 'revenue')
  const least = columnValues(panel, 'least_revenue')
  const greatest = columnValues(panel, 'most_revenue')
  const expected = columnValues(panel, 'expected_revenue')
  const unusual = columnValues(panel, 'is_unusual')
  const [first, last] = [days[0], days.at(-1)]
  const most = Math.max(...revenue, ...greatest, 1) * 1.1
  const x = n => area.left + ((n - first) / Math.max(last - first, 1)) * area.wide
  const height = heightScale(area, most)
  const y = value => height(Math.min(value, most))
  const line = values => days.map((n, i) => [x(n), y(values[i])])
  const outside = days.map((_, i) => i).filter(i => unusual[i])

  let out = yAxis(area, most, y, 'money') + monthAxis(first, last, x, area.height, width - 60)
  out += path([...line(greatest), ...line(least).reverse()], 'class="area"') + path(line(revenue), 'class="line"')
  out += outsideMarks({days, revenue, expected, x, y}, outside)
  out += outsideLabels({days, revenue, expected, x, y, width}, outside)
  const band = width > 420 ? 'band: what the weekday usually brings' : 'band: usual'
  out += text(area.left, 12, `${band}; ${plural(outside.length, 'day')} outside`, {className: 'soft'})
  return {height: area.height, out}
}

function outsideMarks({days, revenue, expected, x, y}, outside) {
  const about = i => `${longDay(days[i])}: ${amount(revenue[i], 'money')}, usual ${amount(expected[i], 'money')}`
  const mark = i => circle(x(days[i]), y(revenue[i]), '4.5', `fill="var(--mark)" ${tip(about(i))}`)
  return outside.map(mark).join('')
}

// The four days farthest outside are named, unless one stands too near another
function outsideLabels({days, revenue, expected, x, y, width}, outside) {
  const distance = i => Math.abs(revenue[i] - expected[i])
  const farthest = [...outside].sort((a, b) => distance(b) - distance(a))
  const taken = []
  let out = ''
  for (const i of farthest) {
    const at = x(days[i])
    if (taken.length === 4) break
    if (taken.some(other => Math.abs(other - at) < 120)) continue
    taken.push(at)
    const label = `${shortDay(days[i])}: ${short(revenue[i], 'money')}`
    out += text(at, y(revenue[i]) - 9, label, {anchor: anchorWithin(at, width), className: 'mark halo'})
  }
  return out
}

function anchorWithin(at, width) {
  if (at > width - 70) return 'end'
  return at < 90 ? 'start' : 'middle'
}
