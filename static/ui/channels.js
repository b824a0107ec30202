// What this server holds: the two shores with the ferry between them, other channels, and the first steps when empty.

import { byId, element, say } from "./dom.js";
import { formatBytes, formatCount } from "./format.js";

/** The channel uploads go to and the one clients install from, when the server has both and they differ. */
export function crossingOf(status) {
  const from = status.channels.find((channel) => channel.name === status.upload_channel);
  const to = status.channels.find((channel) => channel.name === status.default_channel);
  return from && to && from !== to ? { from, to } : null;
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

function browseAddress(channel, status) {
  return channel.name === status.default_channel ? "simple/" : `${channel.name}/simple/`;
}

function renderShore(node, channel, role, status) {
  node.dataset.channel = channel.name;
  node.replaceChildren(
    element("h2", { class: "shore-name", id: `${node.id}-name` }, channel.name),
    element("p", { class: "shore-role" }, role),
    element("p", { class: "serial" }, "serial ", element("strong", {}, String(channel.serial))),
    element("dl", { class: "facts" },
      fact("Projects", channel.project_count.toLocaleString("en")),
      fact("Releases", channel.release_count.toLocaleString("en")),
      fact("Files", channel.file_count.toLocaleString("en")),
      fact("Size", formatBytes(channel.size_bytes))),
    element("a", { class: "browse", href: browseAddress(channel, status) }, `Browse ${channel.name}`));
}

function renderOthers(status, shown) {
  const rows = status.channels.filter((channel) => !shown.has(channel.name)).map((channel) =>
    element("li", {},
      element("a", { href: browseAddress(channel, status) }, channel.name),
      ` serial ${channel.serial} · ${formatCount(channel.project_count, "project")} · `
        + `${formatCount(channel.file_count, "file")} · ${formatBytes(channel.size_bytes)}`));
  byId("other-channels").replaceChildren(...rows);
  byId("other-channels").hidden = rows.length === 0;
}

function heading(status) {
  const open = status.channels.find((channel) => channel.name === status.default_channel);
  if (!open || open.file_count === 0) return "Nothing to install yet";
  return `${formatCount(open.project_count, "project")} ready to install`;
}

function ferryNote({ from, to }) {
  if (from.file_count === 0) return `${from.name} is empty: upload something first.`;
  if (to.file_count === 0) return `${to.name} is empty: bless ${from.name} to make its ${formatCount(from.file_count, "file")} installable.`;
  return "Shows what would change first.";
}

/** Shows everything that the status answer says about channels. */
export function renderChannels(status) {
  const crossing = crossingOf(status);
  byId("holds-title").textContent = heading(status);
  byId("shore-from").hidden = !crossing;
  byId("shore-to").hidden = !crossing;
  byId("promote-open").hidden = !crossing;
  if (crossing) {
    renderShore(byId("shore-from"), crossing.from, "Uploads arrive here", status);
    renderShore(byId("shore-to"), crossing.to, "Clients install from here", status);
    byId("promote-open").textContent = `Bless ${crossing.from.name} → ${crossing.to.name}`;
    byId("promote-open").disabled = crossing.from.file_count === 0;
  }
  say(byId("ferry-note"), crossing ? ferryNote(crossing) : "");
  renderOthers(status, new Set(crossing ? [crossing.from.name, crossing.to.name] : []));
  byId("first-steps").hidden = status.channels.some((channel) => channel.file_count > 0);
}

/** Fills a channel selector, keeping the choice that is there if it still exists. */
export function fillChannelSelect(select, status, preferred) {
  const names = status.channels.map((channel) => channel.name);
  const wanted = names.includes(select.value) ? select.value : preferred;
  select.replaceChildren(...names.map((name) => element("option", { value: name, selected: name === wanted }, name)));
  select.value = wanted;
}
