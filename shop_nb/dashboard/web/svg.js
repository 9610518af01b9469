// Parts of a picture, as SVG in a string

import {clip, currencySign, escapeHtml} from './format.js'

export const LETTER = 6.6 // px per letter of 12px text, about

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
const STRONG = `650 ${FONT}`
let ruler

// px that a text takes; what may become strong takes as much as that
export function textWidth(content, font = FONT) {
  ruler ??= document.createElement('canvas').getContext('2d')
  ruler.font = font
  return ruler.measureText(content).width
}

export const strongWidth = content => textWidth(content, STRONG)

// A text as long as there is room
export function fitted(content, room) {
  let letters = content.length
  while (letters > 1 && strongWidth(clip(content, letters)) > room) letters -= 1
  return clip(content, letters)
}

// px that a number takes beyond one with a sign of one letter
export const signRoom = unit => (unit === 'money' ? LETTER * (currencySign().length - 1) : 0)

export function text(x, y, content, {anchor, className = '', fill} = {}) {
  const anchored = anchor ? `text-anchor="${anchor}"` : ''
  const filled = fill ? `style="fill:${fill}"` : ''
  const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`
  return `<text ${place} ${anchored} class="${className}" ${filled}>${escapeHtml(content)}</text>`
}

export const softText = (x, y, content, anchor = 'middle') => text(x, y, content, {anchor, className: 'soft'})

export function rect(x, y, width, height, fill, more = '') {
  const size = `width="${Math.max(width, 0).toFixed(1)}" height="${Math.max(height, 0).toFixed(1)}"`
  return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${size} fill="${fill}" ${more}/>`
}

export const circle = (x, y, radius, more) =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${radius}" ${more}/>`

export function path(points, more) {
  const steps = points.map(([x, y], i) => (i ? 'L' : 'M') + x.toFixed(1) + ' ' + y.toFixed(1))
  return `<path d="${steps.join('')}" ${more}/>`
}

// What a pointer over it shows
export const tip = sentence => `data-tip="${escapeHtml(sentence)}"`

// Squares of colour with names, in a row
export function legend(names, colours, {left, top, gap}) {
  let out = ''
  let x = left
  names.forEach((name, i) => {
    out += rect(x, top, 10, 10, colours[i], 'rx="2"') + text(x + 15, top + 9, name)
    x += gap + textWidth(name)
  })
  return out
}
