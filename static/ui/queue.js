// The upload queue: which file is sent when, and what became of it. Knows nothing of the page.

/** Uploads at the same time: enough to fill the line while the server checks, few enough to leave room for others. */
export const MAX_PARALLEL = 3;

const FINISHED = new Set(["stored", "unchanged"]);
const TROUBLED = new Set(["refused", "failed"]);

/** A later try of the same bytes may succeed: no answer, too many requests, or a fault of the server. */
function isPassing(problem) {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

/**
 * Sends files, at most `MAX_PARALLEL` at once, in the order they came.
 *
 * An entry is `{file, channel, state, sentBytes, verdict, problem}`; its state goes from `waiting` over `sending` and
 * `checking` to `stored`, `unchanged`, `refused` (by the server's rules) or `failed` (worth a retry). An answer 401
 * puts the entry back and stops the queue until `resume`.
 */
export class UploadQueue {
  constructor({ send, canSend, onEntry, onLocked, onSettled }) {
    this.send = send;
    this.canSend = canSend;
    this.onEntry = onEntry;
    this.onLocked = onLocked;
    this.onSettled = onSettled;
    this.entries = [];
    this.activeCount = 0;
    this.isLocked = false;
  }

  add(files, channel) {
    for (const file of files) {
      const entry = { file, channel, state: "waiting", sentBytes: 0, verdict: null, problem: null };
      this.entries.push(entry);
      this.onEntry(entry);
    }
    this.pump();
  }

  retry(entry) {
    if (!TROUBLED.has(entry.state)) return;
    Object.assign(entry, { state: "waiting", sentBytes: 0, verdict: null, problem: null });
    this.onEntry(entry);
    this.pump();
  }

  retryFailed() {
    for (const entry of this.entries.filter((each) => each.state === "failed")) this.retry(entry);
  }

  /** Forgets what is stored already and answers those entries. */
  clearFinished() {
    const gone = this.entries.filter((entry) => FINISHED.has(entry.state));
    this.entries = this.entries.filter((entry) => !FINISHED.has(entry.state));
    return gone;
  }

  resume() {
    this.isLocked = false;
    this.pump();
  }

  /** Whether leaving the page now would lose work. */
  isBusy() {
    return this.entries.some((entry) => !FINISHED.has(entry.state) && !TROUBLED.has(entry.state));
  }

  counts() {
    const counts = { waiting: 0, sending: 0, checking: 0, stored: 0, unchanged: 0, refused: 0, failed: 0 };
    for (const entry of this.entries) counts[entry.state] += 1;
    return counts;
  }

  /** Bytes of all files, and how many of them are dealt with. */
  progress() {
    let total = 0;
    let done = 0;
    for (const entry of this.entries) {
      total += entry.file.size;
      done += FINISHED.has(entry.state) || TROUBLED.has(entry.state) ? entry.file.size : Math.min(entry.sentBytes, entry.file.size);
    }
    return { total, done };
  }

  pump() {
    while (this.activeCount < MAX_PARALLEL && !this.isLocked) {
      const next = this.entries.find((entry) => entry.state === "waiting");
      if (!next) return;
      if (!this.canSend()) {
        this.lock(null);
        return;
      }
      this.start(next);
    }
  }

  lock(problem) {
    this.isLocked = true;
    this.onLocked(problem);
  }

  async start(entry) {
    this.activeCount += 1;
    this.change(entry, { state: "sending", sentBytes: 0 });
    try {
      const verdict = await this.send(entry.file, entry.channel, (sentBytes) => this.noteSent(entry, sentBytes));
      this.change(entry, { state: verdict.verdict === "unchanged" ? "unchanged" : "stored", verdict });
    } catch (problem) {
      if (problem.status === 401) {
        this.change(entry, { state: "waiting", sentBytes: 0 });
        this.lock(problem);
      } else {
        this.change(entry, { state: isPassing(problem) ? "failed" : "refused", problem });
      }
    } finally {
      this.activeCount -= 1;
      this.pump();
      if (this.activeCount === 0) this.onSettled();
    }
  }

  noteSent(entry, sentBytes) {
    this.change(entry, { sentBytes, state: sentBytes >= entry.file.size ? "checking" : "sending" });
  }

  change(entry, facts) {
    Object.assign(entry, facts);
    this.onEntry(entry);
  }
}
