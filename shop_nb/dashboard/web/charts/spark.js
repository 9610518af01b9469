// The line of a card; from point `final` on it can still change, and is dotted

import {path} from '../svg.js'

const SPARK_WIDTH = 120
const SPARK_HEIGHT = 30

export function spark(values, final) {
  const v = (values || []).map(value => value ?? 0)
  if (v.length < 2) return ''
  const most = Math.max(...v)
  const least = Math.min(...v, most)
  const x = i => 2 + (i / (v.length - 1)) * (SPARK_WIDTH - 6)
  const y = value => SPARK_HEIGHT - 3 - ((value - least) / (most - least || 1)) * (SPARK_HEIGHT - 7)
  const points = v.map((value, i) => [x(i), y(value)])
  const known = final ?? v.length
  const line = className => `vector-effect="non-scaling-stroke" class="${className}"`

  let out = path([[x(0), SPARK_HEIGHT], ...points, [x(v.length - 1), SPARK_HEIGHT]], 'class="area"')
  if (known > 1) out += path(points.slice(0, known), line('line'))
  if (known < v.length) out += path(points.slice(Math.max(known - 1, 0)), line('line open'))
  const box = `viewBox="0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}" preserveAspectRatio="none"`
  return `<svg class="spark" ${box} aria-hidden="true">${out}</svg>`
}
