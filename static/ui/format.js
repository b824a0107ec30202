// Numbers and sentences for people. Pure functions only.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `size_bytes` as a short text in decimal units: `999 B`, `1.2 MB`. */
export function formatBytes(sizeBytes) {
  let value = Math.max(0, Number(sizeBytes) || 0);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `count` with its noun: `1 file`, `2 files`, `1,200 files`. */
export function formatCount(count, one, many = `${one}s`) {
  return `${Number(count).toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** `text` as a whole sentence: the server's errors begin small and end open, as parts of a longer message do. */
export function sentence(text) {
  const trimmed = String(text).trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** The sentences that describe a failure to a person: what happened, and the next step if the server named one. */
export function problemText(problem) {
  const said = sentence(problem.detail || problem.title || problem.message || "The request failed");
  return problem.hint ? `${said} ${sentence(problem.hint)}` : said;
}

/** What a refusal says before its findings, which are listed below it and need not be said twice. */
export function refusalText(problem) {
  const said = problem.detail || problem.title || "The file is refused";
  const first = problem.findings[0]?.message;
  if (said === first) return "";
  const at = first ? said.indexOf(`: ${first}`) : -1;
  return sentence(at > 0 ? said.slice(0, at) : said);
}
