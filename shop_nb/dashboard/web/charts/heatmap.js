// A cell per row and column, the darker the more

import {MONTHS, amount, fixed, short, whole, words} from '../format.js'
import {rect, softText, text, tip} from '../svg.js'
import {columnIndex, columnLabel, onlyDays, striped, stripes, unitOf} from '../panel.js'

export function heatmapChart(panel, width) {
  const {chart} = panel
  const grid = heatGrid(panel, width)
  const {rows, xs, ys, left, top, cell, row} = grid
  const below = top + ys.length * row
  const every = Math.ceil(24 / cell)

  let out = stripes(panel)
  xs.forEach((x, i) => {
    if (i % every === 0) out += softText(left + i * cell + cell / 2, below + 15, x)
  })
  ys.forEach((y, i) => {
    const label = grid.nameOf(y) + (grid.sizes && left > 100 ? ` (${whole(grid.sizes[y])})` : '')
    out += softText(left - 8, top + i * row + row / 2 + 4, label, 'end')
  })
  out += rows.map(cells => heatCell(panel, grid, cells)).join('')
  if (chart.best) out += bestCell(panel, grid, width)
  if (chart.xlabel) out += softText(left + (width - left) / 2, below + 33, chart.xlabel)
  return {height: below + 38, out}
}

// Which rows and columns there are, where they stand, and how to read a row of the panel
function heatGrid(panel, width) {
  const {x, y, z, skip, size, best} = panel.chart
  const [ix, iy, iz] = [x, y, z].map(name => columnIndex(panel, name))
  const rows = panel.rows.filter(cells => skip == null || cells[ix] !== skip)
  const ys = [...new Set(rows.map(cells => cells[iy]))]
  const xs = [...new Set(rows.map(cells => cells[ix]))].sort((a, b) => a - b)
  const sizes = size ? Object.fromEntries(rows.map(cells => [cells[iy], cells[columnIndex(panel, size)]])) : null
  const hasMonths = /^\d{4}-\d\d-01$/.test(ys[0])
  const monthsLeft = sizes && width > 420 ? 118 : 68
  const left = hasMonths ? monthsLeft : 36
  const cell = (width - left - 4) / xs.length
  const row = best ? Math.max(22, Math.min(38, cell * 1.6)) : Math.max(22, Math.min(30, cell))
  const top = best ? 24 : 6
  const most = Math.max(...rows.map(cells => cells[iz] ?? 0), 1e-9)
  const nameOf = value => (hasMonths ? `${MONTHS[+value.slice(5, 7) - 1]} ${value.slice(0, 4)}` : value)
  const place = cells => ({x: left + xs.indexOf(cells[ix]) * cell, y: top + ys.indexOf(cells[iy]) * row})
  const read = cells => ({x: cells[ix], y: cells[iy], value: cells[iz]})
  const indexOf = new Map(panel.rows.map((cells, i) => [cells, i]))
  return {rows, xs, ys, sizes, left, top, cell, row, most, nameOf, place, read, indexOf}
}

function heatCell(panel, grid, cells) {
  const {chart} = panel
  const {cell, row} = grid
  const {x, y} = grid.place(cells)
  const {x: column, y: name, value} = grid.read(cells)
  const i = grid.indexOf.get(cells)
  const unit = unitOf(panel, chart.z)
  const step = Math.min(5, Math.floor(((value ?? 0) / grid.most) * 5.999)) // of the ramp of colours
  const noun = unit === 'share' ? '' : columnLabel(panel, chart.z)
  const about = `${grid.nameOf(name)}, ${words(chart.x)} ${column}: ${amount(value, unit)} ${noun}${onlyDays(panel, i)}`
  const colour = value ? `var(--r${step})` : 'var(--r0)'
  let out = rect(x + 0.5, y + 0.5, cell - 1, row - 1, colour, `rx="2" ${tip(about)}`)
  out += striped(panel, i, x + 0.5, y + 0.5, cell - 1, row - 1)
  if (!chart.text || cell <= 26) return out
  const number = unit === 'share' ? fixed(100 * value, 0) : short(value, unit)
  const className = `small ${panel.cut[i] ? 'halo' : `on${step}`}`
  return out + text(x + cell / 2, y + row / 2 + 4, number, {anchor: 'middle', className})
}

// The highest cell is framed and named, if there is one alone
function bestCell(panel, grid, width) {
  const unit = unitOf(panel, panel.chart.z)
  const valueOf = cells => grid.read(cells).value ?? 0
  const highest = Math.max(...grid.rows.map(valueOf))
  const best = grid.rows.filter(cells => valueOf(cells) === highest)
  if (!(highest > 1) || best.length !== 1) return ''
  const {x, y} = grid.place(best[0])
  const {x: hour, y: weekday} = grid.read(best[0])
  const label = `most: ${weekday} ${hour}:00, ${short(highest, unit)} ${columnLabel(panel, panel.chart.z)}`
  const frame = rect(x, y, grid.cell, grid.row, 'none', 'stroke="var(--mark)" stroke-width="2"')
  return frame + text(width - 4, 14, label, {anchor: 'end', className: 'mark'})
}
