// Which function draws a kind of chart: from a panel, the width in pixels, and the state of the page. It returns the
// picture's height and what is inside; for days, also their scale.

import {bandChart} from './charts/band.js'
import {barsChart, pickChart} from './charts/bars.js'
import {columnsChart} from './charts/columns.js'
import {daysChart} from './charts/days.js'
import {flowChart} from './charts/flow.js'
import {groupedChart} from './charts/grouped.js'
import {heatmapChart} from './charts/heatmap.js'
import {lineChart} from './charts/line.js'
import {paretoChart} from './charts/pareto.js'
import {scatterChart} from './charts/scatter.js'
import {stackedChart} from './charts/stacked.js'

export const charts = {
  band: bandChart,
  bar: columnsChart,
  flow: flowChart,
  grouped: groupedChart,
  hbar: barsChart,
  heatmap: heatmapChart,
  line: lineChart,
  pareto: paretoChart,
  pick: pickChart,
  scatter: scatterChart,
  stacked: stackedChart,
  time: daysChart
}
