// What stays on the page: head, filters, foot

import {escapeHtml, longDay, whole, words} from './format.js'

const counted = rows => Object.entries(rows).map(([table, count]) => `${whole(count)} ${words(table)}`).join(' · ')
const asOf = lastDay => `data as of ${longDay(lastDay)}`

export function pageHtml({run, rows, pages, bounds}, lastDay) {
  return `<a class="skip" href="#dash-main">Skip to the numbers</a>
    ${headHtml(run, pages, lastDay)}
    ${filtersHtml(bounds)}
    <div class="notes" role="status"></div>
    <main id="dash-main" tabindex="-1"></main>
    <div class="foot" role="region" aria-label="Rows"><span>${escapeHtml(counted(rows))}</span></div>
    <div class="live" role="status" aria-live="polite"></div>
    <dialog aria-labelledby="dash-dialog"></dialog>
    <div class="tip" hidden></div>`
}

// What of it depends on the data
export function renewFrame(page, {rows, bounds}, lastDay) {
  page.find('.asof').textContent = asOf(lastDay)
  page.find('.foot span').textContent = counted(rows)
  for (const field of page.findAll('.dates input')) Object.assign(field, {min: bounds[0], max: bounds[1]})
}

function headHtml(run, pages, lastDay) {
  const link = ([name, page]) => `<a href="#" data-page="${name}">${page.title}</a>`
  return `<div class="head" role="region" aria-label="Shop and pages">
    <div class="brand">
      <span class="mark" aria-hidden="true"></span>
      <h1>${escapeHtml(run)}</h1>
      <span class="asof">${asOf(lastDay)}</span>
    </div>
    <nav aria-label="Pages">${Object.entries(pages).map(link).join('')}</nav>
    <button class="theme" type="button"></button>
  </div>`
}

function filtersHtml([first, last]) {
  const preset = (days, label) => `<button type="button" data-days="${days}">${label}</button>`
  const field = (label, className) =>
    `<input type="date" aria-label="${label}" class="${className}" min="${first}" max="${last}">`
  const [from, to] = [field('First day', 'from'), field('Last day', 'to')]
  const presets = preset(30, '30 days') + preset(90, '90 days') + preset('', 'All')
  return `<section class="filters" aria-label="What is shown">
    <div class="row">
      <div class="presets" role="group" aria-label="Period">${presets}</div>
      <span class="dates">${from}<span aria-hidden="true">–</span>${to}</span>
      <ul class="chips" aria-label="Filters"></ul>
      <span class="acts">
        <button type="button" class="undo">Undo</button>
        <button type="button" class="clear">Clear</button>
      </span>
    </div>
  </section>`
}
