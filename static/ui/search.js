// Search by name: waits until typing rests, drops answers that were overtaken. No word finds all projects.

import { searchProjects } from "./api.js";
import { byId, element } from "./dom.js";
import { formatCount, problemText } from "./format.js";
import { renderSigners } from "./signers.js";

const REST_MS = 180;
const LIMIT = 25;
const BROWSE_LIMIT = 6;

let channel = "";
let timer = 0;
let running = null;

function renderResult(result) {
  const link = element("a", { class: "result-name", href: `${channel}/simple/${encodeURIComponent(result.name)}/` }, result.display_name || result.name);
  return element("li", { class: "result" },
    element("p", { class: "result-head" }, link,
      result.version ? element("span", { class: "result-version" }, result.version) : null,
      element("span", { class: "result-files" }, formatCount(result.file_count, "file"))),
    result.summary ? element("p", { class: "result-summary" }, result.summary) : null,
    renderSigners(result, channel));
}

function show(note, results = []) {
  byId("search-note").textContent = note;
  byId("search-results").replaceChildren(...results.map(renderResult));
}

function describe(answer) {
  if (answer.query === "" && answer.total === 0) return "";
  if (answer.total === 0) return `No project in ${channel} matches “${answer.query}”.`;
  if (answer.total > answer.results.length) return `The first ${answer.results.length} of ${formatCount(answer.total, "project")}.`;
  return `${formatCount(answer.total, "project")}.`;
}

async function search() {
  clearTimeout(timer);
  running?.abort();
  running = null;
  const query = byId("search-input").value.trim();
  const mine = new AbortController();
  running = mine;
  try {
    const answer = await searchProjects(query, channel, query === "" ? BROWSE_LIMIT : LIMIT, mine.signal);
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

/** Searches the channel `name` from now on; without a word to search for, its first projects are shown. */
export function setSearchChannel(name) {
  channel = name;
  byId("search-channel").textContent = name;
  search();
}
