// What people do on the page

import {DAY} from './format.js'
import {showDays} from './filters.js'

// The first that a click is within is what was meant
const CLICKS = [
  ['[data-page]', clickPage],
  ['[data-days]', clickPreset],
  ['.chips button', clickChip],
  ['.undo', page => page.undo()],
  ['.clear', page => page.go({days: null, picks: {}})],
  ['.pickable', clickRow],
  ['.what', (page, button) => page.explain(button.dataset.name)],
  ['[data-do]', clickAction]
]

export function listen(page) {
  const {root} = page
  const isDate = event => event.target.matches('.from, .to')
  root.addEventListener('click', event => clicked(page, event))
  root.addEventListener('keydown', event => keyed(page, event))
  root.addEventListener('change', event => {
    if (isDate(event)) typed(page)
  })
  root.addEventListener('focusout', event => {
    if (isDate(event)) typed(page, true)
  })
  root.addEventListener('pointerdown', () => (page.held = true))
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => (page.held = false))
  root.addEventListener('pointerover', event => showTip(page, event))
  root.addEventListener('pointermove', event => showTip(page, event))
  root.addEventListener('pointerleave', () => (page.find('.tip').hidden = true))
  let width = 0
  const resized = () => {
    if (Math.abs(width - root.clientWidth) <= 1) return
    width = root.clientWidth
    page.panels.paintAll()
  }
  new ResizeObserver(resized).observe(root)
}

// ---------------------------------------------------------------- clicks and keys

function clicked(page, event) {
  if (!event.target.closest('details.menu')) openMenus(page).forEach(menu => (menu.open = false))
  for (const [selector, act] of CLICKS) {
    const element = event.target.closest(selector)
    if (element) return act(page, element, event)
  }
}

const openMenus = page => page.findAll('details.menu[open]')

async function clickPage(page, link, event) {
  event.preventDefault()
  if (link.dataset.page === page.view.state.page) return
  await page.go({page: link.dataset.page})
  scrollTo({top: 0})
}

function clickPreset(page, button) {
  const [first, last] = page.view.whole()
  const count = button.dataset.days
  page.go({days: count ? [Math.max(first, last - count + 1), last] : null})
}

function clickChip(page, {dataset}) {
  if (dataset.d === 'days') page.go({days: null})
  else page.toggle(dataset.d, dataset.v)
}

function clickRow(page, row) {
  page.toggle(row.closest('.panel').dataset.dimension, row.dataset.key)
}

function clickAction(page, button) {
  const menu = button.closest('details')
  if (menu) menu.open = false
  page.act(button.dataset.do, button.dataset.name)
}

function keyed(page, event) {
  const row = event.target.closest?.('.pickable')
  if (row && ['Enter', ' '].includes(event.key)) {
    event.preventDefault()
    clickRow(page, row)
  }
  if (event.key !== 'Escape') return
  for (const menu of openMenus(page)) {
    menu.open = false
    menu.querySelector('summary').focus()
  }
}

// ---------------------------------------------------------------- typed days

// Days typed into the fields, cut to those of the data. While a year is being typed it is 0002, 0020 and 0202 first.
function typed(page, done = false) {
  const {view} = page
  const fields = [page.find('.from'), page.find('.to')]
  const days = fields.map(field => Math.round(field.valueAsNumber / DAY))
  if (sameDays(days, view.window())) return
  if (!done && fields.some(field => field.value < '1000')) return
  const inside = fields.every(field => field.value) ? view.inside(days) : view.window()
  if (sameDays(inside, view.window())) showDays(page)
  else page.go({days: inside})
}

const sameDays = (one, other) => String(one) === String(other)

// ---------------------------------------------------------------- tips

// Beside the pointer, and within the window
function showTip(page, event) {
  const box = page.find('.tip')
  if (!box) return
  const element = event.target.closest?.('[data-tip]')
  box.hidden = !element
  if (!element) return
  box.textContent = element.dataset.tip
  const {width, height} = box.getBoundingClientRect()
  box.style.left = `${Math.max(6, Math.min(event.clientX + 12, innerWidth - width - 6))}px`
  box.style.top = `${Math.max(6, event.clientY - height - 10)}px`
}
