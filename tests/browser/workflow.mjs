// What people do on the page, in the order of a first day: copy a line, upload, see refusals, bless, search.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyboardCheck } from "./keyboard.mjs";

function base64Of(path) {
  return readFileSync(path).toString("base64");
}

function countFiles(channel, change) {
  return (channel.file_count + change).toLocaleString("en");
}

/** Waits until the text of `selector` matches; a summary follows its files at a calmer pace. */
async function awaitText(page, selector, pattern) {
  try {
    await page.locator(selector, { hasText: pattern }).waitFor({ timeout: 3000 });
  } catch {
    assert.match(await page.locator(selector).textContent(), pattern);
  }
}

async function commandLines(visit) {
  await visit.start();
  const lines = async () => Object.fromEntries(await visit.page.locator("#lines code").evaluateAll(
    (nodes) => nodes.map((node) => [node.id.replace("line-", ""), node.textContent])));
  const at = visit.origin;
  const blessed = await lines();
  assert.equal(blessed.pip, `pip install --index-url ${at}/simple/ flask`);
  assert.equal(blessed.uv, `uv pip install --default-index ${at}/simple/ flask`);
  assert.equal(blessed.twine, `twine upload --repository-url ${at}/legacy/ -u __token__ dist/*`);
  assert.equal(blessed["uv-publish"], `uv publish --publish-url ${at}/legacy/ --username __token__ dist/*`);
  assert.equal(blessed.bundle, `curl -OJ '${at}/bundle/hello.pyz?requirement=flask&script=flask&target=debian-12'`);
  await visit.page.locator("#channel-select").selectOption("staging");
  const staging = await lines();
  assert.equal(staging.pip, `pip install --index-url ${at}/staging/simple/ flask`);
  assert.equal(staging.twine, blessed.twine);
  assert.equal(staging.bundle, `curl -OJ '${at}/bundle/hello.pyz?requirement=flask&script=flask&target=debian-12&channel=staging'`);
}

/** What the lines would be on servers elsewhere: the same module, with other addresses. */
async function linesElsewhere(visit) {
  await visit.start();
  const of = (root, channel) => visit.page.evaluate(async ([address, name]) => {
    const { commandLines } = await import("/ui/lines.js");
    const status = { default_channel: "blessed", upload_channel: "staging", targets: ["debian-11"] };
    return Object.fromEntries(commandLines(address, status, name).map(({ id, text }) => [id, text]));
  }, [root, channel]);
  const plain = await of("http://ferry.example:8417/", "blessed");
  assert.equal(plain.pip, "pip install --index-url http://ferry.example:8417/simple/ --trusted-host ferry.example:8417 flask");
  assert.equal(plain.bundle, "curl -OJ 'http://ferry.example:8417/bundle/hello.pyz?requirement=flask&script=flask&target=debian-11'");
  const tls = await of("https://ferry.example/py/", "dev");
  assert.equal(tls.pip, "pip install --index-url https://ferry.example/py/dev/simple/ flask");
  assert.equal(tls.twine, "twine upload --repository-url https://ferry.example/py/dev/legacy/ -u __token__ dist/*");
  assert.equal((await of("http://[::1]:8417/", "blessed")).pip, "pip install --index-url http://[::1]:8417/simple/ flask");
}

/** Names, summaries and findings come out of strangers' wheels: markup in them is shown, not obeyed. */
async function markupStaysText(visit) {
  const { page } = visit;
  const hostile = '<img src="/x" onerror="document.title=1"><script>document.title=1</script>`</code><b>`';
  await page.route("**/api/v1/search?*", (route) => route.fulfill({
    json: { channel: "blessed", query: hostile, total: 1, results: [{ name: hostile, display_name: hostile, version: hostile, summary: hostile, file_count: 1 }] },
  }));
  await page.route("**/api/v1/channels/*/files/*", (route) => route.fulfill({
    status: 400,
    json: {
      type: "javascript:alert(1)", title: hostile, status: 400, code: "test/hostile", detail: hostile, hint: hostile, request_id: hostile,
      findings: [{ rule: hostile, severity: "refuse", entry: hostile, message: hostile, hint: hostile }],
    },
  }));
  await visit.start();
  const title = await page.title();
  await visit.giveToken();
  await visit.drop("#drop", [{ name: "hostile-1.0-py3-none-any.whl", base64: "AAAA" }]);
  await visit.awaitVerdict("hostile-1.0-py3-none-any.whl", "Refused");
  assert.equal(await page.locator(".result-summary").textContent(), hostile);
  assert.ok((await page.locator(".finding-message").textContent()).startsWith('<img src="/x" onerror='));
  assert.equal(await page.locator("main img, main script, main b").count(), 0);
  assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
  assert.equal(await page.title(), title);
  await visit.assertNoOverflow();
}

/** Copies each line by its button and pastes it into the search field. */
async function copyButtons(visit) {
  await visit.start();
  const { page } = visit;
  const rows = page.locator("#lines .line");
  assert.equal(await rows.count(), 5);
  for (let at = 0; at < 5; at += 1) {
    const row = rows.nth(at);
    const button = row.getByRole("button");
    await button.click();
    await row.locator('.copy[data-state="copied"]').waitFor();
    await page.locator("#search-input").fill("");
    await page.locator("#search-input").press("Control+V");
    assert.equal(await page.locator("#search-input").inputValue(), await row.locator("code").textContent());
  }
}

/** The real file input; no token, a wrong one, then the right one. */
async function goodWheel(visit) {
  await visit.start();
  const { page, good } = visit;
  const before = await visit.channel("staging");
  await page.locator("#file-input").setInputFiles(visit.wish.good);
  await page.locator("#token-problem").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "token-input", "the token field has the focus");
  assert.equal(await visit.row(good.filename).locator(".verdict").textContent(), "Waiting");
  await page.keyboard.type("fw_not-a-token");
  const refused = page.waitForResponse((response) => response.request().method() === "PUT");
  await page.keyboard.press("Enter");
  // `Basic` here would make browsers open a log-in window of their own over the page.
  assert.doesNotMatch((await refused).headers()["www-authenticate"] ?? "", /basic/i);
  await page.waitForFunction(() => document.getElementById("token-problem").textContent.includes("oken")
    && document.getElementById("token-problem").textContent.includes("first start") === false);
  assert.equal((await visit.channel("staging")).file_count, before.file_count);
  await visit.shoot("upload-wrong-token");
  await visit.giveToken();
  await page.locator("#token-continue").click();
  await visit.awaitVerdict(good.filename, "Stored");
  await page.locator("#token-problem").waitFor({ state: "hidden" });
  await page.waitForFunction((wanted) => document.querySelectorAll("#shore-from dd")[2].textContent === wanted, countFiles(before, 1));
  await awaitText(page, "#upload-summary", /^1 file \(.+\): 1 stored\.$/);
  const stored = await page.evaluate(() => Object.entries(localStorage).concat([document.cookie, location.href].map((each) => [each])));
  assert.ok(!JSON.stringify(stored).includes(visit.wish.token), "the token stays in the tab");
  await visit.shoot("upload-stored");
}

async function badWheel(visit) {
  await visit.start();
  const { page, bad } = visit;
  const before = await visit.channel("staging");
  await visit.giveToken();
  await page.locator("#file-input").setInputFiles([visit.wish.bad, visit.wish.good]);
  await visit.awaitVerdict(bad.filename, "Refused");
  await visit.awaitVerdict(visit.good.filename, "Already there");
  const row = visit.row(bad.filename);
  const finding = row.locator('.finding[data-severity="refuse"]').first();
  assert.match(await finding.locator(".rule").textContent(), /^[A-Z]{3}-\d\d$/);
  assert.ok((await finding.locator(".finding-message").textContent()).length > 10, "the finding says what is wrong");
  assert.ok(await finding.isVisible());
  assert.ok((await row.locator(".file-problem").textContent()).includes(bad.filename), "the refusal names the file");
  await visit.assertAccessible();
  await visit.assertNoOverflow();
  await visit.shoot("upload-refused-1280");
  await page.setViewportSize({ width: 390, height: 844 });
  await visit.assertNoOverflow();
  await visit.shoot("upload-refused-390");
  await page.locator("#only-problems").check();
  assert.equal(await visit.row(visit.good.filename).isVisible(), false);
  await page.locator("#only-problems").uncheck();
  await page.locator("#clear-done").click();
  assert.equal(await page.locator("#upload-list .file").count(), 1, "finished rows are cleared, refused ones stay");
  assert.equal((await visit.channel("staging")).file_count, before.file_count, "a refused file is not stored");
  const help = await finding.locator(".rule").evaluate((link) => link.href);
  assert.equal(new URL(help).pathname, "/manual/rules.html");
  await visit.goto(help);
  assert.equal(await page.locator(`[id="${new URL(help).hash.slice(1)}"]`).count(), 1, `${help} leads to the rule's row`);
}

async function droppedFiles(visit) {
  await visit.start();
  const { page, wish, good, bad } = visit;
  await visit.giveToken();
  await visit.drop("#drop", [
    { name: good.filename, base64: base64Of(wish.good) },
    { name: bad.filename, base64: base64Of(wish.bad) },
    { name: "README.md", base64: "IyBoaQo=" },
  ]);
  await visit.awaitVerdict(good.filename, "Already there");
  await visit.awaitVerdict(bad.filename, "Refused");
  assert.ok((await page.locator("#left-out").textContent()).includes("README.md"));
  assert.equal(await page.locator("#drop.over").count(), 0);
  // Let go beside the box: the page takes it all the same and stays.
  await visit.drop("h1", [{ name: good.filename, base64: base64Of(wish.good) }]);
  await page.waitForFunction(() => document.querySelectorAll("#upload-list .file").length === 3);
  await visit.awaitVerdict(good.filename, "Already there");
}

/** A folder with a folder in it, by the button for folders. */
async function chosenFolder(visit) {
  const folder = mkdtempSync(join(tmpdir(), "ferrywheel-folder-"));
  try {
    mkdirSync(join(folder, "inner"));
    copyFileSync(visit.wish.good, join(folder, "inner", visit.good.filename));
    writeFileSync(join(folder, "notes.txt"), "not a wheel");
    await visit.start();
    await visit.giveToken();
    await visit.page.locator("#folder-input").setInputFiles(folder);
    await visit.awaitVerdict(visit.good.filename, "Already there");
    assert.equal(await visit.page.locator("#left-out").textContent(), "Left out, neither a wheel nor an sdist: notes.txt.");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Holds every upload back, so that what happens meanwhile can be seen; `answer` decides how each one ends. */
async function holdUploads(visit) {
  const held = [];
  await visit.page.route("**/api/v1/channels/*/files/*", (route) => held.push(route));
  const until = async (count) => {
    const end = Date.now() + 5000;
    while (held.length < count && Date.now() < end) await visit.page.waitForTimeout(20);
    assert.equal(held.length, count, "uploads on their way");
  };
  return { held, until };
}

async function parallelAndRetry(visit) {
  await visit.start();
  const { page } = visit;
  await visit.giveToken();
  const { held, until } = await holdUploads(visit);
  const names = [1, 2, 3, 4, 5].map((n) => `many-${n}.0-py3-none-any.whl`);
  await visit.drop("#drop", names.map((name) => ({ name, base64: "AAAA" })));
  await until(3);
  await page.waitForTimeout(150);
  assert.equal(held.length, 3, "at most three at once");
  assert.equal(await page.locator('.file[data-state="waiting"]').count(), 2);
  await visit.shoot("upload-running");
  await held[0].abort();
  await held[1].fulfill({ status: 503, contentType: "text/html", body: "<h1>proxy</h1>" });
  await held[2].fulfill({ status: 200, contentType: "application/json", body: JSON.stringify({ verdict: "stored", findings: [] }) });
  await visit.awaitVerdict(names[0], "Not sent");
  await visit.awaitVerdict(names[1], "Not sent");
  await visit.awaitVerdict(names[2], "Stored");
  await until(5);
  await visit.row(names[0]).getByRole("button", { name: "Retry" }).click();
  await until(6);
  assert.ok(held[5].request().url().endsWith(names[0]));
  for (const route of held.slice(3)) await route.abort();
  await page.waitForFunction(() => document.querySelectorAll('.file[data-state="failed"]').length === 4);
  await awaitText(page, "#upload-summary", /1 stored, 4 not sent/);
  visit.noises = visit.noises.filter((noise) => !noise.includes("ERR_FAILED"));
}

async function leaveGuard(visit) {
  await visit.start();
  const { page } = visit;
  await visit.giveToken();
  await page.locator("h1").click(); // browsers ask only on pages that somebody has touched
  const { held, until } = await holdUploads(visit);
  const asked = [];
  page.on("dialog", async (dialog) => {
    asked.push(dialog.type());
    await dialog.dismiss();
  });
  await visit.drop("#drop", [{ name: "slow-1.0-py3-none-any.whl", base64: "AAAA" }]);
  await until(1);
  await page.close({ runBeforeUnload: true });
  await page.waitForTimeout(300);
  assert.deepEqual(asked, ["beforeunload"], "the browser asks before an upload is lost");
  await held[0].fulfill({ status: 200, contentType: "application/json", body: JSON.stringify({ verdict: "stored", findings: [] }) });
  await visit.awaitVerdict("slow-1.0-py3-none-any.whl", "Stored");
  await page.reload();
  assert.equal(asked.length, 1, "nothing is asked when nothing is open");
}

async function blessing(visit) {
  await visit.start();
  const { page, good } = visit;
  const before = await visit.channel("blessed");
  await page.locator("#promote-open").click();
  await page.locator("#promote-token").waitFor();
  await page.locator("#promote-token-input").fill(visit.wish.token);
  await page.keyboard.press("Enter");
  await page.locator(".planned li", { hasText: good.filename }).waitFor();
  await visit.assertAccessible();
  await visit.shoot("bless-plan");
  await page.locator("#promote-cancel").click();
  assert.equal((await visit.channel("blessed")).serial, before.serial, "looking changes nothing");
  await page.locator("#promote-open").click();
  await page.locator(".planned li").first().waitFor();
  const added = await page.locator(".planned li").count();
  await page.locator("#promote-apply").click();
  await page.locator("#promote-body .done").waitFor();
  await visit.shoot("bless-done");
  const after = await visit.channel("blessed");
  assert.equal(after.serial, before.serial + 1);
  assert.equal(after.file_count, before.file_count + added);
  await page.locator("#promote-cancel").click();
  await page.waitForFunction((wanted) => document.querySelectorAll("#shore-to dd")[2].textContent === wanted, countFiles(after, 0));
  await page.locator("#promote-open").click();
  await page.locator("#promote-body", { hasText: "holds everything" }).waitFor();
  assert.equal(await page.locator("#promote-apply").isVisible(), false, "there is nothing left to bless");
}

/** The channel moves between the look and the click; the page says so and offers to look again. */
async function blessingTooLate(visit) {
  await visit.start();
  const { page } = visit;
  await visit.giveToken();
  const asked = [];
  await page.route("**/promotions", (route) => {
    const wish = route.request().postDataJSON();
    asked.push(wish);
    const body = wish.dry_run
      ? { from: { channel: "staging", serial: 9 }, to: { channel: "blessed", serial_before: 4, serial: 5 }, dry_run: true, added: ["late-1.0-py3-none-any.whl"], unchanged_count: 1 }
      : { title: "Conflict", status: 409, code: "test/moved", detail: "`blessed` is at serial 6, not 4.", hint: "Look at the plan again.", request_id: "0" };
    return route.fulfill({ status: wish.dry_run ? 200 : 409, contentType: "application/json", body: JSON.stringify(body) });
  });
  await page.locator("#promote-open").click();
  await page.locator("#promote-apply").click();
  const problem = page.locator("#promote-problem");
  await problem.waitFor();
  assert.equal(await problem.textContent(), "blessed is at serial 6, not 4. Look at the plan again.");
  assert.deepEqual(asked.map(({ from, expected_serial: expected }) => [from, expected]), [["staging", null], ["staging@9", 4]]);
  await page.locator("#promote-apply", { hasText: "Look again" }).click();
  await page.locator(".planned li").waitFor();
}

async function search(visit) {
  await visit.start();
  const { page, good } = visit;
  await page.locator(".result").first().waitFor(); // the first projects, before anything is typed
  await page.locator("#search-input").fill(good.project.slice(0, 4));
  const result = page.locator(".result", { hasText: good.version }).first();
  await result.waitFor();
  await visit.assertAccessible();
  await visit.shoot("search");
  await page.locator("#search-input").fill("zz-no-such-project");
  await page.locator("#search-note", { hasText: "No project in blessed matches" }).waitFor();
  assert.equal(await page.locator(".result").count(), 0);
  await page.locator("#search-input").fill(good.project);
  const link = page.locator(`.result-name[href$="/simple/${good.project}/"]`);
  await link.waitFor();
  await link.click();
  await page.waitForURL(`**/blessed/simple/${good.project}/`);
  visit.noises = visit.noises.filter((noise) => !noise.includes("favicon"));
}

/** Only what the server has verified is called so, whatever a certificate has in it. */
async function signers(visit) {
  const { page } = visit;
  const hostile = "<b>acme</b>/demo";
  const result = { name: "demo", display_name: "demo", version: "1.0", summary: null, file_count: 3, attested_count: 2, verified_count: 1 };
  const signer = {
    predicate_type: "https://slsa.dev/provenance/v1",
    identity: "https://ci.example/demo",
    issuer: "https://issuer.example",
    publisher: { kind: "GitHub", repository: hostile, workflow: "release.yml", environment: null },
  };
  await page.route("**/api/v1/search?*", (route) => route.fulfill({
    json: { channel: "blessed", query: "", total: 1, results: [result] },
  }));
  await page.route("**/api/v1/channels/blessed/projects/demo/provenance", (route) => route.fulfill({
    json: {
      channel: "blessed",
      project: "demo",
      files: [
        { filename: "demo-1.0.tar.gz", version: "1.0", sha256: "00", provenance: { sha256: "00", is_verified: true, signers: [signer, { ...signer, predicate_type: "other" }] } },
        { filename: "demo-0.9.tar.gz", version: "0.9", sha256: "00", provenance: { sha256: "00", is_verified: false, signers: [] } },
      ],
    },
  }));
  await visit.start();
  await page.locator(".result-provenance summary", { hasText: "2 files attested, 1 verified" }).click();
  await page.locator(".signers li").nth(1).waitFor();
  assert.deepEqual(await page.locator(".signers .verified, .signers .unverified").allTextContents(), ["verified", "unverified"]);
  assert.deepEqual(await page.locator(".signers .signer").allTextContents(), [`GitHub ${hostile} (release.yml), vouched for by https://issuer.example`]);
  await visit.assertAccessible();
  await visit.shoot("signers");
}

/** The checks in an order that matters: what one uploads, the next finds. */
export function workflowChecks() {
  return [
    { name: "command lines are exact and follow the channel", check: commandLines },
    { name: "command lines of servers elsewhere", check: linesElsewhere },
    { name: "markup in answers stays text", check: markupStaysText },
    { name: "copy buttons", check: copyButtons },
    { name: "copy buttons without the clipboard API", options: { withoutClipboard: true }, check: copyButtons },
    { name: "a good wheel by the file input, without, with a wrong, with the right token", check: goodWheel },
    { name: "a bad wheel is refused with its findings", check: badWheel },
    { name: "files dropped on the box and beside it", check: droppedFiles },
    { name: "a chosen folder", check: chosenFolder },
    { name: "three at once, failures can be retried", check: parallelAndRetry },
    { name: "leaving asks while an upload is open", check: leaveGuard },
    { name: "blessing shows its plan first", check: blessing },
    { name: "blessing too late", check: blessingTooLate },
    { name: "search by name", check: search },
    { name: "who has signed is told as far as it is verified", check: signers },
    { name: "the page by keyboard alone", check: keyboardCheck },
  ];
}
