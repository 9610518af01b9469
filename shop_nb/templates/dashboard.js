// The dashboard in the browser: it draws, and asks Python for every number. No framework, nothing from a network.
// Python's side is nbs/60_dashboard/03_backend.ipynb; the words for columns, units and kinds of chart are those of the library's questions.

const DAY = 86400000, DASH = '–'
const esc = t => String(t ?? '').replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)
const day = text => Math.round(Date.parse(text + 'T00:00:00Z') / DAY)
const iso = n => new Date(n * DAY).toISOString().slice(0, 10)
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const said = n => { const d = new Date(n * DAY); return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}` }
// Two days, without repeating a year or month: 1 – 7 Nov 2025
const span = (a, b) => {
  const from = said(a), to = said(b), same = [9, 5].find(n => from.slice(-n) === to.slice(-n))
  return a === b ? to : `${same ? from.slice(0, -same) : from} – ${to}`
}
const many = (n, one) => `${whole(n)} ${one}${n === 1 ? '' : 's'}`
const whole = n => (Math.sign(n) * Math.round(Math.abs(n)) || 0).toLocaleString('en') // halves away from zero, as `toFixed` has them
const REGIONS = new Intl.DisplayNames('en', {type: 'region'})
const country = v => /^[A-Z]{2}$/.test(v) ? REGIONS.of(v) : v
const words = t => String(t ?? '').replaceAll('_', ' ')

// What is to be of a kind, or an error
const plain = v => v != null && typeof v === 'object' && !Array.isArray(v)
const asKind = (ok, v) => { if (!ok) throw TypeError('of another kind'); return v }
const asPlain = v => asKind(plain(v), v), asList = v => asKind(Array.isArray(v), v), asCount = v => asKind(Number.isInteger(v), v)
const asText = v => v == null ? DASH : asKind(['string', 'number'].includes(typeof v), v)

// No -0.00
const fixed = (v, places) => (+v.toFixed(places) || 0).toFixed(places)
const cents = v => (+fixed(v, 2)).toLocaleString('en', {minimumFractionDigits: 2})
// Numbers as 00_core/07_numbers writes them: `short` and `headline`; `full` is `say` of 30_analytics/02_questions
const SIGNS = {eur: '€'}
const signed = (t, unit) => t.startsWith('-') ? '-' + (SIGNS[unit] ?? '') + t.slice(1) : (SIGNS[unit] ?? '') + t
const percent = (v, places = 1) => fixed(100 * v, places) + '%'
function short(v, unit, bare) {
  if (v == null || Number.isNaN(v)) return DASH
  const size = Math.abs(v), money = unit in SIGNS
  const trim = t => bare && t.includes('.') ? t.replace(/\.?0+$/, '') : t
  const shown = (t, end = '') => signed(trim(t), unit) + end
  if (unit === 'share') return shown(fixed(100 * v, 1), '%')
  if (size >= 999500) return shown(fixed(v / 1e6, size < 1e7 ? 2 : 1), 'M')
  if (size >= (money ? 1e3 : 1e4)) return shown(fixed(v / 1e3, size < 1e5 ? 1 : 0), 'k')
  if (size >= 100 || (!money && Number.isInteger(v))) return signed(whole(v), unit)
  return shown(fixed(v, 2))
}
function full(v, unit) {
  if (v == null) return DASH
  if (typeof v === 'string') return /^\d{4}-\d\d-\d\d$/.test(v) ? (unit === 'month' ? v.slice(0, 7) : v) : v
  if (typeof v === 'boolean') return v ? 'yes' : 'no'
  if (unit === 'id') return String(v)
  if (unit === 'share') return percent(v)
  v = +v.toFixed(2) ? v : 0
  return v.toLocaleString('en', {minimumFractionDigits: unit in SIGNS ? 2 : 0, maximumFractionDigits: 2})
}
// In full with its unit, as a tip says it; only a table, whose head names the unit, goes without
const amount = (v, unit) => v == null || !(unit in SIGNS) ? full(v, unit) : signed(full(v, unit), unit)
function headline(v, unit) {
  if (v == null) return DASH
  if (unit === 'share') return percent(v)
  if (!(unit in SIGNS)) return whole(v)
  if (Math.abs(v) >= 1e8) return signed(fixed(v / 1e6, 1), unit) + 'M'
  return signed(Math.abs(v) >= 1000 ? whole(v) : cents(v), unit)
}

// A number as its card shows it, so that a change fits the numbers beside it
function asShown(v, unit) {
  if (unit === 'share') return +fixed(100 * v, 1)
  if (!(unit in SIGNS)) return +fixed(v, 0)
  if (Math.abs(v) >= 1e8) return +fixed(v / 1e6, 1) * 1e6
  return +fixed(v, Math.abs(v) < 1000 ? 2 : 0)
}
// From one number to another of the same unit: how far, and whether up; no size where nothing can be said
function change(before, value, unit) {
  const now = asShown(value, unit), was = asShown(before, unit), part = Math.abs(now / was - 1)
  if (now === was) return {size: '', up: null}
  if (unit === 'share') return {size: `${fixed(Math.abs(now - was), 1)} pts`, up: now > was}
  if (!was) return {size: '', up: now > was}
  return {size: part < .0005 ? 'under 0.1%' : percent(part, part < 10 ? 1 : 0), up: now > was}
}

// ---------------------------------------------------------------- drawing: each function gives an SVG's height and inside

const text = (x, y, t, o = {}) => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${o.a ? `text-anchor="${o.a}"` : ''} class="${o.c ?? ''}" ${o.f ? `style="fill:${o.f}"` : ''}>${esc(t)}</text>`
const rect = (x, y, w, h, fill, more = '') => `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${Math.max(w, 0).toFixed(1)}" height="${Math.max(h, 0).toFixed(1)}" fill="${fill}" ${more}/>`
const path = (points, more) => `<path d="${points.map(([x, y], i) => (i ? 'L' : 'M') + x.toFixed(1) + ' ' + y.toFixed(1)).join('')}" ${more}/>`
const tip = t => `data-tip="${esc(t)}"`
// A text in lines of at most n letters
const lines = (t, n) => t.split(' ').reduce((all, w) => { const last = all.at(-1); if (last && last.length + w.length < n) all[all.length - 1] = `${last} ${w}`; else if (w) all.push(w); return all }, [])
const clip = (t, n) => t.length > n ? t.slice(0, n - 1) + '…' : t
// What is not whole, as a month that the view cuts, is striped, and its tip says which days it has
const stripes = p => Object.keys(p.cut).length ? `<defs><pattern id="cut-${p.name}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2.6" height="6" fill="var(--card)"/></pattern></defs>` : ''
const striped = (p, i, x, y, w, h) => p.cut[i] ? rect(x, y, w, h, `url(#cut-${p.name})`, 'class="cut" pointer-events="none"') : ''
const only = (p, i) => p.cut[i] ? ` (only ${p.cut[i]})` : ''
const unsure = p => p.open ? ', not final' : '' // returns can still change it
const WIDE = 6.6 // px per letter of 12px text, about

function ticks(top, n = 4) {
  const rough = top / n, mag = 10 ** Math.floor(Math.log10(rough || 1)), step = [1, 2, 2.5, 5, 10].map(m => m * mag).find(s => s >= rough) || 1
  return Array.from({length: Math.floor(top / step + 1e-9) + 1}, (_, i) => i * step)
}
function col(p, name) { return p.columns.findIndex(c => c.name === name) }
function unit(p, name) { return p.columns[col(p, name)]?.unit }
const values = (p, name) => { const i = col(p, name); return p.rows.map(r => r[i]) }
const list = c => Array.isArray(c) ? c : [c]
// What a column is called: the orders of a panel that counts sales are sales
const head = (p, name) => (p.columns[col(p, name)]?.label ?? words(name)).replace(' (€)', '')
const labels = (p, c) => p.rows.map(r => list(c).map(n => full(words(r[col(p, n)]), unit(p, n))).join(' + '))

function months(first, last, x, h, wide) {
  let out = '', d = new Date(first * DAY), m = d.getUTCFullYear() * 12 + d.getUTCMonth() + (d.getUTCDate() > 1)
  const total = (last - first) / 30.4, step = [1, 2, 3, 6, 12].find(s => total / s * 46 < wide) || 12
  let shown = 0, free = -99
  for (;; m++) {
    const at = Date.UTC(Math.floor(m / 12), m % 12, 1) / DAY
    if (at > last) break
    if (m % step) continue
    const name = MONTHS[m % 12] + (shown++ === 0 || m % 12 === 0 ? ` ${Math.floor(m / 12)}` : '')
    if (x(at) < free) { shown--; continue }
    free = x(at) + (name.length > 3 ? 66 : 34)
    if (x(at) < wide + 30) out += `<path d="M${x(at).toFixed(1)} ${h - 22}v4" class="grid"/>` + text(x(at), h - 6, name, {a: m % 12 === 0 || shown === 1 ? 'start' : 'middle', c: 'soft'})
  }
  if (!shown) for (let i = first; i <= last; i += Math.max(1, Math.ceil((last - first) / (wide / 70)))) out += text(x(i), h - 6, said(i).slice(0, -5), {a: 'middle', c: 'soft'})
  return out
}
function yaxis(top, y, u, left, right, n) {
  return ticks(top, n).map(v => `<path d="M${left} ${y(v).toFixed(1)}H${right}" class="grid"/>` + text(left - 6, y(v) + 4, short(v, u, true), {a: 'end', c: 'soft'})).join('')
}

const charts = {
  // Days to be dragged over. What is not picked is veiled; of what is, the three highest days are named, or where there is little room the highest.
  time(p, w, s) {
    const h = w < 520 ? 220 : 260, [l, r, t, b] = [46, 10, 22, 26], days = values(p, 'day').map(day), rev = values(p, 'revenue_eur'), mean = values(p, 'mean_7d_eur')
    const first = days[0], last = days.at(-1), top = Math.max(...rev, 1) * 1.12
    const x = d => l + (d - first) / Math.max(last - first + 1, 1) * (w - l - r), y = v => h - b - v / top * (h - b - t)
    const mid = d => x(d + .5), area = days.map((d, i) => [mid(d), y(rev[i])])
    let out = yaxis(top, y, 'eur', l, w - r) + months(first, last, x, h, w - 60)
    out += path([[mid(first), y(0)], ...area, [mid(last), y(0)]], 'class="area"') + path(area, 'class="thin"')
    out += path(days.map((d, i) => [mid(d), mean[i]]).filter(q => q[1] != null).map(q => [q[0], y(q[1])]), 'class="thick"')
    const order = rev.map((_, i) => i).sort((a, b) => rev[b] - rev[a])
    const peaks = (from, to) => {
      const found = [], apart = Math.max(7, (to - from + 1) / 7)
      for (const i of order) {
        if (found.length === 3 || (found.length && !found[0].inside)) break
        if (!(rev[i] > 0) || days[i] < from || days[i] > to || found.some(q => Math.abs(i - q.i) < apart)) continue
        const label = `${said(days[i]).slice(0, -5)}: ${short(rev[i], 'eur')}`, wide = 7.2 * label.length, inside = x(to + 1) - x(from) >= wide
        const [low, high] = inside ? [x(from), x(to + 1)] : [l, w - r], at = Math.min(Math.max(mid(days[i]), low + wide / 2), high - wide / 2), up = y(rev[i]) - 8
        if (found.every(q => Math.abs(q.at - at) > (q.wide + wide) / 2 + 6 || Math.abs(q.up - up) > 18)) found.push({i, label, wide, inside, at, up})
      }
      return found.map(q => `<circle cx="${mid(days[q.i]).toFixed(1)}" cy="${y(rev[q.i]).toFixed(1)}" r="3.5" fill="var(--mark)"/>` + text(q.at, q.up, q.label, {a: 'middle', c: 'mark halo'})).join('')
    }
    out += `<g class="brush"></g><g class="peaks" pointer-events="none">${peaks(...(s.days || [first, last]))}</g><g class="readout" pointer-events="none"></g>`
    return {h, out, scale: {x, peaks, first, last, l, r: w - r, t, b: h - b, rev: Object.fromEntries(days.map((d, i) => [d, i])), y}}
  },

  // Bars that pick: each row is a switch
  pick(p, w, s) { return bars(p, w, {dimension: p.chart.dimension, picked: s.picks[p.chart.dimension] || []}) },
  hbar(p, w) { return bars(p, w, {}) },

  bar(p, w) {
    const c = p.chart, u = unit(p, c.y), {v, names, tips, also} = shortened(p), n = v.length, few = n <= 13, h = 240
    const [l, r, t, b] = [few ? 8 : 46, 8, 30, c.xlabel ? 42 : 28], top = Math.max(...v, 1e-9) * 1.1
    const y = q => h - b - q / top * (h - b - t), step = (w - l - r) / n, x = i => l + i * step
    const every = Math.ceil(n * 34 / (w - l - r))
    let out = few ? '' : yaxis(top, y, u, l, w - r), mark = -1
    if (c.middle) {
      mark = values(p, c.middle).findIndex(q => q >= .5)
      out += text(w - r, 14, `half within ${names[mark]} ${words(c.x)}`, {a: 'end', c: 'mark'})
    } else if (c.best) mark = v.indexOf(Math.max(...v))
    v.forEach((q, i) => {
      const more = also.length ? `, ${head(p, c.also)} ${amount(also[i], unit(p, c.also))}` : '', middle = x(i) + step / 2
      const colour = i === mark ? 'var(--mark)' : 'var(--main)', round = `rx="${Math.min(3, step / 4)}"`
      out += rect(x(i) + step * .12, y(q), step * .76, y(0) - y(q), colour, `${round} ${tip(`${tips[i]}: ${amount(q, u)}${more}`)}`)
      if (few) out += text(middle, y(q) - (also.length ? 16 : 5), short(q, u), {a: 'middle'})
      if (few && also.length) out += text(middle, y(q) - 4, short(also[i], unit(p, c.also)), {a: 'middle', c: 'soft small'})
      const last = tips[n - 1] !== names[n - 1], shown = last && i > n - 1 - every ? i === n - 1 : i % every === 0
      if (shown) out += text(middle, h - b + 15, names[i], {a: 'middle', c: 'soft'})
    })
    const small = few && c.also ? ` (small figures: ${c.also === 'captured_share' ? 'share captured' : head(p, c.also)})` : ''
    if (c.xlabel) out += text(l + (w - l - r) / 2, h - 5, c.xlabel + small, {a: 'middle', c: 'soft'})
    return {h, out}
  },

  line(p, w) {
    const c = p.chart, ys = list(c.y), xs = values(p, c.x), u = unit(p, ys[0]), base = c.base && values(p, c.base), h = base ? 266 : 250, right = ys.length > 1 ? 74 : 16, [l, r, t, b] = [46, right, 16, (c.xlabel ? 42 : 28) + (base ? 16 : 0)]
    const all = ys.flatMap(n => values(p, n)).filter(v => v != null), top = Math.max(...all, 1e-9) * 1.12, lo = Math.min(...xs), hi = Math.max(...xs)
    const x = v => l + 8 + (v - lo) / Math.max(hi - lo, 1) * (w - l - r - 16), y = v => h - b - v / top * (h - b - t)
    let out = yaxis(top, y, u, l, w - r), taken = -99
    xs.forEach((v, i) => { if (x(v) - taken > (base ? 36 : 28)) { out += text(x(v), h - b + 16, v, {a: 'middle', c: 'soft'}) + (base ? text(x(v), h - b + 31, short(base[i], 'count'), {a: 'middle', c: 'soft small'}) : ''); taken = x(v) } })
    if (base) out += text(4, h - b + 31, 'n', {c: 'soft small'})
    ys.forEach((n, k) => {
      const v = values(p, n), pts = xs.map((q, i) => [x(q), y(v[i] ?? 0)])
      out += path(pts, `class="thick" style="stroke:var(--s${k})"`) + pts.map(([a, b], i) => `<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="4" fill="var(--s${k})" ${tip(`${words(c.x)} ${xs[i]}: ${head(p, n)} ${amount(v[i], u)}${base ? `, of ${many(base[i], 'customer')}` : ''}`)}/>`).join('')
      if (ys.length > 1) out += text(w - r + 4, pts.at(-1)[1] + 4, head(p, n), {c: 'strong'})
      else pts.forEach(([a, b], i) => { if (i && a - pts[i - 1][0] > 40) out += text(a - 4, b - 9, short(v[i], u), {a: 'middle', c: 'small'}) })
    })
    if (c.xlabel) out += text(l + (w - l - r) / 2, h - 5, c.xlabel, {a: 'middle', c: 'soft'})
    return {h, out}
  },

  stacked(p, w) {
    const c = p.chart, ys = list(c.y), n = p.rows.length, h = 250, [l, r, t, b] = [46, 8, 30, 28], data = ys.map(y => values(p, y).map(v => v ?? 0)), u = unit(p, ys[0])
    const top = Math.max(...p.rows.map((_, i) => data.reduce((a, d) => a + d[i], 0)), 1e-9) * 1.05, y = v => h - b - v / top * (h - b - t), step = (w - l - r) / n, names = values(p, c.x)
    let out = stripes(p) + yaxis(top, y, u, l, w - r), key = l
    ys.forEach((q, k) => { const name = head(p, q); out += rect(key, 8, 10, 10, `var(--s${k})`, 'rx="2"') + text(key + 15, 17, name); key += 30 + name.length * WIDE })
    p.rows.forEach((_, i) => {
      let base = 0
      data.forEach((d, k) => { out += rect(l + i * step + step * .12, y(base + d[i]), step * .76, y(base) - y(base + d[i]) - (k ? 1 : 0), `var(--s${k})`, tip(`${full(names[i], 'month')}: ${head(p, ys[k])} ${amount(d[i], u)}${only(p, i)}`)); base += d[i] })
      out += striped(p, i, l + i * step + step * .12, y(base), step * .76, y(0) - y(base))
      const m = +String(names[i]).slice(5, 7)
      if (i % Math.ceil(n * 34 / (w - l - r)) === 0) out += text(l + i * step + step / 2, h - 8, MONTHS[m - 1] + (i === 0 && step > 60 ? ' ' + names[i].slice(0, 4) : ''), {a: 'middle', c: 'soft'})
    })
    return {h, out}
  },

  grouped(p, w) {
    const c = p.chart, names = labels(p, c.y), l = Math.min(130, Math.max(...names.map(n => n.length)) * WIDE + 12), row = 44, top = Math.max(...list(c.x).flatMap(x => values(p, x)), 1e-9)
    let out = '', key = l
    list(c.x).forEach((x, k) => { const name = head(p, x); out += rect(key, 4, 10, 10, k ? 'var(--pale)' : 'var(--main)', 'rx="2"') + text(key + 15, 13, name); key += 34 + name.length * WIDE })
    names.forEach((n, i) => {
      const y = 28 + i * row
      out += text(0, y + 22, n)
      list(c.x).forEach((x, k) => { const v = values(p, x)[i], u = unit(p, x), wide = v / top * (w - l - 56); out += rect(l, y + 3 + k * 16, wide, 14, k ? 'var(--pale)' : 'var(--main)', `rx="3" ${tip(`${n}: ${head(p, x)} ${amount(v, u)}`)}`) + text(l + wide + 6, y + 14 + k * 16, short(v, u), {c: 'small'}) })
    })
    return {h: 28 + names.length * row, out}
  },

  heatmap(p, w) {
    const c = p.chart, rows = p.rows.filter(r => c.skip == null || r[col(p, c.x)] !== c.skip), where = new Map(p.rows.map((r, i) => [r, i])), u = unit(p, c.z), [ix, iy, iz] = [c.x, c.y, c.z].map(n => col(p, n))
    const ys = [...new Set(rows.map(r => r[iy]))], xs = [...new Set(rows.map(r => r[ix]))].sort((a, b) => a - b), top = Math.max(...rows.map(r => r[iz] ?? 0), 1e-9)
    const month = /^\d{4}-\d\d-01$/.test(ys[0]), name = v => month ? `${MONTHS[+v.slice(5, 7) - 1]} ${v.slice(0, 4)}` : v, size = c.size ? Object.fromEntries(rows.map(r => [r[iy], r[col(p, c.size)]])) : null
    const l = month ? (size && w > 420 ? 118 : 68) : 36, cell = (w - l - 4) / xs.length, row = c.best ? Math.max(22, Math.min(38, cell * 1.6)) : Math.max(22, Math.min(30, cell)), t = c.best ? 24 : 6, at = {}
    let out = stripes(p), best = rows.reduce((a, r) => (r[iz] ?? 0) > (a?.[iz] ?? -1) ? r : a, null)
    const step = Math.ceil(24 / cell)
    xs.forEach((v, i) => { at[v] = l + i * cell; if (i % step === 0) out += text(l + i * cell + cell / 2, t + ys.length * row + 15, v, {a: 'middle', c: 'soft'}) })
    ys.forEach((v, i) => out += text(l - 8, t + i * row + row / 2 + 4, name(v) + (size && l > 100 ? ` (${whole(size[v])})` : ''), {a: 'end', c: 'soft'}))
    for (const r of rows) {
      const v = r[iz], k = Math.min(5, Math.floor((v ?? 0) / top * 5.999)), y = t + ys.indexOf(r[iy]) * row
      out += rect(at[r[ix]] + .5, y + .5, cell - 1, row - 1, v ? `var(--r${k})` : 'var(--r0)', `rx="2" ${tip(`${name(r[iy])}, ${words(c.x)} ${r[ix]}: ${amount(v, u)} ${u === 'share' ? '' : head(p, c.z)}${only(p, where.get(r))}`)}`) + striped(p, where.get(r), at[r[ix]] + .5, y + .5, cell - 1, row - 1)
      if (c.text && cell > 26) out += text(at[r[ix]] + cell / 2, y + row / 2 + 4, u === 'share' ? fixed(100 * v, 0) : short(v, u), {a: 'middle', c: `small ${p.cut[where.get(r)] ? 'halo' : `on${k}`}`})
    }
    if (c.best && best?.[iz] > 1 && rows.filter(r => r[iz] === best[iz]).length === 1) out += rect(at[best[ix]], t + ys.indexOf(best[iy]) * row, cell, row, 'none', 'stroke="var(--mark)" stroke-width="2"') + text(w - 4, 14, `most: ${best[iy]} ${best[ix]}:00, ${short(best[iz], u)} ${head(p, c.z)}`, {a: 'end', c: 'mark'})
    if (c.xlabel) out += text(l + (w - l) / 2, t + ys.length * row + 33, c.xlabel, {a: 'middle', c: 'soft'})
    return {h: t + ys.length * row + 38, out}
  },

  pareto(p, w) {
    const c = p.chart, h = 270, [l, r, t, b] = [46, 10, 10, 42], xs = [0, ...values(p, c.x)], ys = [0, ...values(p, c.y)], g = values(p, c.group)
    const x = v => l + v * (w - l - r), y = v => h - b - v * (h - b - t), every = Math.max(1, Math.floor(xs.length / 400)), keep = xs.map((_, i) => i).filter(i => i % every === 0 || g[i - 1] !== g[i])
    let out = yaxis(1, y, 'share', l, w - r) + path([[x(0), y(0)], [x(1), y(1)]], 'class="dashed"'), from = 0
    for (const [k, name] of [...new Set(g)].entries()) {
      const to = g.lastIndexOf(name) + 1, pts = keep.filter(i => i >= from && i <= to).map(i => [x(xs[i]), y(ys[i] ?? 0)])
      out += path([[x(xs[from]), y(0)], ...pts, [x(xs[to]), y(0)]], `fill="var(--main)" opacity="${[.3, .16, .07][k] ?? .07}"`) + text(x((xs[from] + xs[to]) / 2), h - b - 8, name, {a: 'middle', c: 'strong'})
      if (ys[to] < .999) { out += `<circle cx="${x(xs[to])}" cy="${y(ys[to])}" r="5" fill="var(--mark)"/>` + text(Math.min(x(xs[to]) + 10, w - r - 4 - 31 * WIDE), y(ys[to]) + 18, `${short(xs[to], 'share')} of ${c.things} bring ${short(ys[to], 'share', true)}`, {c: 'halo'}) }
      from = to
    }
    out += path(keep.map(i => [x(xs[i]), y(ys[i] ?? 0)]), 'class="thick"')
    for (const v of [0, .25, .5, .75, 1]) out += text(x(v), h - b + 16, short(v, 'share', true), {a: v === 1 ? 'end' : v ? 'middle' : 'start', c: 'soft'})
    return {h, out: out + text(l + (w - l - r) / 2, h - 6, `share of ${c.things}, best first`, {a: 'middle', c: 'soft'})}
  },

  scatter(p, w) {
    const c = p.chart, h = 290, [l, r, t, b] = [50, 14, 14, 42], xs = values(p, c.x), ys = values(p, c.y), names = values(p, c.label), u = unit(p, c.y), size = c.size ? values(p, c.size) : null
    const lx = c.log ? v => Math.log10(Math.max(v, 1)) : v => v, lo = lx(Math.min(...xs)), hi = Math.max(lx(Math.max(...xs)), lo + 1e-9), top = Math.max(...ys, 1e-9) * 1.1, low = Math.min(...ys, 0), big = size ? Math.max(...size) : 1
    const x = v => l + 8 + (lx(v) - lo) / (hi - lo) * (w - l - r - 16), y = v => h - b - (v - low) / (top - low) * (h - b - t)
    let out = yaxis(top, y, u, l, w - r)
    if (low < 0) out += text(l - 6, y(low) + 4, short(low, u), {a: 'end', c: 'soft'})
    const at = c.log ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5].filter(v => lx(v) >= lo && lx(v) <= hi) : ticks(Math.max(...xs), 6).filter(v => v >= Math.min(...xs))
    for (const v of at) out += text(x(v), h - b + 16, short(v, 'count', true), {a: 'middle', c: 'soft'})
    xs.map((_, i) => i).reverse().forEach(i => out += `<circle cx="${x(xs[i]).toFixed(1)}" cy="${y(ys[i]).toFixed(1)}" r="${(size ? 3 + 9 * Math.sqrt(size[i] / big) : 4.5).toFixed(1)}" class="dot" ${tip(`${names[i]}: ${amount(xs[i], unit(p, c.x))} ${words(c.x)}, ${head(p, c.y)} ${amount(ys[i], u)}`)}/>`)
    const dots = xs.slice(0, 12).map((v, i) => ({x: x(v), y: y(ys[i]), name: clip(String(names[i]), 26)}))
    for (const q of placed(dots, l, w - r, 6)) out += text(q.left, q.y + 4, q.name, {c: 'small halo'})
    return {h, out: out + text(l + (w - l - r) / 2, h - 5, c.xlabel || words(c.x), {a: 'middle', c: 'soft'})}
  },

  // What a day usually brings as a band, what it brought as a line, and the days that fall outside as dots
  band(p, w) {
    const h = 250, [l, r, t, b] = [46, 10, 22, 26], days = values(p, 'day').map(day), v = values(p, 'revenue_eur'), lo = values(p, 'least_eur'), hi = values(p, 'most_eur'), odd = values(p, 'is_unusual'), want = values(p, 'expected_eur')
    const first = days[0], last = days.at(-1), top = Math.max(...v, ...hi, 1) * 1.1, x = d => l + (d - first) / Math.max(last - first, 1) * (w - l - r), y = q => h - b - Math.min(q, top) / top * (h - b - t)
    let out = yaxis(top, y, 'eur', l, w - r) + months(first, last, x, h, w - 60)
    out += path([...days.map((d, i) => [x(d), y(hi[i])]), ...days.map((d, i) => [x(d), y(lo[i])]).reverse()], 'class="area"') + path(days.map((d, i) => [x(d), y(v[i])]), 'class="line"')
    const found = days.map((_, i) => i).filter(i => odd[i]), named = [...found].sort((a, b) => Math.abs(v[b] - want[b]) - Math.abs(v[a] - want[a])), taken = []
    for (const i of found) out += `<circle cx="${x(days[i]).toFixed(1)}" cy="${y(v[i]).toFixed(1)}" r="4.5" fill="var(--mark)" ${tip(`${said(days[i])}: ${amount(v[i], 'eur')}, usual ${amount(want[i], 'eur')}`)}/>`
    for (const i of named) { if (taken.length === 4 || taken.some(q => Math.abs(q - x(days[i])) < 120)) continue; taken.push(x(days[i])); out += text(x(days[i]), y(v[i]) - 9, `${said(days[i]).slice(0, -5)}: ${short(v[i], 'eur')}`, {a: x(days[i]) > w - 70 ? 'end' : x(days[i]) < 90 ? 'start' : 'middle', c: 'mark halo'}) }
    return {h, out: out + text(l, 12, `${w > 420 ? 'band: what the weekday usually brings' : 'band: usual'}; ${many(found.length, 'day')} outside`, {c: 'soft'})}
  },

  flow(p, w) {
    const names = values(p, 'step'), v = values(p, 'orders'), share = values(p, 'share'), left = values(p, 'left_as'), row = 52, top = Math.max(v[0], 1), l = 76
    let out = ''
    names.forEach((n, i) => {
      const y = i * row + 2, wide = v[i] / top * (w - l - 8), next = i + 1 < v.length ? v[i + 1] / top * (w - l - 8) : null
      const about = tip(`${n}: ${whole(v[i])} orders, ${short(share[i], 'share')}${i > 2 ? unsure(p) : ''}`)
      out += text(0, y + 19, n, {c: 'strong'}) + rect(l, y, wide, 28, 'var(--main)', `rx="4" ${about}`)
      out += text(l + 10, y + 19, `${whole(v[i])} · ${short(share[i], 'share')}`, {f: 'var(--inbar)', c: 'strong'})
      if (next != null) out += path([[l, y + 28], [l + wide, y + 28], [l + next, y + row], [l, y + row]], 'class="area"') + (left[i] ? text(l + 10, y + 44, left[i].replace(/\d+/g, d => whole(+d)), {c: 'soft small'}) : '')
    })
    return {h: names.length * row - 18, out}
  },
}

function bars(p, w, {dimension, picked = []}) {
  const c = p.chart, rows = p.rows.slice(0, 15), v = values(p, c.x), keys = labels(p, c.y), names = c.y === 'country' ? keys.map(country) : keys, u = unit(p, c.x), more = c.also ? values(p, c.also) : [], also = more.map(q => short(q, unit(p, c.also)))
  const raw = dimension ? values(p, dimension) : keys
  const longest = Math.max(...names.slice(0, 15).map(n => n.length), 1), above = longest * WIDE > w * .34, l = above ? 0 : Math.max(56, longest * WIDE + 10), row = above ? 44 : 30, right = also.length ? 118 : 62
  const top = Math.max(...v.slice(0, 15), 1e-9), dim = picked.length > 0
  const t = also.length && !dimension ? 18 : 0
  const other = i => also.length ? `, ${head(p, c.also)} ${amount(more[i], unit(p, c.also))}` : ''
  let out = t ? text(w, 10, head(p, c.also), {a: 'end', c: 'soft small'}) : ''
  rows.forEach((r, i) => {
    const y = t + i * row, on = picked.includes(raw[i]), wide = Math.max(v[i] / top * (w - l - right), v[i] ? 2 : 0), by = above ? y + 20 : y + 5
    const inner = (dimension ? rect(0, y + 1, w, row - 2, 'transparent', 'class="hit" rx="6"') : '') + text(0, above ? y + 14 : y + 19, clip(names[i], Math.floor(w / WIDE) - (above ? 2 : 0)), {c: on ? 'strong' : ''}) +
      rect(l, by, wide, 20, dim && !on ? 'var(--pale)' : 'var(--main)', 'rx="3" class="b"') + text(l + wide + 6, by + 14, short(v[i], u)) + (also.length ? text(w, by + 14, also[i], {a: 'end', c: 'soft'}) : '')
    out += dimension ? `<g class="pickable" role="button" tabindex="0" data-key="${esc(raw[i])}" aria-pressed="${on}" aria-label="${esc(`${names[i]}: ${short(v[i], u)}${also.length ? ', ' + also[i] : ''}`)}">${inner}</g>`
      : `<g ${tip(`${names[i]}: ${amount(v[i], u)}${other(i)}${unsure(p)}`)}>${inner}</g>`
  })
  const rest = p.rows.length - rows.length
  return {h: t + rows.length * row + (rest > 0 ? 22 : 2), out: out + (rest > 0 ? text(0, t + rows.length * row + 15, `and ${whole(rest)} more in the table`, {c: 'soft'}) : '')}
}

// The bars of a chart: what is counted, what is written below, what the tip says. Where numbers run out in a long tail, as days or
// order lines do, the last hundredth is one bar, or one late parcel would take all the room.
function shortened(p) {
  const c = p.chart, v = values(p, c.y), names = values(p, c.x).map(q => full(q, unit(p, c.x)))
  const also = c.also ? values(p, c.also) : [], add = all => all.reduce((a, q) => a + q, 0)
  const counts = unit(p, c.y) === 'count' && values(p, c.x).every(Number.isInteger), total = add(v)
  let last = 0
  for (let sum = 0; counts && sum < .99 * total; last++) sum += v[last]
  if (!last || v.length - last < 4) return {v, names, also, tips: names}
  const cut = (all, end) => [...all.slice(0, last), end]
  const rest = c.also === 'share' ? add(also.slice(last)) : null
  return {v: cut(v, add(v.slice(last))), names: cut(names, `${names[last]}+`), also: also.length ? cut(also, rest) : [],
    tips: cut(names, `${names[last]} to ${names.at(-1)}`)}
}

// Names beside their dots, on the side where there is room; one that would run into another is left out
function placed(dots, left, right, most) {
  const found = []
  for (const q of dots) {
    const wide = 6.3 * q.name.length, sides = [q.x + 12, q.x - 12 - wide].filter(at => at >= left && at + wide <= right)
    const free = at => found.every(f => at >= f.left + f.wide + 6 || at + wide + 6 <= f.left || Math.abs(f.y - q.y) >= 15)
    const at = sides.find(free)
    if (at != null && found.length < most) found.push({...q, left: at, wide})
  }
  return found
}

// The line of a card; from point `final` on it can still change, and is dotted
function spark(values, final) {
  const v = (values || []).map(q => q ?? 0)
  if (v.length < 2) return ''
  const w = 120, h = 30, top = Math.max(...v), low = Math.min(...v, top)
  const x = i => 2 + i / (v.length - 1) * (w - 6), y = q => h - 3 - (q - low) / ((top - low) || 1) * (h - 7)
  const points = v.map((q, i) => [x(i), y(q)]), cut = final ?? v.length, line = 'vector-effect="non-scaling-stroke" class="line'
  const area = path([[x(0), h], ...points, [x(v.length - 1), h]], 'class="area"')
  const known = cut > 1 ? path(points.slice(0, cut), `${line}"`) : ''
  const open = cut < v.length ? path(points.slice(Math.max(cut - 1, 0)), `${line} open"`) : ''
  return `<svg class="spark" viewBox="0 0 ${w} ${h}" preserveAspectRatio="none" aria-hidden="true">${area}${known}${open}</svg>`
}

// ---------------------------------------------------------------- the page

class Page {
  constructor(model, root) {
    Object.assign(this, {model, root, waiting: new Map(), next: 1, queue: [], busy: 0, history: [], panels: {}, tabled: new Set(), state: {days: null, picks: {}, page: 'overview'}, kpis: [], sort: {}})
    model.on('msg:custom', (content, buffers) => { const done = this.waiting.get(content.id); this.waiting.delete(content.id); done?.(content, buffers) })
  }
  ask(kind, more = {}) {
    return new Promise(done => {
      const id = this.next++
      this.waiting.set(id, (content, buffers) => { if (content.error) this.fail(content.error); done({...content, buffers}) })
      this.model.send({ask: kind, id, ...more})
    })
  }
  $(q) { return this.root.querySelector(q) }
  $$(q) { return [...this.root.querySelectorAll(q)] }

  // The view and the address
  query(s = this.state) {
    const picks = Object.entries(s.picks).filter(([, v]) => v.length).map(([d, v]) => `${d}=${v.map(encodeURIComponent).join(',')}`)
    return [`days=${s.days ? `${iso(s.days[0])}..${iso(s.days[1])}` : 'all'}`, ...picks].join('&')
  }
  address() { return `?${this.query()}${this.state.page === 'overview' ? '' : `&page=${this.state.page}`}` }
  read(query) {
    const given = new URLSearchParams(query), days = given.get('days') || 'all', picks = {}
    for (const d of Object.keys(this.told.dimensions)) if (given.get(d)) picks[d] = given.get(d).split(',')
    return {days: days === 'all' ? null : this.inside(days.split('..').map(day)), picks}
  }
  named(query) { const page = new URLSearchParams(query).get('page'); return Object.hasOwn(this.told.pages, page) ? page : 'overview' } // an unknown page is the first
  whole() { return [day(this.told.bounds[0]), day(this.told.bounds[1])] }
  window() { return this.state.days || this.whole() }
  inside(days) { // as far as there is data
    const [a, z] = this.whole()
    return days.map(d => Math.max(a, Math.min(z, d))).sort((x, y) => x - y)
  }
  picked(but = '') {
    const picks = Object.entries(this.state.picks).filter(([d]) => d !== but)
    return picks.flatMap(([d, v]) => v.map(x => d === 'country' ? country(x) : words(x)))
  }

  async start() {
    this.first = this.$('.kpis:not([aria-hidden])')?.innerHTML
    const here = this.inVoila ? location.search : ''
    this.told = await this.ask('hello', {query: here})
    if (this.told.error) return
    this.state = {...this.read(this.told.query), page: this.named(here)}
    this.frame()
    if (this.told.left.length) this.notice(`Ignored, because this shop does not have it: ${this.told.left.join(', ')}.`)
    if (this.inVoila) history.replaceState(null, '', this.address())
    addEventListener('popstate', () => { this.history.pop(); this.state = {...this.read(location.search), page: this.named(location.search)}; this.show() })
    this.watch()
    await this.show()
  }
  go(change, {say = true} = {}) {
    this.history.push({...this.state})
    this.state = {...this.state, ...change}
    if (this.inVoila) history.pushState(null, '', this.address())
    return this.show({say})
  }
  toggle(d, v) {
    const old = this.state.picks[d] || [], now = old.includes(v) ? old.filter(x => x !== v) : [...old, v]
    this.go({picks: {...this.state.picks, [d]: now}})
  }

  // The frame that stays: head, filters, pages
  frame() {
    const t = this.told, nav = Object.entries(t.pages).map(([k, p]) => `<a href="#" data-page="${k}">${p.title}</a>`).join('')
    this.root.innerHTML = `<a class="skip" href="#dash-main">Skip to the numbers</a>
      <div class="head" role="region" aria-label="Shop and pages"><div class="brand"><span class="mark" aria-hidden="true"></span><h1>${esc(t.run)}</h1><span class="asof">data as of ${said(this.whole()[1])}</span></div>
        <nav aria-label="Pages">${nav}</nav><button class="theme" type="button"></button></div>
      <section class="filters" aria-label="What is shown"><div class="row">
        <div class="presets" role="group" aria-label="Period"><button type="button" data-days="30">30 days</button><button type="button" data-days="90">90 days</button><button type="button" data-days="">All</button></div>
        <span class="dates"><input type="date" aria-label="First day" class="from" min="${t.bounds[0]}" max="${t.bounds[1]}"><span aria-hidden="true">–</span><input type="date" aria-label="Last day" class="to" min="${t.bounds[0]}" max="${t.bounds[1]}"></span>
        <ul class="chips" aria-label="Filters"></ul><span class="acts"><button type="button" class="undo">Undo</button><button type="button" class="clear">Clear</button></span></div></section>
      <div class="notes" role="status"></div><main id="dash-main" tabindex="-1"></main>
      <div class="foot" role="region" aria-label="Rows"><span>${Object.entries(t.rows).map(([n, r]) => esc(`${whole(r)} ${words(n)}`)).join(' · ')}</span></div>
      <div class="live" role="status" aria-live="polite"></div><dialog aria-labelledby="dash-dialog"></dialog><div class="tip" hidden></div>`
    this.theme(localStorage.getItem('shop-theme') || '')
    if (!this.listening) { this.listening = true; this.listen() }
  }
  theme(name) {
    const lab = document.body.dataset.jpThemeLight, auto = this.inVoila || !lab ? 'light dark' : lab === 'true' ? 'light' : 'dark' // in JupyterLab, as its own theme
    this.root.style.colorScheme = name || auto
    if (this.inVoila) document.documentElement.style.colorScheme = name || 'light dark'
    name ? localStorage.setItem('shop-theme', name) : localStorage.removeItem('shop-theme')
    const b = this.$('.theme'), next = {'': 'light', light: 'dark', dark: ''}[name]
    b.textContent = {'': '◐', light: '☀', dark: '☾'}[name]
    b.setAttribute('aria-label', `Colours: ${name || 'as the system'}. Change to ${next || 'as the system'}`)
    b.title = b.getAttribute('aria-label'); b.onclick = () => this.theme(next)
  }
  listen() {
    const r = this.root
    r.addEventListener('click', e => this.clicked(e))
    r.addEventListener('keydown', e => { const g = e.target.closest?.('.pickable'); if (g && (e.key === 'Enter' || e.key === ' ')) { e.preventDefault(); this.toggle(g.closest('.panel').dataset.dimension, g.dataset.key) }
      if (e.key === 'Escape') this.$$('details.menu[open]').forEach(d => { d.open = false; d.querySelector('summary').focus() }) })
    r.addEventListener('change', e => { if (e.target.matches('.from, .to')) this.typed() })
    r.addEventListener('focusout', e => { if (e.target.matches('.from, .to')) this.typed(true) })
    r.addEventListener('pointerover', e => this.tip(e)); r.addEventListener('pointermove', e => this.tip(e)); r.addEventListener('pointerleave', () => this.$('.tip').hidden = true)
    new ResizeObserver(() => { if (Math.abs((this.wide ?? 0) - r.clientWidth) > 1) { this.wide = r.clientWidth; this.redraw() } }).observe(r)
  }
  // Days typed into the fields, cut to those of the data. While a year is being typed it is 0002, 0020 and 0202 first.
  typed(done = false) {
    const fields = ['.from', '.to'].map(q => this.$(q)), asked = fields.map(f => Math.round(f.valueAsNumber / DAY))
    if (String(asked) === String(this.window())) return
    if (!done && fields.some(f => f.value < '1000')) return
    const days = fields.every(f => f.value) ? this.inside(asked) : this.window()
    if (String(days) === String(this.window())) this.fields()
    else this.go({days})
  }
  fields() { [this.$('.from').value, this.$('.to').value] = this.window().map(iso) }
  tip(e) {
    const t = this.$('.tip'), on = e.target.closest?.('[data-tip]')
    if (!t) return
    t.hidden = !on
    if (!on) return
    t.textContent = on.dataset.tip
    const box = t.getBoundingClientRect()
    t.style.left = Math.max(6, Math.min(e.clientX + 12, innerWidth - box.width - 6)) + 'px'; t.style.top = Math.max(6, e.clientY - box.height - 10) + 'px'
  }
  clicked(e) {
    const on = q => e.target.closest(q)
    let b
    if (!on('details.menu')) this.$$('details.menu[open]').forEach(d => d.open = false)
    if (b = on('[data-page]')) { e.preventDefault(); if (b.dataset.page !== this.state.page) this.go({page: b.dataset.page}).then(() => scrollTo({top: 0})) }
    else if (b = on('[data-days]')) { const [a, z] = this.whole(); this.go({days: b.dataset.days ? [Math.max(a, z - b.dataset.days + 1), z] : null}) }
    else if (b = on('.chips button')) b.dataset.d === 'days' ? this.go({days: null}) : this.toggle(b.dataset.d, b.dataset.v)
    else if (on('.undo')) this.undo()
    else if (on('.clear')) this.go({days: null, picks: {}})
    else if (b = on('.pickable')) this.toggle(b.closest('.panel').dataset.dimension, b.dataset.key)
    else if (b = on('.what')) this.explain(b.dataset.name)
    else if (b = on('[data-do]')) { const d = b.closest('details'); if (d) { d.open = false } this.act(b.dataset.do, b.dataset.name) }
  }
  undo() {
    const old = this.history.pop()
    if (!old) return
    this.state = old
    if (this.inVoila) history.pushState(null, '', this.address())
    this.show()
  }
  chips() {
    const s = this.state, [a, b] = this.window(), z = this.whole()[1], chip = (d, v, label) => `<li><button type="button" data-d="${d}" data-v="${esc(v)}" aria-label="Remove ${esc(label)}">${esc(label)}<span aria-hidden="true">×</span></button></li>`
    this.$('.chips').innerHTML = (s.days ? chip('days', '', span(a, b)) : '') + Object.entries(s.picks).flatMap(([d, v]) => v.map(x => chip(d, x, d === 'country' ? country(x) : words(x)))).join('')
    this.$('.undo').disabled = !this.history.length
    this.$('.clear').disabled = !s.days && !Object.values(s.picks).some(v => v.length)
    this.fields()
    this.$$('[data-days]').forEach(p => p.setAttribute('aria-pressed', p.dataset.days ? !!s.days && b === z && b - a + 1 === +p.dataset.days : !s.days))
    this.$('.filters').hidden = s.page === 'data'
    this.$$('[data-page]').forEach(p => { p.href = `?${this.query()}${p.dataset.page === 'overview' ? '' : `&page=${p.dataset.page}`}`; p.dataset.page === s.page ? p.setAttribute('aria-current', 'page') : p.removeAttribute('aria-current') })
    document.title = `${this.told.pages[s.page].title} · ${this.told.run}`
  }

  // Showing a view: headline numbers first, then what depends on them
  async show({say = true} = {}) {
    const q = this.query(), page = this.state.page, turn = this.turn = (this.turn || 0) + 1, names = this.told.pages[page].panels
    this.wish = 0; this.showing = true
    this.chips()
    if (this.laid !== page) this.lay(page)
    this.heading()
    this.root.dataset.state = 'busy'
    if (page === 'data') { await this.data(turn); if (turn === this.turn) this.ready(); return }
    const got = page === 'overview' ? await this.ask('view', {query: q}) : null
    if (turn !== this.turn) return
    if (got?.error) { this.showing = false; this.root.dataset.state = 'failed'; return }
    if (got) { this.cards(got); got.panels.forEach(p => this.draw(p)) }
    for (const name of names) {
      if (got && got.panels.some(p => p.name === name)) continue
      this.$(`[data-panel="${name}"]`)?.setAttribute('aria-busy', 'true')
      const {panel, error} = await this.ask('panel', {query: q, name})
      if (turn !== this.turn) return
      if (panel) this.draw(panel); else (this.$(`[data-panel="${name}"] .pic`) ?? this.$(`[data-panel="${name}"]`)).innerHTML = `<p class="empty">This could not be shown. ${esc(error)} <button type="button" data-do="again">Try again</button></p>`
    }
    this.ready()
    if (say) this.say()
  }
  ready() { this.showing = false; this.root.dataset.state = 'ready' }
  say() {
    const k = Object.fromEntries(this.kpis.map(m => [m.name, m])), cards = this.state.page === 'overview' && k.revenue
    const numbers = cards ? `Revenue ${headline(k.revenue.value, 'eur')}, ${headline(k.sales.value, 'count')} sales.` : 'Charts updated.'
    this.$('.live').textContent = `${[span(...this.window()), ...this.picked()].join(', ')}. ${numbers}`
  }
  // While days are dragged: the newest wish only, one at a time
  async drag(days) {
    this.state.days = days
    this.chips()
    this.wish = performance.now()
    if (this.showing) { this.turn++; this.showing = false }
    if (this.dragging) return
    this.dragging = true
    while (this.wish) {
      const since = this.wish, turn = this.turn
      this.wish = 0
      const got = await this.ask('view', {query: this.query(), fast: true})
      if (turn === this.turn && !got.error) {
        this.cards(got)
        got.panels.forEach(p => this.draw(p))
        await new Promise(requestAnimationFrame)
        performance.measure('shop:brush', {start: since, end: performance.now()})
      }
    }
    this.dragging = false
  }

  lay(page) {
    this.laid = page; this.panels = {}; this.tabled.clear()
    const {title, panels} = this.told.pages[page]
    const waiting = '<article class="card kpi skeleton"><i></i><b></b><i></i></article>'.repeat(10)
    const kpis = page === 'overview' ? `<section class="kpis" aria-label="Headline numbers">${this.first || waiting}</section>` : ''
    const against = page === 'data' ? '' : '<p class="against soft"></p>'
    const blank = n => `<section class="card panel skeleton p-${n}" data-panel="${n}" aria-busy="true"><i></i><b></b></section>`
    this.$('main').className = `page-${page}`
    this.$('main').innerHTML = `<h2 class="sr">${title}</h2>${against}${kpis}<div class="grid">${panels.map(blank).join('')}</div>`
  }
  // What is shown, and what it is compared with: it stays on paper, where the filters are gone
  heading(against) {
    const line = this.$('.against'), [a, b] = this.window(), n = b - a + 1
    if (!line) return
    const shown = [span(a, b), ...this.picked()].join(' · ')
    if (!against) { line.textContent = shown; return }
    const [x, y] = against.map(day), year = y < a - 1
    line.textContent = `${shown}. ` + (year ? `Compared with ${span(x, y)}, 52 weeks earlier.`
      : `Compared with the ${n === 1 ? 'day' : `${n} days`} before; the data does not reach back a year, so changes include the season.`)
  }
  cards({headline: all, against}) {
    const old = Object.fromEntries(this.kpis.map(k => [k.name, k]))
    this.kpis = all.map(k => ({...k, spark: k.spark ?? old[k.name]?.spark, final: k.spark ? k.final : old[k.name]?.final}))
    const host = this.$('.kpis')
    this.first = ''
    if (!host) return
    const focused = document.activeElement?.closest?.('.kpi')?.dataset.name
    host.innerHTML = this.kpis.map(k => this.card(k, against)).join('')
    if (focused) host.querySelector(`[data-name="${focused}"] .what`)?.focus()
    this.heading(against)
  }
  card(k, against) {
    const {word, aloud, kind} = this.delta(k, against), value = headline(k.value, k.unit), [a, b] = this.window()
    const year = against && day(against[1]) < a - 1, ago = year ? '52 weeks earlier' : `${many(b - a + 1, 'day')} before`
    const was = k.before == null ? '' : `${ago}: ${headline(k.before, k.unit)}`
    const spoken = was ? `${aloud}, against ${was}` : aloud
    const holding = `Whole orders that contain ${(this.state.picks.category || []).join(' or ')}`
    const mark = k.whole ? `<p class="whole" ${tip(holding)} aria-label="${esc(holding)}">whole orders</p>` : ''
    return `<article class="card kpi" data-name="${k.name}">
      <h3>${k.title}<button type="button" class="what" data-name="${k.name}" aria-label="What is ${k.title}?">i</button></h3>
      <p class="value">${value}</p>${mark}
      <p class="delta ${kind}" title="${was}"><span aria-hidden="true">${word}</span><span class="sr">${spoken}</span></p>
      ${spark(k.spark, k.final)}</article>`
  }
  // What a card says below its value: seen, read aloud, and whether it is good, bad or neither
  delta(k, against) {
    const plain = word => ({word, aloud: word, kind: ''})
    if (k.note) return {...plain(k.note), kind: 'open'}
    if (!against) return plain('no earlier period')
    if (k.value == null) return plain('no data')
    if (k.before == null) return plain('no earlier data')
    const {size, up} = change(k.before, k.value, k.unit)
    if (up == null) return plain('unchanged')
    if (!size) return plain(`was ${headline(k.before, k.unit)}`)
    const few = k.few ? ' · small base' : '', kind = k.few || !k.good ? '' : (up ? 1 : -1) * k.good > 0 ? 'good' : 'bad'
    return {word: `${up ? '▲' : '▼'} ${size}${few}`, aloud: `${up ? 'up' : 'down'} ${size}${k.few ? ', from a small base' : ''}`, kind}
  }

  draw(p) {
    const host = this.$(`[data-panel="${p.name}"]`)
    if (!host) return
    this.panels[p.name] = p
    if (host.classList.contains('skeleton')) {
      host.classList.remove('skeleton')
      if (p.chart.dimension) host.dataset.dimension = p.chart.dimension
      const b = (act, label) => `<button type="button" data-do="${act}" data-name="${p.name}">${label}</button>`
      host.innerHTML = `<header><div><h3>${esc(p.title)}</h3><p class="why"></p></div><details class="menu"><summary aria-label="More about ${esc(p.title)}">⋯</summary><div>${b('explain', 'What is this?')}${b('table', 'Table or chart')}${b('csv', 'Rows as CSV')}${b('parquet', 'Rows as Parquet')}${b('svg', 'Chart as SVG')}${b('png', 'Chart as PNG')}</div></details></header><div class="pic"></div><p class="sr says"></p>`
    }
    host.removeAttribute('aria-busy')
    host.querySelector('.says').textContent = p.says
    host.querySelector('.why').textContent = p.empty ? p.why : `${p.why} ${p.note}`
    this.paint(p.name)
  }
  paint(name) {
    const p = this.panels[name], pic = this.$(`[data-panel="${name}"] .pic`)
    if (!p || !pic) return
    const focused = pic.contains(document.activeElement) ? document.activeElement.dataset.key : null
    if (p.empty) pic.innerHTML = this.nothing(p)
    else if (this.tabled.has(name)) pic.innerHTML = this.table(p)
    else {
      const w = Math.max(240, pic.clientWidth), {h, out, scale} = charts[p.chart.kind](p, w, this.state), live = ['pick', 'time'].includes(p.chart.kind)
      pic.innerHTML = `<svg class="chart" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" ${live ? 'role="group"' : 'role="img"'} aria-label="${esc(p.title + '. ' + p.says)}">${out}</svg>`
      if (p.chart.kind === 'time') this.brush(pic.firstChild, scale, p)
    }
    if (focused) pic.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus()
  }
  // Nothing to draw: say what is missing, for which view, and what brings it back
  nothing(p) {
    const s = this.state, picks = this.picked(p.chart.dimension), days = s.days && p.chart.kind !== 'time'
    const b = (act, label) => `<button type="button" data-do="${act}">${label}</button>`
    const longer = 'Choose a longer period', fewer = 'emove a filter'
    const what = picks.length ? days ? `${longer} or r${fewer}.` : `R${fewer}.` : days ? `${longer}.` : 'This is true of the whole shop.'
    return `<div class="empty"><p><b>${esc(p.empty)}</b></p><p>${esc([...(days ? [span(...s.days)] : []), ...picks].join(' · '))}</p>
      <p>${what}</p><p>${days ? b('alldays', 'Show all days') : ''} ${picks.length ? b('clearpicks', 'Remove filters') : ''}</p></div>`
  }
  redraw() { for (const n of Object.keys(this.panels)) this.paint(n) }
  table(p, most = 200) {
    const num = c => ['eur', 'share', 'count', 'days'].includes(c.unit), cell = (v, c) => `<td class="${num(c) && typeof v === 'number' ? 'num' : ''}">${esc(full(words2(v), c.unit))}</td>`
    const words2 = v => v
    return `<div class="scroll" tabindex="0" role="region" aria-label="${esc(p.title)}, as a table"><table><caption class="sr">${esc(p.title)}: ${esc(p.grain)}</caption><thead><tr>${p.columns.map(c => `<th scope="col" class="${num(c) && p.rows.some(r => typeof r[p.columns.indexOf(c)] === 'number') ? 'num' : ''}">${esc(c.label)}</th>`).join('')}</tr></thead><tbody>${p.rows.slice(0, most).map(r => `<tr>${r.map((v, i) => cell(v, p.columns[i])).join('')}</tr>`).join('')}</tbody></table></div>` +
      (p.rows.length > most ? `<p class="soft">${whole(p.rows.length)} rows, the first ${most}. All of them are in the download.</p>` : '')
  }

  // The brush over days: mouse, touch and keyboard
  brush(svg, s, p) {
    const layer = svg.querySelector('.brush'), wide = () => this.window(), X = d => s.x(d), self = this
    const draw = () => {
      const [a, b] = wide(), x0 = X(a), x1 = X(b + 1)
      for (const [k, [x, w]] of Object.entries({lveil: [s.l, x0 - s.l], rveil: [x1, s.r - x1]})) { const v = layer.querySelector('.' + k); v.setAttribute('x', x); v.setAttribute('width', Math.max(0, w)) }
      const win = layer.querySelector('.win'); win.querySelector('rect').setAttribute('x', x0); win.querySelector('rect').setAttribute('width', Math.max(1, x1 - x0))
      svg.querySelector('.peaks').innerHTML = s.peaks(a, b)
      win.setAttribute('aria-valuenow', a - s.first); win.setAttribute('aria-valuetext', span(a, b)); win.setAttribute('aria-valuemax', s.last - s.first)
      for (const [k, x, d] of [['h0', x0, a], ['h1', x1, b]]) { const h = layer.querySelector('.' + k); h.setAttribute('transform', `translate(${x.toFixed(1)} 0)`); h.setAttribute('aria-valuenow', d - s.first); h.setAttribute('aria-valuetext', said(d)) }
    }
    const handle = (k, label) => `<g class="handle ${k}" role="slider" tabindex="0" data-key="${k}" aria-label="${label}" aria-valuemin="0" aria-valuemax="${s.last - s.first}"><rect x="-14" y="${s.t - 8}" width="28" height="${s.b - s.t + 14}" fill="transparent"/><path d="M0 ${s.t}V${s.b}" class="edge"/><rect x="-5" y="${(s.t + s.b) / 2 - 16}" width="10" height="32" rx="5" class="grip"/></g>`
    layer.innerHTML = `<rect class="lveil veil" y="${s.t}" height="${s.b - s.t}"/><rect class="rveil veil" y="${s.t}" height="${s.b - s.t}"/><g class="win" role="slider" tabindex="0" data-key="win" aria-label="Move the period" aria-valuemin="0"><rect y="${s.t}" height="${s.b - s.t}" class="pane"/></g>` + handle('h0', 'First day') + handle('h1', 'Last day')
    draw()
    this.placeBrush = draw
    const at = e => { const box = svg.getBoundingClientRect(); return Math.max(s.first, Math.min(s.last, Math.floor(s.first + (e.clientX - box.left - s.l) / (s.r - s.l) * (s.last - s.first + 1)))) }
    const inside = (a, n) => { a = Math.max(s.first, Math.min(s.last - n + 1, a)); return [a, a + n - 1] }
    let drag = null
    svg.onpointerdown = e => {
      if (e.button) return
      const box = svg.getBoundingClientRect(), y = e.clientY - box.top
      if (y > s.b + 8) return
      const kind = e.target.closest('.handle')?.dataset.key || (this.state.days && e.target.closest('.win') ? 'win' : 'new')
      drag = {kind, from: at(e), old: wide(), was: this.state.days, moved: false}
      svg.setPointerCapture(e.pointerId)
    }
    svg.onpointermove = e => {
      if (!drag) return this.readout(svg, s, p, e)
      const d = at(e), [a, b] = drag.old
      if (d === drag.from && !drag.moved) return
      drag.moved = true
      const days = drag.kind === 'new' ? [Math.min(drag.from, d), Math.max(drag.from, d)] : drag.kind === 'win' ? inside(a + d - drag.from, b - a + 1) : [drag.kind === 'h0' ? d : a, drag.kind === 'h1' ? d : b].sort((x, y) => x - y)
      this.state = {...this.state, days}
      draw(); this.drag(days)
    }
    svg.onpointerup = svg.onpointercancel = e => {
      const {moved, was} = drag || {}
      drag = null
      if (moved) { const days = this.state.days; this.state = {...this.state, days: was}; this.go({days}) }
    }
    svg.onpointerleave = () => { svg.querySelector('.readout').innerHTML = '' }
    layer.onkeydown = e => {
      const k = e.target.closest('[data-key]')?.dataset.key, step = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30}[e.key] * (e.shiftKey ? 7 : 1)
      let [a, b] = wide()
      if (e.key === 'Home') [a, b] = k === 'h0' ? [s.first, b] : k === 'h1' ? [a, a] : inside(s.first, b - a + 1)
      else if (e.key === 'End') [a, b] = k === 'h1' ? [a, s.last] : k === 'h0' ? [b, b] : inside(s.last, b - a + 1)
      else if (step) [a, b] = k === 'h0' ? [Math.max(s.first, Math.min(b, a + step)), b] : k === 'h1' ? [a, Math.min(s.last, Math.max(a, b + step))] : inside(a + step, b - a + 1)
      else return
      e.preventDefault()
      this.before ??= {...this.state}
      this.state = {...this.state, days: [a, b]}
      draw(); this.drag([a, b])
      clearTimeout(this.settle)
      this.settle = setTimeout(() => { const days = this.state.days; this.state = this.before; this.before = null; this.go({days}) }, 500)
    }
  }
  readout(svg, s, p, e) {
    const box = svg.getBoundingClientRect(), d = Math.floor(s.first + (e.clientX - box.left - s.l) / (s.r - s.l) * (s.last - s.first + 1)), i = s.rev[d], g = svg.querySelector('.readout')
    if (i == null) { g.innerHTML = ''; return }
    const x = s.x(d + .5), [, rev, sales] = p.rows[i], end = x > (s.l + s.r) / 2
    const dot = `<circle cx="${x.toFixed(1)}" cy="${s.y(rev).toFixed(1)}" r="4" fill="var(--main)"/>`
    const label = `${said(d)}: ${short(rev, 'eur')}, ${many(sales, 'sale')}`
    g.innerHTML = `<path d="M${x.toFixed(1)} ${s.t}V${s.b}" class="cross"/>${dot}` +
      text(x + (end ? -8 : 8), s.t + 12, label, {a: end ? 'end' : 'start', c: 'halo strong'})
  }

  // What a number or chart means, and taking it away
  async act(what, name) {
    if (what === 'alldays') return this.go({days: null})
    if (what === 'clearpicks') return this.go({picks: {}})
    if (what === 'again') return this.show()
    if (what === 'reload') return this.reload()
    if (what === 'open') return location.reload()
    if (what === 'explain') { const p = this.panels[name]; return this.dialog(p.title, `<p>${esc(p.why)}</p><p class="soft">${esc(p.says)}</p>`, p.grain, p.sql) }
    if (what === 'table') { this.tabled.has(name) ? this.tabled.delete(name) : this.tabled.add(name); this.paint(name); this.$(`[data-panel="${name}"] summary`).focus(); return }
    if (what === 'svg' || what === 'png') return this.picture(name, what)
    const {file, buffers, error} = await this.ask('download', {query: this.query(), name, format: what})
    if (!error) this.save(new Blob([buffers[0]], {type: what === 'csv' ? 'text/csv' : 'application/vnd.apache.parquet'}), file)
  }
  async explain(name) {
    const m = await this.ask('measure', {query: this.query(), name})
    if (m.error) return
    const value = m.value == null ? DASH : m.unit === 'share' ? percent(m.value, 4) : amount(m.value, m.unit)
    const take = (kind, label) => `<button type="button" data-do="${kind}" data-name="headline">${label}</button>`
    this.dialog(m.title, `<p>${esc(m.what)}</p>${m.note ? `<p>${esc(m.note)}</p>` : ''}
      <p><b>${value}</b> with these filters. ${take('csv', 'All headline numbers as CSV')} ${take('parquet', 'as Parquet')}</p>`, m.grain, m.sql)
  }
  dialog(title, body, grain, sql) {
    const d = this.$('dialog')
    d.innerHTML = `<form method="dialog"><h2 id="dash-dialog">${esc(title)}</h2><button aria-label="Close">×</button></form>${body}<dl><dt>Grain</dt><dd>${esc(grain)}</dd></dl><div class="sqlhead"><h3>SQL</h3><button type="button" class="copy">Copy</button></div><pre tabindex="0" aria-label="SQL"><code>${esc(sql)}</code></pre>`
    d.querySelector('.copy').onclick = async e => { await navigator.clipboard.writeText(sql); e.target.textContent = 'Copied' }
    d.onclick = e => { if (e.target === d) d.close() }
    d.showModal()
  }
  save(blob, file) { const a = document.createElement('a'); a.href = URL.createObjectURL(blob); a.download = file; a.click(); setTimeout(() => URL.revokeObjectURL(a.href), 2000) }
  picture(name, kind) {
    const p = this.panels[name], w = 900, picks = this.picked(p.chart.dimension), all = p.chart.kind === 'time'
    const state = all ? {...this.state, days: null} : this.state, days = all ? this.whole() : this.window() // no brush on paper
    const shown = [...(p.past ? [] : [span(...days)]), ...picks], from = p.past ? this.whole()[0] : days[0]
    const notes = [shown.join(' · '), p.note].flatMap(t => lines(t, (w - 48) / 7.2)), head = 30 + notes.length * 17 // 7.2 px per letter
    const file = [name, iso(from), iso(days[1]), ...picks].join(' ').replace(/[^\w-]+/g, ' ').slice(0, 120).trim()
    const {h, out} = charts[p.chart.kind](p, w - 48, state), style = getComputedStyle(this.root)
    const css = [...new Set([...(out + this.svgStyle()).matchAll(/var\((--[\w]+)\)/g)].map(m => m[1]))], probe = document.createElement('i')
    this.root.append(probe)
    const colour = Object.fromEntries(css.map(v => { probe.style.color = `var(${v})`; return [v, getComputedStyle(probe).color] }))
    const page = (probe.style.color = 'var(--card)', getComputedStyle(probe).color)
    probe.remove()
    const flat = t => t.replace(/var\((--[\w]+)\)/g, (_, v) => colour[v])
    const svg = flat(`<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${head + h + 52}" viewBox="0 0 ${w} ${head + h + 52}"><style>${this.svgStyle()}</style><rect width="100%" height="100%" fill="${page}"/><g transform="translate(24 30)"><text class="strong" style="font-size:17px" y="4">${esc(p.title)}</text>${notes.map((t, i) => `<text class="soft" y="${26 + 17 * i}">${esc(t)}</text>`).join('')}<g transform="translate(0 ${head})">${out}</g></g></svg>`)
    if (kind === 'svg') return this.save(new Blob([svg], {type: 'image/svg+xml'}), `${file}.svg`)
    const image = new Image(), url = URL.createObjectURL(new Blob([svg], {type: 'image/svg+xml'}))
    image.onload = () => {
      const c = document.createElement('canvas')
      c.width = w * 2
      c.height = (head + h + 52) * 2
      c.getContext('2d').drawImage(image, 0, 0, c.width, c.height)
      URL.revokeObjectURL(url)
      c.toBlob(b => this.save(b, `${file}.png`))
    }
    image.src = url
  }
  svgStyle() { return 'text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}.soft{fill:var(--soft)}.small{font-size:11px}.strong{font-weight:650}.mark{fill:var(--marktext)}.halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}.grid{stroke:var(--line);fill:none}.area{fill:var(--main);opacity:.14}.thin{fill:none;stroke:var(--pale);stroke-width:1}.thick{fill:none;stroke:var(--main);stroke-width:2.2;stroke-linejoin:round}.line{fill:none;stroke:var(--main);stroke-width:1.5}.dashed{fill:none;stroke:var(--soft);stroke-dasharray:2 3}.dot{fill:var(--main);opacity:.6}.on0,.on1,.on2{fill:var(--onpale)}.on3{fill:var(--onmid)}.on4,.on5{fill:var(--ondark)}' }

  // The page Data: what the run says of itself, and its tables
  async data(turn) {
    const {manifest: m, tables} = await this.ask('run')
    if (turn !== this.turn || !m) return
    const grid = this.$('main .grid')
    grid.innerHTML = this.facts(m) + `<section class="card browser"><header><div><h3>Tables</h3><p class="why"></p></div></header><div class="tabs" role="group" aria-label="Table">${Object.keys(tables).map(t => `<button type="button" data-table="${esc(t)}">${esc(words(t))}${plain(m.tables) && m.tables[t]?.rows ? ` <small>${whole(m.tables[t].rows)}</small>` : ''}</button>`).join('')}</div><div class="rows"></div></section>`
    grid.onclick = e => {
      const t = e.target.closest('[data-table]'), h = e.target.closest('[data-sort]'), step = e.target.closest('[data-step]')
      if (t) this.browse(t.dataset.table)
      else if (h) this.rows({sort: h.dataset.sort, down: this.sort.sort === h.dataset.sort && !this.sort.down, offset: 0}, `[data-sort="${CSS.escape(h.dataset.sort)}"]`)
      else if (step) this.rows({offset: Math.max(0, this.sort.offset + +step.dataset.step)}, `[data-step="${step.dataset.step}"]`)
    }
    await this.browse(this.sort.table || 'orders')
  }
  // A manifest may come from somebody else: each card takes what it can read, and says so where it cannot
  facts(m) {
    const card = (title, made) => {
      let inside
      const unread = '<p class="soft">This part of the manifest cannot be read. Check the run: <code>shop-nb validate DIR</code></p>'
      try { inside = made() } catch { inside = unread }
      return `<section class="card facts"><h3>${title}</h3>${inside}</section>`
    }
    const fact = (name, value) => `<dt>${esc(name)}</dt><dd>${esc(value)}</dd>`
    const run = () => {
      const settings = Object.entries(asPlain(m.settings ?? {})).filter(([, v]) => v != null)
      const value = (k, v) => typeof v === 'number' ? full(v, k === 'seed' ? 'id' : 'count') : typeof v === 'object' ? JSON.stringify(v) : v
      return `<dl>${fact('Data as of', said(this.whole()[1]))}${settings.map(([k, v]) => fact(words(k), value(k, v))).join('')}${fact('shop_nb', `${asText(m.shop_nb)}, generator ${asText(m.version)}`)}</dl>`
    }
    const checks = () => {
      if (m.checks == null) return '<p class="soft">This run has not been checked. Check it: <code>shop-nb validate DIR</code></p>'
      const {ok, failures, checks, rows} = asPlain(m.checks), counts = Object.entries(asPlain(checks)), over = asPlain(rows), total = counts.reduce((a, [, n]) => a + asCount(n), 0)
      const word = ok === true ? `✓ All ${whole(total)} checks passed` : `✗ ${many(asList(failures).length, 'check')} failed`
      return `<p class="${ok === true ? 'good' : 'bad'}"><b>${esc(word)}</b></p><dl>${counts.map(([t, n]) => fact(words(t), `${many(n, 'check')} over ${many(asCount(over[t]), 'row')}`)).join('')}</dl>`
    }
    return card('The run', run) + card('Checks', checks)
  }
  async browse(table) {
    this.$$('[data-table]').forEach(b => b.setAttribute('aria-pressed', b.dataset.table === table))
    this.sort = {table, sort: '', down: false, offset: 0}
    const {columns, doc, grain, error} = await this.ask('columns', {table})
    if (error || this.sort.table !== table) return
    this.columns = columns
    this.$('.browser .why').textContent = `${doc} ${grain[0].toUpperCase() + grain.slice(1)}.`
    await this.rows({})
  }
  async rows(change, focus) {
    Object.assign(this.sort, change)
    const {table, sort, down, offset} = this.sort, got = await this.ask('rows', {table, sort, down, offset})
    if (got.error) return
    const picture = c => {
      if (c.kind === 'text') { const top = c.top.filter(t => t[0] != null), most = Math.max(...top.map(t => t[1]), 1); return c.distinct > 50 ? `<span class="soft">${whole(c.distinct)} values</span>` : `<span class="mini">${top.slice(0, 3).map(([v, n]) => `<span ${tip(`${v}: ${whole(n)}`)}><i style="width:${(n / most * 100).toFixed(0)}%"></i><em>${esc(v)}</em></span>`).join('')}</span>` }
      const most = Math.max(...c.bins, 1)
      return `<svg viewBox="0 0 96 26" width="96" height="26" role="img" aria-label="from ${esc(c.low)} to ${esc(c.high)}">${c.bins.map((n, i) => rect(i * 6, 26 - n / most * 24, 5, n / most * 24, 'var(--main)', tip(`${whole(n)} rows; all: ${c.low} to ${c.high}`))).join('')}</svg>`
    }
    const last = Math.min(got.offset + 25, got.total), num = c => this.columns[c]?.kind === 'number' && !/_id$/.test(got.columns[c])
    const step = (by, label, on) => `<button type="button" data-step="${by}" ${on ? '' : 'disabled'}>${label}</button>`
    const shown = `${whole(got.offset + 1)} – ${whole(last)} of ${whole(got.total)}`
    this.$('.rows').innerHTML = `<div class="scroll" tabindex="0" role="region" aria-label="${esc(words(table))}"><table><thead><tr>${got.columns.map((c, i) => `<th scope="col" aria-sort="${sort === c ? down ? 'descending' : 'ascending' : 'none'}" title="${esc(this.columns[i]?.doc)}"><button type="button" data-sort="${esc(c)}">${esc(words(c))}${sort === c ? down ? ' ↓' : ' ↑' : ''}</button>${picture(this.columns[i])}</th>`).join('')}</tr></thead><tbody>${got.rows.map(r => `<tr>${r.map((v, i) => `<td class="${num(i) ? 'num' : ''}">${v == null ? '<span class="soft">–</span>' : esc(typeof v === 'boolean' ? (v ? 'yes' : 'no') : v)}</td>`).join('')}</tr>`).join('')}</tbody></table></div>
      <p class="pager">${step(-25, 'Previous', got.offset)}<span>${shown}</span>${step(25, 'Next', last < got.total)}</p>`
    if (focus) this.$(`.rows ${focus}`)?.focus()
  }

  // Notes: what was left out, what failed, what changed on disk
  notice(html, act = '') { const n = document.createElement('p'); n.innerHTML = `<span>${esc(html)}</span>${act}<button type="button" aria-label="Dismiss">×</button>`; n.lastChild.onclick = () => n.remove(); this.$('.notes')?.append(n); return n }
  fail(text) {
    if (!this.$('.notes')) {
      this.root.innerHTML = `<div class="broken" role="alert"><h1>The dashboard cannot be shown</h1><p>${esc(text)}</p><p><button type="button">Try again</button></p></div>`
      this.root.dataset.state = 'failed'
      this.$('button').onclick = () => this.inVoila ? location.reload() : this.start()
      return
    }
    if (!this.$('.notes .error')) this.notice(text, '<button type="button" data-do="again">Try again</button>').className = 'error'
  }
  watch(every = 5000) {
    const ping = patience => new Promise(done => { this.ask('changed').then(done); setTimeout(() => done(null), patience) })
    addEventListener('visibilitychange', async () => { if (!document.hidden && this.inVoila && !await ping(8000)) location.reload() })
    setInterval(async () => {
      if (document.hidden || this.stale || this.dragging || this.root.dataset.state === 'busy') return
      const got = await ping(20000), {changed} = got || {}
      if (!got) return this.lost()
      if (!changed || this.stale) return
      this.stale = true
      if (localStorage.getItem('shop-auto')) return this.reload()
      this.$('.notes .changed')?.remove()
      const act = '<button type="button" data-do="reload">Show the new data</button>'
      const always = '<label><input type="checkbox" class="auto"> Always do this</label>'
      const n = this.notice('The run has changed since this page was opened.', act + always)
      n.className = 'changed'
      n.querySelector('.auto').onchange = e => { if (e.target.checked) { localStorage.setItem('shop-auto', '1'); this.reload() } else localStorage.removeItem('shop-auto') }
    }, every)
  }
  lost() {
    if (this.$('.notes .error')) return
    const act = '<button type="button" data-do="open">Reopen</button>'
    this.notice('The connection was lost. Reopening the page brings this view back.', act).className = 'error'
  }
  async reload() {
    this.$('.notes .changed')?.remove()
    this.root.dataset.state = 'busy'
    const told = await this.ask('reload', {query: this.query()})
    if (told.error) { this.stale = false; return }
    this.told = told; this.stale = false; this.laid = null
    this.state = {...this.read(told.query), page: this.state.page}
    this.frame()
    await this.show()
  }
}

function render({model, el}) {
  const own = document.getElementById('shop-dashboard'), root = own || el
  root.classList.add('shop-dash')
  const page = new Page(model, root)
  page.inVoila = !!own
  globalThis.shopDashboard = page
  page.start()
}
export default {render}
