"use strict";
// Start the page: live where a program serves it, and as a report where its data are in it.

// What is shown: the last document, the table of stories, and trouble with Hacker News.
const page = { document: null, table: null, trouble: null };

function start() {
  const report = loadReport();
  const columns = report
    ? ["rank", "title", "comments", "last_day", "last_hour", "score", "best", "status"]
    : ["rank", "title", "comments", "new", "last_hour", "score", "status"];
  page.table = makeTable(byId("table"), columns, report ? "comments" : "rank", {
    open: (story) => showStory(story, loadDetails, now()),
    close: forgetStory,
  });
  // Where there is no key to press.
  if (matchMedia("(hover: none)").matches) byId("filter").placeholder = "Filter by title";
  byId("filter").addEventListener("input", (event) => filterBy(page.table, event.target.value));
  document.addEventListener("keydown", pressKey);
  if (report) {
    page.document = report;
    showReport(report);
    showStories(page.table, report.stories);
  } else {
    startLive(showDocument, showTrouble);
  }
}

// The time up to which the page knows everything.
function now() {
  return page.document.report ? toUnix(page.document.time) : Date.now() / 1000;
}

async function loadDetails(id) {
  const { details } = page.document;
  return details ? unpackDetails(details[id]) : getJson(`story/${id}.json`);
}

function pressKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const isTyping = event.target.closest("input");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    byId("filter").focus();
  } else if (event.key === "Escape" && isTyping) {
    byId("filter").value = "";
    filterBy(page.table, "");
  } else if (event.key === "Escape" && page.table.opened) {
    closeStory(page.table);
  }
}

// Show what the last poll found, unless it is shown already, or something newer.
function showDocument(found) {
  const shown = page.document;
  const newer = shown?.started === found.started ? numberOf(found) - numberOf(shown) : 1;
  if (newer >= 0) showTrouble(found.trouble);
  if (newer <= 0) return;
  page.document = found;
  say(byId("subtitle"), describeList(found));
  const since = wholeMomentOf(toUnix(found.started));
  say(byId("footer"), `hn-comments ${found.version}, running since ${since}`);
  showState(found.poll);
  showStories(page.table, found.stories);
  if (page.table.opened) refreshStory(page.table.opened.story, now());
}

function numberOf({ poll }) {
  return poll?.poll ?? 0;
}

function showState(poll) {
  if (!poll) return say(byId("state"), "No poll has ended yet");
  const cost = `${plural(poll.fetches, "fetch", "fetches")}, ${secondsLong(poll.seconds)}`;
  const when = CLOCK_SECONDS.format(Date.parse(poll.time));
  say(byId("state"), `Poll ${poll.poll} at ${when}: ${poll.status}, ${cost}`);
}

function showTrouble(trouble) {
  page.trouble = trouble;
  showNotice();
}

// Say what is wrong, the worst first; nothing if nothing is.
function showNotice() {
  const sentence = describeSilence() ?? describeOutage(page.trouble) ?? "";
  say(byId("notice"), sentence);
  document.body.classList.toggle("troubled", sentence !== "");
}

function describeSilence() {
  if (live.silentSince === null) return null;
  const since = `hn-comments itself has not answered since ${sinceOf(live.silentSince / 1000)}`;
  return `${since}. This page goes on by itself when it does.`;
}

function describeOutage(trouble) {
  if (!trouble) return null;
  const since = `No answer since ${sinceOf(toUnix(trouble.since))}`;
  return `${since}: ${plural(trouble.failures, "poll")} failed. ${clean(trouble.error ?? "")}`;
}

start();
