// One file's row in the upload list: its progress, its verdict, every finding.

import { base } from "./api.js";
import { element, prose } from "./dom.js";
import { formatBytes, refusalText, sentence } from "./format.js";

const WORDS = {
  waiting: "Waiting",
  sending: "Sending",
  checking: "Checking",
  stored: "Stored",
  unchanged: "Already there",
  refused: "Refused",
  failed: "Not sent",
};

/** The manual's page behind a problem's `type`, or null if it points anywhere else. */
function manualLink(type) {
  if (!type) return null;
  try {
    const address = new URL(type, base);
    return address.origin === base.origin ? address.href : null;
  } catch {
    return null;
  }
}

function renderFinding(finding) {
  const head = element("p", { class: "finding-head" },
    element("a", { class: "rule", href: `manual/rules.html#${encodeURIComponent(String(finding.rule).toLowerCase())}` }, finding.rule),
    finding.severity === "refuse" ? null : element("span", { class: "severity" }, finding.severity),
    finding.entry ? element("code", { class: "entry" }, finding.entry) : null);
  return element("li", { class: "finding", "data-severity": finding.severity },
    head,
    element("p", { class: "finding-message" }, ...prose(sentence(finding.message))),
    finding.hint ? element("p", { class: "finding-hint" }, ...prose(sentence(finding.hint))) : null);
}

/** The list of findings, or nothing for none. */
export function renderFindings(findings) {
  if (!findings || findings.length === 0) return null;
  return element("ul", { class: "findings" }, ...findings.map(renderFinding));
}

function renderProblem(problem) {
  const link = manualLink(problem.type);
  const more = link && problem.code ? element("a", { class: "code", href: link }, problem.code) : null;
  const isSaidBelow = problem.findings.some((finding) => finding.hint === problem.hint);
  return element("div", { class: "file-problem" },
    element("p", {}, ...prose(refusalText(problem)), more ? " " : "", more),
    problem.hint && !isSaidBelow ? element("p", { class: "finding-hint" }, ...prose(sentence(problem.hint))) : null,
    problem.status >= 500 && problem.requestId ? element("p", { class: "note" }, `Request ${problem.requestId}`) : null);
}

function sizeText(entry) {
  const size = formatBytes(entry.file.size);
  if (entry.state !== "sending" || entry.sentBytes === 0) return size;
  return `${formatBytes(entry.sentBytes)} of ${size}`;
}

/** A row that can be brought up to date as its entry changes. */
export class FileRow {
  constructor(entry, onRetry) {
    this.entry = entry;
    this.size = element("span", { class: "file-size" });
    this.word = element("span", { class: "verdict" });
    this.bar = element("progress", { max: "1", value: "0", "aria-label": `Progress of ${entry.file.name}` });
    this.more = element("div", { class: "file-more" });
    this.retry = element("button", { type: "button", class: "quiet retry" }, "Retry", element("span", { class: "unseen" }, ` ${entry.file.name}`));
    this.retry.addEventListener("click", () => onRetry(entry));
    this.node = element("li", { class: "file" },
      element("div", { class: "file-head" }, element("span", { class: "file-name" }, entry.file.name), this.size, this.word, this.retry),
      this.bar, this.more);
    this.shownState = null;
    this.update();
  }

  update() {
    const { entry } = this;
    this.size.textContent = sizeText(entry);
    this.bar.max = Math.max(1, entry.file.size);
    this.bar.value = entry.sentBytes;
    if (entry.state === this.shownState) return;
    this.shownState = entry.state;
    this.node.dataset.state = entry.state;
    this.word.textContent = WORDS[entry.state];
    this.bar.hidden = !["waiting", "sending", "checking"].includes(entry.state);
    this.retry.hidden = entry.state !== "failed" && entry.state !== "refused";
    const findings = renderFindings(entry.problem?.findings ?? entry.verdict?.findings);
    const parts = [entry.problem ? renderProblem(entry.problem) : null, findings].filter(Boolean);
    this.more.replaceChildren(...parts);
    this.more.hidden = parts.length === 0;
  }
}
