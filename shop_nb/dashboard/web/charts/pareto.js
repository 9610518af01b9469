// What share of things brings what share of a sum, best first

import {short} from '../format.js'
import {LETTER, circle, path, softText, text} from '../svg.js'
import {columnValues} from '../panel.js'
import {heightScale, plot, xTitle, yAxis} from '../axes.js'

const GROUP_SHADES = [0.3, 0.16, 0.07]
const CURVE_POINTS = 400

export function paretoChart(panel, width) {
  const {things} = panel.chart
  const area = plot(width, 270, {left: 46, right: 10, top: 10, bottom: 42})
  const x = share => area.left + share * area.wide
  const y = heightScale(area, 1)
  const curve = paretoCurve(panel)
  const points = indices => indices.map(i => [x(curve.xs[i]), y(curve.ys[i] ?? 0)])
  const even = [
    [x(0), y(0)],
    [x(1), y(1)]
  ]

  let out = yAxis(area, 1, y, 'share') + path(even, 'class="dashed"')
  let from = 0
  curve.names.forEach((name, k) => {
    const to = curve.groups.lastIndexOf(name) + 1
    const edge = points(curve.kept.filter(i => i >= from && i <= to))
    const [start, end] = [x(curve.xs[from]), x(curve.xs[to])]
    const shade = `fill="var(--main)" opacity="${GROUP_SHADES[k] ?? 0.07}"`
    out += path([[start, y(0)], ...edge, [end, y(0)]], shade)
    out += text(x((curve.xs[from] + curve.xs[to]) / 2), area.bottom - 8, name, {anchor: 'middle', className: 'strong'})
    if (curve.ys[to] < 0.999) out += groupEnd(area, end, y(curve.ys[to]), {...sharesAt(curve, to), things})
    from = to
  })
  out += path(points(curve.kept), 'class="thick"') + shareAxis(area, x)
  return {height: area.height, out: out + xTitle(area, area.height - 6, `share of ${things}, best first`)}
}

// The curve from 0, its groups, and the points that are enough to draw it: some hundred, and those where a group ends
function paretoCurve(panel) {
  const {x, y, group} = panel.chart
  const xs = [0, ...columnValues(panel, x)]
  const ys = [0, ...columnValues(panel, y)]
  const groups = columnValues(panel, group)
  const every = Math.max(1, Math.floor(xs.length / CURVE_POINTS))
  const kept = xs.map((_, i) => i).filter(i => i % every === 0 || groups[i - 1] !== groups[i])
  return {xs, ys, groups, names: [...new Set(groups)], kept}
}

const sharesAt = ({xs, ys}, i) => ({of: short(xs[i], 'share'), bring: short(ys[i], 'share', true)})

function groupEnd(area, x, y, {of, bring, things}) {
  const left = Math.min(x + 10, area.right - 4 - 31 * LETTER)
  const label = `${of} of ${things} bring ${bring}`
  return circle(x, y, 5, 'fill="var(--mark)"') + text(left, y + 18, label, {className: 'halo'})
}

function shareAxis(area, x) {
  const anchors = {0: 'start', 1: 'end'}
  const label = share => softText(x(share), area.bottom + 16, short(share, 'share', true), anchors[share] ?? 'middle')
  return [0, 0.25, 0.5, 0.75, 1].map(label).join('')
}
