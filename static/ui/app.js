// Starts the page: asks the server what it holds, hands that to each part, and asks again when something changed.

import { base, fetchStatus } from "./api.js";
import { crossingOf, fillChannelSelect, renderChannels } from "./channels.js";
import { byId, say } from "./dom.js";
import { problemText } from "./format.js";
import { renderLines } from "./lines.js";
import { setCrossing, startPromote } from "./promote.js";
import { setSearchChannel, startSearch } from "./search.js";
import { startUpload } from "./upload.js";

let status = null;

/** The address for the lines: what the operator declared, else the one this page came from. */
function rootAddress() {
  const declared = status.public_url;
  return declared ? `${declared.replace(/\/+$/, "")}/` : base.href;
}

function showChoice() {
  const channel = byId("channel-select").value;
  renderLines(rootAddress(), status, channel);
  setSearchChannel(channel);
}

/** Parts that say nothing without a status are not there until it came. */
function showParts(areShown) {
  for (const id of ["crossing", "connect", "search"]) byId(id).hidden = !areShown;
}

function show() {
  byId("server-version").textContent = `Ferrywheel ${status.version}`;
  say(byId("targets"), status.targets?.length ? `Bundles for ${status.targets.join(", ")}` : "");
  say(byId("token-note"), `Kept in this browser tab until you close it.${status.reads === "token" ? "" : " Reading needs none."}`);
  renderChannels(status);
  setCrossing(crossingOf(status));
  fillChannelSelect(byId("channel-select"), status, status.default_channel);
  fillChannelSelect(byId("upload-channel"), status, status.upload_channel);
  showChoice();
}

async function refresh() {
  try {
    status = await fetchStatus();
  } catch (problem) {
    const next = problem.status === 401 ? " Here, type it in under “Upload wheels” and press Enter." : "";
    say(byId("status-problem"), problemText(problem) + next);
    showParts(status !== null);
    return;
  }
  say(byId("status-problem"), "");
  showParts(true);
  show();
}

byId("host").textContent = base.host;
document.title = `Ferrywheel on ${base.host}`;
byId("channel-select").addEventListener("change", showChoice);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refresh();
});
startSearch();
startUpload(refresh);
startPromote(refresh);
refresh();
