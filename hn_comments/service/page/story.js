"use strict";
// An opened story: what is known of it, its plots from its birth on, and its newest comments.

// The story that is open: its element, and what is drawn in it.
let openedStory = null;

// Return the element of a story, and fill it as soon as `load(id)` knows more.
function showStory(story, load, now) {
  const facts = make("div.facts");
  const plots = make("div.plots");
  const comments = make("div.newest");
  const element = make("section.story", { "aria-label": titleOf(story) }, facts, plots, comments);
  openedStory = { id: story.id, element, facts, plots, comments, drawn: null, load };
  refreshStory(story, now);
  return element;
}

// Bring the open story up to date.
async function refreshStory(story, now) {
  const opened = openedStory;
  replaceChanged(opened.facts, describeStory(story));
  let details = null;
  try {
    details = await opened.load(story.id);
  } catch {
    // The next poll brings them; why there are none, the page says already.
  }
  if (opened !== openedStory) return;
  if (details) {
    drawStory(opened, story, details, now);
    showNewest(opened, story, details.comments, now);
  } else if (opened.drawn === null) {
    opened.plots.replaceChildren(make("p.empty", { text: "No plots: there is no answer." }));
  }
}

// Replace only those children that say something else: a link in one may have the focus.
function replaceChanged(parent, children) {
  const known = [...parent.children];
  children.forEach((child, index) => {
    if (index >= known.length) parent.append(child);
    else if (!known[index].isEqualNode(child)) known[index].replaceWith(child);
  });
  for (const child of known.slice(children.length)) child.remove();
}

function forgetStory() {
  destroyPlots(openedStory?.drawn);
  openedStory = null;
}

function describeStory(story) {
  const born = story.created ? wholeMomentOf(toUnix(story.created)) : null;
  const words = [story.by && `by ${clean(story.by)}`, born];
  const links = [makeLink("Discussion on Hacker News", itemLink(story.id))];
  if (parseUrl(story.url)) links.push(makeLink(`Article on ${siteOf(story.url)}`, story.url));
  const line = make(
    "p.byline",
    {},
    make("span", { text: words.filter(Boolean).join(", ") }),
    ...links,
  );
  const error = story.error ? make("p.why", { text: clean(story.error) }) : null;
  return [line, describeCount(story), error].filter(Boolean);
}

// Everything that is counted, so that it can be seen to add up.
function describeCount(story) {
  if ((story.comments ?? null) === null) return null;
  const figures = [
    ["comments", showComments(story)],
    ["live", story.live],
    ["deleted", story.deleted],
    ["dead", story.dead],
    ["missing", story.missing],
    ["Hacker News says", story.descendants],
  ];
  return make(
    "dl.count",
    {},
    ...figures
      .filter(([, number]) => (number ?? null) !== null)
      .map(([name, number]) =>
        makeFigure(name, typeof number === "number" ? grouped(number) : number),
      ),
  );
}

function makeFigure(name, value, note = "") {
  return make(
    "div",
    {},
    make("dt", { text: name }),
    make("dd", { text: value }),
    note ? make("dd.note", { text: note }) : null,
  );
}

function drawStory(opened, story, details, now) {
  const { curve, hours, ranks } = details;
  const from = Math.min(
    ...[curve, hours, ranks].filter((series) => series.length).map((series) => series[0][0]),
    now,
  );
  // A story on the list goes on; of another one the plots end where it was seen last.
  const to = story.rank
    ? now
    : Math.max(...[curve, ranks].map((series) => series.at(-1)?.[0] ?? 0), from);
  // Chosen posts have the rank at which they were named.
  const hasRanks = ranks.length > 0 && story.list !== "posts";
  const plots = (opened.drawn = storyPlots(opened, curve.length > 0, hasRanks));
  if (plots.curve) {
    drawCurve(plots.curve, curve, from, to, story.comments ?? 0);
    drawHours(plots.hours, hours, from, to);
  }
  if (plots.ranks) drawRanks(plots.ranks, ranks, from, to);
}

// Return the plots of a story: those that are there, unless something else is known of it now.
function storyPlots(opened, hasCurve, hasRanks) {
  const { drawn } = opened;
  if (drawn && hasCurve === "curve" in drawn && hasRanks === "ranks" in drawn) return drawn;
  destroyPlots(drawn);
  const sync = `story-${opened.id}`;
  const plots = {};
  if (hasCurve) {
    plots.curve = makePlot(curveSpec("Comments", sync));
    plots.hours = makePlot(hoursSpec("Comments an hour", sync));
  }
  if (hasRanks) plots.ranks = makePlot(ranksSpec(sync));
  const unknown = make("p.empty", { text: "When its comments were written is not known." });
  const elements = Object.values(plots).map((plot) => plot.element);
  opened.plots.replaceChildren(...(hasCurve ? [] : [unknown]), ...elements);
  return plots;
}

function destroyPlots(plots) {
  for (const plot of Object.values(plots ?? {})) destroyPlot(plot);
}

function curveSpec(title, sync) {
  return {
    title,
    sync,
    series: [{ color: "--accent-plot", path: "line" }],
    describe: (index, [times, counts]) => `${momentOf(times[index])} · ${grouped(counts[index])}`,
  };
}

function hoursSpec(title, sync, color = "--accent-plot") {
  return {
    title,
    sync,
    height: 120,
    series: [{ color, path: "bars" }],
    describe: (index, [times, counts]) => `${hourOf(times[index])} · ${grouped(counts[index])}`,
  };
}

function ranksSpec(sync) {
  return {
    title: "Rank",
    sync,
    height: 120,
    isRank: true,
    series: [{ color: "--second-plot", path: "steps" }],
    describe: (index, [times, ranks]) =>
      `${momentOf(times[index])} · ${ranks[index] ? `rank ${ranks[index]}` : "not on the list"}`,
  };
}

// The curve ends at what was counted: comments that cannot be read have no time of their own.
function drawCurve(plot, curve, from, to, counted = 0) {
  const last = curve.at(-1);
  const number = Math.max(last[1], counted);
  const points = last[0] < to ? [...curve, [to, number]] : curve;
  draw(plot, transpose(points), { from, to, rest: grouped(number) });
}

function drawHours(plot, hours, from, to) {
  const filled = fillHours(hours, from, to);
  draw(plot, filled, {
    from: Math.min(from, filled[0][0]),
    to,
    rest: `at most ${grouped(Math.max(0, ...filled[1]))}`,
  });
}

// A rank holds until the next one. Ranks that are known for a moment only fill their plot, too.
function drawRanks(plot, ranks, birth, to) {
  const from = to - ranks[0][0] < 0.1 * (to - birth) ? ranks[0][0] : birth;
  const last = ranks.at(-1);
  const points = holdRanks(last[0] < to ? [...ranks, [to, last[1]]] : ranks);
  const known = points.map(([, rank]) => rank).filter((rank) => rank !== null);
  draw(plot, transpose(points), {
    from,
    to,
    rest: known.length ? `best ${Math.min(...known)}` : "not on the list",
  });
}

// A line ends at the last point before a gap, so one more is put where a story left the list.
function holdRanks(ranks) {
  return ranks.flatMap(([time, rank], index) => {
    const before = ranks[index - 1]?.[1] ?? null;
    return rank === null && before !== null
      ? [
          [time - 1, before],
          [time, rank],
        ]
      : [[time, rank]];
  });
}

function transpose(pairs) {
  return [pairs.map(([time]) => time), pairs.map(([, number]) => number)];
}

function hourOf(unix) {
  return `${momentOf(unix)}–${clockOf(unix + HOUR)}`;
}

function showNewest(opened, story, comments, now) {
  // Untouched unless there is something new: somebody may be reading, or have focus in it.
  const key = comments.map((comment) => comment.id).join();
  if (opened.newest === key) return;
  opened.newest = key;
  // It can be scrolled, so it can be focused.
  const list = make(
    "ol",
    { tabindex: "0", "aria-label": "Newest comments" },
    ...comments.map((comment) => describeComment(comment, story, now)),
  );
  const none = make("p.empty", {
    text: story.comments ? "None was read yet since the program started." : "None yet.",
  });
  opened.comments.replaceChildren(
    make("h3", { text: "Newest comments" }),
    comments.length ? list : none,
  );
}

function describeComment(comment, story, now) {
  const written = comment.created ? toUnix(comment.created) : now;
  const age = makeLink(ago(written, now), itemLink(comment.id), { title: wholeMomentOf(written) });
  const who = make("p.who", {}, make("bdi.by", { text: clean(comment.by ?? "(nobody)") }), age);
  if (comment.parent && comment.parent !== story.id)
    who.append(makeLink(replyTo(comment), itemLink(comment.parent)));
  const text = comment.text ? make("p.text", { dir: "auto", text: comment.text }) : null;
  return make("li", {}, who, text);
}

function replyTo(comment) {
  return comment.parent_by ? `in reply to ${clean(comment.parent_by)}` : "a reply";
}
