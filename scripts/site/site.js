// The documentation's own behaviour: light and dark, search, copying, and where on the page one is. It asks nothing of a network.
const up = document.currentScript.dataset.up, root = document.documentElement, $ = (s, at = document) => at.querySelector(s)

$('.theme').onclick = () => {
  root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark'
  try { localStorage.theme = root.dataset.theme } catch {}
}

// search: the index comes as a script, because a page from a folder may not fetch
const dialog = $('#site-search'), input = $('input', dialog), found = $('#site-found'), none = $('#site-none')
let rows, at = 0
function load() {
  if (rows) return
  rows = []
  const s = document.createElement('script')
  s.src = up + 'search.js'
  s.onload = () => { 
    rows = SEARCH.map(([title, page, section, weight, url, text, words]) => (
      { title, page, section, weight, url, text, low: text.toLowerCase(), t: title.toLowerCase(), p: page.toLowerCase(), w: words.toLowerCase() }))
    search()
  }
  document.head.append(s)
}
const safe = s => s.replace(/[&<>"]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])
const decoded = s => { try { return decodeURIComponent(s) } catch { return s } } // an address may be cut in the middle of a letter
const letter = c => c !== undefined && /[a-z0-9]/.test(c)
function starts(text, word) { // where a word of the text begins with it; a short one, such as US, has to be all of it
  for (let i = text.indexOf(word); i >= 0; i = text.indexOf(word, i + 1)) {
    if (!letter(text[i - 1]) && (word.length > 2 || !letter(text[i + word.length]))) return i
  }
  return -1
}
const small = new Set('a an and are as at be by can do does for from get how i in into is it make my of on or that the this to what when where which with'.split(' '))
const stem = w => /[^a-z]/.test(w) ? w : w.replace(/^(.{4,}?)(?:ies|ing|es)$|^(.{3,})s$/, '$1$2')
function wanted(text) { // the words that say something, without their endings
  const all = text.toLowerCase().split(/\s+/).filter(Boolean), telling = all.filter(w => !small.has(w))
  return (telling.length ? telling : all).map(stem)
}
// A word in the title, or among the words that a guide is for, counts most, then in the title of the page, then in the text, and a rare word more than a
// common one. What has all words goes first; a title that is little else, a page rather than a part of it, and what people look for first (its weight) go
// before the others, and a name that is typed in full before all.
function ranked(words, exact) {
  const seen = words.map(() => 0), all = []
  for (const r of rows) {
    const hits = words.map(w => [starts(r.t, w) >= 0 || starts(r.w, w) >= 0 ? 12 : 0, starts(r.p, w) >= 0 ? 4 : 0, starts(r.low, w) >= 0 ? 2 : 0])
    hits.forEach((h, i) => { if (h.some(Boolean)) seen[i]++ })
    if (hits.some(h => h.some(Boolean))) all.push([r, hits])
  }
  const rare = seen.map(n => n ? Math.log(1 + rows.length / n) : 0), most = rare.reduce((a, b) => a + b, 0)
  return all.map(([r, hits]) => {
    const has = hits.reduce((sum, h, i) => sum + (h.some(Boolean) ? rare[i] : 0), 0) / most
    const meant = words.filter(w => starts(r.w, w) >= 0).length / words.length
    const named = hits.filter(h => h[0]).length / Math.max(words.length, r.t.replace(/^(shop-nb|make) /, '').split(/[^a-z0-9]+/).filter(w => w && !small.has(w)).length)
    const sum = hits.reduce((sum, h, i) => sum + rare[i] * (h[0] + h[1] + h[2]), 0) / most
    return [(sum + 12 * Math.max(named, meant) + (r.url.includes('#') ? 0 : 3)) * r.weight * has ** 4 + ((r.title === exact || !r.url.includes('#') && r.page === exact) && /[A-Z_.]/.test(exact) ? 100 * r.weight : 0), r]
  }).sort((a, b) => b[0] - a[0])
}
function marked(text, words) {
  const hit = Math.max(0, Math.min(...words.map(w => starts(text.toLowerCase(), w)).filter(i => i >= 0).concat(text.length)))
  const from = hit >= text.length ? 0 : Math.max(0, text.lastIndexOf(' ', Math.max(0, hit - 50)))
  const bit = safe((from ? '… ' : '') + text.slice(from, from + 170).replace(/\s\S*$/, text.length > from + 170 ? ' …' : '$&').trim())
  const any = words.map(w => safe(w).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|') // in one go: a word may be one of a mark's own letters
  return bit.replace(new RegExp(`(^|[^a-z0-9&])((?:${any})[a-z]*)`, 'gi'), '$1<mark>$2</mark>')
}
function search() {
  const words = wanted(input.value), best = words.length ? ranked(words, input.value.trim()).slice(0, 14) : []
  found.innerHTML = best.map(([, r], i) => `<li role="option" aria-selected="${i === 0}"><a href="${safe(up + r.url)}"><span class="where">${safe(r.section)}</span><b>${safe(r.title)}</b>${r.title === r.page ? '' : ` <small style="display:inline">${safe(r.page)}</small>`}<small>${marked(r.text, words)}</small></a></li>`).join('')
  none.textContent = words.length && rows.length && !best.length ? 'No page has any of these words.' : ''
  at = 0
}
function open() { load(); dialog.showModal(); input.select() }
function move(by) {
  const all = [...found.children]
  if (!all.length) return
  all[at].setAttribute('aria-selected', false)
  at = (at + by + all.length) % all.length
  all[at].setAttribute('aria-selected', true); all[at].scrollIntoView({ block: 'nearest' })
}
$('.find').onclick = open
input.oninput = search
dialog.onclick = e => { if (e.target === dialog || e.target.closest('a')) dialog.close() }
dialog.onkeydown = e => {
  if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); move(e.key === 'ArrowDown' ? 1 : -1) }
  else if (e.key === 'Enter' && found.children[at]) { e.preventDefault(); $('a', found.children[at]).click() }
}
addEventListener('keydown', e => {
  if (!dialog.open && (e.key === '/' || (e.key === 'k' && (e.ctrlKey || e.metaKey))) && !/INPUT|TEXTAREA/.test(e.target.tagName)) { e.preventDefault(); open() }
})

// a link to each heading, and a button to copy each piece of code
for (const h of document.querySelectorAll('.frame main :is(h2, h3)[id]')) h.insertAdjacentHTML('beforeend', `<a class="anchor" href="#${safe(h.id)}" aria-label="Link to this part">#</a>`)
if (navigator.clipboard) for (const code of document.querySelectorAll('.highlight')) {
  const b = document.createElement('button')
  b.className = 'copy'; b.type = 'button'; b.textContent = 'Copy'
  b.onclick = async () => { await navigator.clipboard.writeText($('pre', code).innerText); b.textContent = 'Copied'; setTimeout(() => b.textContent = 'Copy', 1200) }
  code.append(b)
}

// a folded part that a link leads to opens itself; the margin shows where one is
const unfold = () => { const to = location.hash && document.getElementById(decoded(location.hash.slice(1))); if (to?.tagName === 'DETAILS') { to.open = true; to.scrollIntoView() } }
unfold(); addEventListener('hashchange', unfold)
const links = new Map([...document.querySelectorAll('.toc a')].map(a => [a.hash.slice(1), a]))
const seen = new IntersectionObserver(entries => {
  for (const e of entries) if (e.isIntersecting) { links.forEach(a => a.classList.remove('now')); links.get(encodeURIComponent(e.target.id))?.classList.add('now') ?? links.get(e.target.id)?.classList.add('now') }
}, { rootMargin: '-10% 0px -75% 0px' })
links.forEach((_, id) => { const h = document.getElementById(decoded(id)); if (h) seen.observe(h) })
const here = $('.side [aria-current]'), list = $('.menu')
if (here && list) list.scrollTop = here.offsetTop - list.clientHeight / 2
