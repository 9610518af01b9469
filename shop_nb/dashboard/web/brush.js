// The brush over days, by mouse, touch and keyboard, and the readout below the pointer

import {longDay, plural, short, span} from './format.js'
import {circle, text} from './svg.js'

const KEY_STEPS = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -30, PageUp: 30} // days
const KEYS_SETTLE = 500 // milliseconds after the last key

export class Brush {
  // `scale` is what the chart of days says of its picture; `rows` are those of its panel
  constructor(page, svg, scale, rows) {
    Object.assign(this, {page, svg, scale, rows, drag: null})
    this.layer = svg.querySelector('.brush')
    this.layer.innerHTML = brushHtml(scale)
    this.place()
    svg.onpointerdown = event => this.press(event)
    svg.onpointermove = event => this.move(event)
    svg.onpointerup = () => this.release()
    svg.onpointercancel = () => this.release()
    svg.onpointerleave = () => (svg.querySelector('.readout').innerHTML = '')
    this.layer.onkeydown = event => this.keyed(event)
  }

  // Veils, window and handles at the days shown
  place() {
    const {scale, layer} = this
    const [first, last] = this.page.view.window()
    const [left, right] = [scale.x(first), scale.x(last + 1)]
    setWidth(layer.querySelector('.lveil'), scale.left, left - scale.left, 0)
    setWidth(layer.querySelector('.rveil'), right, scale.right - right, 0)
    setWidth(layer.querySelector('.pane'), left, right - left, 1)
    this.svg.querySelector('.peaks').innerHTML = scale.peaks(first, last)
    const win = layer.querySelector('.win')
    win.setAttribute('aria-valuenow', first - scale.first)
    win.setAttribute('aria-valuetext', span(first, last))
    win.setAttribute('aria-valuemax', scale.last - scale.first)
    this.placeHandle('h0', left, first)
    this.placeHandle('h1', right, last)
  }

  placeHandle(key, x, n) {
    const handle = this.layer.querySelector(`.${key}`)
    handle.setAttribute('transform', `translate(${x.toFixed(1)} 0)`)
    handle.setAttribute('aria-valuenow', n - this.scale.first)
    handle.setAttribute('aria-valuetext', longDay(n))
  }

  // The day below a pointer, which may be outside of the data
  pointed(event) {
    const {left, right, first, last} = this.scale
    const x = event.clientX - this.svg.getBoundingClientRect().left
    return Math.floor(first + ((x - left) / (right - left)) * (last - first + 1))
  }

  pointedInside(event) {
    return Math.max(this.scale.first, Math.min(this.scale.last, this.pointed(event)))
  }

  // So many days from `first` on, moved until they are within the data
  shifted(first, count) {
    const start = Math.max(this.scale.first, Math.min(this.scale.last - count + 1, first))
    return [start, start + count - 1]
  }

  press(event) {
    const {view} = this.page
    const y = event.clientY - this.svg.getBoundingClientRect().top
    if (event.button || y > this.scale.bottom + 8) return
    const win = view.state.days && event.target.closest('.win') ? 'win' : 'new'
    const kind = event.target.closest('.handle')?.dataset.key || win
    const from = this.pointedInside(event)
    this.drag = {kind, from, old: view.window(), was: view.state.days, moved: false}
    this.svg.setPointerCapture(event.pointerId)
  }

  move(event) {
    const {drag, page} = this
    if (!drag) return this.readout(event)
    const n = this.pointedInside(event)
    if (n === drag.from && !drag.moved) return
    drag.moved = true
    page.view.setDays(this.draggedTo(n))
    this.place()
    page.drag()
  }

  draggedTo(n) {
    const {kind, from, old} = this.drag
    const [first, last] = old
    if (kind === 'new') return [Math.min(from, n), Math.max(from, n)]
    if (kind === 'win') return this.shifted(first + n - from, last - first + 1)
    return [kind === 'h0' ? n : first, kind === 'h1' ? n : last].sort((a, b) => a - b)
  }

  // The view before the drag goes into the history, not those on the way
  release() {
    const {view} = this.page
    const {moved, was} = this.drag || {}
    this.drag = null
    if (!moved) return
    const {days} = view.state
    view.setDays(was)
    this.page.go({days})
  }

  // Days move at once; the view before the first key goes into the history when no more keys come
  keyed(event) {
    const {page} = this
    const days = this.keyedDays(event, event.target.closest('[data-key]')?.dataset.key)
    if (!days) return
    event.preventDefault()
    page.beforeKeys ??= {...page.view.state}
    page.view.setDays(days)
    this.place()
    page.drag()
    clearTimeout(page.keysTimer)
    page.keysTimer = setTimeout(() => {
      const {days: settled} = page.view.state
      page.view.state = page.beforeKeys
      page.beforeKeys = null
      page.go({days: settled})
    }, KEYS_SETTLE)
  }

  // The days that a key leads to from those shown, by the handle or window it was pressed on; none for other keys
  keyedDays({key, shiftKey}, handle) {
    const {scale} = this
    const [first, last] = this.page.view.window()
    const count = last - first + 1
    const step = KEY_STEPS[key] * (shiftKey ? 7 : 1)
    if (key === 'Home') {
      return {h0: [scale.first, last], h1: [first, first]}[handle] ?? this.shifted(scale.first, count)
    }
    if (key === 'End') {
      return {h0: [last, last], h1: [first, scale.last]}[handle] ?? this.shifted(scale.last, count)
    }
    if (!step) return null
    if (handle === 'h0') return [Math.max(scale.first, Math.min(last, first + step)), last]
    if (handle === 'h1') return [first, Math.min(scale.last, Math.max(first, last + step))]
    return this.shifted(first + step, count)
  }

  readout(event) {
    const {scale} = this
    const n = this.pointed(event)
    const row = this.rows[scale.indexOf[n]]
    this.svg.querySelector('.readout').innerHTML = row ? readoutSvg(scale, n, row) : ''
  }
}

function readoutSvg({x, y, left, right, top, bottom}, n, [, revenue, sales]) {
  const middle = x(n + 0.5)
  const end = middle > (left + right) / 2
  const label = `${longDay(n)}: ${short(revenue, 'money')}, ${plural(sales, 'sale')}`
  const cross = `<path d="M${middle.toFixed(1)} ${top}V${bottom}" class="cross"/>`
  const anchor = end ? 'end' : 'start'
  const dot = circle(middle, y(revenue), 4, 'fill="var(--main)"')
  return cross + dot + text(middle + (end ? -8 : 8), top + 12, label, {anchor, className: 'halo strong'})
}

function setWidth(rect, x, width, least) {
  rect.setAttribute('x', x)
  rect.setAttribute('width', Math.max(least, width))
}

function brushHtml(scale) {
  const {top, bottom} = scale
  const tall = `y="${top}" height="${bottom - top}"`
  const slider = 'role="slider" tabindex="0"'
  const win = `<g class="win" ${slider} data-key="win" aria-label="Move the period" aria-valuemin="0">`
  const pane = `<rect ${tall} class="pane"/>`
  const veils = `<rect class="lveil veil" ${tall}/><rect class="rveil veil" ${tall}/>`
  return `${veils}${win}${pane}</g>` + handleHtml(scale, 'h0', 'First day') + handleHtml(scale, 'h1', 'Last day')
}

function handleHtml({top, bottom, first, last}, key, label) {
  const slider = `role="slider" tabindex="0" data-key="${key}" aria-label="${label}"`
  const touch = `<rect x="-14" y="${top - 8}" width="28" height="${bottom - top + 14}" fill="transparent"/>`
  const edge = `<path d="M0 ${top}V${bottom}" class="edge"/>`
  const grip = `<rect x="-5" y="${(top + bottom) / 2 - 16}" width="10" height="32" rx="5" class="grip"/>`
  const range = `aria-valuemin="0" aria-valuemax="${last - first}"`
  return `<g class="handle ${key}" ${slider} ${range}>${touch}${edge}${grip}</g>`
}
