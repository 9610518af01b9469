// Steps of orders, each as wide as it has orders, and what was left between them

import {short, whole} from '../format.js'
import {path, rect, text, tip} from '../svg.js'
import {columnValues, notFinal} from '../panel.js'

const FLOW_ROW = 52
const FLOW_LEFT = 76

export function flowChart(panel, width) {
  const names = columnValues(panel, 'step')
  const orders = columnValues(panel, 'orders')
  const shares = columnValues(panel, 'share')
  const left = columnValues(panel, 'left_as')
  const most = Math.max(orders[0], 1)
  const wide = i => (orders[i] / most) * (width - FLOW_LEFT - 8)

  let out = ''
  names.forEach((name, i) => {
    const y = i * FLOW_ROW + 2
    const share = short(shares[i], 'share')
    const about = `${name}: ${whole(orders[i])} orders, ${share}${i > 2 ? notFinal(panel) : ''}`
    out += text(0, y + 19, name, {className: 'strong'})
    out += rect(FLOW_LEFT, y, wide(i), 28, 'var(--main)', `rx="4" ${tip(about)}`)
    out += text(FLOW_LEFT + 10, y + 19, `${whole(orders[i])} · ${share}`, {fill: 'var(--inbar)', className: 'strong'})
    if (i + 1 < orders.length) out += narrowing(y, wide(i), wide(i + 1), left[i])
  })
  return {height: names.length * FLOW_ROW - 18, out}
}

function narrowing(y, wide, next, left) {
  const corners = [
    [FLOW_LEFT, y + 28],
    [FLOW_LEFT + wide, y + 28],
    [FLOW_LEFT + next, y + FLOW_ROW],
    [FLOW_LEFT, y + FLOW_ROW]
  ]
  const shape = path(corners, 'class="area"')
  if (!left) return shape
  const label = left.replace(/\d+/g, digits => whole(+digits))
  return shape + text(FLOW_LEFT + 10, y + 44, label, {className: 'soft small'})
}
