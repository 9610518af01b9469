// Two bars a row, lying

import {amount, short} from '../format.js'
import {fitted, legend, rect, strongWidth, text, tip} from '../svg.js'
import {asList, columnLabel, columnValues, rowLabels, unitOf} from '../panel.js'

const GROUP_ROW = 44
const GROUP_COLOURS = ['var(--main)', 'var(--pale)']

export function groupedChart(panel, width) {
  const columns = asList(panel.chart.x)
  const names = rowLabels(panel, panel.chart.y)
  const left = Math.min(width * 0.34, Math.max(...names.map(strongWidth)) + 12)
  const most = Math.max(...columns.flatMap(name => columnValues(panel, name)), 1e-9)
  const labels = columns.map(name => columnLabel(panel, name))

  let out = legend(labels, GROUP_COLOURS, {left, top: 4, gap: 34})
  names.forEach((name, i) => {
    const y = 28 + i * GROUP_ROW
    out += text(0, y + 22, fitted(name, left - 8))
    columns.forEach((column, k) => {
      const value = columnValues(panel, column)[i]
      const unit = unitOf(panel, column)
      const wide = (value / most) * (width - left - 56)
      const about = tip(`${name}: ${labels[k]} ${amount(value, unit)}`)
      out += rect(left, y + 3 + k * 16, wide, 14, GROUP_COLOURS[k], `rx="3" ${about}`)
      out += text(left + wide + 6, y + 14 + k * 16, short(value, unit), {className: 'small'})
    })
  })
  return {height: 28 + names.length * GROUP_ROW, out}
}
