// Notes above the numbers: what was left out, what failed, what changed on disk

import {escapeHtml} from './format.js'

const EVERY = 5000 // milliseconds between looks at the run
const EVERY_LIVE = 1000 // at one that follows a database
const PATIENCE = 20000 // milliseconds until the connection counts as lost
const PATIENCE_ON_RETURN = 8000 // when the page is looked at again
const AUTO = 'shop-auto' // in the browser's storage: always show new data

export class Notices {
  constructor(page) {
    Object.assign(this, {page, stale: false})
  }

  add(sentence, actions = '') {
    const note = document.createElement('p')
    const dismiss = '<button type="button" aria-label="Dismiss">×</button>'
    note.innerHTML = `<span>${escapeHtml(sentence)}</span>${actions}${dismiss}`
    note.lastChild.onclick = () => note.remove()
    this.page.find('.notes')?.append(note)
    return note
  }

  addError(sentence, act, label) {
    if (this.page.find('.notes .error')) return
    this.add(sentence, `<button type="button" data-do="${act}">${label}</button>`).className = 'error'
  }

  fail(error) {
    if (this.page.find('.notes')) this.addError(error, 'again', 'Try again')
    else this.failWhole(error)
  }

  // There is no page yet
  failWhole(error) {
    const {page} = this
    page.root.innerHTML = `<div class="broken" role="alert">
      <h1>The dashboard cannot be shown</h1>
      <p>${escapeHtml(error)}</p>
      <p><button type="button">Try again</button></p>
    </div>`
    page.root.dataset.state = 'failed'
    page.find('button').onclick = () => (page.inVoila ? location.reload() : page.start())
  }

  // Whether the run has changed; null where no answer comes in time
  changed(patience) {
    return new Promise(resolve => {
      this.page.kernel.ask('changed').then(resolve)
      setTimeout(() => resolve(null), patience)
    })
  }

  watch() {
    addEventListener('visibilitychange', async () => {
      if (document.hidden || !this.page.inVoila) return
      if (!(await this.changed(PATIENCE_ON_RETURN))) location.reload()
    })
    setInterval(() => this.look(), this.page.view.shop.live ? EVERY_LIVE : EVERY)
  }

  async look() {
    const {page} = this
    if (document.hidden || this.stale || page.occupied()) return
    const answer = await this.changed(PATIENCE)
    if (!answer) {
      this.addError('The connection was lost. Reopening the page brings this view back.', 'open', 'Reopen')
      return
    }
    if (!answer.changed || this.stale || page.occupied()) return
    this.stale = true
    if (page.view.shop.live) page.renew()
    else if (localStorage.getItem(AUTO)) page.reload()
    else this.offerNewData()
  }

  offerNewData() {
    this.removeOffer()
    const show = '<button type="button" data-do="reload">Show the new data</button>'
    const always = '<label><input type="checkbox" class="auto"> Always do this</label>'
    const note = this.add('The run has changed since this page was opened.', show + always)
    note.className = 'changed'
    note.querySelector('.auto').onchange = event => {
      if (!event.target.checked) return localStorage.removeItem(AUTO)
      localStorage.setItem(AUTO, '1')
      this.page.reload()
    }
  }

  removeOffer() {
    this.page.find('.notes .changed')?.remove()
  }
}
