// Questions to Python, and its answers

export class Kernel {
  constructor(model, onError) {
    Object.assign(this, {model, onError, waiting: new Map(), nextId: 1})
    model.on('msg:custom', (content, buffers) => this.answered(content, buffers))
  }

  // An answer holds `error` where there is none to give; then `onError` has been called with it
  ask(kind, more = {}) {
    return new Promise(resolve => {
      const id = this.nextId++
      this.waiting.set(id, resolve)
      this.model.send({ask: kind, id, ...more})
    })
  }

  answered(content, buffers) {
    const resolve = this.waiting.get(content.id)
    if (!resolve) return
    this.waiting.delete(content.id)
    if (content.error) this.onError(content.error)
    resolve({...content, buffers})
  }
}
