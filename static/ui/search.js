// Search by name: waits until typing rests, drops answers that were overtaken.

import { searchProjects } from "./api.js";
import { byId, element } from "./dom.js";
import { formatCount, problemText } from "./format.js";

const REST_MS = 180;
const LIMIT = 25;

let channel = "";
let timer = 0;
let running = null;

function renderResult(result) {
  const link = element("a", { class: "result-name", href: `${channel}/simple/${encodeURIComponent(result.name)}/` }, result.display_name || result.name);
  return element("li", { class: "result" },
    element("p", { class: "result-head" }, link,
      result.version ? element("span", { class: "result-version" }, result.version) : null,
      element("span", { class: "result-files" }, formatCount(result.file_count, "file"))),
    result.summary ? element("p", { class: "result-summary" }, result.summary) : null);
}

function show(note, results = []) {
  byId("search-note").textContent = note;
  byId("search-results").replaceChildren(...results.map(renderResult));
}

function describe(answer) {
  if (answer.total === 0) return `No project in ${channel} matches “${answer.query}”.`;
  if (answer.total > answer.results.length) return `The first ${answer.results.length} of ${formatCount(answer.total, "project")}.`;
  return `${formatCount(answer.total, "project")}.`;
}

async function search() {
  clearTimeout(timer);
  running?.abort();
  running = null;
  const query = byId("search-input").value.trim();
  if (query === "") {
    show("");
    return;
  }
  const mine = new AbortController();
  running = mine;
  try {
    const answer = await searchProjects(query, channel, LIMIT, mine.signal);
    if (running === mine) show(describe(answer), answer.results);
  } catch (error) {
    if (running === mine && error.name !== "AbortError") show(problemText(error));
  }
}

/** Wires the search field. */
export function startSearch() {
  byId("search-input").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, REST_MS);
  });
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
}

/** Searches `name` from now on, and again if something is being searched. */
export function setSearchChannel(name) {
  if (name === channel) return;
  channel = name;
  byId("search-channel").textContent = name;
  search();
}
