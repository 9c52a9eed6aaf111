"use strict";
// The table of stories: sorted by any column, filtered by title, one story open.
//
// A row stays the same element as long as its story is there, so that focus, selection and an
// open story survive each poll.

// Milliseconds for which a row that changed is marked.
const MARKED = 2500;

// Worst last, so that one click brings what could not be counted to the top.
const STATUSES = ["exact", "partial", "failed"];

const ALPHABET = new Intl.Collator("en");

const COLUMNS = {
  rank: { label: "Rank", first: "ascending", value: (story) => story.rank },
  title: { label: "Title", first: "ascending", value: titleOf },
  comments: {
    label: "Comments",
    unit: "comment",
    value: (story) => story.comments,
    show: showComments,
  },
  new: { label: "New", value: (story) => story.new, show: (story) => signed(story.new) },
  last_day: { label: "Last day", value: (story) => story.last_day },
  last_hour: { label: "Last hour", value: (story) => story.last_hour },
  score: { label: "Score", unit: "point", value: (story) => story.score },
  best: { label: "Best rank", first: "ascending", value: (story) => story.best },
  status: {
    label: "Status",
    value: (story) => STATUSES.indexOf(story.status),
    show: (story) => story.status,
  },
};

// Return a table in `element`, with the columns named, sorted by one of them. `open(story)`
// returns what an opened story shows, and `close` is called when it is closed.
function makeTable(element, names, sortedBy, { open, close }) {
  const table = {
    element,
    names,
    open,
    close,
    rows: new Map(),
    headers: new Map(),
    key: sortedBy,
    isDescending: false,
    filter: "",
    opened: null,
  };
  element.tHead.append(make("tr", {}, ...names.map((name) => makeHeader(table, name))));
  element.tBodies[0].addEventListener("click", (event) => clickRow(table, event));
  sortBy(table, sortedBy);
  return table;
}

function makeHeader(table, name) {
  const button = make("button", {
    type: "button",
    text: COLUMNS[name].label,
    click: () => sortBy(table, name),
  });
  const header = make("th", { scope: "col", class: name }, button);
  table.headers.set(name, header);
  return header;
}

// Sort by a column; a second time, the other way round.
function sortBy(table, name) {
  const first = COLUMNS[name].first !== "ascending";
  const isSorted = table.headers.get(name).hasAttribute("aria-sort");
  table.isDescending = isSorted ? !table.isDescending : first;
  table.key = name;
  for (const header of table.headers.values()) header.removeAttribute("aria-sort");
  table.headers
    .get(name)
    .setAttribute("aria-sort", table.isDescending ? "descending" : "ascending");
  arrange(table);
}

function filterBy(table, text) {
  table.filter = text.trim().toLowerCase();
  arrange(table);
}

// Show these stories. Those that changed since the last time are marked for a moment.
function showStories(table, stories) {
  const isFirst = table.rows.size === 0;
  const gone = new Set(table.rows.keys());
  for (const story of stories) {
    gone.delete(story.id);
    const row = table.rows.get(story.id) ?? addRow(table, story.id);
    if (!isFirst && row.story?.comments !== story.comments) mark(row);
    fillRow(table, row, story);
  }
  for (const id of gone) removeRow(table, id);
  arrange(table);
}

function addRow(table, id) {
  const title = make("bdi", { dir: "auto" });
  const button = make("button", { type: "button", class: "open", "aria-expanded": "false" }, title);
  const site = make("span.site");
  const cells = new Map(table.names.map((name) => [name, makeCell(name)]));
  cells.get("title").append(make("div.line", {}, button, " ", site));
  const row = {
    id,
    title,
    button,
    site,
    cells,
    element: make("tr", {}, ...cells.values()),
    detail: null,
  };
  row.element.dataset.id = id;
  table.rows.set(id, row);
  return row;
}

function makeCell(name) {
  return name === "title"
    ? make("th", { scope: "row", class: name })
    : make("td", { class: name });
}

function fillRow(table, row, story) {
  row.story = story;
  row.text = titleOf(story);
  say(row.title, row.text);
  say(row.site, siteOf(story.url));
  for (const [name, cell] of row.cells) {
    if (name !== "title") fillCell(cell, COLUMNS[name], story);
  }
  row.element.classList.toggle("partial", story.status === "partial");
  row.element.classList.toggle("failed", story.status === "failed");
}

// What is nothing, or not known, is quieter than the rest.
function fillCell(cell, { label, unit, value, show }, story) {
  const found = value(story) ?? null;
  say(cell, found === null ? "–" : show ? show(story) : grouped(found));
  // The unit is read by the styles, where a row has two lines.
  const units = found === 1 ? unit : `${unit}s`;
  cell.dataset.unit = unit ? units : label.toLowerCase();
  cell.classList.toggle("nothing", !found);
}

function removeRow(table, id) {
  if (table.opened?.id === id) closeStory(table);
  table.rows.get(id).element.remove();
  table.rows.delete(id);
}

function mark(row) {
  clearTimeout(row.marked);
  row.element.classList.add("changed");
  row.marked = setTimeout(() => row.element.classList.remove("changed"), MARKED);
}

// Bring the rows into their order, and hide those that the filter leaves out.
function arrange(table) {
  const body = table.element.tBodies[0];
  const focused = document.activeElement;
  const rows = sortRows(table);
  let next = body.firstElementChild;
  for (const row of rows) {
    row.element.hidden = !row.text.toLowerCase().includes(table.filter);
    for (const element of row.detail ? [row.element, row.detail] : [row.element]) {
      if (element === next) next = next.nextElementSibling;
      else body.insertBefore(element, next);
    }
    if (row.detail) row.detail.hidden = row.element.hidden;
  }
  // An element that is moved loses its focus.
  if (focused !== document.activeElement && body.contains(focused))
    focused.focus({ preventScroll: true });
  showNumber(table, rows);
}

function showNumber(table, rows) {
  const shown = rows.filter((row) => !row.element.hidden).length;
  say(
    byId("shown"),
    table.filter
      ? `${grouped(shown)} of ${plural(rows.length, "story", "stories")}`
      : plural(shown, "story", "stories"),
  );
}

// Return the rows in their order. What is not known comes last, either way; what is equal, in the
// order of ranks.
function sortRows(table) {
  const { value } = COLUMNS[table.key];
  const keys = new Map([...table.rows.values()].map((row) => [row, value(row.story) ?? null]));
  const direction = table.isDescending ? -1 : 1;
  return [...keys.keys()].sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (x === null || y === null) return (x === null) - (y === null) || compareRanks(a, b);
    const order = typeof x === "string" ? ALPHABET.compare(x, y) : x - y;
    return direction * order || compareRanks(a, b);
  });
}

function compareRanks(a, b) {
  return (a.story.rank ?? Infinity) - (b.story.rank ?? Infinity) || b.id - a.id;
}

// A click anywhere in a row opens it; but not one that ends a selection, or is on a link.
function clickRow(table, event) {
  const element = event.target.closest("tr[data-id]");
  if (!element || event.target.closest("a") || String(getSelection())) return;
  const row = table.rows.get(Number(element.dataset.id));
  if (table.opened === row) closeStory(table);
  else openStory(table, row);
}

function openStory(table, row) {
  if (table.opened) closeStory(table);
  const content = make("td", { colspan: table.names.length });
  row.detail = make("tr.detail", { id: `story-${row.id}` }, content);
  row.button.setAttribute("aria-expanded", "true");
  row.button.setAttribute("aria-controls", row.detail.id);
  row.element.classList.add("opened");
  row.element.after(row.detail);
  table.opened = row;
  content.append(table.open(row.story));
}

// Close the open story; the focus, if it was in it, goes back to the row.
function closeStory(table) {
  const row = table.opened;
  const hadFocus = row.detail.contains(document.activeElement);
  table.opened = null;
  table.close(row.story);
  row.detail.remove();
  row.detail = null;
  row.button.setAttribute("aria-expanded", "false");
  row.button.removeAttribute("aria-controls");
  row.element.classList.remove("opened");
  if (hadFocus) row.button.focus();
}

function showComments({ comments, status }) {
  return status === "partial" ? `≥ ${grouped(comments)}` : grouped(comments);
}

function signed(number) {
  return number > 0 ? `+${grouped(number)}` : grouped(number);
}
