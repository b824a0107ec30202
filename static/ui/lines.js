// The command lines for this server: which text each tool needs (pure), and the list that shows them.

import { copyButton } from "./copy.js";
import { byId, element } from "./dom.js";

const EXAMPLE = "flask";
const EXAMPLE_TARGET = "debian-12";
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** `text` as one shell word: quoted only if it needs to be. */
function shellWord(text) {
  return /^[\w@%+=:,./[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** pip refuses plain http from anywhere but this machine unless the host is named as trusted. */
function trustedHost(origin) {
  const { protocol, hostname, host } = new URL(origin);
  return protocol === "http:" && !LOOPBACK.test(hostname) ? ` --trusted-host ${host}` : "";
}

/**
 * The lines for `channel`, as `{id, tool, purpose, text}`. `root` is the server's address with a trailing slash;
 * `status` says which channel is meant by the short forms `/simple/` and `/legacy/`.
 */
export function commandLines(root, status, channel) {
  const isDefault = channel === status.default_channel;
  const index = shellWord(isDefault ? `${root}simple/` : `${root}${channel}/simple/`);
  const takesUploads = isDefault || channel === status.upload_channel;
  const legacy = shellWord(takesUploads ? `${root}legacy/` : `${root}${channel}/legacy/`);
  const targets = status.targets ?? [];
  const target = targets.includes(EXAMPLE_TARGET) ? EXAMPLE_TARGET : targets[0] ?? EXAMPLE_TARGET;
  const wish = new URLSearchParams({ requirement: EXAMPLE, script: EXAMPLE, target });
  if (!isDefault) wish.set("channel", channel);
  const into = takesUploads ? status.upload_channel : channel;
  return [
    { id: "pip", tool: "pip", purpose: "Install", text: `pip install --index-url ${index}${trustedHost(root)} ${EXAMPLE}` },
    { id: "uv", tool: "uv", purpose: "Install", text: `uv pip install --default-index ${index} ${EXAMPLE}` },
    { id: "twine", tool: "twine", purpose: `Upload into ${into}`, text: `twine upload --repository-url ${legacy} -u __token__ dist/*` },
    { id: "uv-publish", tool: "uv", purpose: `Upload into ${into}`, text: `uv publish --publish-url ${legacy} --username __token__ dist/*` },
    { id: "bundle", tool: "curl", purpose: "One file that starts on a bare host", text: `curl -OJ '${root}bundle/hello.pyz?${wish}'` },
  ];
}

/** Shows the lines of `channel` with a copy button each. */
export function renderLines(root, status, channel) {
  const rows = commandLines(root, status, channel).map((line) => {
    const code = element("code", { id: `line-${line.id}`, tabindex: "0", role: "group", "aria-label": `${line.tool} line` }, line.text);
    const head = element("div", { class: "line-head" },
      element("span", { class: "line-tool" }, line.tool),
      element("span", { class: "line-purpose" }, line.purpose),
      copyButton(code, `the ${line.tool} line`));
    return element("li", { class: "line" }, head, element("pre", {}, code));
  });
  byId("lines").replaceChildren(...rows);
  byId("lines-aside").replaceChildren(
    "Both upload lines ask for the token as password. ",
    element("a", { href: "manual/start.html" }, "How to make these settings permanent"));
}
