// The page without a mouse: every control is reached by Tab, shows that it has the focus, and works by a key.

import assert from "node:assert/strict";

const MAX_TABS = 80;

/** Walks by Tab from the start of the page and answers what had the focus, in order. */
async function walkByTab(page) {
  const seen = [];
  for (let step = 0; step < MAX_TABS; step += 1) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const node = document.activeElement;
      if (node === document.body) return null;
      const style = getComputedStyle(node);
      const box = node.getBoundingClientRect();
      const isShown = style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2;
      return { name: node.id || node.className || node.textContent.trim(), isShown, isInView: box.bottom > 0 && box.top < innerHeight };
    });
    if (here === null) return seen;
    seen.push(here);
  }
  assert.fail(`after ${MAX_TABS} steps Tab is still inside the page`);
}

async function tabTo(page, id) {
  for (let step = 0; step < MAX_TABS; step += 1) {
    if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not reach ${id}`);
}

export async function keyboardCheck(visit) {
  await visit.start();
  const { page } = visit;
  const seen = await walkByTab(page);
  assert.equal(seen[0].name, "skip", "the first stop skips to the content");
  const names = seen.map(({ name }) => name);
  for (const id of ["promote-open", "channel-select", "line-pip", "search-input", "upload-channel", "token-input", "choose-files", "choose-folder"]) {
    assert.ok(names.includes(id), `Tab reaches ${id}`);
  }
  assert.equal(names.filter((name) => name.startsWith("copy")).length, 5, "Tab reaches every copy button");
  assert.deepEqual(seen.filter(({ isShown }) => !isShown).map(({ name }) => name), [], "every stop shows its focus");
  assert.deepEqual(seen.filter(({ isInView }) => !isInView).map(({ name }) => name), [], "every stop is in view");

  await visit.start();
  await tabTo(page, "channel-select");
  await page.keyboard.press("End");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await page.locator('.copy[data-state="copied"]').waitFor();
  const chooser = page.waitForEvent("filechooser");
  await tabTo(page, "choose-files");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles([]);

  await visit.start();
  await tabTo(page, "promote-open");
  await page.keyboard.press("Enter");
  await page.locator("#promote-dialog[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#promote-dialog[open]").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.id), "promote-open", "the focus comes back to the button");
}
