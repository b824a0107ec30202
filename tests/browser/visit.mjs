// One fresh browser context with one page, which notes whatever a quiet page must not do.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WAIT_MS = 10_000;

/** What a wheel's file name says of it. */
export function readWheelName(path) {
  const [project, version] = basename(path).split("-");
  return { filename: basename(path), project: project.toLowerCase().replaceAll(/[._-]+/g, "-"), version };
}

export class Visit {
  /** Opens a context of its own: nothing is left over from the check before. */
  static async open(browser, wish, options = {}) {
    const { width = 1280, height = 900, colorScheme = "light", reducedMotion = "no-preference", withoutClipboard = false } = options;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(wish.url).origin });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const visit = new Visit(context, page, wish);
    if (withoutClipboard) {
      await page.addInitScript(() => Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined }));
    }
    visit.listen();
    return visit;
  }

  constructor(context, page, wish) {
    Object.assign(this, { context, page, wish, origin: new URL(wish.url).origin, noises: [], foreign: [] });
    this.good = readWheelName(wish.good);
    this.bad = readWheelName(wish.bad);
  }

  listen() {
    this.page.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      // Chromium logs every answer 4xx of the API; the page shows those to the person, which the checks assert.
      const isApiAnswer = message.text().startsWith("Failed to load resource") && message.location().url.includes("/api/v1/");
      if (!isApiAnswer) this.noises.push(message.text());
    });
    this.page.on("pageerror", (error) => this.noises.push(`uncaught: ${error.message}`));
    this.page.on("request", (request) => {
      const address = new URL(request.url());
      if (address.protocol !== "data:" && address.origin !== this.origin) this.foreign.push(request.url());
    });
  }

  /** Fails on console errors, which violations of the content security policy are too, and on foreign requests. */
  assertQuiet() {
    assert.deepEqual(this.noises, [], "the console is not quiet");
    assert.deepEqual(this.foreign, [], "the page asked another origin");
  }

  async goto(path = "") {
    const response = await this.page.goto(new URL(path, this.wish.url).href);
    assert.equal(response.status(), 200, `${path || "/"} answers 200`);
    return response;
  }

  /** Opens the start page and waits until it shows what the server holds. */
  async start() {
    const response = await this.goto();
    await this.page.locator("#shore-to .serial").waitFor();
    return response;
  }

  async status() {
    const response = await this.context.request.get(new URL("api/v1/status", this.wish.url).href);
    return response.json();
  }

  async channel(name) {
    return (await this.status()).channels.find((channel) => channel.name === name);
  }

  async giveToken(token = this.wish.token) {
    await this.page.locator("#token-input").fill(token);
  }

  row(filename) {
    return this.page.locator("#upload-list .file", { hasText: filename });
  }

  /** Waits until the newest row of `filename` shows `word` as its verdict. */
  async awaitVerdict(filename, word) {
    const verdict = this.row(filename).last().locator(".verdict");
    await verdict.waitFor();
    try {
      await this.page.waitForFunction(([node, wanted]) => node.textContent === wanted, [await verdict.elementHandle(), word]);
    } catch {
      assert.equal(await verdict.textContent(), word, `the verdict of ${filename}`);
    }
  }

  /** Lets files fall onto `selector` as a real drop would: `files` are `{name, base64}`. */
  async drop(selector, files) {
    await this.page.evaluate(([target, dropped]) => {
      const transfer = new DataTransfer();
      for (const { name, base64 } of dropped) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
      }
      for (const type of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer });
        document.querySelector(target).dispatchEvent(event);
      }
    }, [selector, files]);
  }

  async assertNoOverflow() {
    const [content, view] = await this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(content <= view, `the page is ${content} px wide in a view of ${view} px`);
  }

  /** Fails on any violation that axe-core calls serious or critical. */
  async assertAccessible() {
    // By the debugger's own evaluation: the page's policy forbids a script element.
    const session = await this.context.newCDPSession(this.page);
    await session.send("Runtime.evaluate", { expression: AXE });
    await session.detach();
    const found = await this.page.evaluate(async () => (await globalThis.axe.run()).violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`));
    assert.deepEqual(found, [], "axe-core found violations");
  }

  shoot(name) {
    return this.page.screenshot({ path: join(this.wish.out, `${name}.png`), fullPage: true });
  }

  close() {
    return this.context.close();
  }
}
