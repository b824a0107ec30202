// The upload panel: takes files in, drives the queue, shows rows and the summary, guards the page while work is open.

import { putFile } from "./api.js";
import { byId, say } from "./dom.js";
import { filesOfDrop, sortFiles } from "./dropped.js";
import { formatBytes, formatCount, problemText } from "./format.js";
import { UploadQueue } from "./queue.js";
import { bindTokenInput, hasToken } from "./token.js";
import { FileRow } from "./verdict.js";

const MAX_NAMES_LEFT_OUT = 4;
const SUMMARY_REST_MS = 100;

const rows = new Map();
let queue = null;
let summaryTimer = 0;

function describeCounts(counts) {
  const open = counts.waiting + counts.sending + counts.checking;
  const parts = [
    [counts.stored, "stored"],
    [counts.unchanged, "already there"],
    [counts.refused, "refused"],
    [counts.failed, "not sent"],
    [open, queue.isLocked ? "waiting for a token" : "to go"],
  ];
  return parts.filter(([count]) => count > 0).map(([count, word]) => `${count.toLocaleString("en")} ${word}`).join(", ");
}

function renderSummary() {
  summaryTimer = 0;
  const counts = queue.counts();
  const { total, done } = queue.progress();
  const size = queue.isBusy() ? `${formatBytes(done)} of ${formatBytes(total)}` : formatBytes(total);
  byId("upload-report").hidden = queue.entries.length === 0 && byId("left-out").hidden;
  byId("upload-summary").textContent = queue.entries.length === 0
    ? "Nothing to upload."
    : `${formatCount(queue.entries.length, "file")} (${size}): ${describeCounts(counts)}.`;
  byId("upload-total").max = Math.max(1, total);
  byId("upload-total").value = done;
  byId("upload-total").hidden = !queue.isBusy();
  byId("retry-all").hidden = counts.failed === 0;
  byId("clear-done").hidden = counts.stored + counts.unchanged === 0;
  byId("token-continue").hidden = !queue.isLocked;
}

/** Many files change many times a second; the summary is read aloud, so it follows at a calmer pace. */
function summarizeSoon() {
  if (summaryTimer === 0) summaryTimer = setTimeout(renderSummary, SUMMARY_REST_MS);
}

function showEntry(entry) {
  const row = rows.get(entry);
  if (row) {
    row.update();
  } else {
    const fresh = new FileRow(entry, (each) => queue.retry(each));
    rows.set(entry, fresh);
    byId("upload-list").append(fresh.node);
  }
  summarizeSoon();
}

function askForToken(problem) {
  say(byId("token-problem"), problem ? problemText(problem) : "An upload needs a token. The first start of the server kept one in its data folder, in admin-token.");
  byId("token-input").setAttribute("aria-invalid", "true");
  byId("token-input").focus();
  summarizeSoon();
}

function resume() {
  if (!hasToken() || !queue.isLocked) return;
  say(byId("token-problem"), "");
  byId("token-input").removeAttribute("aria-invalid");
  queue.resume();
  summarizeSoon();
}

function takeIn(files) {
  const { wanted, leftOut } = sortFiles(files);
  const named = leftOut.slice(0, MAX_NAMES_LEFT_OUT).join(", ");
  const others = leftOut.length - MAX_NAMES_LEFT_OUT;
  say(byId("left-out"), leftOut.length === 0 ? "" : `Left out, neither a wheel nor an sdist: ${named}${others > 0 ? ` and ${others} more` : ""}.`);
  const channel = byId("upload-channel").value;
  if (channel) queue.add(wanted, channel);
  else say(byId("left-out"), "This page does not know the server's channels yet. Load it again, then upload.");
  summarizeSoon();
}

function wireDrop() {
  const drop = byId("drop");
  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  // The whole page takes the drop: a file let go beside the box must not make the browser leave the page.
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) drop.classList.remove("over");
  });
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.classList.remove("over");
    try {
      takeIn(await filesOfDrop(event.dataTransfer));
    } catch {
      byId("upload-report").hidden = false;
      say(byId("left-out"), "The browser could not read what was dropped. Choose the files with the button instead.");
    }
  });
}

function wirePicker(button, input) {
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    takeIn([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
}

/** Wires the panel. `onSettled` is called when nothing is on its way any more, and when a token was given. */
export function startUpload(onSettled) {
  queue = new UploadQueue({ send: putFile, canSend: hasToken, onEntry: showEntry, onLocked: askForToken, onSettled });
  bindTokenInput(byId("token-input"));
  wireDrop();
  wirePicker(byId("choose-files"), byId("file-input"));
  wirePicker(byId("choose-folder"), byId("folder-input"));
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    resume();
    onSettled(); // a server that keeps reads behind a token shows what it holds from now on
  });
  byId("retry-all").addEventListener("click", () => queue.retryFailed());
  byId("clear-done").addEventListener("click", () => {
    for (const entry of queue.clearFinished()) {
      rows.get(entry)?.node.remove();
      rows.delete(entry);
    }
    renderSummary();
  });
  byId("only-problems").addEventListener("change", (event) => {
    byId("upload-list").classList.toggle("only-problems", event.target.checked);
  });
  window.addEventListener("beforeunload", (event) => {
    if (queue.isBusy()) event.preventDefault();
  });
}
