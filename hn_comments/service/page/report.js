"use strict";
// A report: what a history knew, from its first poll to its last. Everything is in the page.

function loadReport() {
  const element = byId("document");
  return element && JSON.parse(element.textContent);
}

// Return what is drawn of a story, in the form in which the live page gets it.
function unpackDetails(details) {
  return {
    curve: unpack(details.curve, 2),
    hours: unpackHours(details.hours),
    ranks: unpack(details.ranks, 2).map(([time, rank]) => [time, rank || null]),
    comments: details.comments.map(([id, parent, by, created]) => ({
      id,
      parent,
      by,
      created: created && new Date(created * 1000).toISOString(),
    })),
  };
}

function showReport(data) {
  const { report } = data;
  document.title = `Hacker News, ${span(data)}`;
  say(byId("heading"), "Hacker News discussions");
  say(byId("subtitle"), `${span(data)} · ${describeList(data)}`);
  if (report.as_of)
    say(byId("notice"), `As of ${wholeMomentOf(toUnix(report.as_of))}: what was known then.`);
  byId("summary").append(summarize(data));
  byId("stories").before(showOverall(data));
  if (data.stories.length < report.stories) {
    const number = `${grouped(data.stories.length)} of ${grouped(report.stories)}`;
    const which = "those on the list, and of the others those with the most comments";
    byId("table").before(make("p.hint", { text: `${number}: ${which}.` }));
  }
  byId("details").append(showRemovals(data), showPolls(data));
  showOrigin(data);
}

function span(data) {
  return `${wholeMomentOf(toUnix(data.started))} – ${wholeMomentOf(toUnix(data.time))}`;
}

function describeList({ list, period }) {
  const what = list === "posts" ? "chosen posts" : `${list} stories`;
  return period ? `${what}, every ${duration(period)}` : what;
}

function summarize({ stories, report }) {
  const { polls, removals } = report;
  const gone = unpackRemovals(removals).reduce((sum, [, died, deleted]) => sum + died + deleted, 0);
  const comments = unpack(report.curve, 2).at(-1)?.[1] ?? 0;
  const lastDay = stories.reduce((sum, story) => sum + (story.last_day ?? 0), 0);
  return make(
    "dl.tiles",
    {},
    makeFigure(
      "Stories",
      grouped(report.stories),
      `${grouped(stories.filter((story) => story.rank).length)} on the list at the end`,
    ),
    makeFigure("Comments", grouped(comments), `${grouped(lastDay)} in the last day`),
    makeFigure("Removed", grouped(gone), "died or were deleted meanwhile"),
    makeFigure("Polls", grouped(polls.count), describeStatuses(polls)),
    makeFigure(
      "Fetches",
      compact(polls.fetches),
      `${grouped(Math.round(polls.fetches_median))} a poll in the median`,
    ),
    makeFigure("Drift", grouped(polls.drift), describeDrift(polls)),
  );
}

function describeStatuses({ count, exact, partial, failed }) {
  if (exact === count) return "all exact";
  return [
    [partial, "partial"],
    [failed, "failed"],
  ]
    .filter(([number]) => number)
    .map(([number, status]) => `${grouped(number)} ${status}`)
    .join(", ");
}

function describeDrift({ drifted }) {
  return drifted ? `found by ${plural(drifted, "poll")}` : "memory was never wrong";
}

function showOverall({ started, time, report }) {
  const curve = unpack(report.curve, 2);
  const hours = unpackHours(report.hours);
  const total = makePlot(curveSpec("All comments", "overall"));
  const written = makePlot({ ...hoursSpec("Comments an hour", "overall"), height: 150 });
  const hint = "By the times at which comments were written, those before the first poll, too.";
  const section = makeSection(
    "Comments",
    hint,
    make("div.beside", {}, total.element, written.element),
  );
  // Stories of before have old comments; so much of that is shown as there are days of polls.
  const to = toUnix(time);
  const since = toUnix(started);
  const from = Math.max(curve[0]?.[0] ?? since, since - Math.max(DAY, to - since));
  if (curve.length) {
    drawCurve(total, startAt(curve, from), from, to);
    drawHours(
      written,
      hours.filter(([hour]) => hour >= from - HOUR),
      from,
      to,
    );
  }
  return section;
}

// Leave out what was before; the point at which a plot begins says how much that was.
function startAt(curve, from) {
  const before = curve.filter(([time]) => time < from).at(-1);
  const shown = curve.filter(([time]) => time >= from);
  return before ? [[from, before[1]], ...shown] : shown;
}

function showRemovals({ started, time, report }) {
  const hours = unpackRemovals(report.removals);
  if (!hours.length)
    return makeSection("Removals", "No poll saw a comment die, be deleted, or come back.");
  const [died, deleted, back] = [1, 2, 3].map((kind) =>
    hours.reduce((sum, hour) => sum + hour[kind], 0),
  );
  const hint = `${plural(died, "comment")} died, ${grouped(deleted)} were deleted`;
  const plot = makePlot(hoursSpec("Removed an hour", null, "--second-plot"));
  const pairs = hours.map(([hour, dead, gone]) => [hour, dead + gone]);
  drawHours(plot, pairs, toUnix(started), toUnix(time));
  const rows = report.removals.stories.map((story) => [
    makeLink(titleOf(story), itemLink(story.id), { dir: "auto" }),
    story.died,
    story.deleted,
    story.came_back,
  ]);
  return makeSection(
    "Removals",
    `${hint}, ${grouped(back)} came back, as the polls saw it.`,
    plot.element,
    makeRows(["Story", "Died", "Deleted", "Came back"], rows, "Removals by story"),
  );
}

function unpackRemovals({ hours }) {
  return unpackHours(hours, 4);
}

function showPolls({ started, time, report }) {
  const { polls } = report;
  const seconds = unpack(polls.seconds_by_poll, 2).map(([at, ms]) => [at, Math.max(ms, 1) / 1000]);
  const fetches = unpack(polls.fetches_by_poll, 2).map(([at, number]) => [at, Math.max(number, 1)]);
  const plots = [
    [
      makePlot(costSpec("Seconds a poll", secondsLong)),
      seconds,
      `median ${secondsLong(polls.seconds_median)}, at most ${secondsLong(polls.seconds_most)}`,
    ],
    [
      makePlot(costSpec("Fetches a poll", compact)),
      fetches,
      `median ${grouped(Math.round(polls.fetches_median))}`,
    ],
  ];
  for (const [plot, points, rest] of plots)
    draw(plot, transpose(points), { from: toUnix(started), to: toUnix(time), rest });
  const drift = unpackHours(polls.drift_by_hour);
  const beside = make("div.beside", {}, ...plots.map(([plot]) => plot.element));
  if (drift.length) beside.append(showDrift(drift, toUnix(started), toUnix(time)));
  const hint = `${plural(polls.count, "poll")}: ${describeStatuses(polls)}.`;
  const scales = "Scales are logarithmic, since the first poll reads everything.";
  return makeSection("Polls", `${hint} ${scales}`, beside, showTroubles(polls));
}

// By how many comments memory was wrong where a story was walked again.
function showDrift(hours, from, to) {
  const plot = makePlot({ ...hoursSpec("Drift an hour", "polls", "--second-plot"), height: 150 });
  drawHours(plot, hours, from, to);
  return plot.element;
}

function costSpec(title, unit) {
  return {
    title,
    unit,
    isLog: true,
    sync: "polls",
    series: [{ color: "--second-plot", path: "line" }],
    describe: (index, [times, numbers]) => `${momentOf(times[index])} · ${unit(numbers[index])}`,
  };
}

function showTroubles({ troubles, troubles_count: count }) {
  if (!count) return make("p.hint", { text: "Nothing was partial, nothing failed." });
  const rows = troubles
    .toReversed()
    .map((trouble) => [spell(trouble), trouble.polls, trouble.status, clean(trouble.error ?? "")]);
  const caption =
    count > rows.length
      ? `Trouble: the last ${grouped(rows.length)} of ${grouped(count)}`
      : "Trouble";
  return makeRows(["When", "Polls", "Status", "Why"], rows, caption);
}

function spell({ from, to }) {
  if (from === to) return momentOf(from);
  const isOneDay = new Date(from * 1000).toDateString() === new Date(to * 1000).toDateString();
  return `${momentOf(from)} – ${isOneDay ? clockOf(to) : momentOf(to)}`;
}

function showOrigin({ version, history, report }) {
  const { sha256, has_log: hasLog, made } = report;
  byId("footer").append(
    make(
      "p",
      {},
      `Made ${wholeMomentOf(toUnix(made))} by hn-comments ${version} from `,
      make("b", { text: clean(history) }),
      hasLog
        ? " while a program used it. SHA-256 of the file with its log (-wal) after it: "
        : ". SHA-256 of the file: ",
      make("code", { text: sha256 }),
    ),
    make("p", { text: `Times: ${Intl.DateTimeFormat().resolvedOptions().timeZone}.` }),
  );
}

function makeSection(title, hint, ...children) {
  const heading = make("h2", { id: `${title.toLowerCase()}-heading`, text: title });
  return make(
    "section",
    { "aria-labelledby": heading.id },
    heading,
    make("p.hint", { text: hint }),
    ...children,
  );
}

// A small table that only says something. Its first column is the widest.
function makeRows(headers, rows, caption) {
  const head = make(
    "tr",
    {},
    ...headers.map((text, index) =>
      make("th", { scope: "col", text, class: typeof rows[0][index] === "number" && "number" }),
    ),
  );
  const body = rows.map((cells) => make("tr", {}, ...cells.map(makeRowCell)));
  const table = make(
    "table.rows",
    {},
    make("caption", { text: caption }),
    make("thead", {}, head),
    make("tbody", {}, ...body),
  );
  return make("div.scroller", { tabindex: "0", role: "region", "aria-label": caption }, table);
}

function makeRowCell(cell) {
  return typeof cell === "number"
    ? make("td.number", { text: grouped(cell) })
    : make("td", {}, cell);
}
