// What chips, fields, presets and links say of the view

import {escapeHtml, iso, span} from './format.js'
import {pickedName} from './view.js'

export function markFilters(page) {
  const {view} = page
  const {days, picks} = view.state
  page.find('.chips').innerHTML = chipsHtml(view)
  page.find('.undo').disabled = !page.past.length
  page.find('.clear').disabled = !days && !Object.values(picks).some(values => values.length)
  showDays(page)
  for (const preset of page.findAll('[data-days]')) preset.setAttribute('aria-pressed', isPreset(view, preset))
  page.find('.filters').hidden = view.state.page === 'data'
  for (const link of page.findAll('[data-page]')) markLink(view, link)
  document.title = `${view.shop.pages[view.state.page].title} · ${view.shop.run}`
}

// The days shown, in their fields
export function showDays(page) {
  const [first, last] = page.view.window().map(iso)
  page.find('.from').value = first
  page.find('.to').value = last
}

function chipsHtml(view) {
  const {days, picks} = view.state
  const chip = (dimension, value, label) => {
    const names = `data-d="${dimension}" data-v="${escapeHtml(value)}" aria-label="Remove ${escapeHtml(label)}"`
    return `<li><button type="button" ${names}>${escapeHtml(label)}<span aria-hidden="true">×</span></button></li>`
  }
  const dayChips = days ? [chip('days', '', span(...days))] : []
  const pickChips = Object.entries(picks).flatMap(([dimension, values]) =>
    values.map(value => chip(dimension, value, pickedName(dimension, value)))
  )
  return [...dayChips, ...pickChips].join('')
}

// Whether the view shows the days of a button: so many last ones, or all
function isPreset(view, {dataset}) {
  const {days} = view.state
  if (!dataset.days) return !days
  if (!days) return false
  const [first, last] = days
  return last === view.whole()[1] && last - first + 1 === +dataset.days
}

function markLink(view, link) {
  link.href = view.address(link.dataset.page)
  if (link.dataset.page === view.state.page) link.setAttribute('aria-current', 'page')
  else link.removeAttribute('aria-current')
}
