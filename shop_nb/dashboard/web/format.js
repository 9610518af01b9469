// Numbers, days and words as the page writes them. Numbers are those of nbs/00_core/07_numbers (`short`, `headline`)
// and 30_analytics/02_questions (`say`, here `full`).

export const DAY = 86400000 // milliseconds
export const DASH = '–'
export const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const REGIONS = new Intl.DisplayNames('en', {type: 'region'})
const SIGNS = {EUR: '€', GBP: '£', USD: '$', BRL: 'R$', INR: '₹', AUD: 'A$', CAD: 'CA$'}
let currency = 'EUR' // of the shop, ISO 4217

// All amounts from now on are in this currency
export function setCurrency(code) {
  currency = code
}

// What a table says once of its amounts, which go without a sign
export const amountsNote = () => `Amounts in ${currency}`

// What stands in front of an amount
export const currencySign = () => SIGNS[currency] ?? currency + '\u00a0'

// ---------------------------------------------------------------- words

export const escapeHtml = value => String(value ?? '').replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)
export const words = name => String(name ?? '').replaceAll('_', ' ')
export const countryName = code => (/^[A-Z]{2}$/.test(code) ? REGIONS.of(code) : code)
export const clip = (label, most) => (label.length > most ? label.slice(0, most - 1) + '…' : label)

// A sentence in lines of fewer than `most` letters
export function wrap(sentence, most) {
  const lines = []
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1)
    if (last && last.length + word.length < most) lines[lines.length - 1] = `${last} ${word}`
    else if (word) lines.push(word)
  }
  return lines
}

// ---------------------------------------------------------------- days, counted from 1970

export const day = date => Math.round(Date.parse(date + 'T00:00:00Z') / DAY)
export const iso = n => new Date(n * DAY).toISOString().slice(0, 10)

export function longDay(n) {
  const date = new Date(n * DAY)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}

// Without the year
export const shortDay = n => longDay(n).slice(0, -5)

// Two days, without repeating a year or month: 1 – 7 Nov 2025
export function span(first, last) {
  const from = longDay(first)
  const to = longDay(last)
  if (first === last) return to
  const shared = [9, 5].find(n => from.slice(-n) === to.slice(-n)) // letters of a month and year, or of a year
  return `${shared ? from.slice(0, -shared) : from} – ${to}`
}

// ---------------------------------------------------------------- numbers

// Halves away from zero, as `toFixed` has them
export const whole = value => (Math.sign(value) * Math.round(Math.abs(value)) || 0).toLocaleString('en')
export const plural = (n, noun) => `${whole(n)} ${noun}${n === 1 ? '' : 's'}`

// `toFixed` without -0.00
export const fixed = (value, places) => (+value.toFixed(places) || 0).toFixed(places)
export const percent = (share, places = 1) => fixed(100 * share, places) + '%'
const isMoney = unit => unit === 'money'

// An amount with its digits in groups, which are those of India for rupees
const groups = (value, options) => value.toLocaleString(currency === 'INR' ? 'en-IN' : 'en', options)
const cents = value => groups(+fixed(value, 2), {minimumFractionDigits: 2})
const wholeAmount = value => groups(Math.sign(value) * Math.round(Math.abs(value)) || 0)

// Digits with the sign of their currency, behind a minus
function withSign(digits, unit) {
  const sign = isMoney(unit) ? currencySign() : ''
  return digits.startsWith('-') ? '-' + sign + digits.slice(1) : sign + digits
}

// As a chart writes a number: three digits or so; `bare` leaves out zeros at the end
export function short(value, unit, bare) {
  if (value == null || Number.isNaN(value)) return DASH
  const size = Math.abs(value)
  const trimmed = digits => (bare && digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits)
  const written = (digits, end = '') => withSign(trimmed(digits), unit) + end
  if (unit === 'share') return written(fixed(100 * value, 1), '%')
  if (size >= 999500) return written(fixed(value / 1e6, size < 1e7 ? 2 : 1), 'M')
  if (size >= (isMoney(unit) ? 1e3 : 1e4)) return written(fixed(value / 1e3, size < 1e5 ? 1 : 0), 'k')
  if (size >= 100 || (!isMoney(unit) && Number.isInteger(value))) return withSign(whole(value), unit)
  return written(fixed(value, 2))
}

// As a table writes a value; its head names the unit
export function full(value, unit) {
  if (value == null) return DASH
  if (typeof value === 'string') {
    const isDate = /^\d{4}-\d\d-\d\d$/.test(value)
    return isDate && unit === 'month' ? value.slice(0, 7) : value
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (unit === 'id') return String(value)
  if (unit === 'share') return percent(value)
  const shown = +value.toFixed(2) ? value : 0
  if (isMoney(unit)) return groups(shown, {minimumFractionDigits: 2, maximumFractionDigits: 2})
  return shown.toLocaleString('en', {maximumFractionDigits: 2})
}

// In full with its unit, as a tip writes it
export function amount(value, unit) {
  if (value == null || !isMoney(unit)) return full(value, unit)
  return withSign(full(value, unit), unit)
}

// As a card writes a number
export function headline(value, unit) {
  if (value == null) return DASH
  if (unit === 'share') return percent(value)
  if (!isMoney(unit)) return whole(value)
  if (Math.abs(value) >= 1e8) return withSign(fixed(value / 1e6, 1), unit) + 'M'
  return withSign(Math.abs(value) >= 1000 ? wholeAmount(value) : cents(value), unit)
}

// The number that a card shows, so that a change fits the numbers beside it
function rounded(value, unit) {
  if (unit === 'share') return +fixed(100 * value, 1)
  if (!isMoney(unit)) return +fixed(value, 0)
  if (Math.abs(value) >= 1e8) return +fixed(value / 1e6, 1) * 1e6
  return +fixed(value, Math.abs(value) < 1000 ? 2 : 0)
}

// From one number to another of the same unit: how far, and whether up; no size where there is none to give
export function change(before, value, unit) {
  const now = rounded(value, unit)
  const was = rounded(before, unit)
  if (now === was) return {size: '', up: null}
  const up = now > was
  if (unit === 'share') return {size: `${fixed(Math.abs(now - was), 1)} pts`, up}
  if (!was) return {size: '', up}
  const part = Math.abs(now / was - 1)
  if (part < 0.0005) return {size: 'under 0.1%', up}
  return {size: percent(part, part < 10 ? 1 : 0), up}
}
