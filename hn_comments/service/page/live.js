"use strict";
// The live page: asks the program for its last poll, and hears of each new one.
//
// A tab that is hidden hears nothing: browsers allow six connections to a host, over all tabs.
// What it missed, it is told when it is seen again: a stream begins with the last poll and the
// trouble since, or with the trouble alone where the browser's Last-Event-ID is that poll's.

// Milliseconds until a stream that the browser gave up is opened again: more after each try.
const RETRY = 1000;
const MOST_RETRY = 30_000;

// Milliseconds between two looks whether the program is still there, and until an answer is due.
const LOOK = 5000;
const PATIENCE = 10_000;

// Milliseconds without a word after which the program is asked. While there is nothing to tell, it
// gives a sign of life each 15 seconds.
const QUIET = 40_000;

// What is known of the program: its stream, when it was heard last (milliseconds since 1970), and
// since when it has not answered.
const live = {
  stream: null,
  heard: Date.now(),
  silentSince: null,
  retry: RETRY,
  timer: null,
  showDocument: null,
  showTrouble: null,
};

function startLive(showDocument, showTrouble) {
  Object.assign(live, { showDocument, showTrouble });
  document.addEventListener("visibilitychange", changeVisibility);
  // A page that the browser keeps for its "back" button.
  addEventListener("pagehide", pauseLive);
  addEventListener("pageshow", (event) => event.persisted && changeVisibility());
  setInterval(lookAround, LOOK);
  changeVisibility();
}

function changeVisibility() {
  if (document.hidden) return pauseLive();
  // Nobody asked meanwhile, so nobody was silent.
  live.heard = Date.now();
  resumeLive();
}

function pauseLive() {
  clearTimeout(live.timer);
  live.stream?.close();
  live.stream = null;
}

// Ask, too: a stream can take its time.
function resumeLive() {
  pauseLive();
  listen();
  ask();
}

function listen() {
  const stream = (live.stream = new EventSource("events"));
  stream.addEventListener("open", () => {
    live.retry = RETRY;
  });
  stream.addEventListener("poll", (event) => {
    heard();
    live.showDocument(JSON.parse(event.data));
  });
  stream.addEventListener("trouble", (event) => {
    heard();
    live.showTrouble(JSON.parse(event.data));
  });
  stream.addEventListener("alive", heard);
  stream.addEventListener("error", () => {
    // The browser connects again by itself, with its Last-Event-ID, unless it has given up.
    if (stream.readyState === EventSource.CLOSED) tryAgain();
    else ask();
  });
}

function tryAgain() {
  pauseLive();
  ask();
  if (document.hidden) return;
  live.timer = setTimeout(resumeLive, live.retry);
  live.retry = Math.min(2 * live.retry, MOST_RETRY);
}

// Only a question that is not answered shows that nobody is there: streams end for many reasons.
async function ask() {
  try {
    const found = await getJson("latest.json");
    heard();
    live.showDocument(found);
  } catch {
    live.silentSince ??= live.heard;
    showNotice();
  }
}

async function getJson(address) {
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw new Error(`${address}: HTTP ${answer.status}`);
  return answer.json();
}

// A connection can die without a word, as in a laptop that slept. So who hears nothing, asks.
function lookAround() {
  if (document.hidden || Date.now() - live.heard < QUIET) return;
  // A new stream, too: the old one may be dead.
  resumeLive();
}

function heard() {
  live.heard = Date.now();
  live.silentSince = null;
  showNotice();
}
