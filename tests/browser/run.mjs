// Looks at the web page of a running server with Debian's Chromium, uploads a good and a bad wheel and blesses.
//
//   node run.mjs --url http://127.0.0.1:8417 --token TOKEN --good WHEEL --bad WHEEL --out DIR [--chromium PATH]
//
// Each check prints one line; the last line is `N passed, M failed`. Screenshots go to --out.
// The server should hold neither wheel yet; --bad must be one that the upload rules refuse.

import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { appearanceChecks } from "./appearance.mjs";
import { Visit } from "./visit.mjs";
import { workflowChecks } from "./workflow.mjs";

// Without these, Chromium looks for its maker's hosts at each start, which a closed network refuses.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

function readArguments() {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      token: { type: "string" },
      good: { type: "string" },
      bad: { type: "string" },
      out: { type: "string" },
      chromium: { type: "string", default: "/usr/bin/chromium" },
    },
  });
  const missing = ["url", "token", "good", "bad", "out"].filter((name) => !values[name]);
  if (missing.length > 0) {
    console.error(`run.mjs needs ${missing.map((name) => `--${name}`).join(", ")}.`);
    process.exit(2);
  }
  return { ...values, url: new URL(values.url).href };
}

async function runChecks(checks, browser, wish) {
  const failed = [];
  for (const { name, options, check } of checks) {
    const visit = await Visit.open(browser, wish, options);
    const started = Date.now();
    try {
      await check(visit);
      visit.assertQuiet();
      console.log(`ok      ${name} (${Date.now() - started} ms)`);
    } catch (error) {
      failed.push(name);
      console.log(`FAILED  ${name}\n        ${String(error.message).replaceAll("\n", "\n        ")}`);
      await visit.shoot(`failed-${name.replaceAll(/\W+/g, "-")}`).catch(() => {});
    } finally {
      await visit.close();
    }
  }
  return failed;
}

const wish = readArguments();
await mkdir(wish.out, { recursive: true });
const browser = await chromium.launch({ executablePath: wish.chromium, args: FLAGS });
const checks = [...appearanceChecks("before"), ...workflowChecks(), ...appearanceChecks("after")];
const failed = await runChecks(checks, browser, wish);
await browser.close();
console.log(`${checks.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
