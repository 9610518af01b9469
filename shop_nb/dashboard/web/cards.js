// The headline numbers

import {change, day, escapeHtml, headline, plural} from './format.js'
import {tip} from './svg.js'
import {spark} from './charts/spark.js'

export class Cards {
  constructor(page) {
    Object.assign(this, {page, cards: [], first: ''})
  }

  // While the first view is on its way: the numbers that came with the page, or grey
  waitingHtml() {
    const grey = '<article class="card kpi skeleton"><i></i><b></b><i></i></article>'
    return `<section class="kpis" aria-label="Headline numbers">${this.first || grey.repeat(10)}</section>`
  }

  // Answers to a drag come without lines; then the lines stay
  show({headline: cards, against}) {
    const {page} = this
    this.cards = cards.map(card => withLine(card, this.named(card.name)))
    this.first = ''
    const host = page.find('.kpis')
    if (!host) return
    const focused = document.activeElement?.closest?.('.kpi')?.dataset.name
    host.innerHTML = this.cards.map(card => cardHtml(card, against, page.view)).join('')
    if (focused) host.querySelector(`[data-name="${focused}"] .what`)?.focus()
    page.heading(against)
  }

  named(name) {
    return this.cards.find(card => card.name === name)
  }
}

function withLine(card, before) {
  if (card.spark) return {...card}
  return {...card, spark: card.spark ?? before?.spark, final: before?.final}
}

function cardHtml(card, against, view) {
  const {word, aloud, kind} = changeText(card, against)
  const was = card.before == null ? '' : `${agoText(against, view)}: ${headline(card.before, card.unit)}`
  const spoken = was ? `${aloud}, against ${was}` : aloud
  const {name, title} = card
  const value = headline(card.value, card.unit)
  const what = `<button type="button" class="what" data-name="${name}" aria-label="What is ${title}?">i</button>`
  const delta = `<span aria-hidden="true">${word}</span><span class="sr">${spoken}</span>`
  return `<article class="card kpi" data-name="${name}">
    <h3>${title}${what}</h3>
    <p class="value" style="--letters: ${value.length}">${value}</p>
    ${wholeOrders(card, view)}
    <p class="delta ${kind}" title="${was}">${delta}</p>
    ${spark(card.spark, card.final)}
  </article>`
}

// Under a category, some cards count whole orders
function wholeOrders(card, view) {
  if (!card.whole) return ''
  const about = `Whole orders that contain ${(view.state.picks.category || []).join(' or ')}`
  return `<p class="whole" ${tip(about)} aria-label="${escapeHtml(about)}">whole orders</p>`
}

// Whether the days compared with end before those right before the view: then they are those of the year before
export const isYearBefore = (against, first) => day(against[1]) < first - 1

function agoText(against, view) {
  const [first, last] = view.window()
  if (against && isYearBefore(against, first)) return '52 weeks earlier'
  return `${plural(last - first + 1, 'day')} before`
}

// What a card says below its value: seen, read aloud, and whether it is good, bad or neither
function changeText(card, against) {
  const plain = word => ({word, aloud: word, kind: ''})
  if (card.note) return {...plain(card.note), kind: 'open'}
  if (!against) return plain('no earlier period')
  if (card.value == null) return plain('no data')
  if (card.before == null) return plain('no earlier data')
  const {size, up} = change(card.before, card.value, card.unit)
  if (up == null) return plain('unchanged')
  if (!size) return plain(`was ${headline(card.before, card.unit)}`)
  return {
    word: `${up ? '▲' : '▼'} ${size}${card.few ? ' · small base' : ''}`,
    aloud: `${up ? 'up' : 'down'} ${size}${card.few ? ', from a small base' : ''}`,
    kind: judgement(card, up)
  }
}

// `good` is 1 where more is better, -1 where less is, and 0 where neither; a small base is not judged
function judgement({few, good}, up) {
  if (few || !good) return ''
  return up === good > 0 ? 'good' : 'bad'
}
