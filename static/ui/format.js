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

/** The sentences that describe a failure to a person: what happened, and the next step if the server named one. */
export function problemText(problem) {
  const said = problem.detail || problem.title || problem.message || "The request failed.";
  return problem.hint ? `${said} ${problem.hint}` : said;
}
