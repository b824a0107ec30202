// How the pages look and behave without anybody doing anything: widths, colours, policy, accessibility, the manual.

import assert from "node:assert/strict";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
  + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const WIDTHS = [360, 390, 768, 1280, 1600];

function startPageCheck(moment, width, colorScheme) {
  return {
    name: `start page ${moment} uploads, ${width} px, ${colorScheme}`,
    options: { width, colorScheme },
    check: async (visit) => {
      const response = await visit.start();
      assert.equal(response.headers()["content-security-policy"], POLICY);
      assert.equal(response.headers()["x-content-type-options"], "nosniff");
      await visit.assertNoOverflow();
      await visit.assertAccessible();
      await visit.shoot(`start-${moment}-${width}-${colorScheme}`);
    },
  };
}

async function holdings(visit) {
  await visit.start();
  const status = await visit.status();
  for (const [id, name] of [["shore-from", status.upload_channel], ["shore-to", status.default_channel]]) {
    const channel = status.channels.find((each) => each.name === name);
    const shore = visit.page.locator(`#${id}`);
    assert.equal(await shore.locator("h2").textContent(), name);
    assert.equal(await shore.locator(".serial").textContent(), `serial ${channel.serial}`);
    const facts = await shore.locator("dd").allTextContents();
    const expected = [channel.project_count, channel.release_count, channel.file_count].map((count) => count.toLocaleString("en"));
    assert.deepEqual(facts.slice(0, 3), expected);
  }
  const isEmpty = status.channels.every((channel) => channel.file_count === 0);
  assert.equal(await visit.page.locator("#first-steps").isVisible(), isEmpty, "first steps show exactly when nothing is stored");
}

async function noAnswer(visit) {
  await visit.page.route("**/api/v1/status", (route) => route.fulfill({
    status: 503,
    contentType: "application/problem+json",
    body: JSON.stringify({ title: "Busy", status: 503, code: "test/busy", detail: "The index did not answer.", hint: "Try again in a minute.", request_id: "0" }),
  }));
  await visit.goto();
  const problem = visit.page.locator("#status-problem");
  await problem.waitFor();
  assert.equal(await problem.textContent(), "The index did not answer. Try again in a minute.");
  assert.equal(await visit.page.locator("#connect").isVisible(), false, "no lines without a status");
}

/** A server that keeps reads behind a token: the page asks for it, then shows what there is. */
async function readsByToken(visit) {
  const refusal = { title: "A token is needed", status: 401, code: "test/token", detail: "this needs a token", request_id: "0" };
  await visit.page.route("**/api/v1/status", (route) => route.request().headers().authorization === `Bearer ${visit.wish.token}`
    ? route.continue()
    : route.fulfill({ status: 401, contentType: "application/problem+json", body: JSON.stringify(refusal) }));
  await visit.goto();
  const problem = visit.page.locator("#status-problem");
  await problem.waitFor();
  assert.match(await problem.textContent(), /^This needs a token\. Here, type it in/);
  await visit.giveToken();
  await visit.page.locator("#token-input").press("Enter");
  await visit.page.locator("#shore-to .serial").waitFor();
  await problem.waitFor({ state: "hidden" });
}

async function calmMotion(visit) {
  await visit.start();
  const durations = await visit.page.evaluate(() => [...document.querySelectorAll("*")]
    .map((node) => getComputedStyle(node)).filter((style) => style.transitionDuration !== "0s" || style.animationName !== "none").length);
  assert.equal(durations, 0, "nothing moves when reduced motion is wished for");
}

function manualCheck(width, colorScheme) {
  return {
    name: `every manual page opens, ${width} px, ${colorScheme}`,
    options: { width, colorScheme },
    check: async (visit) => {
      await visit.goto("manual/");
      const addresses = await visit.page.locator("main a[href], nav a[href]").evaluateAll((links) => links.map((link) => link.href.split("#")[0]));
      const pages = [...new Set(addresses)].filter((address) => new URL(address).pathname.startsWith("/manual/"));
      assert.ok(pages.length >= 6, `the contents list ${pages.length} pages`);
      for (const address of pages) {
        const response = await visit.goto(address);
        assert.equal(response.headers()["content-security-policy"], POLICY, address);
        assert.equal(await visit.page.locator("h1").count(), 1, `${address} has one title`);
        assert.ok(await visit.page.locator("nav a").count() > 3, `${address} has the navigation`);
        await visit.assertNoOverflow();
        await visit.assertAccessible();
        await visit.shoot(`manual-${new URL(address).pathname.replaceAll(/\W+/g, "-")}-${width}-${colorScheme}`);
      }
    },
  };
}

async function manualAnchors(visit) {
  await visit.goto("manual/");
  const pages = await visit.page.locator("nav a[href]").evaluateAll((links) => [...new Set(links.map((link) => link.href.split("#")[0]))]);
  const dead = [];
  for (const address of pages.filter((each) => new URL(each).pathname.startsWith("/manual/"))) {
    await visit.goto(address);
    const links = await visit.page.locator("a[href]").evaluateAll((nodes) => nodes.map((node) => node.href));
    for (const link of new Set(links.filter((each) => each.startsWith(`${visit.origin}/manual/`) && each.includes("#")))) {
      const [target, anchor] = link.split("#");
      const text = await (await visit.context.request.get(target)).text();
      if (!text.includes(`id="${anchor}"`)) dead.push(`${address} -> ${link}`);
    }
  }
  assert.deepEqual(dead, [], "links into the manual lead to headings that exist");
}

/** The checks for one `moment`, before or after the uploads. */
export function appearanceChecks(moment) {
  const start = WIDTHS.map((width) => startPageCheck(moment, width, "light"))
    .concat([390, 1280].map((width) => startPageCheck(moment, width, "dark")));
  const always = [...start, { name: `what the server holds ${moment} uploads`, check: holdings }];
  if (moment === "after") return always;
  return [
    ...always,
    { name: "a server without an answer is shown with its hint", check: noAnswer },
    { name: "a server that keeps reads behind a token", check: readsByToken },
    { name: "reduced motion", options: { reducedMotion: "reduce" }, check: calmMotion },
    manualCheck(390, "light"),
    manualCheck(1280, "light"),
    manualCheck(1280, "dark"),
    { name: "links into the manual", check: manualAnchors },
  ];
}
