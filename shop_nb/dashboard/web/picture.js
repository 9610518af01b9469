// Charts as files, and saving files

import {escapeHtml, iso, span, wrap} from './format.js'
import {charts} from './charts.js'

const WIDTH = 900
const MARGIN = 24
const NOTE_LETTER = 7.2 // px

// dashboard.css on paper: a picture stands alone
const SVG_STYLE = [
  'text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}',
  '.soft{fill:var(--soft)}',
  '.small{font-size:11px}',
  '.strong{font-weight:650}',
  '.mark{fill:var(--marktext)}',
  '.halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}',
  '.grid{stroke:var(--line);fill:none}',
  '.area{fill:var(--main);opacity:.14}',
  '.thin{fill:none;stroke:var(--pale);stroke-width:1}',
  '.thick{fill:none;stroke:var(--main);stroke-width:2.2;stroke-linejoin:round}',
  '.line{fill:none;stroke:var(--main);stroke-width:1.5}',
  '.dashed{fill:none;stroke:var(--soft);stroke-dasharray:2 3}',
  '.dot{fill:var(--main);opacity:.6}',
  '.on0,.on1,.on2{fill:var(--onpale)}',
  '.on3{fill:var(--onmid)}',
  '.on4,.on5{fill:var(--ondark)}'
].join('')

export function saveFile(blob, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 2000)
}

// A panel's chart as SVG or PNG, with its title, the view and its note; colours are those shown in `root`
export function savePicture(panel, view, root, format) {
  const {svg, height} = picture(panel, view, root)
  const blob = new Blob([svg], {type: 'image/svg+xml'})
  const name = pictureName(panel, view)
  if (format === 'svg') saveFile(blob, `${name}.svg`)
  else savePng(blob, height, `${name}.png`)
}

// The chart of days has no brush on paper: it shows them all
const pictureDays = (panel, view) => (panel.chart.kind === 'time' ? view.whole() : view.window())

function pictureName(panel, view) {
  const [start, last] = pictureDays(panel, view)
  const first = panel.past ? view.whole()[0] : start
  const names = [panel.name, iso(first), iso(last), ...view.pickedNames(panel.chart.dimension)]
  return names
    .join(' ')
    .replace(/[^\w-]+/g, ' ')
    .slice(0, 120)
    .trim()
}

// Lines below the title; a chart of all data until now names no days
function pictureNotes(panel, view) {
  const days = panel.past ? [] : [span(...pictureDays(panel, view))]
  const shown = [...days, ...view.pickedNames(panel.chart.dimension)].join(' · ')
  return [shown, panel.note].flatMap(note => wrap(note, (WIDTH - 2 * MARGIN) / NOTE_LETTER))
}

function picture(panel, view, root) {
  const state = panel.chart.kind === 'time' ? {...view.state, days: null} : view.state
  const chart = charts[panel.chart.kind](panel, WIDTH - 2 * MARGIN, state)
  const notes = pictureNotes(panel, view)
  const head = 30 + notes.length * 17
  const height = head + chart.height + 52
  const title = `<text class="strong" style="font-size:17px" y="4">${escapeHtml(panel.title)}</text>`
  const lines = notes.map((note, i) => `<text class="soft" y="${26 + 17 * i}">${escapeHtml(note)}</text>`)
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
  const inside = `${title}${lines.join('')}<g transform="translate(0 ${head})">${chart.out}</g>`
  const page = '<rect width="100%" height="100%" fill="var(--card)"/>'
  const drawn = `${page}<g transform="translate(${MARGIN} 30)">${inside}</g>`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size}><style>${SVG_STYLE}</style>${drawn}</svg>`
  return {svg: withColours(svg, root), height}
}

// An SVG with each CSS variable replaced by the colour that it has within `root`
function withColours(svg, root) {
  const variable = /var\((--\w+)\)/g
  const probe = document.createElement('i')
  root.append(probe)
  const colours = {}
  for (const [, name] of svg.matchAll(variable)) {
    if (name in colours) continue
    probe.style.color = `var(${name})`
    colours[name] = getComputedStyle(probe).color
  }
  probe.remove()
  return svg.replace(variable, (_, name) => colours[name])
}

// Twice as fine as on the page
function savePng(blob, height, name) {
  const image = new Image()
  const url = URL.createObjectURL(blob)
  image.onload = () => {
    const canvas = document.createElement('canvas')
    canvas.width = WIDTH * 2
    canvas.height = height * 2
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
    URL.revokeObjectURL(url)
    canvas.toBlob(png => saveFile(png, name))
  }
  image.src = url
}
