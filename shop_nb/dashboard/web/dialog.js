// What a number or a chart means, with its SQL

import {DASH, amount, escapeHtml, percent} from './format.js'

function showDialog(dialog, {title, body, grain, sql}) {
  const close = '<button aria-label="Close">×</button>'
  const heading = `<h2 id="dash-dialog">${escapeHtml(title)}</h2>`
  dialog.innerHTML = `<form method="dialog">${heading}${close}</form>
    ${body}
    <dl><dt>Grain</dt><dd>${escapeHtml(grain)}</dd></dl>
    <div class="sqlhead"><h3>SQL</h3><button type="button" class="copy">Copy</button></div>
    <pre tabindex="0" aria-label="SQL"><code>${escapeHtml(sql)}</code></pre>`
  dialog.querySelector('.copy').onclick = async event => {
    await navigator.clipboard.writeText(sql)
    event.target.textContent = 'Copied'
  }
  dialog.onclick = event => {
    if (event.target === dialog) dialog.close()
  }
  dialog.showModal()
}

export function explainPanel(dialog, {title, why, says, grain, sql}) {
  const body = `<p>${escapeHtml(why)}</p><p class="soft">${escapeHtml(says)}</p>`
  showDialog(dialog, {title, body, grain, sql})
}

// `measure` is Python's answer: value, unit, and what they mean
export function explainMeasure(dialog, measure) {
  const {title, what, note, grain, sql} = measure
  const take = (format, label) => `<button type="button" data-do="${format}" data-name="headline">${label}</button>`
  const downloads = `${take('csv', 'All headline numbers as CSV')} ${take('parquet', 'as Parquet')}`
  const body = `<p>${escapeHtml(what)}</p>
    ${note ? `<p>${escapeHtml(note)}</p>` : ''}
    <p><b>${measureValue(measure)}</b> with these filters. ${downloads}</p>`
  showDialog(dialog, {title, body, grain, sql})
}

function measureValue({value, unit}) {
  if (value == null) return DASH
  return unit === 'share' ? percent(value, 4) : amount(value, unit)
}
