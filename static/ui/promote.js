// Blessing: first what would change, then the change, and only if the channel is still where it was.

import { promote } from "./api.js";
import { byId, element, say } from "./dom.js";
import { formatCount, problemText } from "./format.js";
import { bindTokenInput, hasToken } from "./token.js";
import { renderFindings } from "./verdict.js";

let crossing = null;
let plan = null;
let step = "idle";
let whenDone = () => {};

function showButton(text) {
  const button = byId("promote-apply");
  button.hidden = !text;
  button.disabled = false;
  if (text) button.textContent = text;
}

function showBody(...parts) {
  byId("promote-body").replaceChildren(...parts.filter(Boolean));
}

function fileList(names) {
  return element("ul", { class: "planned", tabindex: "0", "aria-label": "Files that are added" }, ...names.map((name) => element("li", {}, name)));
}

function askForToken(message) {
  step = "token";
  byId("promote-token").hidden = false;
  showBody(element("p", {}, "Blessing needs a token, also to see what would change."));
  say(byId("promote-problem"), message);
  showButton("Show what would change");
  byId("promote-token-input").focus();
}

function showProblem(problem) {
  if (problem.status === 401) {
    askForToken(problemText(problem));
    return;
  }
  step = "failed";
  showBody(renderFindings(problem.findings));
  say(byId("promote-problem"), problemText(problem));
  showButton("Look again");
}

async function showPlan() {
  step = "planning";
  byId("promote-token").hidden = true;
  say(byId("promote-problem"), "");
  showButton("");
  showBody(element("p", {}, "Looking at what would change…"));
  try {
    plan = await promote(crossing.from, crossing.to, null, true);
  } catch (problem) {
    showProblem(problem);
    return;
  }
  step = "planned";
  const { added, unchanged_count: unchangedCount, to } = plan;
  if (added.length === 0) {
    showBody(element("p", {}, `${crossing.to} holds everything that ${crossing.from} has: ${formatCount(unchangedCount, "file")}.`));
    byId("promote-cancel").textContent = "Close";
    return;
  }
  const stays = unchangedCount > 0 ? `; ${formatCount(unchangedCount, "file is", "files are")} there already` : "";
  const earlier = to.serial_before > 0 ? ` Its present content stays readable at ${crossing.to}@${to.serial_before}.` : "";
  showBody(
    element("p", {}, `${formatCount(added.length, "file comes", "files come")} into ${crossing.to}${stays}.`),
    fileList(added),
    element("p", { class: "note" }, `${crossing.to} goes from serial ${to.serial_before} to ${to.serial}.${earlier}`));
  showButton(`Bless ${formatCount(added.length, "file")}`);
}

async function applyPlan() {
  step = "applying";
  byId("promote-apply").disabled = true;
  say(byId("promote-problem"), "");
  try {
    // From the very snapshot that was shown: what arrived since then is not blessed unseen.
    const shown = `${crossing.from}@${plan.from.serial}`;
    const done = await promote(shown, crossing.to, plan.to.serial_before, false);
    step = "done";
    showBody(element("p", { class: "done" }, `Done. ${crossing.to} is at serial ${done.to.serial}, with ${formatCount(done.added.length, "file")} added.`));
    showButton("");
    byId("promote-cancel").textContent = "Close";
    byId("promote-cancel").focus();
    whenDone();
  } catch (problem) {
    showProblem(problem);
  }
}

function goOn() {
  if (step === "planned") applyPlan();
  else if (step === "failed" || (step === "token" && hasToken())) showPlan();
  else if (step === "token") askForToken("No token is typed in yet.");
}

function open() {
  plan = null;
  byId("promote-title").textContent = `Bless ${crossing.from} → ${crossing.to}`;
  byId("promote-cancel").textContent = "Cancel";
  byId("promote-dialog").showModal();
  if (hasToken()) showPlan();
  else askForToken("");
}

/** Wires the button and its dialog. `onPromoted` is called after a change. */
export function startPromote(onPromoted) {
  whenDone = onPromoted;
  bindTokenInput(byId("promote-token-input"));
  byId("promote-open").addEventListener("click", open);
  byId("promote-apply").addEventListener("click", goOn);
  byId("promote-token-input").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // a form's Enter would press its first button, Cancel
    goOn();
  });
}

/** Names the two channels, as the status answer has them. */
export function setCrossing(channels) {
  crossing = channels && { from: channels.from.name, to: channels.to.name };
}
