// Shows the latest poll as a table. Text from the network is only ever set as text.
"use strict";

const rows = document.querySelector("tbody");
const status = document.querySelector("#status");
let latest = null;

function cell(text) {
  const td = document.createElement("td");
  td.textContent = text ?? "";
  return td;
}

// A title is HTML, as Hacker News has it: its entities are decoded, its tags are text.
function decode(title) {
  const area = document.createElement("textarea");
  area.innerHTML = title;
  return area.value;
}

function row(story) {
  const tr = document.createElement("tr");
  const link = document.createElement("a");
  link.href = story.link;
  link.textContent = decode(story.title ?? `post ${story.id}`);
  const title = document.createElement("td");
  title.append(link);
  const least = story.status === "partial" ? "at least " : "";
  const comments = story.comments === null ? "?" : `${least}${story.comments}`;
  tr.append(cell(story.rank), cell(comments), cell(story.new || ""), title);
  return tr;
}

function show() {
  const { poll, trouble } = latest;
  if (poll) rows.replaceChildren(...latest.stories.map(row));
  const when = poll ? `Poll ${poll.poll}, ${poll.time}: ${poll.status}` : "No poll yet";
  status.textContent = trouble ? `No answer since ${trouble.since}: ${trouble.error}` : when;
}

const events = new EventSource("events");
events.addEventListener("poll", (event) => {
  latest = JSON.parse(event.data);
  show();
});
events.addEventListener("trouble", (event) => {
  if (!latest) return;
  latest.trouble = JSON.parse(event.data);
  show();
});
events.addEventListener("error", () => {
  status.textContent = "Not connected; trying again";
});
