// Who has built the files of a project: shown below a search result, asked for when somebody opens it.

import { listSigners } from "./api.js";
import { element } from "./dom.js";
import { formatCount, problemText } from "./format.js";

/** Publisher in a few words: repository and workflow, or the address; the bare identity of a service that is not known. */
function publisherText(signer) {
  const { kind, repository, workflow, workflow_filepath: path, email } = signer.publisher;
  if (kind === "GitHub" || kind === "GitLab") return `${kind} ${repository} (${workflow ?? path})`;
  return kind === "Google" ? `${kind} ${email}` : signer.identity;
}

function renderFile(file) {
  const { is_verified: isVerified, signers } = file.provenance;
  // Two attestations of one file mostly have one signer.
  const told = new Map(signers.map((signer) => [`${publisherText(signer)} ${signer.issuer}`, signer]));
  return element("li", {},
    element("code", {}, file.filename), " ",
    element("span", { class: isVerified ? "verified" : "unverified" }, isVerified ? "verified" : "unverified"),
    ...[...told.values()].map((signer) =>
      element("span", { class: "signer", title: signer.identity }, `${publisherText(signer)}, vouched for by ${signer.issuer}`)));
}

function summaryText(result) {
  const { attested_count: attested, verified_count: verified } = result;
  const files = `${formatCount(attested, "file")} attested`;
  if (verified === 0) return `${files}, unverified`;
  return verified === attested ? `${files}, verified` : `${files}, ${verified} verified`;
}

/** The line about the provenance of a search result, to be opened; nothing where no file has one. */
export function renderSigners(result, channel) {
  if (!result.attested_count) return null;
  const list = element("ul", { class: "signers" });
  const details = element("details", { class: "result-provenance" }, element("summary", {}, summaryText(result)), list);
  details.addEventListener("toggle", async () => {
    if (!details.open || list.childElementCount > 0) return;
    try {
      const answer = await listSigners(channel, result.name);
      const rest = result.attested_count - answer.files.length;
      const more = rest > 0 ? [element("li", {}, `and ${formatCount(rest, "file")} more, in the API`)] : [];
      list.replaceChildren(...answer.files.map(renderFile), ...more);
    } catch (error) {
      list.replaceChildren(element("li", {}, problemText(error)));
    }
  });
  return details;
}
