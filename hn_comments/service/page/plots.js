"use strict";
// Plots over time, by uPlot: they follow the width, the theme, and each other's cursor.

// Every plot on the page, so that a change of theme can redraw them.
const PLOTS = new Set();

const FONT = "12px system-ui, sans-serif";
const WHOLE_STEPS = [1, 2, 5]
  .flatMap((step) => [...Array(9).keys()].map((n) => step * 10 ** n))
  .sort((a, b) => a - b);

// Ticks of the time axis: seconds from one to the next, its label, and what is said below where a
// new year, day or minute begins. https://github.com/leeoniya/uPlot/tree/master/docs
const TIMES = [
  [28 * DAY, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [DAY, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
];

const PATHS = {
  line: uPlot.paths.linear(),
  steps: uPlot.paths.stepped({ align: 1 }),
  bars: uPlot.paths.bars({ size: [0.8, 200], align: 1 }),
};

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of PLOTS) plot.chart?.redraw(false);
});

// Make a plot. `spec` has its `title`; `series`, each with a `color` (a variable of the styles)
// and a `path`; `describe(index, values)` for what is under the cursor; perhaps `height`, `sync`
// (plots with the same one move together), `isRank` (1 at the top) and `isLog`.
function makePlot(spec) {
  const readout = make("span.readout");
  const holder = make("div.canvas", { "aria-hidden": "true" });
  const caption = make("figcaption", {}, make("span", { text: spec.title }), readout);
  const element = make("figure.plot", {}, caption, holder);
  const plot = { spec, element, holder, readout, chart: null, values: [[]], from: 0, to: 1 };
  plot.observer = new ResizeObserver(() => fit(plot));
  plot.observer.observe(holder);
  PLOTS.add(plot);
  return plot;
}

// Draw `values` (times, then the numbers of each series) between two times. `rest` is said while
// nothing is under the cursor.
function draw(plot, values, { from, to, rest }) {
  const isZoomed =
    plot.chart !== null &&
    (plot.chart.scales.x.min > plot.from || plot.chart.scales.x.max < plot.to);
  // A line goes on to its last point; what is an hour, or a rank, has no end of its own.
  const last = plot.spec.series[0].path === "line" ? (values[0].at(-1) ?? to) : to;
  Object.assign(plot, { values, from, to: Math.max(to, last, from + 60), rest });
  say(plot.readout, rest);
  if (plot.chart === null) {
    fit(plot);
  } else {
    plot.chart.setData(values, !isZoomed);
    if (isZoomed) plot.chart.redraw();
    else showAll(plot);
  }
}

// uPlot takes years around a single time, and does not ask for the range.
function showAll(plot) {
  const times = plot.values[0];
  if (times[0] === times.at(-1)) plot.chart.setScale("x", { min: plot.from, max: plot.to });
}

function destroyPlot(plot) {
  PLOTS.delete(plot);
  plot.observer.disconnect();
  plot.chart?.destroy();
}

// Give a plot its width. One that is not on the page has none yet, and is drawn when it has.
function fit(plot) {
  const width = plot.holder.clientWidth;
  if (!width || !plot.values[0].length) return;
  if (plot.chart === null) {
    plot.chart = new uPlot(chartOptions(plot, width), plot.values, plot.holder);
    showAll(plot);
  } else if (plot.chart.width !== width)
    plot.chart.setSize({ width, height: plot.spec.height ?? 150 });
}

function chartOptions(plot, width) {
  const { spec } = plot;
  return {
    width,
    height: spec.height ?? 150,
    // Half of a label at the right end, which would be cut.
    padding: [8, 28, 0, 0],
    legend: { show: false },
    scales: { x: { range: (_, min, max) => timeRange(plot, min, max) }, y: numberScale(spec) },
    series: [{}, ...spec.series.map((series) => chartSeries(series, spec.isLog))],
    axes: [timeAxis(), numberAxis(spec)],
    cursor: {
      y: false,
      points: { show: spec.series.every(({ path }) => path !== "bars"), size: 7 },
      sync: spec.sync ? { key: spec.sync, scales: ["x", null] } : undefined,
    },
    hooks: { setCursor: [() => readOut(plot)] },
  };
}

function readOut(plot) {
  const index = indexUnderCursor(plot);
  say(plot.readout, index === null ? plot.rest : plot.spec.describe(index, plot.values));
}

// What is an hour, or a rank, begins at its time, and uPlot takes the nearest time.
function indexUnderCursor({ chart, spec, values }) {
  const index = chart?.cursor.idx ?? null;
  if (!index || spec.series[0].path === "line") return index;
  return values[0][index] > chart.posToVal(chart.cursor.left, "x") ? index - 1 : index;
}

// All of a series is shown from the plot's beginning to its end; a part of it is a zoom.
function timeRange(plot, min, max) {
  const times = plot.values[0];
  return min === times[0] && max === times.at(-1) ? [plot.from, plot.to] : [min, max];
}

function numberScale({ isRank, isLog }) {
  // With some room for the line at either end.
  if (isRank) return { dir: -1, range: (_, __, max) => [0.5, 1.05 * Math.max(max ?? 1, 5)] };
  if (isLog) {
    return {
      distr: 3,
      range: (_, min, max) => [
        10 ** Math.floor(Math.log10(min)),
        10 ** Math.ceil(Math.log10(max + 1e-9)),
      ],
    };
  }
  return { range: (_, __, max) => [0, Math.max(max ?? 1, 1) * 1.05] };
}

function chartSeries({ color, path }, isLog) {
  const fills = { bars: color, line: isLog ? null : `${color}-fill`, steps: null };
  return {
    stroke: () => readColor(color),
    fill: () => (fills[path] ? readColor(fills[path]) : null),
    width: path === "bars" ? 0 : 1.5,
    paths: PATHS[path],
    points: { show: false },
  };
}

function timeAxis() {
  return { ...axis(), values: TIMES, space: 64, size: 38 };
}

function numberAxis({ isRank, isLog, unit = compact }) {
  const filter = isLog ? { filter: keepPowersOfTen } : {};
  return {
    ...axis(),
    ...filter,
    grid: { ...axis().grid, ...filter },
    size: 48,
    space: 26,
    incrs: isLog ? undefined : WHOLE_STEPS,
    splits: isRank ? (_, __, min, max, step) => rankTicks(max, step) : undefined,
    values: (_, ticks) => ticks.map((tick) => (tick === null ? null : unit(tick))),
  };
}

// The first rank, and the round ones that are not too near to it.
function rankTicks(worst, step) {
  const ticks = [1];
  for (let rank = step; rank <= worst; rank += step) {
    if (rank - 1 >= 0.75 * step) ticks.push(rank);
  }
  return ticks;
}

function keepPowersOfTen(_, ticks) {
  return ticks.map((tick) =>
    Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9 ? tick : null,
  );
}

function axis() {
  return {
    font: FONT,
    stroke: () => readColor("--quiet"),
    grid: { stroke: () => readColor("--line"), width: 1 },
    ticks: { show: false },
  };
}

function readColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Return [[time, n], ...] as a time and a number for each hour of a plot: 0 where there is none.
function fillHours(pairs, from, to) {
  const counts = new Map(pairs);
  const first = pairs.length ? pairs[0][0] : from;
  const begin = first - Math.ceil(Math.max(0, first - from) / HOUR) * HOUR;
  const times = [];
  for (let time = begin; time <= Math.max(to, begin); time += HOUR) times.push(time);
  return [times, times.map((time) => counts.get(time) ?? 0)];
}

// Return what was counted by the hour; those are packed by the number of the hour.
function unpackHours(packed, width = 2) {
  return unpack(packed, width).map(([hour, ...counts]) => [hour * HOUR, ...counts]);
}

// Return numbers that were packed as differences, in tuples of so many.
function unpack(packed, width) {
  const tuples = [];
  let last = Array(width).fill(0);
  for (let at = 0; at < packed.length; at += width) {
    last = last.map((number, index) => number + packed[at + index]);
    tuples.push(last);
  }
  return tuples;
}
