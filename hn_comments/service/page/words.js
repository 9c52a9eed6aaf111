"use strict";
// Words, numbers and times as people read them, and the elements that hold them.
//
// Text from the network reaches the page as `textContent` only, and never as markup: the policy
// in the page's head forbids that, too.

const HOUR = 3600;
const DAY = 24 * HOUR;

// Characters of a title that are shown. Hacker News allows 80.
const MOST_OF_A_TITLE = 300;

// What the site writes in titles; the others are numbers.
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

// Controls, and what turns text around or hides it; see UNPRINTABLE in plaintext.py.
const UNPRINTABLE = new RegExp(
  "[\\0-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff" +
    "\\ufff9-\\ufffb\\u{d800}-\\u{dfff}\\u{e0000}-\\u{e007f}]",
  "gu",
);

const GROUPED = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const CLOCK_SECONDS = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const WHOLE_MOMENT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

// Units as they are said, the largest first.
const UNITS = [
  ["d", DAY],
  ["h", HOUR],
  ["min", 60],
  ["s", 1],
];

function byId(id) {
  return document.getElementById(id);
}

// Make an element, as in make("p.hint", { text: "..." }). `text` is what it says, functions listen,
// the rest are attributes; children that are null are left out.
function make(name, properties = {}, ...children) {
  const [tag, className] = name.split(".");
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Change what an element says, if it says something else: an untouched one keeps its selection.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Return a link, or plain text where the address is none of a web page.
function makeLink(text, address, properties = {}) {
  const url = parseUrl(address);
  if (!url) return make("span", { ...properties, text });
  return make("a", { ...properties, text, href: url.href, rel: "noopener noreferrer" });
}

function parseUrl(address) {
  try {
    const url = new URL(address);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function siteOf(address) {
  return parseUrl(address)?.hostname.replace(/^www\./, "") ?? "";
}

function itemLink(id) {
  return `https://news.ycombinator.com/item?id=${id}`;
}

// Return a title as people read it; that of a dead or deleted post says so.
function titleOf(story) {
  const title = clean(decode((story.title ?? "(no title)").slice(0, 4 * MOST_OF_A_TITLE)));
  const cut = title.length > MOST_OF_A_TITLE ? `${title.slice(0, MOST_OF_A_TITLE)}…` : title;
  return ["dead", "deleted"].includes(story.state) ? `[${story.state}] ${cut}` : cut;
}

function clean(text) {
  return text.replace(UNPRINTABLE, "");
}

function decode(html) {
  return html.replace(
    /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/gi,
    (whole, hex, decimal, name) => {
      if (name) return ENTITIES[name.toLowerCase()] ?? whole;
      const code = hex ? parseInt(hex, 16) : parseInt(decimal, 10);
      return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    },
  );
}

function grouped(number) {
  return GROUPED.format(number);
}

function compact(number) {
  return Math.abs(number) < 10_000 ? grouped(number) : COMPACT.format(number);
}

function plural(number, one, many = `${one}s`) {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

// Seconds since 1970 of an ISO 8601 time.
function toUnix(time) {
  return Date.parse(time) / 1000;
}

function clockOf(unix) {
  return CLOCK.format(unix * 1000);
}

// When something began that is probably of today.
function sinceOf(unix) {
  return Date.now() / 1000 - unix < DAY ? clockOf(unix) : momentOf(unix);
}

function momentOf(unix) {
  return MOMENT.format(unix * 1000);
}

function wholeMomentOf(unix) {
  return WHOLE_MOMENT.format(unix * 1000);
}

// About how long that is: "4 min". The unit is the largest of which there are two.
function duration(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= 2 * size) ?? UNITS.at(-1);
  return `${Math.max(1, Math.round(seconds / size))} ${unit}`;
}

function ago(unix, now) {
  return `${duration(Math.max(0, now - unix))} ago`;
}

// Two digits say enough: "0.064 s", "2.3 s", "14 s".
function secondsLong(seconds) {
  return `${Number(seconds.toPrecision(2))} s`;
}
