// Upright bars

import {amount, full, short, words} from '../format.js'
import {rect, softText, text, tip} from '../svg.js'
import {alsoText, columnLabel, columnValues, unitOf} from '../panel.js'
import {axisRoom, heightScale, plot, xTitle, yAxis} from '../axes.js'

export function columnsChart(panel, width) {
  const {xlabel, y: column, also: alsoColumn} = panel.chart
  const unit = unitOf(panel, column)
  const bars = shortened(panel)
  const count = bars.v.length
  const few = count <= 13 // then each bar has its number, and no axis is needed
  const area = plot(width, 240, {left: few ? 8 : axisRoom(unit), right: 8, top: 30, bottom: xlabel ? 42 : 28})
  const most = Math.max(...bars.v, 1e-9) * 1.1
  const y = heightScale(area, most)
  const step = area.wide / count
  const x = i => area.left + i * step
  const marked = markedBar(panel, bars.v)

  let out = few ? '' : yAxis(area, most, y, unit)
  if (panel.chart.middle) out += middleLabel(panel, width, bars.names[marked])
  bars.v.forEach((value, i) => {
    const colour = i === marked ? 'var(--mark)' : 'var(--main)'
    const about = tip(`${bars.tips[i]}: ${amount(value, unit)}${alsoText(panel, bars.also, i)}`)
    const more = `rx="${Math.min(3, step / 4)}" ${about}`
    out += rect(x(i) + step * 0.12, y(value), step * 0.76, y(0) - y(value), colour, more)
    if (few) out += barNumbers(panel, bars, i, x(i) + step / 2, y(value))
    if (isNamed(bars, i, area)) out += softText(x(i) + step / 2, area.bottom + 15, bars.names[i])
  })
  const alsoName = alsoColumn === 'captured_share' ? 'share captured' : columnLabel(panel, alsoColumn)
  const small = few && alsoColumn ? ` (small figures: ${alsoName})` : ''
  if (xlabel) out += xTitle(area, area.height - 5, xlabel + small)
  return {height: area.height, out}
}

// The bar that stands out: where half is reached, or the highest; -1 is none
function markedBar(panel, values) {
  const {middle, best} = panel.chart
  if (middle) return columnValues(panel, middle).findIndex(share => share >= 0.5)
  return best ? values.indexOf(Math.max(...values)) : -1
}

function middleLabel(panel, width, name) {
  return text(width - 8, 14, `half within ${name} ${words(panel.chart.x)}`, {anchor: 'end', className: 'mark'})
}

function barNumbers(panel, bars, i, middle, top) {
  const hasAlso = bars.also.length > 0
  const number = short(bars.v[i], unitOf(panel, panel.chart.y))
  const out = text(middle, top - (hasAlso ? 16 : 5), number, {anchor: 'middle'})
  if (!hasAlso) return out
  const second = short(bars.also[i], unitOf(panel, panel.chart.also))
  return out + text(middle, top - 4, second, {anchor: 'middle', className: 'soft small'})
}

// As many bars are named as have room; a last bar for all that follow has its name for sure
function isNamed({names, tips}, i, area) {
  const count = names.length
  const every = Math.ceil((count * 34) / area.wide)
  const hasTail = tips[count - 1] !== names[count - 1]
  return hasTail && i > count - 1 - every ? i === count - 1 : i % every === 0
}

const sum = values => values.reduce((total, value) => total + value, 0)

// The bars of a chart: values `v`, what is written below, what the tip names. Where numbers run out in a long tail, as
// days or order lines do, the last hundredth is one bar, or one late parcel would take all the room.
export function shortened(panel) {
  const {x, y, also: alsoColumn} = panel.chart
  const v = columnValues(panel, y)
  const names = columnValues(panel, x).map(value => full(value, unitOf(panel, x)))
  const also = alsoColumn ? columnValues(panel, alsoColumn) : []
  const counts = unitOf(panel, y) === 'count' && columnValues(panel, x).every(Number.isInteger)
  const end = counts ? tailStart(v) : 0
  if (!end || v.length - end < 4) return {v, names, also, tips: names}
  const cut = (values, tail) => [...values.slice(0, end), tail]
  const rest = alsoColumn === 'share' ? sum(also.slice(end)) : null
  return {
    v: cut(v, sum(v.slice(end))),
    names: cut(names, `${names[end]}+`),
    also: also.length ? cut(also, rest) : [],
    tips: cut(names, `${names[end]} to ${names.at(-1)}`)
  }
}

// Behind how many values 99 of 100 are counted
function tailStart(values) {
  const enough = 0.99 * sum(values)
  let counted = 0
  let end = 0
  while (counted < enough) {
    counted += values[end]
    end += 1
  }
  return end
}
